"""Second readings of films, by radiologists, and the labels that they correct."""

import csv
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from core.errors import BadData
from core.evaluate.manifest import Row

FILE = "rereads.csv"  # beside a table of films
OTHER = "other"  # abnormal, but neither pneumonia nor normal
_NEEDED = ("id", "rsna_class", "google_airspace")
_RSNA = {"": None, "Lung Opacity": "pneumonia", "No Lung Opacity / Not Normal": OTHER, "Normal": "normal"}
_GOOGLE = {"": None, "YES": True, "NO": False}  # airspace opacity


@dataclass(frozen=True)
class Reread:
    """One second reading.

    rsna:    the class of the RSNA challenge's readers: pneumonia, normal or other; None if not read.
    opacity: whether Google's readers saw an airspace opacity; None if not read.
    """

    id: str
    rsna: str | None
    opacity: bool | None

    def label(self, label: str) -> str:
        """The corrected label of a film with the label `label`.

        The RSNA class decides. Without it, a pneumonia without opacity becomes other, and so does a normal film with
        one: an opacity alone has no diagnosis. Other labels stay.
        """
        if label not in ("pneumonia", "normal"):
            return label
        if self.rsna is not None:
            return self.rsna
        if self.opacity is None or self.opacity == (label == "pneumonia"):
            return label
        return OTHER


def read_rereads(path: Path) -> list[Reread]:
    """The second readings of a table.

    Raises: BadData for a missing column or an unknown class.
    """
    with path.open(newline="", encoding="utf-8-sig") as lines:
        reader = csv.DictReader(lines)
        missing = [name for name in _NEEDED if name not in (reader.fieldnames or ())]
        if missing:
            raise BadData(f"{path} lacks the column {' and '.join(missing)}; it needs {', '.join(_NEEDED)}.")
        return [_reread(path, number, line) for number, line in enumerate(reader, start=2)]


def correct_labels(rows: Sequence[Row], readings: Iterable[Reread], *, splits: Sequence[str]) -> list[Row]:
    """The rows; those of the splits with the label of their second reading, if any."""
    by_id = {reading.id: reading for reading in readings}
    return [
        replace(row, label=by_id[row.id].label(row.label)) if row.id in by_id and row.split in splits else row
        for row in rows
    ]


def corrections(before: Sequence[Row], after: Sequence[Row]) -> list[dict[str, str | int]]:
    """The corrections for a card: label before and after, split, and number of films."""
    changes = Counter(
        (row.label, new.label, row.split) for row, new in zip(before, after, strict=True) if row.label != new.label
    )
    return [
        {"from": old, "to": new, "split": split, "n": count} for (old, new, split), count in sorted(changes.items())
    ]


def _reread(path: Path, number: int, line: dict[str, str | None]) -> Reread:
    rsna, opacity = ((line[name] or "").strip() for name in ("rsna_class", "google_airspace"))
    if rsna not in _RSNA:
        raise BadData(f"{path.name} line {number}: rsna_class is {rsna!r}; it must be {_choices(_RSNA)}.")
    if opacity not in _GOOGLE:
        raise BadData(f"{path.name} line {number}: google_airspace is {opacity!r}; it must be {_choices(_GOOGLE)}.")
    return Reread((line["id"] or "").strip(), _RSNA[rsna], _GOOGLE[opacity])


def _choices(known: Mapping[str, object]) -> str:
    return f"{', '.join(name for name in known if name)} or empty"
