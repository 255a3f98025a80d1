"""Labels of open films: from a table dropped beside them, a data folder, or the comparison that opened them."""

import csv
import io
from pathlib import PurePosixPath

from core.compare.panel import plain
from core.errors import BadData
from core.models.findings import leading, present, words
from core.types import Checkpoint, Prediction
from dashboard.state import Session

_FILE = ("file", "name", "film", "image", "filename", "image index")  # headings of the column with the film
_LABEL = ("label", "finding", "labels", "finding labels")
_BETWEEN = "|"


def read_labels(data: bytes, name: str) -> dict[str, str]:
    """File name without folders -> label, from a CSV table. Raises: BadData."""
    try:
        rows = csv.reader(io.StringIO(data.decode("utf-8-sig")))
        head = [each.strip().lower() for each in next(rows, [])]
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadData(f"{name} is not a CSV table in UTF-8: {error}.") from error
    file, label = (next((head.index(each) for each in names if each in head), None) for names in (_FILE, _LABEL))
    if file is None or label is None:
        columns = ", ".join(head) or "none"
        raise BadData(f"{name} has the columns {columns}; a table of labels needs the columns file and label.")
    return {
        PurePosixPath(row[file].strip().replace("\\", "/")).name: row[label].strip()
        for row in rows
        if len(row) > max(file, label) and row[file].strip()
    }


def use(here: Session, table: dict[str, str]) -> int:
    """Gives the open films their labels by their file names. Returns: how many got one."""
    labels = {key: table[film.name] for key, film in here.radiographs.items() if film.name in table}
    here.labels |= labels
    here.label_table |= table
    return len(labels)


def sentence(prediction: Prediction, checkpoint: Checkpoint, label: str | None) -> str:
    """ "Wrong: labelled normal."; empty without a label."""
    if not label:
        return ""
    begin = {True: "Right: labelled", False: "Wrong: labelled", None: "Labelled"}[agrees(prediction, checkpoint, label)]
    return f"{begin} {words(label.replace(_BETWEEN, ', '))}."


def agrees(prediction: Prediction, checkpoint: Checkpoint, label: str | None) -> bool | None:
    """Whether the model's answer is the label; None without a label, or if the model does not know that finding."""
    if not label:
        return None
    known = {plain(finding): finding for finding in checkpoint.findings}
    wanted = {plain(each) for each in label.split(_BETWEEN)}
    if not wanted & known.keys():
        return None
    if checkpoint.multi_label:
        return {plain(each) for each in present(prediction, checkpoint)} == wanted & known.keys()
    return plain(leading(prediction, checkpoint)) in wanted
