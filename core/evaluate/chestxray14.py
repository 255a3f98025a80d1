"""The downloaded folder of NIH's ChestX-ray14: its table, its official split lists, its image folders."""

import csv
import os
import re
from collections.abc import Sequence
from pathlib import Path

from core.errors import BadData
from core.evaluate.manifest import Row
from core.types import digest

TABLES = ("Data_Entry_2017_v2020.csv", "Data_Entry_2017.csv")  # the corrected table first
LISTS = ("train_val_list.txt", "test_list.txt")
_IMAGE = "Image Index"
_LABEL = "Finding Labels"
_PATIENT = "Patient ID"
_NEEDED = (_IMAGE, _LABEL, _PATIENT)
_OLDEST = 120  # years; the table of 2017 has ages up to 414
_VALIDATION = 1 / 8  # of the patients of the official train_val list: 70, 10 and 20 % of all, as in the paper


def lies_in(folder: Path) -> bool:
    """Whether the folder holds a table of ChestX-ray14."""
    return any((folder / name).is_file() for name in TABLES)


def table(folder: Path, *, seed: int = 0) -> list[Row]:
    """The films of the official lists, in the order of the table: labels as "Effusion|Mass" or "No Finding".

    folder: with Data_Entry_2017.csv or Data_Entry_2017_v2020.csv, train_val_list.txt, test_list.txt, and the films in
            images/ or in images_001/images/ to images_012/images/.
    seed:   selects the eighth of the train_val patients for validation; a patient keeps its rank in any subset.
    Raises: BadData if the table, one of its columns, a list, the image folders or a film is missing, a list names a
            film that the table lacks, or a patient is in train_val and in test.
    Source: Wang et al. 2017, arXiv:1705.02315.
    """
    path = next((folder / name for name in TABLES if (folder / name).is_file()), None)
    if path is None:
        raise BadData(f"There is no {' or '.join(TABLES)} in {folder}. Give the folder that holds ChestX-ray14.")
    lines = _lines(path)
    home = {name: split for split, names in zip(("train", "test"), _lists(folder), strict=True) for name in names}
    unknown = sorted(home.keys() - {line[_IMAGE] for line in lines})
    if unknown:
        raise BadData(
            f"The split lists name {_films(unknown)} that {path.name} does not have. "
            "Fetch table and lists of the same version."
        )
    chosen = [line for line in lines if line[_IMAGE] in home]
    _refuse_both_lists(folder, home, chosen)
    files = _files(folder)
    missing = sorted({line[_IMAGE] for line in chosen} - files.keys())
    if missing:
        raise BadData(
            f"The lists name {_films(missing)} that the image folders in {folder} do not hold. "
            "Fetch the rest, or remove those films from the lists."
        )
    validation = _validation([line[_PATIENT] for line in chosen if home[line[_IMAGE]] == "train"], seed)
    return [
        _row(line, files[line[_IMAGE]], "val" if line[_PATIENT] in validation else home[line[_IMAGE]])
        for line in chosen
    ]


def _lines(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as text:
            reader = csv.DictReader(text)
            missing = [name for name in _NEEDED if name not in (reader.fieldnames or ())]
            if missing:
                raise BadData(f"{path} lacks the column {' and '.join(missing)}; it needs {', '.join(_NEEDED)}.")
            # The header's last columns hold commas without quotes, and some editions end each line with one more.
            return [{name: (line[name] or "").strip() for name in reader.fieldnames or ()} for line in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadData(f"{path} is not a CSV table in UTF-8 ({error}). Fetch it again.") from error


def _lists(folder: Path) -> list[list[str]]:
    absent = [name for name in LISTS if not (folder / name).is_file()]
    if absent:
        raise BadData(
            f"There is no {' and no '.join(absent)} in {folder}. Put the official split lists beside the table."
        )
    lists = [(folder / name).read_text(encoding="utf-8-sig").split() for name in LISTS]
    for name, entries in zip(LISTS, lists, strict=True):
        if not entries:
            raise BadData(f"{folder / name} is empty. Put the official list of films there.")
    both = sorted(set(lists[0]) & set(lists[1]))
    if both:
        raise BadData(f"{LISTS[0]} and {LISTS[1]} both name {_films(both)}. A film is for training or for the test.")
    return lists


def _files(folder: Path) -> dict[str, Path]:
    """Name -> path of every film; lists folders instead of checking 112,120 files one by one."""
    folders = [folder / "images", *(folder / f"images_{part:03}" / "images" for part in range(1, 13))]
    there = [each for each in folders if each.is_dir()]
    if not there:
        raise BadData(
            f"There is no images/ and no images_001/images/ in {folder}. Unpack the films of ChestX-ray14 there."
        )
    return {entry.name: Path(entry.path) for each in there for entry in os.scandir(each) if entry.is_file()}


def _refuse_both_lists(folder: Path, home: dict[str, str], chosen: Sequence[dict[str, str]]) -> None:
    """Refuses a patient in both lists before validation patients are drawn, with the lists' own names."""
    sides: dict[str, str] = {}
    for line in chosen:
        patient, side = line[_PATIENT], home[line[_IMAGE]]
        if sides.setdefault(patient, side) != side:
            raise BadData(
                f"Patient {patient} has films in {LISTS[0]} and in {LISTS[1]} of {folder}. "
                "A patient may be on one side only, otherwise the figures are meaningless."
            )


def _validation(patients: Sequence[str], seed: int) -> set[str]:
    ranked = sorted(set(patients), key=lambda patient: digest(seed, patient))
    if len(ranked) < 2:
        raise BadData(f"{LISTS[0]} has films of one patient only. Training and validation need one each at least.")
    return set(ranked[: max(1, round(len(ranked) * _VALIDATION))])


def _row(line: dict[str, str], file: Path, split: str) -> Row:
    return Row(
        file=file,
        label=line[_LABEL],
        id=line[_IMAGE],
        patient=line[_PATIENT],
        source="nih",
        age=_years(line.get("Patient Age", "")),
        sex=line.get("Patient Gender", line.get("Patient Sex", "")),
        view=line.get("View Position", ""),
        split=split,
    )


def _years(age: str) -> str:
    """Whole years of "58", or of "058Y", "011M" (months) and "005D" (days) in the first edition; "" if unbelievable."""
    match = re.fullmatch(r"(\d+)([YMD]?)", age)
    if not match:
        return ""
    years = int(match[1]) // {"D": 365, "M": 12}.get(match[2], 1)
    return str(years) if years <= _OLDEST else ""


def _films(names: Sequence[str]) -> str:
    """ "1 film (a.png)", "3 films (a.png, …)"."""
    return f"1 film ({names[0]})" if len(names) == 1 else f"{len(names)} films ({names[0]}, …)"
