"""From a folder to a checkpoint with its card: complete runs of a few seconds on drawn films."""

import csv
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from core.codec import dump
from core.errors import BadCheckpoint, BadData, BadSetting, UnknownName
from core.models import library
from core.models.architecture import Network, architectures
from core.models.checkpoints import complete, input_card, read_card, read_network, write
from core.models.findings import CHESTXRAY14
from core.train import log, run
from core.train.cross_validation import across
from core.train.fit import take
from core.train.recipe import Recipe
from core.train.run import train
from core.types import Checkpoint, Input
from tests.train import chestxray14_folder
from tests.train.drawn import TINY


@pytest.fixture(scope="module")
def checkpoint_and_folder(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Checkpoint, Path]:
    """The checkpoint "tiny" and the folder that holds it, and its runs."""
    folder = tmp_path_factory.mktemp("made")
    notes = {"licence": "none", "trained_on": {"data": "drawn films"}}
    checkpoint = train([data], name="tiny", recipe=TINY, runs=folder / "runs", out=folder, notes=notes)
    assert checkpoint is not None
    return checkpoint, folder


@pytest.fixture
def copy(checkpoint_and_folder: tuple[Checkpoint, Path], tmp_path: Path) -> Path:
    """A folder with "tiny" that a test may change."""
    for name in ("tiny.json", "tiny.safetensors"):
        shutil.copy(checkpoint_and_folder[1] / name, tmp_path)
    return tmp_path


class Requested(Exception):
    """Training would begin now."""


@pytest.fixture
def untrained(monkeypatch: pytest.MonkeyPatch) -> list[Mapping[str, Any]]:
    """What training is asked for; it stops there."""
    records: list[Mapping[str, Any]] = []

    def fit(recipe: Recipe, films: Any, val: Any, folder: Path, *, start: Network | None = None, **_: Any) -> Network:
        records.append({"recipe": recipe, "train": films, "val": val, "start": start})
        raise Requested

    monkeypatch.setattr(run, "fit", fit)
    return records


def test_training_ends_in_a_checkpoint_with_an_honest_card(checkpoint_and_folder: tuple[Checkpoint, Path]) -> None:
    card, folder = checkpoint_and_folder

    assert card.findings == ("pneumonia", "normal")
    assert card.input == Input(size=32)
    test, lungs, films = card.metrics.test, card.metrics.lungs, card.trained_on
    assert test is not None
    assert lungs is not None
    assert lungs.lung_ratio is not None
    assert lungs.whole is not None
    assert test.n == 12
    assert set(test.auc["normal"].raw) >= {"value", "low", "high", "positives"}
    assert lungs.lung_ratio.n + lungs.raw["heat"]["flat"] == 12
    assert lungs.whole.n + lungs.raw["refused"] == 12
    assert [films.raw[split] for split in ("train", "val", "test")] == [12, 8, 12]
    assert sum(count.n for count in films.counts) == 32
    assert dump(films.counts[0]) == {"source": "a", "finding": "normal", "split": "test", "n": 3}
    assert [epoch.size for epoch in films.epochs] == [16, 32]
    assert films.recipe == json.loads(json.dumps(asdict(TINY)))
    assert set(card.thresholds) == {"pneumonia", "normal"}
    assert card.temperature > 0
    assert (card.licence, films.data) == ("none", "drawn films")
    assert {path.suffix for path in folder.iterdir() if path.is_file()} == {".json", ".safetensors"}


def test_a_checkpoint_of_another_recipe_is_not_overwritten(data: Path, copy: Path) -> None:
    before = {path: path.read_bytes() for path in copy.iterdir()}

    with pytest.raises(BadSetting, match=r"tiny\.json was trained by another recipe and is not overwritten"):
        train([data], name="tiny", recipe=replace(TINY, seed=1), runs=copy / "runs", out=copy)
    assert {path: path.read_bytes() for path in copy.iterdir()} == before


def test_a_finished_run_is_not_trained_again(
    data: Path, checkpoint_and_folder: tuple[Checkpoint, Path], tmp_path: Path, untrained: list[Mapping[str, Any]]
) -> None:
    again = train([data], name="tiny", recipe=TINY, runs=checkpoint_and_folder[1] / "runs", out=tmp_path)

    assert again is not None
    assert untrained == []
    assert again.sha256 == checkpoint_and_folder[0].sha256
    assert dump(again.metrics) == dump(checkpoint_and_folder[0].metrics)


def _changed(data: Path, folder: Path, change: Callable[[dict[str, str]], dict[str, str]]) -> Path:
    """The same films in `folder`, each row of the table changed."""
    shutil.copytree(data, folder)
    with (folder / "cxr.csv").open(newline="", encoding="utf-8") as lines:
        rows = [change(row) for row in csv.DictReader(lines)]
    with (folder / "cxr.csv").open("w", newline="", encoding="utf-8") as out:
        table = csv.DictWriter(out, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    return folder


def test_further_sets_have_test_figures_of_their_own(data: Path, tmp_path: Path) -> None:
    more = _changed(
        data, tmp_path / "more", lambda row: {**row, "id": f"m{row['id']}", "patient": f"m{row['patient']}"}
    )
    card = train([data, more], name="both", recipe=TINY, runs=tmp_path / "runs", out=tmp_path)

    assert card is not None
    assert card.metrics.test is not None
    metrics = json.loads((tmp_path / "both.json").read_text())["metrics"]
    (further,) = metrics["further_tests"]
    assert (card.metrics.test.n, metrics["all_tests"]["n"]) == (12, 24)
    assert (further["name"], further["n"]) == ("more", 12)
    sets = json.loads((tmp_path / "both.json").read_text())["trained_on"]["sets"]
    assert [each["name"] for each in sets] == [data.name, "more"]
    assert len({each["films"] for each in sets}) == 2
    assert further["within_sources"]["sources"] == []  # three films of each label in each source: too few
    assert {group["by"] for group in further["groups"]} >= {"age", "source", "shortcut"}


def test_a_set_with_other_labels_is_refused(data: Path, tmp_path: Path, untrained: list[Mapping[str, Any]]) -> None:
    other = _changed(
        data,
        tmp_path / "other",
        lambda row: {**row, "id": f"o{row['id']}", "patient": f"o{row['patient']}", "label": "edema"},
    )
    with pytest.raises(BadData, match=r"other is labelled edema; training is on pneumonia, normal\. Rename the labels"):
        train([data, other], name="both", recipe=TINY, runs=tmp_path / "runs", out=tmp_path / "out")
    assert untrained == []


def test_leaving_hospitals_out_measures_each_with_the_full_recipe(data: Path, copy: Path) -> None:
    names = {"a": "nih", "b": "kermany"}
    hospitals = _changed(data, copy / "films", lambda row: {**row, "source": names[row["source"]]})
    card = json.loads((copy / "tiny.json").read_text())
    del card["trained_on"]["films"]
    (copy / "tiny.json").write_text(json.dumps(card))

    left_out = across([hospitals], name="tiny", recipe=TINY, by="hospital", runs=copy / "runs", out=copy)

    assert [(each["source"], each["n"]) for each in left_out] == [("Guangzhou", 16), ("NIH Clinical Center", 16)]
    assert all({"accuracy", "ece", "macro_auc"} <= set(each) for each in left_out)
    metrics = json.loads((copy / "tiny.json").read_text())["metrics"]
    assert metrics["other_source"] == left_out
    assert metrics["other_source_recipe"] == json.loads(json.dumps(asdict(TINY)))
    assert metrics["other_source_mean"]["sources"] == ["kermany", "nih"]

    # Interrupted after the first: it alone is not trained again, though its run is gone.
    shutil.rmtree(copy / "runs" / "tiny" / "Guangzhou")
    complete("tiny", {"metrics": metrics | {"other_source": left_out[:1]}}, copy)
    again = across([hospitals], name="tiny", recipe=TINY, by="hospital", runs=copy / "runs", out=copy)
    assert again == left_out
    assert not (copy / "runs" / "tiny" / "Guangzhou").exists()


def test_a_run_does_not_go_on_with_other_films(
    data: Path, checkpoint_and_folder: tuple[Checkpoint, Path], tmp_path: Path
) -> None:
    other = {"normal": "pneumonia", "pneumonia": "normal"}
    swapped = _changed(data, tmp_path / "swapped", lambda row: {**row, "label": other[row["label"]]})

    with pytest.raises(BadData, match="holds a run on other films"):
        train([swapped], name="tiny", recipe=TINY, runs=checkpoint_and_folder[1] / "runs", out=tmp_path / "out")

    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_a_split_with_one_class_is_refused_before_training(
    data: Path, tmp_path: Path, untrained: list[Mapping[str, Any]], split: str
) -> None:
    alike = _changed(
        data, tmp_path / "alike", lambda row: {**row, "label": "normal" if row["split"] == split else row["label"]}
    )

    with pytest.raises(BadData, match=f"In split '{split}': All .* are of one class"):
        train([alike], name="alike", recipe=TINY, runs=tmp_path / "runs", out=tmp_path / "out")

    assert not untrained
    assert not (tmp_path / "out").exists()


def test_fourteen_findings_of_chestxray14_give_fourteen_sigmoids(tmp_path: Path) -> None:
    recipe = replace(TINY, findings=CHESTXRAY14, multi_label=True, batch=2)
    folder = tmp_path / "films"
    folder.mkdir()
    card = train([chestxray14_folder.write(folder)], name="many", recipe=recipe, runs=tmp_path, out=tmp_path)

    assert card is not None
    assert card.findings == CHESTXRAY14
    assert card.multi_label
    assert card.metrics.test is not None
    assert card.metrics.test.n == 2
    assert {count.finding for count in card.trained_on.counts if count.split == "test"} == {
        "Pleural_Thickening",
        "Mass",
        "Effusion",
    }
    network = read_network(card, tmp_path)
    with torch.inference_mode():
        assert network(torch.zeros(1, 1, 32, 32)).shape == (1, 14)


def test_folds_are_added_to_the_card(data: Path, copy: Path) -> None:
    recipe = replace(TINY, sizes=(16,), epochs=(1,), cycles=(1,))
    by_source = across([data], name="tiny", recipe=recipe, by="source", runs=copy / "runs", out=copy)
    by_patient = across([data], name="tiny", recipe=recipe, by="2", runs=copy / "runs", out=copy)

    metrics = dump(read_card("tiny", copy).metrics)
    assert metrics["other_source"] == by_source
    assert metrics["folds"] == by_patient
    assert metrics["test"]["n"] == 12  # earlier figures stay
    assert [(fold["source"], fold["n"]) for fold in by_source] == [("a", 16), ("b", 16)]
    assert [fold["name"] for fold in by_patient] == ["fold 1 of 2", "fold 2 of 2"]
    assert sum(fold["n"] for fold in by_patient) == 32
    assert metrics["folds_recipe"] == metrics["other_source_recipe"] == json.loads(json.dumps(asdict(recipe)))
    assert len(log.read(copy / "runs" / "tiny" / "fold-2-of-2" / "log.jsonl")) == 1
    with torch.inference_mode():
        read_network(read_card("tiny", copy), copy)(torch.zeros(1, 1, 32, 32))  # the weights are as they were


def test_folds_of_a_recipe_with_a_start_or_without_a_checkpoint_are_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="starts from tiny, which has seen the films"):
        across([data], name="tiny", recipe=replace(TINY, start="tiny"), by="2", runs=tmp_path, out=tmp_path)
    with pytest.raises(UnknownName, match="no checkpoint named 'tiny'"):
        across([data], name="tiny", recipe=TINY, by="2", runs=tmp_path, out=tmp_path)


def test_a_start_gives_its_weights_and_its_head_where_the_findings_are_the_same(
    data: Path, copy: Path, untrained: list[Mapping[str, Any]]
) -> None:
    stored = read_network(read_card("tiny", copy), copy).state_dict()

    def begun(findings: tuple[str, ...]) -> Mapping[str, torch.Tensor]:
        recipe = replace(TINY, start="tiny", findings=findings)
        with pytest.raises(Requested):
            train([data], name="next", recipe=recipe, runs=copy / "runs", out=copy)
        torch.manual_seed(0)
        network = architectures["small-cnn"].build(2, 1)
        take(network, untrained[-1]["start"])
        return network.state_dict()

    same, other = begun(TINY.findings), begun(("normal", "pneumonia"))
    torch.manual_seed(0)
    fresh = architectures["small-cnn"].build(2, 1).state_dict()
    for name, weights in stored.items():
        assert torch.equal(same[name], weights), name
        if name.startswith("features."):
            assert torch.equal(other[name], weights), name
    assert torch.equal(other["head.linear.weight"], fresh["head.linear.weight"])
    assert not torch.equal(other["head.linear.weight"], stored["head.linear.weight"])


def test_a_start_may_be_a_checkpoint_of_ones_own(
    data: Path, copy: Path, tmp_path: Path, untrained: list[Mapping[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(library.HOME, str(tmp_path / "home"))
    library.folder().mkdir(parents=True)
    for file in copy.glob("tiny.*"):
        (library.folder() / file.name.replace("tiny", "mine")).write_bytes(file.read_bytes())

    with pytest.raises(Requested):
        train([data], name="next", recipe=replace(TINY, start="mine"), runs=tmp_path / "runs", out=tmp_path)
    stored = read_network(read_card("tiny", copy), copy).state_dict()
    begun = untrained[-1]["start"].state_dict()
    assert all(torch.equal(begun[name], weights) for name, weights in stored.items())
    with pytest.raises(UnknownName, match=r"no checkpoint named 'nobodys'.*mine"):
        train([data], name="next", recipe=replace(TINY, start="nobodys"), runs=tmp_path / "runs", out=tmp_path)


def test_a_start_of_other_layers_is_refused(data: Path, copy: Path) -> None:
    recipe = replace(TINY, start="tiny", architecture="densenet121")

    with pytest.raises(BadSetting, match=r"lacks features\.conv0\.weight and \d+ other weights"):
        train([data], name="next", recipe=recipe, runs=copy / "runs", out=copy)
    assert not (copy / "next.json").exists()


def test_a_half_written_start_is_refused(data: Path, copy: Path) -> None:
    path = copy / "tiny.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])
    recipe = replace(TINY, start="tiny")

    with pytest.raises(BadCheckpoint, match="the file was changed or cut short"):
        train([data], name="next", recipe=recipe, runs=copy / "runs", out=copy)
    path.rename(path.with_suffix(".part"))  # what a kill leaves while the first file is being written
    with pytest.raises(UnknownName, match="no checkpoint named 'tiny'"):
        train([data], name="next", recipe=recipe, runs=copy / "runs", out=copy)


def test_a_start_whose_card_has_other_findings_than_its_last_layer_is_refused(data: Path, copy: Path) -> None:
    card = json.loads((copy / "tiny.json").read_text())
    card["findings"].append("covid")
    (copy / "tiny.json").write_text(json.dumps(card))

    with pytest.raises(BadCheckpoint, match=r"tiny\.safetensors does not hold a small-cnn"):
        train([data], name="next", recipe=replace(TINY, start="tiny"), runs=copy / "runs", out=copy)


def test_a_source_left_out_is_in_the_test_films_only(
    data: Path, tmp_path: Path, untrained: list[Mapping[str, Any]]
) -> None:
    with pytest.raises(Requested):
        train([data], name="next", recipe=replace(TINY, leave_out="b"), runs=tmp_path, out=tmp_path)

    assert set(untrained[0]["train"].column("source")) == {"a"}
    assert set(untrained[0]["val"].column("source")) == {"a"}
    assert len(untrained[0]["train"]) == 6
    with pytest.raises(BadData, match="No film is of 'c', which is to be left out; there are a, b"):
        train([data], name="next", recipe=replace(TINY, leave_out="c"), runs=tmp_path, out=tmp_path)


def test_frozen_features_give_a_checkpoint_that_says_where_it_started(
    data: Path, network: Network, tmp_path: Path
) -> None:
    start = {"architecture": "densenet121", "findings": ["a", "b", "c"], "multi_label": False}
    start |= {"input": input_card(Input(size=32)), "temperature": 1.0, "trained_on": {"seconds": 7}}
    before = write(network, start, "start", tmp_path)
    recipe = replace(
        TINY, architecture="densenet121", start="start", frozen=True, sizes=(32,), epochs=(3,), cycles=(3,)
    )
    card = train([data], name="head", recipe=recipe, runs=tmp_path / "runs", out=tmp_path)

    assert card is not None
    assert dump(card.trained_on.started_from) == {"name": "start", "sha256": before.sha256, "seconds": 7}
    assert len(card.trained_on.epochs) == 3
    old, new = (read_network(read_card(name, tmp_path), tmp_path).features for name in ("start", "head"))
    for name, weights in old.state_dict().items():
        assert torch.equal(weights, new.state_dict()[name]), name


def test_a_card_of_other_films_is_left_as_it_is(data: Path, copy: Path, tmp_path: Path) -> None:
    folder = tmp_path / "fewer"
    shutil.copytree(data, folder)
    lines = (folder / "cxr.csv").read_text().splitlines()
    (folder / "cxr.csv").write_text("\n".join([lines[0], *lines[2:]]) + "\n")
    before = (copy / "tiny.json").read_text()

    for again in (
        lambda: train([folder], name="tiny", recipe=TINY, runs=tmp_path / "runs", out=copy),
        lambda: across([folder], name="tiny", recipe=TINY, by="2", runs=tmp_path / "runs", out=copy),
    ):
        with pytest.raises(BadSetting, match=r"tiny\.json is about other films and was left unchanged"):
            again()
    assert (copy / "tiny.json").read_text() == before


def test_a_card_that_is_a_list_is_reported(data: Path, tmp_path: Path) -> None:
    (tmp_path / "tiny.json").write_text("[]")

    with pytest.raises(BadCheckpoint, match="is not a card: it lacks fields"):
        train([data], name="tiny", recipe=TINY, runs=tmp_path / "runs", out=tmp_path)
