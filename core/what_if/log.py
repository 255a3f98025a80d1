"""The log of what was tried: one line per attempt, as CSV or JSON."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from core.errors import BadData
from core.types import Checkpoint, Prediction
from core.what_if.answer import EditedAnswer, turned


@dataclass(frozen=True)
class Attempt:
    """One edit of one film, answered by one model.

    edits:         as text, in the order in which they apply (core.what_if.edit).
    words:         the last edit in words.
    before, after: (finding, probability) without edits, and with them.
    turned:        whether the answer differs.
    """

    film: str
    checkpoint: str
    finding: str
    edits: tuple[str, ...]
    words: str
    before: tuple[tuple[str, float], ...]
    after: tuple[tuple[str, float], ...]
    turned: bool

    @property
    def record(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "film": self.film,
            "checkpoint": self.checkpoint,
            "finding": self.finding,
            "edits": list(self.edits),
            "words": self.words,
            "before": {name: round(value, 6) for name, value in self.before},
            "after": {name: round(value, 6) for name, value in self.after},
            "turned": self.turned,
        }


def attempt(film: str, checkpoint: Checkpoint, finding: str, before: Prediction, answer: EditedAnswer) -> Attempt:
    """The line of this answer. Raises: Unfit for a model of a single class."""
    return Attempt(
        film,
        checkpoint.name,
        finding,
        tuple(change.text for change in answer.edits),
        answer.edits[-1].words if answer.edits else "No edit",
        _pairs(before),
        _pairs(answer.prediction),
        turned(answer.prediction, checkpoint, finding, before),
    )


def log_json(attempts: Sequence[Attempt]) -> str:
    """All lines as one JSON list."""
    return json.dumps([each.record for each in attempts], indent=2)


def read_log(data: bytes, *, name: str) -> tuple[Attempt, ...]:
    """The attempts of a log: the list that the page saves, or lines of `what-if --edit … --json`.

    Raises: BadData for another file.
    """
    try:
        text = data.decode("utf-8").strip()
        records = json.loads(text) if text.startswith("[") else [json.loads(line) for line in text.splitlines() if line]
        attempts = tuple(_read(record) for record in records)
        if not attempts:
            raise ValueError("nothing was tried")
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise BadData(
            f"{name} is not a log of what-if attempts ({type(error).__name__}). Give the JSON that the page saves, or "
            "that `what-if --edit … --json` prints."
        ) from error
    return attempts


def _read(record: Any) -> Attempt:
    before, after = (
        tuple((str(finding), float(value)) for finding, value in record[key].items()) for key in ("before", "after")
    )
    if not before or [finding for finding, _ in before] != [finding for finding, _ in after]:
        raise ValueError("other findings after than before")
    return Attempt(
        film=str(record.get("film", record.get("path", ""))),
        checkpoint=str(record["checkpoint"]),
        finding=str(record["finding"]),
        edits=tuple(map(str, record["edits"])),
        words=str(record["words"]),
        before=before,
        after=after,
        turned=bool(record["turned"]),
    )


def log_csv(attempts: Sequence[Attempt]) -> str:
    """All lines as CSV: two columns per finding, before and after."""
    findings = list(dict.fromkeys(name for each in attempts for name, _ in each.before))
    head = ["number", "film", "checkpoint", "finding", "edits", "words", "turned"]
    head += [f"{name} {when}" for name in findings for when in ("before", "after")]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(head)
    for number, each in enumerate(attempts, start=1):
        before, after = dict(each.before), dict(each.after)
        figures = [f"{values[name]:.6f}" if name in values else "" for name in findings for values in (before, after)]
        writer.writerow(
            [
                number,
                each.film,
                each.checkpoint,
                each.finding,
                " ; ".join(each.edits),
                each.words,
                each.turned,
                *figures,
            ]
        )
    return file.getvalue()


def _pairs(prediction: Prediction) -> tuple[tuple[str, float], ...]:
    return tuple((name, prediction.probability(name)) for name in prediction.findings)
