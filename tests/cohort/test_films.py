"""The films of every kind of input."""

import csv
import zipfile
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from core.cohort.films import films_of
from core.errors import BadData


def paths(given: str) -> list[str]:
    return [film.path for film in films_of(given).films]


def test_a_folder_is_walked(films: Path) -> None:
    assert paths(str(films)) == ["a/0.png", "a/1.png", "a/2.png", "b/3.png", "b/4.png", "b/5.png", "b/broken.png"]


def test_a_glob_names_films_relative_to_its_fixed_part(films: Path) -> None:
    assert paths(f"{films}/*/[3-4].png") == ["b/3.png", "b/4.png"]
    assert paths(f"{films}/b/4*") == ["4.png"]


def test_an_archive_holds_films_under_its_name(films: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "disc.zip", "w") as archive:
        archive.write(films / "a" / "0.png", "IMAGES/0.png")
        archive.writestr("notes.txt", "hello")

    source = films_of(str(tmp_path / "disc.zip"))

    assert [film.path for film in source.films] == ["disc.zip/IMAGES/0.png"]
    assert source.skipped == 1
    assert source.root == tmp_path


def test_the_index_of_a_disc_stands_for_its_folder(films: Path, tmp_path: Path) -> None:
    (tmp_path / "DICOMDIR").write_bytes(b"")
    (tmp_path / "1.png").write_bytes((films / "a" / "0.png").read_bytes())

    assert paths(str(tmp_path / "DICOMDIR")) == ["1.png"]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_table_gives_labels_and_patients(films: Path, ending: str) -> None:
    lines = [
        {"file": "a/0.png", "label": "covid", "patient": "p1", "split": "train", "age": "61"},
        {"file": "b/3.png", "label": "No Finding", "patient": "p2", "split": "test", "age": ""},
    ]
    table = films / f"table.{ending}"
    if ending == "csv":
        with table.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(lines[0]))
            writer.writeheader()
            writer.writerows(lines)
    else:
        parquet.write_table(pyarrow.Table.from_pylist(lines), table)
    try:
        first, second = films_of(str(table)).films
        (only,) = films_of(str(table), split="test").films
        with pytest.raises(BadData, match=r"'val'\. It has test, train"):
            films_of(str(table), split="val")
    finally:
        table.unlink()

    assert (first.path, first.label, first.patient, first.age) == ("a/0.png", "covid", "p1", "61")
    assert only == second
    assert second.label == "No Finding"


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("missing.png,covid", "there is no file missing.png"),
        ("../outside.png,covid", "is outside the manifest's folder"),
        ("/etc/passwd,covid", "is absolute"),
    ],
)
def test_a_table_with_a_missing_or_escaping_file_is_refused(line: str, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text(f"file,label\n{line}\n")

    with pytest.raises(BadData, match=sentence):
        films_of(str(tmp_path / "table.csv"))


def test_an_input_without_films_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="There is no radiograph in"):
        films_of(str(tmp_path))
    with pytest.raises(BadData, match=r"There is no .*nowhere"):
        films_of(str(tmp_path / "nowhere"))
    with pytest.raises(BadData, match="No file matches"):
        films_of(str(tmp_path / "*.dcm"))
    (tmp_path / "table.parquet").write_bytes(b"no table")
    with pytest.raises(BadData, match="is not a Parquet table"):
        films_of(str(tmp_path / "table.parquet"))
