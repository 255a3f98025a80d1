"""A user's own checkpoints: saved, listed beside the shipped ones, renamed, removed."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from core.errors import BadCheckpoint, BadSetting, UnknownName
from core.models import checkpoints, library
from core.models.classifier import load
from core.models.importers import ImportCandidate, corrected, inspect
from core.types import Radiograph
from tests.models.importers.files import state_network, stored

FINDINGS = ("covid", "normal")


@pytest.fixture(scope="module")
def candidate(tmp_path_factory: pytest.TempPathFactory) -> ImportCandidate:
    state = state_network("mobilenet-v3-small", 2).state_dict()
    return corrected(inspect(stored(state, tmp_path_factory.mktemp("found") / "best.pt")), findings=FINDINGS, size=64)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LIGHTBOX_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_the_home_is_where_the_system_keeps_a_users_data_unless_it_is_set(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert library.home() == home
    monkeypatch.delenv("LIGHTBOX_HOME")

    assert library.home().name == "lightbox"
    assert library.home().is_relative_to(Path.home())


def test_what_is_saved_is_there_after_a_restart_with_its_exact_weights(
    candidate: ImportCandidate, phantom: Radiograph
) -> None:
    card = library.save(candidate, "mine")

    assert library.own() == ["mine"]
    classifier = load("mine")
    assert classifier.checkpoint.key == card.key
    assert (card.findings, card.multi_label, card.input.size) == (FINDINGS, False, 64)
    assert card.imported is not None
    assert card.imported.file == "best.pt"
    assert card.metrics.test is None
    with classifier.alone() as network:
        state = network.state_dict()
    assert all(torch.equal(state[name], value) for name, value in candidate.weights.items())
    assert classifier.predict(phantom).findings == FINDINGS


def test_own_checkpoints_are_listed_behind_the_shipped_so_that_the_first_stays_the_first(
    candidate: ImportCandidate, weights: Path
) -> None:
    library.save(candidate, "aaa", shipped=weights)

    assert library.names(weights) == ["untrained", "aaa"]
    assert library.place("untrained", weights) == weights
    assert library.place("aaa", weights) == library.folder()
    with pytest.raises(UnknownName, match=r"Did you mean 'untrained'\?.*aaa"):
        library.place("untraned", weights)


@pytest.mark.parametrize("name", ["untrained", "UNTRAINED", "mine", "Mine", "lungs-unet", "devices-unet"])
def test_no_two_checkpoints_have_one_name_and_nothing_is_overwritten(
    name: str, candidate: ImportCandidate, weights: Path
) -> None:
    library.save(candidate, "mine", shipped=weights)
    before = {path: path.read_bytes() for path in library.folder().iterdir()}

    with pytest.raises(BadSetting, match="There is a checkpoint named"):
        library.save(candidate, name, shipped=weights)

    assert {path: path.read_bytes() for path in library.folder().iterdir()} == before


def test_a_file_that_lies_there_without_a_card_is_not_overwritten(candidate: ImportCandidate) -> None:
    library.folder().mkdir(parents=True)
    (library.folder() / "thesis.safetensors").write_bytes(b"years of work")

    with pytest.raises(BadSetting, match="There is a checkpoint named 'thesis' already"):
        library.save(candidate, "thesis")

    assert (library.folder() / "thesis.safetensors").read_bytes() == b"years of work"


def test_a_network_of_imagenet_is_not_stored_and_leaves_nothing(candidate: ImportCandidate, tmp_path: Path) -> None:
    imagenet = inspect(stored(state_network("resnet18", 1000).state_dict(), tmp_path / "imagenet.pt"))

    with pytest.raises(BadSetting, match="its 1,000 scores are not of radiographs"):
        library.save(imagenet, "dogs")

    assert not library.folder().exists()


def test_a_disk_that_is_full_leaves_nothing(candidate: ImportCandidate, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*given: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints, "save_file", full)
    with pytest.raises(BadCheckpoint, match=r"cannot be written .*No space left on device.* Nothing was saved"):
        library.save(candidate, "mine")

    assert list(library.folder().iterdir()) == []


def test_a_folder_that_cannot_be_created_is_reported(candidate: ImportCandidate, home: Path) -> None:
    home.write_text("a file where the folder should be")

    with pytest.raises(BadCheckpoint, match="cannot be written"):
        library.save(candidate, "mine")


def test_a_checkpoint_is_renamed_with_its_card(candidate: ImportCandidate) -> None:
    key = library.save(candidate, "mine").key
    card = library.rename("mine", "Mine")  # a careless check would call this name taken

    assert library.own() == ["Mine"]
    assert (card.name, card.key) == ("Mine", key)
    assert json.loads((library.folder() / "Mine.json").read_text())["name"] == "Mine"
    assert sorted(path.name for path in library.folder().iterdir()) == ["Mine.json", "Mine.safetensors"]
    assert library.rename("Mine", "Mine").name == "Mine"


def test_only_ones_own_are_renamed_and_removed(candidate: ImportCandidate, weights: Path) -> None:
    library.save(candidate, "mine", shipped=weights)

    for change in (
        lambda: library.rename("untrained", "x", shipped=weights),
        lambda: library.remove("untrained", shipped=weights),
    ):
        with pytest.raises(BadSetting, match="untrained comes with Lightbox and cannot be changed"):
            change()
    with pytest.raises(UnknownName, match="no checkpoint of your own named 'min'"):
        library.remove("min", shipped=weights)
    with pytest.raises(BadSetting, match="There is a checkpoint named 'untrained' already"):
        library.rename("mine", "untrained", shipped=weights)
    with pytest.raises(BadSetting, match="cannot be the name"):
        library.rename("mine", "../mine", shipped=weights)
    assert library.own() == ["mine"]


def test_what_is_removed_is_gone(candidate: ImportCandidate) -> None:
    library.save(candidate, "mine")
    library.remove("mine")

    assert library.own() == []
    assert list(library.folder().iterdir()) == []


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("best.ckpt", "best"),
        ("model.pth.tar", "model"),
        ("../../étude finale (1).pt", "tude-finale-1"),
        ("untrained.pt", "untrained-2"),
        ("con.pt", "con-2"),
        ("…", "imported"),
        ("x" * 200, "x" * 56),
    ],
)
def test_a_free_name_is_proposed_from_the_files(file: str, name: str, weights: Path) -> None:
    proposal = library.proposed(file, weights)

    assert proposal == name
    library.refuse_name(proposal, weights)


@pytest.mark.parametrize("change", ["replace", "rename"])
def test_a_step_that_fails_leaves_no_card_behind(
    candidate: ImportCandidate, home: Path, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if change == "rename":
        library.save(candidate, "mine")
    before = sorted(path.name for path in home.rglob("*.json"))

    moved: Callable[[Path, Path], Path] = getattr(Path, change)

    def full(path: Path, target: Path) -> Path:
        if target.parent == library.folder():
            raise OSError("no space left on device")
        return moved(path, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, change, full)
        with pytest.raises(BadCheckpoint, match="no space left"):
            library.rename("mine", "yours") if change == "rename" else library.save(candidate, "mine")

    assert sorted(path.name for path in home.rglob("*.json")) == before
