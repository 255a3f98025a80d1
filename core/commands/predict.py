"""`predict`: what a network says of films."""

import shutil
import textwrap
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from core.commands import files, options
from core.commands.files import Record

if TYPE_CHECKING:
    from core.types import Cleaning, Radiograph

_LONGEST = 48  # characters of a path in the table


@click.command(short_help="What the network says of films.")
@click.argument("given", metavar="FILE...", nargs=-1, required=True)
@options.checkpoint
@options.weights
@options.as_json
@options.cleaning
@options.told
def predict(
    given: tuple[str, ...], checkpoint: str | None, weights: Path | None, as_json: bool, cleaning: "Cleaning"
) -> None:
    """Probabilities of all findings for each film, and what the quality checks found.

    FILE is a DICOM, PNG, JPEG, TIFF, WebP or BMP file, a folder of them, or - for standard input. A bad file is told
    in its place and the others go on; the exit code is then 1.

    \b
    Examples:
      python -m core predict film.dcm
      python -m core predict films/ --json > answers.jsonl
      python -m core predict upside-down.png --turn 180
      curl -s https://example.org/film.png | python -m core predict -

    \b
    With --json each line holds path, checkpoint, finding (the likeliest; of a multi-label network the likeliest that
    reaches its operating point, where one does), found (all that reach theirs), probabilities, quality and seconds, or
    path and error.
    """
    from core.image.quality import inspect
    from core.models.findings import leading, present

    classifier = options.classifier(checkpoint, weights)
    names = files.paths(given)

    def look(path: str, radiograph: "Radiograph") -> Iterator[Record]:
        start = time.perf_counter()
        said = classifier.predict(radiograph, cleaning=cleaning)
        checks = inspect(radiograph)
        yield {
            "path": path,
            "checkpoint": classifier.checkpoint.name,
            "finding": leading(said, classifier.checkpoint),
            "found": list(present(said, classifier.checkpoint)),
            "probabilities": {name: round(said.probability(name), 6) for name in said.findings},
            "quality": [
                {
                    "name": check.name,
                    "level": check.level,
                    "figure": round(check.figure, 4),
                    "unit": check.unit,
                    "sentence": check.sentence,
                }
                for check in checks
            ],
            "seconds": round(time.perf_counter() - start, 4),
        }

    rows = sheet(names, classifier.checkpoint.findings, multi_label=classifier.checkpoint.multi_label)
    if not as_json:
        click.echo(rows.head)
    files.each(names, look, show=None if as_json else rows.row, doing="predicting")


@dataclass(frozen=True)
class Sheet:
    """A table whose rows come one by one, so that its widths must be known before: characters of the first columns.

    findings: those with a column of their own; a multi-label network's are listed where they are found instead.
    """

    path: int
    says: int
    findings: tuple[str, ...]

    @property
    def head(self) -> str:
        if not self.findings:
            return f"{'file':{self.path}}  found"
        columns = [f"{name:>{max(5, len(name))}}" for name in self.findings]
        return "  ".join([f"{'file':{self.path}}", f"{'likeliest':{self.says}}", *columns])

    def row(self, record: Record) -> str:
        """The film's line, and one below it for each warning."""
        path = click.format_filename(record["path"])
        if len(path) > self.path:
            path = "…" + path[1 - self.path :]
        path = f"{path:{self.path}}"
        if "error" in record:
            return f"{path}  not read: {record['error']}"
        columns = [f"{record['probabilities'][name]:>{max(5, len(name))}.3f}" for name in self.findings]
        if columns:
            lines = ["  ".join([path, f"{record['finding']:{self.says}}", *columns])]
        else:
            lines = [f"{path}  {_found(record)}"]
        wide = shutil.get_terminal_size().columns
        lines += [
            textwrap.fill(check["sentence"], wide, initial_indent="    ! ", subsequent_indent="      ")
            for check in record["quality"]
            if check["level"] == "warning"
        ]
        return "\n".join(lines)


def _found(record: Record) -> str:
    """ "Effusion 0.81, Mass 0.30", or what comes nearest where nothing reaches its operating point."""
    likely = record["probabilities"]
    named = [f"{finding} {likely[finding]:.3f}" for finding in record["found"] or [record["finding"]]]
    return ", ".join(named) if record["found"] else f"nothing; likeliest {named[0]}"


def sheet(names: Sequence[str], findings: Sequence[str], *, multi_label: bool = False) -> Sheet:
    """A table wide enough for these files and findings."""
    if multi_label:
        findings = ()
    longest = max(len("file"), *(len(click.format_filename(name)) for name in names))
    return Sheet(min(_LONGEST, longest), max(len("likeliest"), *map(len, findings)) if findings else 0, tuple(findings))
