"""`what-if`: edit a film and ask the model again."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from core.commands import files, options
from core.commands.files import Record
from core.commands.registry import command
from core.errors import BadSetting

if TYPE_CHECKING:
    from core.explain.run import Explained, Request
    from core.models.classifier import Classifier
    from core.types import Checkpoint, Cleaning, Prediction, Radiograph
    from core.what_if.edit import Edit, EditContext


@command("what-if", short_help="Edit a film and see how answer and map change.")
@click.argument("name", metavar="[FILE]", required=False)
@options.one_model
@click.option(
    "--edit",
    "texts",
    multiple=True,
    metavar="EDIT",
    help="NAME[:SETTING=VALUE,...][@REGION], as in blur:sigma=0.05@zone:right lung. Repeatable; applied in order.",
)
@click.option("--region", metavar="REGION", help="Region of all edits without their own: shapes and zones joined by +.")
@click.option("--other", multiple=True, metavar="FILE", help="Film to transplant from. Repeatable.")
@click.option(
    "--sweep",
    "swept",
    metavar="EDIT",
    help="Vary the strength of this edit; gives the range of the same answer.",
)
@click.option("--smallest", is_flag=True, help="Search for the smallest blur that changes the answer.")
@options.finding("Finding of the map; in a multi-label model also the answer that is watched.")
@click.option("--method", default="grad-cam", show_default=True, metavar="NAME", help="Attribution method of the maps.")
@click.option("--list", "listing", is_flag=True, help="List the edits, their settings and the zones, and stop.")
@options.out_picture("Picture to write: before, after, difference.")
@options.as_json
@options.frame
@options.cleaning
def what_if(
    name: str | None,
    choice: options.ModelChoice,
    texts: tuple[str, ...],
    region: str | None,
    other: tuple[str, ...],
    swept: str | None,
    smallest: bool,
    finding: str | None,
    method: str,
    listing: bool,
    out: Path | None,
    as_json: bool,
    frame: int | None,
    cleaning: "Cleaning",
) -> None:
    """Edits a film and asks the model again: probabilities before and after, and whether the answer changes.

    Positions are shares of the film's width and height from its upper left corner. A REGION is
    rectangle:LEFT,UPPER,RIGHT,LOWER, ellipse: with the same four numbers, lasso:X,Y,X,Y,..., brush:WIDTH,X,Y,...,
    zone:NAME, or several joined by +. The network's square keeps its place on the unedited film.

    \b
    Examples:
      python -m core what-if --list
      python -m core what-if film.dcm --edit blur --region "zone:right lung" --out lung.png
      python -m core what-if film.dcm --edit gamma:gamma=1.3 --edit "black@rectangle:0,0,0.15,0.15" --json
      python -m core what-if film.dcm --sweep rotate
      python -m core what-if film.dcm --smallest --out smallest.png

    With --json one line: path, checkpoint, finding and, for edits, edits, before, after, turned; for --sweep setting,
    values, probabilities, low, high, sentence; for --smallest edits, share, before, after, turned, sentence.
    """
    from core.explain.run import Request, explain_many

    if listing:
        click.echo(_listed())
        return
    if name is None:
        raise BadSetting("No film is given. Name a FILE, or use --list to see the edits.")
    if not (texts or swept or smallest):
        raise BadSetting("Nothing to try. Give --edit, --sweep or --smallest; --list shows the edits.")
    if swept and smallest:
        raise BadSetting("Give either --sweep or --smallest.")
    files.refuse_out(out, picture=True)
    changes = [_edit(text, region) for text in texts]
    classifier = choice.classifier()
    radiograph, cleaning = files.read_meaningful(name, cleaning, classifier, frame=frame)
    before = classifier.predict(radiograph, cleaning=cleaning)
    explained = finding or _leading(before, classifier.checkpoint)
    request = Request(method, explained)
    first = explain_many(classifier, radiograph, [request], cleaning=cleaning)
    context = _context(radiograph, cleaning, first, other)
    head: Record = {"path": name, "checkpoint": classifier.checkpoint.name, "finding": explained}
    if swept:
        if out:
            raise BadSetting("--sweep gives a curve and writes no picture. Leave out --out.")
        _echo(head | _sweep(classifier, context, _edit(swept, region), changes, explained), as_json)
        return
    record, picture = _attempt(classifier, context, changes, request, first, smallest=smallest, out=out)
    files.finish(head | record, {out: picture} if out else {}, show=None if as_json else _text, force=True)


def _edit(text: str, region: str | None) -> "Edit":
    """The edit; with `region` where it names none and takes one."""
    from core.what_if.edit import edits, parsed_edit

    takes = edits[text.partition("@")[0].partition(":")[0].strip()].scope != "film"
    return parsed_edit(f"{text}@{region}" if region and "@" not in text and takes else text)


def _leading(prediction: "Prediction", checkpoint: "Checkpoint") -> str:
    from core.models.findings import leading

    return leading(prediction, checkpoint)


def _context(
    radiograph: "Radiograph", cleaning: "Cleaning", first: "Explained", other: tuple[str, ...]
) -> "EditContext":
    from core.what_if.edit import EditContext

    others = [files.read_film(each) for each in other]
    return EditContext(radiograph, cleaning, first.maps[0], {film.key: film for film in others})


def _attempt(
    classifier: "Classifier",
    context: "EditContext",
    changes: "list[Edit]",
    request: "Request",
    first: "Explained",
    *,
    smallest: bool,
    out: Path | None,
) -> tuple[Record, bytes]:
    """The answer for the edits, or with --smallest for the smallest blur after them; and the picture, if requested."""
    from core.what_if.answer import edited_answer
    from core.what_if.log import attempt
    from core.what_if.picture import before_and_after
    from core.what_if.turning import turning

    record: Record = {}
    before = first.prediction
    if smallest:
        if changes:
            before = edited_answer(classifier, context, changes).prediction
        blur = turning(classifier, context, finding=request.finding, before=before, earlier=changes)
        record = {"share": round(blur.share, 4), "sentence": blur.sentence}
        changes = list(blur.answer.edits)
    answer = edited_answer(classifier, context, changes, request=request)
    line = attempt("", classifier.checkpoint, request.finding, before, answer).record
    record = {name: line[name] for name in ("edits", "words", "before", "after", "turned")} | record
    picture = files.png(before_and_after(context.radiograph, first.maps[0], answer)) if out else b""
    return record, picture


def _sweep(
    classifier: "Classifier", context: "EditContext", change: "Edit", earlier: "list[Edit]", finding: str
) -> Record:
    from core.what_if.answer import edited_answer
    from core.what_if.sweep import sweep

    before = edited_answer(classifier, context, earlier).prediction
    result = sweep(classifier, context, change, finding=finding, before=before, earlier=earlier)
    return {
        "edits": [each.text for each in earlier],
        "sweep": change.text,
        "setting": result.setting,
        "values": [round(float(value), 6) for value in result.values],
        "probabilities": {
            name: [round(float(value), 6) for value in result.probabilities[:, place]]
            for place, name in enumerate(result.findings)
        },
        "low": round(result.low, 6),
        "high": round(result.high, 6),
        "holds_throughout": result.holds_throughout,
        "sentence": result.sentence,
    }


def _echo(record: Record, as_json: bool) -> None:
    click.echo(options.line(record) if as_json else _text(record))


def _text(record: Record) -> str:
    head = f"{record['path']}: {record['checkpoint']}"
    if "sweep" in record:
        names = list(record["probabilities"])
        rows = [[record["setting"], *names]]
        for place, value in enumerate(record["values"]):
            rows.append([f"{value:g}", *(f"{record['probabilities'][name][place]:.3f}" for name in names)])
        return "\n".join([head, _indented(rows), f"  {record['sentence']}"])
    rows = [["finding", "before", "after", "change"]]
    for name, value in record["before"].items():
        after = record["after"][name]
        rows.append([name, f"{value:.3f}", f"{after:.3f}", f"{after - value:+.3f}"])
    turned = "The answer changes." if record["turned"] else "The answer holds."
    lines = [head, *(f"  {text}" for text in record["edits"]), _indented(rows), f"  {record.get('sentence', turned)}"]
    return "\n".join([*lines, *(f"  written: {path}" for path in record["written"])])


def _indented(rows: list[list[str]]) -> str:
    return "\n".join(f"  {line}" for line in options.table(rows).splitlines())


def _listed() -> str:
    from core.what_if.edit import SCOPES, edits
    from core.what_if.zones import ZONES

    rows = [["edit", "where", "what it does"]]
    for name, kind in edits.items():
        rows.append([name, SCOPES[kind.scope], kind.plain])
        for each in kind.settings:
            span = ", ".join(each.choices) if each.choices else f"{each.low} to {each.high}"
            limits = "" if each.kind is str and not each.choices else f" ({span})"
            rows.append([f"  {each.name}={each.default}", "", f"{each.meaning}{limits}"])
    zones = f"zones: {', '.join(ZONES)}, and anatomical regions such as right lower lung, heart and mediastinum, neck"
    return f"{options.table(rows)}\n{zones}"
