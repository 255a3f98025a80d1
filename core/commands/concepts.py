"""`layers concepts` and `layers parts`: what a network's score hangs on, and what a stage's maps are made of."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from core.commands import files, options

if TYPE_CHECKING:
    from core.layers.concepts.answer import Answer, Sensitivity
    from core.layers.parts import Parts
    from core.types import Cleaning


@click.command("concepts")
@options.checkpoint
@options.weights
@click.option("--data", type=click.Path(path_type=Path), metavar="DIR", help="Films: a folder, or a table of them.")
@click.option("--split", metavar="NAME", help="Films of this split; only for tables.")
@click.option("--phantoms", type=click.IntRange(1), metavar="N", help="So many drawn films instead.")
@click.option("--limit", default=60, show_default=True, type=click.IntRange(1), metavar="N", help="Films, at random.")
@click.option("--concept", "names", multiple=True, metavar="NAME", help="May be repeated.  [default: all]")
@click.option(
    "--examples",
    type=click.Path(exists=True, path_type=Path),
    metavar="DIR",
    help="Films that show a concept of yours.",
)
@click.option("--stage", "stages", multiple=True, metavar="NAME", help="May be repeated.  [default: the last two]")
@click.option("--finding", "findings", multiple=True, metavar="NAME", help="May be repeated.  [default: all]")
@click.option("--runs", default=20, show_default=True, type=int, metavar="N", help="Directions of each concept.")
@click.option("--seed", default=0, show_default=True, metavar="N", help="Of places, sizes and splits.")
@options.as_json
@options.told
def concepts(
    checkpoint: str | None,
    weights: Path | None,
    data: Path | None,
    split: str | None,
    phantoms: int | None,
    limit: int,
    names: tuple[str, ...],
    examples: Path | None,
    stages: tuple[str, ...],
    findings: tuple[str, ...],
    runs: int,
    seed: int,
    as_json: bool,
) -> None:
    """Whether a finding's score is sensitive to a concept at a stage, against chance (TCAV).

    The concepts are drawn into the films: a side marker, burnt-in text, a pacemaker, an opacity in a lung, too much
    exposure, a film lying askew. A folder of examples shows one of your own. Beside each score stands by how much the
    logit really changes.

    \b
    Examples:
      python -m core layers concepts --checkpoint densenet121-plain --data ../shared/cxr --concept side-marker
      python -m core layers concepts --phantoms 40 --stage "stage 4" --finding covid --json
      python -m core layers concepts --data films/ --examples tubes/
    """
    from core.errors import BadSetting
    from core.layers import reference
    from core.layers.concepts.made import concepts as made
    from core.layers.concepts.tcav import sensitivity

    if (data is None) == (phantoms is None):
        raise BadSetting("The films come from --data DIR or from --phantoms N. Give one of them.")
    classifier = options.classifier(checkpoint, weights)
    with classifier.alone() as network:
        usual = tuple(network.stages)[-2:]
    films = (
        reference.phantoms(phantoms or 0)
        if data is None
        else reference.some(reference.from_data(data, split=split), limit)
    )
    found = sensitivity(
        classifier,
        films,
        names or (() if examples else tuple(made)),
        examples=reference.from_data(examples) if examples else None,
        stages=stages or usual,
        findings=findings,
        runs=runs,
        seed=seed,
        progress=True,
    )
    for name, reason in found.skipped:
        click.echo(f"{name} was left out: {reason}", err=True)
    if as_json:
        for each in found.answers:
            click.echo(options.line({"checkpoint": found.checkpoint, "set": found.told, **each.record()}))
        return
    click.echo(_told(found))


@click.command("parts")
@click.argument("film", metavar="FILM")
@options.checkpoint
@options.weights
@click.option("--stage", metavar="NAME", help="Whose maps.  [default: the last]")
@click.option("--count", default=5, show_default=True, type=int, metavar="N", help="Parts, 3 to 8.")
@click.option("--finding", "findings", multiple=True, metavar="NAME", help="What the parts count for.  [default: all]")
@click.option("--with", "others", multiple=True, metavar="FILM", help="Another film with the same parts; repeat it.")
@click.option("--seed", default=0, show_default=True, metavar="N", help="Of the factorisation.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE.png", help="The picture.")
@options.cleaning
@options.as_json
@options.told
def parts(
    film: str,
    checkpoint: str | None,
    weights: Path | None,
    stage: str | None,
    count: int,
    findings: tuple[str, ...],
    others: tuple[str, ...],
    seed: int,
    out: Path | None,
    as_json: bool,
    cleaning: "Cleaning",
) -> None:
    """A stage's maps on a film, taken apart into a few regions (non-negative factorisation).

    \b
    Examples:
      python -m core layers parts film.png --checkpoint densenet121-lungs --stage "stage 4" --count 5 --out parts.png
      python -m core layers parts film.png --finding covid --json
    """
    from core.layers.parts import parts as parts_of
    from core.overlay import regions

    files.refuse_out(out, picture=True)
    classifier, radiograph = options.classifier(checkpoint, weights), files.read_film(film)
    card = classifier.checkpoint
    with classifier.alone() as network:
        stage = stage or network.last_stage
    found = parts_of(
        classifier,
        radiograph,
        stage,
        count=count,
        findings=findings or card.findings,
        others=[files.read_film(other) for other in others],
        seed=seed,
        cleaning=cleaning,
    )
    made = {}
    if out is not None:
        picture = regions(radiograph, found.maps, found.placement, words=found.words(), title=found.title(card.name))
        made[out] = files.png(picture)
    record = {"path": film, "checkpoint": card.name, **found.record()}
    files.hand_over(record, made, show=None if as_json else partial(_made, found))


def _told(found: "Sensitivity") -> str:
    head = f"{found.checkpoint}, {found.films} films ({found.told}), {found.runs} directions of each concept\n"
    rows = [["", "stage", "finding", "TCAV", "at random", "p", "steeper than", "told apart", "", "what really changes"]]
    rows += [_row(each) for each in found.answers]
    first = [each.sentence for each in found.answers if each.verdict == "sensitive"][:1] or [found.answers[0].sentence]
    return "\n".join([head, options.table(rows), "", *first])


def _row(answer: "Answer") -> list[str]:
    return [
        answer.title,
        answer.stage,
        answer.finding,
        f"{answer.score:.2f}",
        f"{answer.random.mean():.2f}",
        f"{answer.corrected:.3f}",
        f"{100 * answer.steeper:.0f} %",
        f"{answer.accuracy:.2f}",
        answer.verdict,
        answer.moved,
    ]


def _made(found: "Parts", record: "files.Record") -> str:
    findings = list(found.relevance)
    rows = [["", "of the film", "units", *(f"{finding}, logits" for finding in findings)]]
    for part in range(len(found)):
        units = ", ".join(str(channel) for channel, _ in found.units(part))
        counts: list[Any] = [f"{found.relevance[finding][part]:+.2f}" for finding in findings]
        rows.append([f"part {part + 1}", f"{100 * found.areas[part]:.0f} %", units, *counts])
    rows.append(["the rest", "", "", *(f"{found.rest[finding]:+.2f}" for finding in findings)])
    return "\n\n".join([options.table(rows), found.sentence, *record["written"]])
