"""The folder of ChestX-ray14, read from an artificial copy."""

from pathlib import Path

import pytest

from core.errors import BadData
from core.evaluate.chestxray14 import LISTS, lies_in, table
from core.evaluate.manifest import NOTHING, row_radiograph, truth
from core.models.findings import CHESTXRAY14
from tests.train.chestxray14_folder import LINES, TEST, TRAIN, write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path)


def test_rows_say_what_the_table_says(folder: Path) -> None:
    rows = {row.id: row for row in table(folder)}

    assert lies_in(folder)
    assert list(rows) == list(LINES)
    second = rows["00000001_001.png"]
    assert second.labels == ("Cardiomegaly", "Emphysema")
    assert (second.patient, second.source, second.age, second.sex, second.view) == ("1", "nih", "58", "M", "AP")
    assert second.file == folder / "images_001" / "images" / "00000001_001.png"
    assert rows["00000002_000.png"].label == NOTHING
    assert rows["00000002_000.png"].age == ""  # 411 years
    assert rows["00000003_000.png"].age == "0"  # nine months
    assert row_radiograph(second).pixels.shape == (72, 64)


def test_labels_become_fourteen_columns(folder: Path) -> None:
    labels = truth(table(folder), CHESTXRAY14, multi_label=True)

    assert labels.shape == (6, 14)
    assert labels.sum(axis=1).tolist() == [1, 2, 0, 1, 3, 1]
    assert labels[1].nonzero()[0].tolist() == [CHESTXRAY14.index("Cardiomegaly"), CHESTXRAY14.index("Emphysema")]


def test_the_official_test_list_stays_and_validation_takes_whole_patients(folder: Path) -> None:
    rows = table(folder)
    splits = {split: {row.patient for row in rows if row.split == split} for split in ("train", "val", "test")}

    assert splits["test"] == {"4", "5"}
    assert len(splits["val"]) == 1  # an eighth of three, but one at least
    assert splits["train"] == {"1", "2", "3"} - splits["val"]
    assert table(folder) == rows
    assert {frozenset(row.patient for row in table(folder, seed=seed) if row.split == "val") for seed in range(9)} == {
        frozenset("1"),
        frozenset("2"),
        frozenset("3"),
    }


def test_the_corrected_table_and_one_folder_of_films_are_accepted_too(folder: Path) -> None:
    before = table(folder)
    text = (folder / "Data_Entry_2017.csv").read_text().replace("Gender", "Sex").replace("058Y", "58")
    (folder / "Data_Entry_2017.csv").unlink()
    (folder / "Data_Entry_2017_v2020.csv").write_text(text)
    (folder / "images").mkdir()
    for name in LINES:
        next(folder.glob(f"images_*/images/{name}")).rename(folder / "images" / name)

    assert lies_in(folder)
    assert [(row.id, row.split, row.age, row.sex) for row in table(folder)] == [
        (row.id, row.split, row.age, row.sex) for row in before
    ]


def test_a_film_in_no_list_is_left_out(folder: Path) -> None:
    (folder / LISTS[1]).write_text("00000005_000.png")

    assert [row.id for row in table(folder) if row.split == "test"] == ["00000005_000.png"]


def _without_table(folder: Path) -> None:
    (folder / "Data_Entry_2017.csv").unlink()


def _without_column(folder: Path) -> None:
    path = folder / "Data_Entry_2017.csv"
    path.write_text(path.read_text().replace("Patient ID", "Who"))


def _without_list(folder: Path) -> None:
    (folder / LISTS[1]).unlink()


def _with_empty_list(folder: Path) -> None:
    (folder / LISTS[0]).write_text("\n")


def _with_a_strange_film(folder: Path) -> None:
    (folder / LISTS[1]).write_text("\n".join([*TEST, "00009999_000.png"]))


def _with_a_film_on_both_lists(folder: Path) -> None:
    (folder / LISTS[1]).write_text("\n".join([*TEST, "00000002_000.png"]))


def _with_a_patient_on_both_sides(folder: Path) -> None:
    (folder / LISTS[0]).write_text("\n".join(TRAIN[1:]))
    (folder / LISTS[1]).write_text("\n".join([*TEST, TRAIN[0]]))


def _without_folders(folder: Path) -> None:
    for part in ("images_001", "images_012"):
        (folder / part).rename(folder / f"old {part}")


def _without_a_film(folder: Path) -> None:
    (folder / "images_012" / "images" / "00000005_000.png").unlink()


def _with_one_patient(folder: Path) -> None:
    (folder / LISTS[0]).write_text("\n".join(TRAIN[:2]))


@pytest.mark.parametrize(
    ("harm", "sentence"),
    [
        (_without_table, r"no Data_Entry_2017_v2020.csv or Data_Entry_2017.csv in"),
        (_without_column, r"lacks the column Patient ID"),
        (_without_list, r"no test_list.txt in .* Put the official split lists"),
        (_with_empty_list, r"train_val_list.txt is empty"),
        (_with_a_strange_film, r"name 1 film \(00009999_000.png\) that Data_Entry_2017.csv does not have"),
        (_with_a_film_on_both_lists, r"both name 1 film \(00000002_000.png\)"),
        (_with_a_patient_on_both_sides, r"Patient 1 has films in train_val_list.txt and in test_list.txt"),
        (_without_folders, r"no images/ and no images_001/images/ in"),
        (_without_a_film, r"name 1 film \(00000005_000.png\) that the image folders in .* do not hold"),
        (_with_one_patient, r"films of one patient only"),
    ],
)
def test_a_wrong_folder_gets_one_sentence(folder: Path, harm: object, sentence: str) -> None:
    assert callable(harm)
    harm(folder)

    with pytest.raises(BadData, match=sentence):
        table(folder)
