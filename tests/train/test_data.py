from pathlib import Path

import pytest
import torch

from core.errors import BadData
from core.train.augment import grown
from core.train.data import Films, load, table
from core.types import Input
from tests.train.drawn import COLUMNS

FINDINGS = ("pneumonia", "normal")


def _changed(data: Path, folder: Path, old: str, new: str) -> Path:
    """A folder with the same films and a table in which `old` reads `new`."""
    for file in data.glob("*.png"):
        (folder / file.name).write_bytes(file.read_bytes())
    text = (data / "cxr.csv").read_text()
    if old not in text:
        raise ValueError(f"{old!r} is not in the table")
    (folder / "cxr.csv").write_text(text.replace(old, new))
    return folder


def test_the_bars_that_the_set_put_around_a_film_are_cut_away(data: Path) -> None:
    films = load(table(data), "test", FINDINGS, Input(size=64))

    assert films.images.shape == (12, 64, 64)
    assert films.labels.tolist() == [0, 1] * 6
    assert films.lungs is None
    assert (films.images[:, :3].float().mean(dim=(1, 2)) > 5).all()


def test_the_lungs_lie_in_the_same_square_as_the_film(train_films: Films) -> None:
    assert train_films.lungs is not None
    assert train_films.lungs.shape == (12, 128, 128)
    inside = train_films.lungs > 127
    pooled = torch.nn.functional.avg_pool2d(train_films.images.float(), 2)
    for film, lungs in zip(pooled, inside, strict=True):
        assert 0.1 < lungs.float().mean() < 0.5
        around = (grown(lungs[None, None].float(), 0.06)[0, 0] > 0) & ~lungs
        assert film[lungs].mean() < film[around].mean() - 20  # air is dark, ribs and heart are bright


def test_films_without_an_outline_get_the_lung_network_s(data: Path, tmp_path: Path, train_films: Films) -> None:
    without = _changed(data, tmp_path, ",0-lungs.png", ",")
    rows = [row for row in table(without) if row.id in ("0", "1")]
    films = load(rows, "train", FINDINGS, Input(size=256), lungs=True)

    assert films.lungs is not None
    assert rows[0].lungs is None
    found = films.lungs[0] > 127
    assert 0 < found.float().mean() <= 1  # all of the film where the network finds none
    assert train_films.lungs is not None
    assert torch.equal(films.lungs[1], train_films.lungs[1])


def test_a_film_of_several_findings_counts_for_each_and_strange_labels_are_left_out(data: Path, tmp_path: Path) -> None:
    rows = table(_changed(data, tmp_path, "1.png,normal,train", "1.png,normal|pneumonia,train"))
    both = load(rows, "train", FINDINGS, Input(size=32), multi_label=True)

    assert both.labels[:3].tolist() == [[1, 0], [1, 1], [1, 0]]
    with pytest.raises(BadData, match=r"1 is labelled 'normal\|pneumonia'"):
        load(rows, "train", FINDINGS, Input(size=32))
    assert len(load(rows, "train", ("pneumonia",), Input(size=32), multi_label=True)) == 6
    with pytest.raises(BadData, match="no film in split 'train' with a finding of covid"):
        load(rows, "train", ("covid", "edema"), Input(size=32))


def test_a_patient_in_two_splits_is_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(BadData, match="Patient p1 is in train and in test"):
        table(_changed(data, tmp_path, ",p30,", ",p1,"))


def test_a_table_without_a_split_is_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(BadData, match="has no film in split val"):
        table(_changed(data, tmp_path, ",val,", ",train,"))


def test_a_split_of_another_name_is_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(BadData, match=r"1 film of .* is in split 'tset'; a split is train, val or test"):
        table(_changed(data, tmp_path, "test,p30,", "tset,p30,"))


def test_a_missing_table_or_column_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadData, match=r"no cxr\.csv"):
        table(tmp_path)
    (tmp_path / "cxr.csv").write_text(",".join(COLUMNS).replace("label", "what") + "\n")
    with pytest.raises(BadData, match="lacks the column label"):
        table(tmp_path)
