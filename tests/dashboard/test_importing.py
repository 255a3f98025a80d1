"""Importing a checkpoint on the Models page: recognised, corrected, tested, saved, used, renamed, removed."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from core.models import library
from core.models.findings import CHESTXRAY14, CHEXPERT14
from dashboard import draw, paths
from dashboard.cache import model_files
from tests.dashboard.conftest import Desk
from tests.models.importers.files import labelled, prefixed, state_network, stored


class Models(Desk):
    """A person on the Models page."""

    def __init__(self) -> None:
        super().__init__()
        self.app.switch_page("views/models.py")
        self.run()

    def bring(self, name: str, data: bytes) -> "Models":
        """Drops a file on the page's own uploader."""
        self.app.main.file_uploader[0].set_value([(name, data, "")])
        self.run()
        return self

    def enter(self, label: str, value: str) -> "Models":
        """Writes into the field, of one line or of several, whose name begins so."""
        fields: list[Any] = [*self.app.main.text_input, *self.app.main.text_area]
        matching = [field for field in fields if field.label.startswith(label)]
        assert matching, f"no field {label!r} among {[field.label for field in fields]}"
        matching[0].set_value(value)
        return self

    @property
    def headings(self) -> list[str]:
        return [part.split("</h1>")[0] for part in self.html.split('<h1 class="lb-page">')[1:]]


@pytest.fixture(autouse=True)
def home(weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(model_files, "WEIGHTS", weights)
    monkeypatch.setenv("LIGHTBOX_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("LIGHTBOX_DATA", raising=False)
    monkeypatch.setattr(paths, "local", lambda: True)
    return tmp_path / "home"


@pytest.fixture(scope="module")
def checkpoint() -> bytes:
    file = io.BytesIO()
    torch.save({"state_dict": prefixed(state_network("mobilenet-v3-small", 3).state_dict(), "model.")}, file)
    return file.getvalue()


def test_a_file_is_imported_corrected_saved_and_used(checkpoint: bytes, home: Path) -> None:
    page = Models().press("Add a checkpoint")
    assert isinstance(page, Models)
    assert page.headings == ["Add a checkpoint"]
    page.bring("my best.ckpt", checkpoint)

    assert page.headings == ["my best.ckpt"]
    assert "state_dict, model" in page.html
    assert "does not name its outputs" in page.html
    assert not list(home.rglob("*.*"))  # nothing is saved before the user asks for it
    page.enter("Name", "mine").enter("Findings", "covid\npneumonia\nnormal").run()
    page.number("Input side, px", 64)
    page.press("Save")

    assert sorted(path.name for path in library.folder().iterdir()) == ["mine.json", "mine.safetensors"]
    assert page.headings == ["mine"]
    assert "imported, not evaluated here" in page.html
    assert page.app.query_params["checkpoint"] == "mine"
    assert page.menu("Model", main=False).value == "mine"
    page.app.switch_page("views/read.py")
    page.run().press("Phantom")
    assert set(page.bars) == {"covid", "pneumonia", "normal"}
    assert page.errors == []


def test_a_file_that_would_run_code_gets_a_sentence_and_leaves_nothing(home: Path, checkpoint: bytes) -> None:
    file = io.BytesIO()
    torch.save({"x": torch.nn.Linear(1, 1)}, file)
    page = Models().press("Add a checkpoint")
    assert isinstance(page, Models)
    page.bring("evil.pt", file.getvalue())

    assert len(page.errors) == 1
    assert page.errors[0].startswith("evil.pt holds a whole network as a Python program")
    assert list(library.folder().iterdir()) == []
    page.bring("best.ckpt", checkpoint)  # the page still works
    assert page.headings == ["best.ckpt"]
    assert page.errors == []


def test_a_path_on_this_machine_serves_as_well_and_the_way_back_forgets_it(tmp_path: Path) -> None:
    path = stored(state_network("mobilenet-v3-small", 3).state_dict(), tmp_path / "w.safetensors")
    page = Models().press("Add a checkpoint")
    assert isinstance(page, Models)
    page.enter("Or its path", str(path)).press("Open")
    assert page.headings == ["w.safetensors"]

    page.press("All models")
    assert page.headings == ["Models"]
    assert path.exists()
    page.press("Add a checkpoint")
    assert page.headings == ["Add a checkpoint"]


def test_a_name_in_use_or_a_missing_line_gets_a_sentence_in_its_place(checkpoint: bytes) -> None:
    page = Models().press("Add a checkpoint")
    assert isinstance(page, Models)
    page.bring("untrained.pt", checkpoint)
    assert next(field.value for field in page.app.text_input if field.label == "Name") == "untrained-2"

    page.enter("Name", "untrained").press("Save")
    assert page.errors == ["There is a checkpoint named 'untrained' already. Choose another name."]
    page.enter("Findings", "covid\nnormal").run()
    assert any("2 findings are named, but untrained.pt gives 3 scores" in error for error in page.errors)
    keep = next(each for each in page.app.button if each.label == "Save")
    assert keep.disabled
    assert not library.own()


def test_a_network_of_imagenet_cannot_be_kept(tmp_path: Path) -> None:
    path = stored(state_network("resnet18", 1000).state_dict(), tmp_path / "w.pt")
    page = Models().press("Add a checkpoint")
    assert isinstance(page, Models)
    page.enter("Or its path", str(path)).press("Open")

    assert "It has no finding" in page.html
    assert "Save" not in [each.label for each in page.app.button]
    page.press("Another file")
    assert page.headings == ["Add a checkpoint"]


def test_labelled_films_judge_it_as_it_stands_in_the_fields(
    checkpoint: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.evaluate.polarity._REPEATS", 10)
    manifest = labelled(tmp_path, 12)
    page = Models().press("Add a checkpoint")
    assert isinstance(page, Models)
    page.bring("best.ckpt", checkpoint)
    page.number("Input side, px", 64)

    page.enter("Table with the columns", str(tmp_path / "gone.csv")).press("Test")
    assert any("There is no gone.csv" in error for error in page.errors)
    page.enter("Table with the columns", str(manifest)).press("Test")
    assert "On 12 films of 6 patients, area under the ROC curve: " in page.html
    page.number("Input side, px", 96)
    assert "area under the ROC curve" not in page.html  # that result was for another size
    page.number("Input side, px", 64).press("Save")
    assert "On 12 films of 6 patients, area under the ROC curve: " in page.html  # on its card


def test_ones_own_is_renamed_and_removed_on_its_card_and_a_shipped_one_is_not(
    checkpoint: bytes, tmp_path: Path
) -> None:
    page = Models().press("Add a checkpoint")
    assert isinstance(page, Models)
    page.bring("best.ckpt", checkpoint).press("Save")
    assert library.own() == ["best"]

    page.enter("Name", "../best").press("Rename")
    assert any("cannot be the name of a checkpoint" in error for error in page.errors)
    page.enter("Name", "better").press("Rename")
    assert (library.own(), page.headings) == (["better"], ["better"])
    page.press("Remove permanently")
    assert (library.own(), page.headings) == ([], ["Models"])
    assert page.menu("Model", main=False).value == "untrained"
    page.app.query_params["checkpoint"] = "untrained"
    page.run()
    assert page.headings == ["untrained"]
    assert "Rename" not in [each.label for each in page.app.button]


def test_who_does_not_sit_at_this_machine_names_no_path_on_it_and_changes_no_model(
    checkpoint: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "local", lambda: False)
    page = Models().press("Add a checkpoint")
    assert isinstance(page, Models)
    assert not page.app.main.text_input
    page.bring("best.ckpt", checkpoint)

    assert "Test it with labelled films" not in page.html
    page.press("Save")
    assert page.headings == ["best"]
    assert "Rename" not in [each.label for each in page.app.button]


def test_entries_survive_a_visit_to_another_page(checkpoint: bytes) -> None:
    page = Models().press("Add a checkpoint")
    assert isinstance(page, Models)
    page.bring("best.ckpt", checkpoint)
    page.enter("Name", "mine").enter("Findings", "covid\npneumonia\nnormal").run()
    page.number("Input side, px", 64)
    page.app.radio[0].set_value("several findings, or none")
    page.run()
    page.choose("Made square by", "pad")
    page.choose("Grey values", "unit")

    page.app.switch_page("views/read.py")
    page.run()
    page.app.switch_page("views/models.py")
    page.run()

    assert page.headings == ["best.ckpt"]
    [findings] = page.app.main.text_area
    assert findings.value == "covid\npneumonia\nnormal"
    page.press("Save")
    card = library.place("mine", model_files.WEIGHTS) / "mine.json"
    saved = json.loads(card.read_text("utf-8"))
    assert (saved["findings"], saved["multi_label"]) == (["covid", "pneumonia", "normal"], True)
    assert (saved["input"]["size"], saved["input"]["fit"]) == (64, "pad")
    assert saved["imported"]["notes"] == []


def test_a_guess_goes_when_it_is_answered(checkpoint: bytes) -> None:
    page = Models().press("Add a checkpoint")
    assert isinstance(page, Models)
    page.bring("best.ckpt", checkpoint)
    assert "does not name its outputs" in page.html
    assert "one finding per film is assumed" in page.html

    page.enter("Findings", "covid\npneumonia\nnormal").run()
    assert "does not name its outputs" not in page.html
    page.app.radio[0].set_value("several findings, or none")
    page.run()
    assert "is a guess." not in page.html.split("Contents of the file")[1]


def test_a_set_of_findings_fills_the_field_and_as_written_restores_the_files_own(tmp_path: Path) -> None:
    path = stored(state_network("resnet18", 14).state_dict(), tmp_path / "w.pt")
    page = Models().press("Add a checkpoint")
    assert isinstance(page, Models)
    page.enter("Or its path", str(path)).press("Open")

    page.choose("Findings", "chexpert14")
    assert page.app.main.text_area[0].value == "\n".join(CHEXPERT14)
    assert "14 outputs are assumed to be" not in page.html
    page.choose("Findings", "as written")
    assert page.app.main.text_area[0].value == "\n".join(CHESTXRAY14)
    assert "14 outputs are assumed to be" in page.html


def test_why_a_file_was_refused_goes_while_the_next_one_is_looked_into(
    checkpoint: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = Models().press("Add a checkpoint")
    assert isinstance(page, Models)
    page.bring("evil.pt", b"no checkpoint")
    assert len(page.errors) == 1
    errors: list[str] = []
    problem = draw.problem

    def heard(sentence: str) -> None:
        errors.append(sentence)
        problem(sentence)

    monkeypatch.setattr(draw, "problem", heard)
    page.bring("best.ckpt", checkpoint)

    assert page.headings == ["best.ckpt"]
    assert errors == []  # nor in the run that inspected the file


def test_both_path_fields_keep_their_text_while_another_page_is_open(tmp_path: Path) -> None:
    path = stored(state_network("mobilenet-v3-small", 3).state_dict(), tmp_path / "w.safetensors")
    page = Models().press("Add a checkpoint")
    assert isinstance(page, Models)

    def texts() -> dict[str, str | None]:
        return {field.label: field.value for field in page.app.main.text_input}

    page.enter("Or its path", str(path)).run()
    page.app.switch_page("views/read.py").run()
    page.app.switch_page("views/models.py").run()
    assert texts()["Or its path on this machine"] == str(path)

    page.press("Open")
    page.enter("Table with the columns", "/data/other.csv").run()
    page.app.switch_page("views/read.py").run()
    page.app.switch_page("views/models.py").run()
    assert texts()["Table with the columns file and label, or a folder with cxr.csv"] == "/data/other.csv"
