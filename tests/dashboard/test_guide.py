"""The guide: every page is listed, and every picture and link in it is there."""

import re

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import guide
from tests.dashboard.conftest import SECONDS

PICTURE_BYTES = 150_000


def test_every_page_is_listed_under_its_own_title() -> None:
    titles = {path.stem: path.read_text("utf-8").split("\n")[0] for path in guide.FOLDER.glob("*.md")}
    del titles["README"]

    assert titles == {name: f"# {title}" for title, name in guide.pages().items()}


@pytest.mark.parametrize("name", guide.pages().values())
def test_a_page_has_the_pages_and_pictures_that_it_names(name: str) -> None:
    text = (guide.FOLDER / f"{name}.md").read_text("utf-8")
    pictures = [part for part in guide.parts(name) if not isinstance(part, str)]

    assert set(re.findall(r"\]\((\w+)\.md\)", text)) <= set(guide.pages().values())
    assert len(pictures) == text.count("](pictures/")
    for path, caption in pictures:
        assert caption
        assert path.stat().st_size <= PICTURE_BYTES
    assert "](" not in "".join(part for part in guide.parts(name) if isinstance(part, str)), "a link leads nowhere"


def test_the_app_shows_the_chosen_page() -> None:
    app = AppTest.from_file(str(guide.FOLDER.parent / "views" / "guide.py"), default_timeout=SECONDS).run()
    first, *_, last = guide.pages()
    assert any(part.value.startswith(f"# {first}") for part in app.markdown)

    app.radio[0].set_value(last).run()
    assert not app.exception
    assert any(part.value.startswith(f"# {last}") for part in app.markdown)
