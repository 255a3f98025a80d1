"""New splits: no patient on both sides, no source in its own training."""

from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import BadData
from core.evaluate.manifest import Row
from core.train.folds import by_hospital, by_patient, by_source


def _rows() -> list[Row]:
    """96 films, two a patient; sources a and b have both labels, c has one; patient 0 has a film in a and one in b."""
    rows = []
    for index in range(96):
        patient = index // 2
        source = "c" if patient >= 40 else "ab"[patient % 2]
        source = "b" if index == 1 else source
        label = "normal" if source == "c" else ("covid", "normal")[patient // 2 % 2]
        rows.append(Row(Path("none"), label, id=str(index), patient=f"p{patient}", source=source, split="train"))
    return rows


def _patients(rows: list[Row], *splits: str) -> set[str]:
    return {row.patient for row in rows if row.split in splits}


def test_each_film_is_tested_in_one_fold_and_no_patient_is_on_two_sides() -> None:
    parts = by_patient(_rows(), 4)
    tested = [row.id for part in parts.values() for row in part if row.split == "test"]

    assert list(parts) == [f"fold {index} of 4" for index in (1, 2, 3, 4)]
    assert sorted(tested, key=int) == [str(index) for index in range(96)]
    for part in parts.values():
        assert sorted(int(row.id) for row in part) == list(range(96))
        sides = [_patients(part, split) for split in ("train", "val", "test")]
        assert all(sides)
        assert sum(map(len, sides)) == 48
    assert by_patient(_rows(), 4) == parts
    assert by_patient(_rows(), 4, seed=1) != parts


def test_a_source_left_out_leaves_nothing_of_it_or_its_patients_in_training() -> None:
    parts = by_source(_rows())

    assert list(parts) == ["a", "b"]  # c has one label only: nothing to tell apart
    for source, part in parts.items():
        assert {row.source for row in part if row.split == "test"} == {source}
        assert source not in {row.source for row in part if row.split != "test"}
        assert not _patients(part, "test") & _patients(part, "train", "val")
        assert not _patients(part, "train") & _patients(part, "val")
        assert _patients(part, "val")
    assert "p0" not in _patients(parts["a"], "train", "val")  # a film of that patient is of source b


def _of_hospitals() -> list[Row]:
    """Two sources of one hospital and one of another, each with both labels in three splits; a film a patient."""
    return [
        Row(Path("none"), label, id=f"{source} {split} {label}", patient=f"{source} {split} {label}", source=source)
        for source in ("nih", "rsna", "kermany")
        for split in ("train", "val", "test")
        for label in ("pneumonia", "normal")
    ]


def test_a_hospital_left_out_takes_all_of_its_sources_along() -> None:
    rows = [replace(row, split=row.id.split()[1]) for row in _of_hospitals()]
    parts = by_hospital(rows)

    assert list(parts) == ["Guangzhou", "NIH Clinical Center"]
    tested = [row for row in parts["NIH Clinical Center"] if row.split == "test"]
    assert {row.source for row in tested} == {"nih", "rsna"}
    assert len(tested) == 12  # those of all splits
    rest = [row for row in parts["NIH Clinical Center"] if row.split != "test"]
    assert [row.id for row in rest] == [
        f"kermany {split} {label}" for split in ("train", "val") for label in ("pneumonia", "normal")
    ]


def test_hospitals_that_cannot_be_left_out_are_named() -> None:
    rows = [replace(row, split=row.id.split()[1]) for row in _of_hospitals()]
    with pytest.raises(BadData, match="needs films of two at least; these are of Guangzhou"):
        by_hospital([row for row in rows if row.source == "kermany"])
    healthy = [row for row in rows if row.source != "kermany" or row.label == "normal"]
    with pytest.raises(BadData, match="Without NIH Clinical Center the films in split 'train' are of 1 label"):
        by_hospital(healthy)


@pytest.mark.parametrize("count", [0, 1, 49])
def test_folds_without_a_patient_each_are_refused(count: int) -> None:
    with pytest.raises(BadData, match=f"{count} folds of 48 patients: give 2 or more"):
        by_patient(_rows(), count)


def test_more_parts_than_films_of_any_kind_are_refused() -> None:
    few = [row for row in _rows() if row.source == "a"][:6]

    with pytest.raises(BadData, match="cannot be cut in 4 parts"):
        by_patient(few, 4)


def test_sources_that_cannot_be_compared_are_refused() -> None:
    with pytest.raises(BadData, match="at least two of them"):
        by_source([row for row in _rows() if row.source == "c"])
    of_one = [row for row in _rows() if (row.source, row.label) in (("a", "covid"), ("c", "normal"))]
    with pytest.raises(BadData, match="No source has films of two labels"):
        by_source(of_one)
