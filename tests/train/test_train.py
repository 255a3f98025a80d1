"""A real run of minutes' size: drawn films in a folder laid out as the real set is."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from core.errors import BadData, BadSetting
from core.image.phantom import Opacity, draw
from core.image.prepare import windowed
from core.train import fit as fitting
from core.train import log
from core.train.augment import augment
from core.train.data import load, table
from core.train.fit import Recipe
from core.train.run import train
from core.types import Input

RECIPE = Recipe(findings=("pneumonia", "normal"), sizes=(32, 64), epochs=(1, 1), cycles=(2,), batch=4, rate=1e-3)
COLUMNS = ("id", "file", "label", "split", "patient", "source", "age", "view", "box")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    lines = []
    for seed in range(32):
        ill = seed % 2 == 0
        opacity = Opacity(x=0.32, y=0.45, radius=0.12, strength=1.0) if ill else None
        film = draw(seed=seed, height=160, width=160, opacity=opacity).radiograph
        grey = (windowed(film.pixels, film.black, film.white) * 255).astype(np.uint8)
        Image.fromarray(np.pad(grey, ((48, 48), (0, 0)))).save(folder / f"{seed}.png")
        split = "train" if seed < 12 else "val" if seed < 20 else "test"
        label = "pneumonia" if ill else "normal"
        lines.append((seed, f"{seed}.png", label, split, f"p{seed}", "drawn", 40 + seed, "PA", "0 48 160 208"))
    with (folder / "cxr.csv").open("w", newline="") as out:
        csv.writer(out).writerows([COLUMNS, *lines])
    return folder


def test_training_ends_in_a_checkpoint_with_an_honest_card(data: Path, tmp_path: Path) -> None:
    checkpoint = train(data, name="tiny", recipe=RECIPE, runs=tmp_path / "runs", out=tmp_path / "weights")

    assert checkpoint.findings == ("pneumonia", "normal")
    assert checkpoint.input == Input(size=64)
    assert checkpoint.metrics["test"]["n"] == 12
    assert set(checkpoint.metrics["test"]["auc"]["normal"]) == {"value", "low", "high", "positives"}
    assert checkpoint.trained_on["train"] == 12
    assert [record["size"] for record in checkpoint.trained_on["epochs"]] == [32, 64]
    assert set(checkpoint.thresholds) == {"pneumonia", "normal"}

    before = (tmp_path / "weights" / "tiny.json").read_text()
    with pytest.raises(BadSetting, match="not overwritten"):
        train(data, name="tiny", recipe=replace(RECIPE, seed=1), runs=tmp_path / "runs", out=tmp_path / "weights")
    assert (tmp_path / "weights" / "tiny.json").read_text() == before


def test_a_killed_run_goes_on_where_it_stopped(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = table(data)
    films, val = (load(rows, split, RECIPE.findings, Input(size=256)) for split in ("train", "val"))
    whole = fitting.fit(RECIPE, films, val, tmp_path / "whole")

    real = fitting._epoch

    def killed(*arguments: object) -> float:
        if arguments[6] == 1:
            raise KeyboardInterrupt
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(fitting, "_epoch", killed)
    with pytest.raises(KeyboardInterrupt):
        fitting.fit(RECIPE, films, val, tmp_path / "killed")
    monkeypatch.setattr(fitting, "_epoch", real)
    resumed = fitting.fit(RECIPE, films, val, tmp_path / "killed")

    assert len(log.read(tmp_path / "killed" / "log.jsonl")) == 2
    for name, weights in whole.state_dict().items():
        assert torch.allclose(weights, resumed.state_dict()[name], atol=1e-3), name

    with pytest.raises(BadData, match="another recipe"):
        fitting.fit(replace(RECIPE, seed=3), films, val, tmp_path / "killed")


def test_the_bars_that_the_set_put_around_a_film_are_cut_away(data: Path) -> None:
    films = load(table(data), "test", RECIPE.findings, Input(size=64))

    assert films.images.shape == (12, 64, 64)
    assert (films.images[:, :3].float().mean(dim=(1, 2)) > 5).all()


def test_a_patient_in_two_splits_is_refused(data: Path, tmp_path: Path) -> None:
    text = (data / "cxr.csv").read_text().replace(",p30,", ",p1,")
    (tmp_path / "cxr.csv").write_text(text)

    with pytest.raises(BadData, match="Patient p1 is in train and in test"):
        table(tmp_path)


def test_a_missing_table_or_column_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadData, match=r"no cxr\.csv"):
        table(tmp_path)
    (tmp_path / "cxr.csv").write_text("id,file,label\n")
    with pytest.raises(BadData, match="split, patient"):
        table(tmp_path)


def test_augmentation_varies_and_keeps_films_standardised() -> None:
    films = torch.stack(
        [torch.from_numpy((draw(seed=1, height=128, width=128).radiograph.pixels >> 4).astype(np.uint8))] * 6
    )
    found = augment(films, 48, torch.Generator().manual_seed(0))

    assert found.shape == (6, 1, 48, 48)
    assert torch.allclose(found.mean(dim=(1, 2, 3)), torch.zeros(6), atol=1e-4)
    assert (found[0] - found[1]).abs().mean() > 0.1
    again = augment(films, 48, torch.Generator().manual_seed(0))
    assert torch.equal(found, again)


def test_the_log_is_one_json_object_a_line(tmp_path: Path) -> None:
    log.append(tmp_path / "log.jsonl", {"epoch": 1})
    log.append(tmp_path / "log.jsonl", {"epoch": 2})

    assert log.read(tmp_path / "log.jsonl") == [{"epoch": 1}, {"epoch": 2}]
    assert [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()] == log.read(
        tmp_path / "log.jsonl"
    )
    assert log.read(tmp_path / "none") == []
