"""`sensitivity`: the same film under other preprocessing."""

from typing import TYPE_CHECKING

import click

from core.commands import files, options
from core.commands.files import Record
from core.commands.registry import command

if TYPE_CHECKING:
    from core.models.classifier import Classifier
    from core.types import Cleaning, Radiograph


@command("sensitivity", short_help="Test whether other preprocessing changes the answer.")
@click.argument("given", metavar="FILE...", nargs=-1, required=True)
@options.one_model
@options.finding("Finding whose answer is watched, in a multi-label model.")
@options.as_json
@options.frame
@options.cleaning
def sensitivity(
    given: tuple[str, ...],
    choice: options.ModelChoice,
    finding: str | None,
    as_json: bool,
    frame: int | None,
    cleaning: "Cleaning",
) -> None:
    """Prepares each film as other programs do, by choice or by mistake, and compares the answers: resize filters, a
    forgotten 1/255, 8 instead of 16 bits, other windows, inverted grey, channel order, borders, shape, label order.

    A warning names every variant that changes the answer.

    \b
    Examples:
      python -m core sensitivity film.dcm
      python -m core sensitivity films/ --checkpoint efficientnet-lite0 --json > sensitivity.jsonl

    With --json each line holds path, checkpoint, finding, sentence and variants: each with group, variant,
    probabilities, shift (the largest change of a probability) and turned, or reason (why it does not apply); or path
    and error.
    """
    from core.models.findings import place_of

    classifier = choice.classifier()
    if finding is not None:
        place_of(classifier.checkpoint.findings, finding)

    def open_film(name: str) -> "Radiograph":
        return files.read_meaningful(name, cleaning, classifier, frame=frame)[0]

    files.each(
        files.film_paths(given),
        lambda path, radiograph: iter([_record(classifier, path, radiograph, finding, cleaning)]),
        show=None if as_json else _text,
        doing="reading in other ways",
        open_film=open_film,
    )


def _record(
    classifier: "Classifier", path: str, radiograph: "Radiograph", finding: str | None, cleaning: "Cleaning"
) -> Record:
    from core.models.findings import leading
    from core.what_if.preprocessing import preprocessing_answers, preprocessing_warning

    before = classifier.predict(radiograph, cleaning=cleaning)
    judged = finding or leading(before, classifier.checkpoint)
    answers = preprocessing_answers(classifier, radiograph, finding=judged, before=before, cleaning=cleaning)
    rows: list[Record] = []
    for each in answers:
        row: Record = {"group": each.group, "variant": each.title}
        if each.prediction is None:
            rows.append(row | {"reason": each.reason})
            continue
        likely = {name: round(each.prediction.probability(name), 6) for name in each.prediction.findings}
        rows.append(row | {"probabilities": likely, "shift": round(each.shift, 6), "turned": each.turned})
    return {
        "path": path,
        "checkpoint": classifier.checkpoint.name,
        "finding": judged,
        "probabilities": {name: round(before.probability(name), 6) for name in before.findings},
        "sentence": preprocessing_warning(answers, classifier.checkpoint, judged),
        "variants": rows,
    }


def _text(record: Record) -> str:
    if "error" in record or "withheld" in record:
        return f"{record['path']}  not tried: {record.get('error') or record['withheld']}"
    names = list(record["probabilities"])
    rows = [["preprocessing", *names, "change", ""]]
    rows.append(["as the card says", *(f"{record['probabilities'][name]:.3f}" for name in names), "", ""])
    for each in record["variants"]:
        title = f"{each['group']}: {each['variant']}"
        if "reason" in each:
            rows.append([title, *("" for _ in names), "", each["reason"]])
        else:
            likely = (f"{each['probabilities'][name]:.3f}" for name in names)
            rows.append([title, *likely, f"{each['shift']:.3f}", "CHANGES" if each["turned"] else ""])
    lines = "\n".join(f"  {line}" for line in options.table(rows).splitlines())
    return f"{record['path']}: {record['checkpoint']}\n{lines}\n  {record['sentence']}"
