from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core.errors import BadData
from core.train.augment import grown
from core.train.data import Films, corrected, load_films, table
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
    films = load_films(table(data), "test", FINDINGS, Input(size=64))

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
    films = load_films(rows, "train", FINDINGS, Input(size=256), lungs=True)

    assert films.lungs is not None
    assert rows[0].lungs is None
    matches = films.lungs[0] > 127
    assert 0 < matches.float().mean() <= 1  # all of the film where the network finds none
    assert train_films.lungs is not None
    assert torch.equal(films.lungs[1], train_films.lungs[1])


def test_a_film_of_several_findings_counts_for_each_and_strange_labels_are_left_out(data: Path, tmp_path: Path) -> None:
    rows = table(_changed(data, tmp_path, "1.png,normal,train", "1.png,normal|pneumonia,train"))
    both = load_films(rows, "train", FINDINGS, Input(size=32), multi_label=True)

    assert both.labels[:3].tolist() == [[1, 0], [1, 1], [1, 0]]
    with pytest.raises(BadData, match=r"1 is labelled 'normal\|pneumonia'"):
        load_films(rows, "train", FINDINGS, Input(size=32))
    assert len(load_films(rows, "train", ("pneumonia",), Input(size=32), multi_label=True)) == 6
    with pytest.raises(BadData, match="no film in split 'train' with a finding of covid"):
        load_films(rows, "train", ("covid", "edema"), Input(size=32))


def test_a_patient_in_two_splits_is_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(BadData, match="Patient p1 is in train and in test"):
        table(_changed(data, tmp_path, ",p30,", ",p1,"))


def test_a_table_without_a_split_is_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(BadData, match="has no film in split val"):
        table(_changed(data, tmp_path, ",val,", ",train,"))


def test_a_split_of_another_name_is_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(BadData, match=r"1 film of .* is in split 'tset'; a split is train, val or test"):
        table(_changed(data, tmp_path, "test,p30,", "tset,p30,"))


def test_two_sets_are_read_as_one_and_labels_follow_the_second_readings(data: Path, tmp_path: Path) -> None:
    more = tmp_path / "more"
    more.mkdir()
    (more / "x.png").write_bytes((data / "0.png").read_bytes())
    lines = [f"x{split},x.png,normal,{split},q{split}" for split in ("train", "val", "test")]
    (more / "films.csv").write_text("\n".join(["id,file,label,split,patient", *lines]) + "\n")
    (more / "rereads.csv").write_text(
        "id,rsna_class,google_airspace\n"
        "0,Normal,\n1,No Lung Opacity / Not Normal,\n2,,NO\n3,,YES\n4,Lung Opacity,NO\n30,Normal,\nnobody,Normal,\n"
    )
    rows = table(data, more)
    labels = {row.id: row.label for row in corrected(rows, [data, more])}

    assert [row.id for row in rows][-4:] == ["31", "xtrain", "xval", "xtest"]
    assert [labels[name] for name in ("0", "1", "2", "3", "4", "5")] == [
        *("normal", "other", "other", "other", "pneumonia", "normal")
    ]
    assert labels["30"] == "pneumonia"  # a test film keeps its label
    (more / "rereads.csv").write_text("id,rsna_class,google_airspace\n0,Clear,\n")
    with pytest.raises(BadData, match=r"rereads\.csv line 2: rsna_class is 'Clear'; it must be Lung Opacity, No"):
        corrected(rows, [data, more])


def test_sets_that_share_an_id_or_split_a_patient_are_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(BadData, match=r"32 ids are in more than one set of .*, 0 first"):
        table(data, data)
    lines = [f"x{split},0.png,normal,{split},{patient}" for split, patient in (("train", "p1"), ("val", "p2"))]
    (tmp_path / "0.png").write_bytes((data / "0.png").read_bytes())
    (tmp_path / "films.csv").write_text(
        "\n".join(["id,file,label,split,patient", *lines, "xtest,0.png,normal,test,p3"]) + "\n"
    )
    with pytest.raises(BadData, match="Patient p2 is in train and in val"):
        table(data, tmp_path)


def test_outlines_are_remembered_for_the_same_films(data: Path, tmp_path: Path) -> None:
    rows = [replace(row, lungs=None) for row in table(data)[:2]]
    first, again = (
        load_films(rows, "train", FINDINGS, Input(size=64), lungs=True, cache=tmp_path / "cache").lungs
        for _ in range(2)
    )
    (stored,) = (tmp_path / "cache").iterdir()
    outlines = np.load(stored)["outlines"]
    with stored.open("wb") as file:
        np.savez(file, outlines=255 - outlines)
    changed = load_films(rows, "train", FINDINGS, Input(size=64), lungs=True, cache=tmp_path / "cache").lungs

    assert first is not None
    assert again is not None
    assert torch.equal(first, again)
    assert torch.equal(first, torch.from_numpy(outlines))
    assert changed is not None
    assert torch.equal(changed, 255 - first)
    load_films(rows[:1], "train", FINDINGS, Input(size=64), lungs=True, cache=tmp_path / "cache")
    assert len(list((tmp_path / "cache").iterdir())) == 2


def test_a_missing_table_or_column_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadData, match=r"no cxr\.csv or films\.csv in .*a folder that holds cxr\.csv or films\.csv"):
        table(tmp_path)
    (tmp_path / "cxr.csv").write_text(",".join(COLUMNS).replace("label", "what") + "\n")
    with pytest.raises(BadData, match="lacks the column label"):
        table(tmp_path)
