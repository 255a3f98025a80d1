"""The whole dashboard under AppTest, on a small untrained network, so that no test needs the shipped weights."""

import functools
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Selectbox

from core.types import Radiograph
from dashboard import film_strip
from dashboard.cache import model_files
from dashboard.state import Session

APP = Path(__file__).parents[2] / "dashboard" / "frame.py"
SECONDS = 120  # the machine may be busy


class Desk:
    """A person at the dashboard: what they do, and what they see."""

    def __init__(self) -> None:
        self.app = AppTest.from_file(str(APP), default_timeout=SECONDS)

    def run(self) -> "Desk":
        self.app.run()
        assert not self.app.exception, self.app.exception
        return self

    def press(self, label: str, *, help: str | None = None) -> "Desk":
        """Clicks the first button that is called this, or whose help says this."""
        buttons = [each for each in self.app.button if each.label == label and help in (None, each.help)]
        assert buttons, f"no button {label!r} among {[each.label for each in self.app.button]}"
        buttons[0].click()
        return self.run()

    def drop(self, *files: tuple[str, bytes]) -> "Desk":
        """Drops files on the sidebar."""
        self.app.sidebar.file_uploader[0].set_value([(name, data, "") for name, data in files])
        return self.run()

    def strip_click(self, name: str, act: Callable[[Session, str | None], None] = film_strip.open_film) -> "Desk":
        """What a click on this film in the strip does, which lives in the browser."""
        act(self.session, next(film["key"] for film in self.strip if film["name"] == name))
        return self.run()

    def choose(self, label: str, value: object, *, main: bool = True) -> "Desk":
        """Picks from the menu of this name, on the page or in the sidebar."""
        self.menu(label, main=main).set_value(value)
        return self.run()

    def method(self, name: str) -> "Desk":
        """Chooses a method; its menu lives in the browser, so this is what a choice there does."""
        self.session.method = name
        self.session.refuse("")
        return self.run()

    @property
    def session(self) -> Session:
        """What the server remembers of this person."""
        here: Session = self.app.session_state["lightbox"]
        return here

    def menu(self, label: str, *, main: bool = True) -> "Selectbox[Any]":
        """The menu of this name."""
        block = self.app.main if main else self.app.sidebar
        menus = [each for each in block.selectbox if each.label == label]
        assert menus, f"no menu {label!r} among {[each.label for each in block.selectbox]}"
        return menus[0]

    def labels(self) -> list[str]:
        """What the menus on the page are called."""
        return [each.label for each in self.app.main.selectbox]

    def number(self, label: str, value: float) -> "Desk":
        """Enters a number in the field of this name."""
        next(each for each in self.app.number_input if each.label == label).set_value(value)
        return self.run()

    def toggle(self, label: str) -> "Desk":
        switch = next(each for each in self.app.toggle if each.label == label)
        switch.set_value(not switch.value)
        return self.run()

    @property
    def html(self) -> str:
        """All HTML of the page and its frame."""
        return "\n".join(each.value for each in self.app.html)

    @property
    def errors(self) -> list[str]:
        return [each.value.replace("\\", "") for each in self.app.error]

    @property
    def status(self) -> str:
        """The line above the film."""
        return self.html.split('<p class="lb-status')[1].split("</p>")[0].split("<span>")[-1].split("</span>")[0]

    @property
    def films(self) -> list[str]:
        """The names in the strip, in order."""
        return [film["name"] for film in self.strip]

    @property
    def strip(self) -> list[dict[str, Any]]:
        """What the strip shows of each film."""
        data = [
            json.loads(each.proto.json) for each in self.app.get("bidi_component") if '"films": [' in each.proto.json
        ]
        films: list[dict[str, Any]] = data[0]["films"] if data else []
        return films

    @property
    def bars(self) -> dict[str, str]:
        """Finding -> what the bar chart says aloud of it."""
        labels = [part.split('"')[0] for part in self.html.split('aria-label="')[1:]]
        return {label.split(" ")[0]: label for label in labels}

    @property
    def explained(self) -> str:
        """The finding whose bar is in bold: the one that the map is of."""
        return self.html.split('lb-explained" role="img" aria-label="')[1].split(" ")[0]

    def component(self, key: str) -> bool:
        """Whether the viewer, or the strip, of this key is on the page."""
        return any(key in str(each.proto) for each in self.app.get("bidi_component"))


@pytest.fixture(scope="session", autouse=True)
def _packages_are_scanned_once() -> Iterator[None]:
    """Each AppTest reads the metadata of all installed packages for components of theirs: 0.28 s of CPU."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            manifest_scanner, "scan_component_manifests", functools.cache(manifest_scanner.scan_component_manifests)
        )
        yield


@pytest.fixture
def small_weights(weights: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The dashboard with the untrained network in place of the shipped weights."""
    monkeypatch.setattr(model_files, "WEIGHTS", weights)
    return weights


@pytest.fixture
def desk(small_weights: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A fresh session on the empty dashboard."""
    monkeypatch.delenv("LIGHTBOX_DATA", raising=False)
    return Desk().run()


@pytest.fixture
def png(phantom: Radiograph) -> bytes:
    """The small phantom as a 16-bit PNG file: it looks like a film, and its name says nothing of a phantom."""
    return encoded(phantom)


def encoded(radiograph: Radiograph) -> bytes:
    file = io.BytesIO()
    Image.fromarray(radiograph.pixels).save(file, "PNG")
    return file.getvalue()
