"""A made copy of ChestX-ray14: the table with the bracketed columns, both lists, phantoms for films."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.errors import BadData
from core.evaluate.manifest import NOTHING, radiograph, truth
from core.image.phantom import draw
from core.models.findings import CHESTXRAY14
from core.train.chestxray14 import LISTS, lies_in, table

_HEAD = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y],"
)
_LINES = {  # film -> labels, patient, age, sex, view; as in the table of 2017
    "00000001_000.png": "Cardiomegaly,0,1,058Y,M,PA",
    "00000001_001.png": "Cardiomegaly|Emphysema,1,1,058Y,M,AP",
    "00000002_000.png": "No Finding,0,2,411Y,F,PA",
    "00000003_000.png": "Hernia,0,3,009M,F,PA",
    "00000004_000.png": "Pleural_Thickening|Mass|Effusion,0,4,077Y,F,PA",
    "00000005_000.png": "Effusion,0,5,031Y,M,PA",
}
_TRAIN = list(_LINES)[:4]
_TEST = list(_LINES)[4:]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """An 8-bit PNG of a phantom, 64 px wide and 72 high."""
    path = tmp_path_factory.mktemp("film") / "film.png"
    pixels = draw(seed=1, height=72, width=64).radiograph.pixels >> 4  # 12 bits to 8
    Image.fromarray(pixels.astype(np.uint8)).save(path)
    return path.read_bytes()


@pytest.fixture
def folder(tmp_path: Path, film: bytes) -> Path:
    """Six films of five patients: three for training and validation, two for the test; films in two folders."""
    lines = [f"{name},{rest},2682,2749,0.143,0.143," for name, rest in _LINES.items()]
    (tmp_path / "Data_Entry_2017.csv").write_text("\n".join([_HEAD, *lines]) + "\n")
    (tmp_path / LISTS[0]).write_text("\n".join(_TRAIN))
    (tmp_path / LISTS[1]).write_text("\r\n".join(_TEST))
    for place, name in enumerate(_LINES):
        part = tmp_path / ("images_001" if place < 3 else "images_012") / "images"
        part.mkdir(parents=True, exist_ok=True)
        (part / name).write_bytes(film)
    return tmp_path


def test_rows_say_what_the_table_says(folder: Path) -> None:
    rows = {row.id: row for row in table(folder)}

    assert lies_in(folder)
    assert list(rows) == list(_LINES)
    second = rows["00000001_001.png"]
    assert second.labels == ("Cardiomegaly", "Emphysema")
    assert (second.patient, second.source, second.age, second.sex, second.view) == ("1", "nih", "58", "M", "AP")
    assert second.file == folder / "images_001" / "images" / "00000001_001.png"
    assert rows["00000002_000.png"].label == NOTHING
    assert rows["00000002_000.png"].age == ""  # 411 years
    assert rows["00000003_000.png"].age == "0"  # nine months
    assert radiograph(second).pixels.shape == (72, 64)


def test_labels_become_fourteen_columns(folder: Path) -> None:
    found = truth(table(folder), CHESTXRAY14, multi_label=True)

    assert found.shape == (6, 14)
    assert found.sum(axis=1).tolist() == [1, 2, 0, 1, 3, 1]
    assert found[1].nonzero()[0].tolist() == [CHESTXRAY14.index("Cardiomegaly"), CHESTXRAY14.index("Emphysema")]


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


def test_the_corrected_table_and_one_folder_of_films_are_taken_too(folder: Path) -> None:
    before = table(folder)
    text = (folder / "Data_Entry_2017.csv").read_text().replace("Gender", "Sex").replace("058Y", "58")
    (folder / "Data_Entry_2017.csv").unlink()
    (folder / "Data_Entry_2017_v2020.csv").write_text(text)
    (folder / "images").mkdir()
    for name in _LINES:
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
    (folder / LISTS[1]).write_text("\n".join([*_TEST, "00009999_000.png"]))


def _with_a_film_on_both_lists(folder: Path) -> None:
    (folder / LISTS[1]).write_text("\n".join([*_TEST, "00000002_000.png"]))


def _with_a_patient_on_both_sides(folder: Path) -> None:
    (folder / LISTS[0]).write_text("\n".join(_TRAIN[1:]))
    (folder / LISTS[1]).write_text("\n".join([*_TEST, _TRAIN[0]]))


def _without_folders(folder: Path) -> None:
    for part in ("images_001", "images_012"):
        (folder / part).rename(folder / f"old {part}")


def _without_a_film(folder: Path) -> None:
    (folder / "images_012" / "images" / "00000005_000.png").unlink()


def _with_one_patient(folder: Path) -> None:
    (folder / LISTS[0]).write_text("\n".join(_TRAIN[:2]))


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
