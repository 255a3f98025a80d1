"""`predict`: the probabilities of every finding, film by film."""

import shutil
import textwrap
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import click

from core.commands import files, options
from core.commands.files import Record
from core.commands.registry import command

if TYPE_CHECKING:
    from core.models.ensemble import Model
    from core.types import Cleaning, Radiograph

_LONGEST = 48  # characters of a path in the table


@command("predict", short_help="Predict the findings of films.")
@click.argument("given", metavar="FILE...", nargs=-1, required=True)
@options.model_or_ensemble
@options.as_json
@options.frame
@options.cleaning
def predict(
    given: tuple[str, ...],
    choice: options.ModelChoice,
    as_json: bool,
    frame: int | None,
    cleaning: "Cleaning",
) -> None:
    """Probabilities of all findings for each film, and the warnings of the quality checks.

    FILE is a DICOM, PNG, JPEG, JPEG 2000, TIFF, WebP, AVIF or BMP file, a folder or ZIP archive of them, the DICOMDIR
    of a disc, or - for standard input. A file that cannot be read is reported in its place and the others
    continue; the exit code is then 1.

    \b
    Examples:
      python -m core predict film.dcm
      python -m core predict films/ --json > predictions.jsonl
      python -m core predict upside-down.png --turn 180
      curl -s https://example.org/film.png | python -m core predict -

    \b
    With --json each line holds path, checkpoint, finding (the most likely; for a multi-label model the most likely one
    that reaches its operating point, if any does), found (all that reach theirs), probabilities, prediction_set (the
    findings that cannot be excluded at 90 % coverage, null where they were not fitted), gate, quality, cleaning (how
    the film was prepared) and seconds; or path and error. `gate` holds for each model its ruling (accepted, doubtful,
    refused, drawn, no gate) and the score. A film that the film checks or the model's gate refuse has `withheld`, a
    sentence, in place of the answer, unless --anyway is given.
    """
    classifier = choice.model()
    names = files.film_paths(given)

    table = sheet(names, classifier.checkpoint.findings, multi_label=classifier.checkpoint.multi_label)
    if not as_json:
        click.echo(table.head)
    files.each(
        names,
        lambda path, radiograph: iter([_record(classifier, path, radiograph, cleaning)]),
        show=None if as_json else table.row,
        doing="predicting",
        open_film=partial(files.read_film, frame=frame),
    )


def _record(classifier: "Model", path: str, radiograph: "Radiograph", cleaning: "Cleaning") -> Record:
    """The prediction for one film, or why it is withheld, with the film checks and the gate."""
    from core.lung_network import inspect_film
    from core.models.findings import leading, present
    from core.trust.admission import admission_by
    from core.trust.conformal import prediction_set

    start = time.perf_counter()
    checks = inspect_film(radiograph, cleaning)
    admission = admission_by(checks, [classifier], radiograph, cleaning)
    reason = admission.reason
    chosen = replace(cleaning, anyway=cleaning.anyway and bool(reason))
    answer: Record = {"withheld": reason}
    if not reason or chosen.anyway:
        prediction = classifier.predict(radiograph, cleaning=chosen)
        answer = {
            "finding": leading(prediction, classifier.checkpoint),
            "found": list(present(prediction, classifier.checkpoint)),
            "probabilities": {name: round(prediction.probability(name), 6) for name in prediction.findings},
            "prediction_set": prediction_set(prediction, classifier.checkpoint),
        }
    return {
        "path": path,
        "checkpoint": classifier.checkpoint.name,
        **answer,
        "gate": admission.card(),
        "cleaning": asdict(chosen),
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


@dataclass(frozen=True)
class Sheet:
    """A table printed row by row, so that its column widths are fixed in advance.

    path, finding: characters of the first two columns.
    findings:      one column each; empty for a multi-label model, whose findings are listed per film instead.
    """

    path: int
    finding: int
    findings: tuple[str, ...]

    @property
    def head(self) -> str:
        if not self.findings:
            return f"{'file':{self.path}}  findings"
        columns = [f"{name:>{max(5, len(name))}}" for name in self.findings]
        return "  ".join([f"{'file':{self.path}}", f"{'most likely':{self.finding}}", *columns])

    def row(self, record: Record) -> str:
        """The line of one film, and one below it for each warning."""
        path = click.format_filename(record["path"])
        if len(path) > self.path:
            path = "…" + path[1 - self.path :]
        path = f"{path:{self.path}}"
        if "error" in record:
            return f"{path}  not read: {record['error']}"
        if "withheld" in record:
            return f"{path}  withheld: {record['withheld']} Use --anyway for the answer."
        columns = [f"{record['probabilities'][name]:>{max(5, len(name))}.3f}" for name in self.findings]
        if columns:
            lines = ["  ".join([path, f"{record['finding']:{self.finding}}", *columns])]
        else:
            lines = [f"{path}  {_findings(record)}"]
        wide = shutil.get_terminal_size().columns
        lines += [
            textwrap.fill(check["sentence"], wide, initial_indent="    ! ", subsequent_indent="      ")
            for check in record["quality"]
            if check["level"] == "warning"
        ]
        if inside := record["prediction_set"]:
            lines.append(f"    cannot be excluded at 90 % coverage: {' or '.join(inside)}")
        if refused := [name for name, gate in record["gate"].items() if gate["ruling"] == "refused"]:
            lines.append(f"    ! shown anyway: the film is unlike those that {' and '.join(refused)} learned from")
        return "\n".join(lines)


def _findings(record: Record) -> str:
    """ "Effusion 0.81, Mass 0.30", or the most likely one where nothing reaches its operating point."""
    named = [f"{finding} {record['probabilities'][finding]:.3f}" for finding in record["found"] or [record["finding"]]]
    return ", ".join(named) if record["found"] else f"none; most likely {named[0]}"


def sheet(names: Sequence[str], findings: Sequence[str], *, multi_label: bool = False) -> Sheet:
    """The table, wide enough for these files and findings."""
    if multi_label:
        findings = ()
    longest = max(len("file"), *(len(click.format_filename(name)) for name in names))
    finding = max(len("most likely"), *map(len, findings)) if findings else 0
    return Sheet(min(_LONGEST, longest), finding, tuple(findings))
