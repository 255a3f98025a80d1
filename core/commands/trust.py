"""`trust`: four verdicts on an answer and its map."""

import shutil
import textwrap
from functools import partial
from typing import TYPE_CHECKING

import click

from core.commands import files, options
from core.commands.files import Record
from core.commands.registry import command

if TYPE_CHECKING:
    from core.models.classifier import Classifier
    from core.trust.measure import Fill
    from core.trust.verdicts import Verdict
    from core.types import Cleaning, Radiograph


@command("trust", short_help="Judge an answer and its map in four verdicts.")
@click.argument("given", metavar="FILE...", nargs=-1, required=True)
@options.one_model
@click.option(
    "--method",
    default="grad-cam",
    show_default=True,
    metavar="NAME",
    help="Attribution method of the map; `methods` lists them.",
)
@options.finding("Finding to judge.")
@click.option(
    "--fill",
    type=click.Choice(["blur", "mean", "noise", "in-painting"]),
    default="blur",
    show_default=True,
    help="Fill for removed parts of the film.",
)
@click.option("--quick", is_flag=True, help="Only the measures that cost a dozen network passes at most.")
@options.as_json
@options.frame
@options.cleaning
def trust(
    given: tuple[str, ...],
    choice: options.ModelChoice,
    method: str,
    finding: str | None,
    fill: "Fill",
    quick: bool,
    as_json: bool,
    frame: int | None,
    cleaning: "Cleaning",
) -> None:
    """Four verdicts on each film's answer and map: may the model be asked, how sure is it, does the map show what the
    model used, is that a reason?

    FILE is a film, a folder or ZIP archive of films, or - for standard input. Each verdict is "holds", "doubtful",
    "fails" or "unjudged" (cannot be judged), with the figures behind it. If the model may not be asked about a film,
    the other three are unjudged, unless --anyway is given.

    \b
    Examples:
      python -m core trust film.dcm
      python -m core trust film.dcm --checkpoint efficientnet-lite0 --method layer-cam --finding covid
      python -m core trust films/ --quick --json > verdicts.jsonl

    With --json each line holds path, summary (the answer in one line), checkpoint, finding, method and verdicts:
    domain, certainty, faithfulness, reason, each with verdict, sentence and figures; or path and error.
    """
    from core.explain.method import methods
    from core.models.findings import place_of

    chosen = methods[method].name
    classifier = choice.classifier()
    if finding is not None:
        place_of(classifier.checkpoint.findings, finding)
    files.each(
        files.film_paths(given),
        lambda path, radiograph: iter([_record(classifier, path, radiograph, chosen, finding, fill, quick, cleaning)]),
        show=None if as_json else _text,
        doing="judging",
        open_film=partial(files.read_film, frame=frame),
    )


def _record(
    classifier: "Classifier",
    path: str,
    radiograph: "Radiograph",
    method: str,
    finding: str | None,
    fill: "Fill",
    quick: bool,
    cleaning: "Cleaning",
) -> Record:
    from core.compare.anatomical_regions import anatomical_places, locate_heat
    from core.errors import NoLungs, Unfit
    from core.explain.run import explain
    from core.models.findings import leading
    from core.trust.measure import CHEAP, COSTS, Question
    from core.trust.verdicts import verdicts
    from core.verdict_line import call, verdict_line

    prediction = classifier.predict(radiograph, cleaning=cleaning)
    explained = finding or leading(prediction, classifier.checkpoint)
    try:
        explanation = explain(classifier, radiograph, finding=explained, method=method, cleaning=cleaning)
    except (NoLungs, Unfit) as error:
        return {"path": path, "error": f"{path}: no map by {method}, so nothing can be judged. {error}"}
    question = Question(classifier, radiograph, explanation, cleaning, fill)
    results = verdicts(question, costs=CHEAP if quick else tuple(COSTS))
    location = locate_heat(anatomical_places(radiograph, explanation.cleaning), explanation)
    line = verdict_line(call(prediction, classifier.checkpoint), explanation, location, results, quick=quick)
    return {
        "path": path,
        "summary": line.text,
        "checkpoint": classifier.checkpoint.name,
        "finding": explained,
        "method": method,
        "verdicts": {each.aspect: _verdict(each) for each in results},
    }


def _verdict(verdict: "Verdict") -> Record:
    from core.trust.verdicts import word

    return {
        "verdict": verdict.word,
        "sentence": verdict.sentence,
        "figures": [
            {
                "name": figure.name,
                "title": figure.title,
                "verdict": word(figure),
                "value": round(float(figure.value), 4),
                "unit": figure.unit,
                "sentence": figure.text,
            }
            for figure in verdict.figures
        ],
    }


def _text(record: Record) -> str:
    from core.trust.measure import ASPECTS
    from core.trust.verdicts import WORDS

    if "error" in record:
        return f"{record['path']}  not judged: {record['error']}"
    head = f"{record['path']}: {record['finding']} by {record['checkpoint']}, map by {record['method']}"
    rows = [["question", "verdict", "value"]]
    sentences = []
    for aspect, title in ASPECTS.items():
        verdict = record["verdicts"][aspect]
        rows.append([title, WORDS[verdict["verdict"]], ""])
        for figure in verdict["figures"]:
            known = figure["value"] == figure["value"]
            value = f"{figure['value']:.3g} {figure['unit']}".strip() if known else "–"
            rows.append([f"  {figure['title']}", WORDS[figure["verdict"]], value])
        sentences.append(_wrapped(f"{title} {verdict['sentence']}"))
    lines = options.table(rows).splitlines()
    return "\n".join([head, _wrapped(record["summary"]), *(f"  {line}" for line in lines), *sentences, ""])


def _wrapped(sentence: str) -> str:
    width = shutil.get_terminal_size().columns
    return textwrap.fill(sentence, width, initial_indent="  ", subsequent_indent="    ")
