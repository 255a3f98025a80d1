"""`layers concepts`: which concepts the score of a finding is sensitive to (TCAV)."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from core.commands import options
from core.commands.registry import command

if TYPE_CHECKING:
    from core.layers.concepts.result import ConceptResult, Sensitivity


@command("layers concepts", short_help="Test sensitivity to concepts (TCAV).")
@options.one_model
@click.option("--data", type=click.Path(path_type=Path), metavar="DIR", help="Folder or table of films.")
@click.option("--split", metavar="NAME", help="Only films of this split of the table.")
@options.phantoms
@options.limit(60)
@click.option("--concept", "names", multiple=True, metavar="NAME", help="Concept to test. Repeatable.  [default: all]")
@click.option(
    "--examples",
    type=click.Path(exists=True, path_type=Path),
    metavar="DIR",
    help="Films that show a concept of your own.",
)
@click.option(
    "--stage", "stages", multiple=True, metavar="NAME", help="Stage to test. Repeatable.  [default: the last two]"
)
@click.option(
    "--finding", "findings", multiple=True, metavar="NAME", help="Finding to test. Repeatable.  [default: all]"
)
@click.option(
    "--runs", default=20, show_default=True, type=int, metavar="N", help="Concept directions to learn per concept."
)
@options.seed("Random seed for places, sizes and splits.")
@options.as_json
def concepts(
    choice: options.ModelChoice,
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
    """Whether the score of a finding is sensitive to a concept at a stage, compared with chance (TCAV).

    The concepts are drawn into the films: a side marker, burnt-in text, a pacemaker, a lung opacity, over-exposure,
    rotation. A folder of examples adds a concept of your own. Each score comes with the measured change of the logit.

    \b
    Examples:
      python -m core layers concepts --checkpoint densenet121-plain --data ../shared/cxr --concept side-marker
      python -m core layers concepts --phantoms 40 --stage "stage 4" --finding covid --json
      python -m core layers concepts --data films/ --examples tubes/
    """
    from core.errors import BadSetting
    from core.layers import reference
    from core.layers.concepts.synthetic import synthetic_concepts
    from core.layers.concepts.tcav import tcav_results

    if (data is None) == (phantoms is None):
        raise BadSetting("The test needs films: give either --data DIR or --phantoms N.")
    classifier = choice.classifier()
    with classifier.alone() as network:
        usual = tuple(network.stages)[-2:]
    films = (
        reference.phantoms(phantoms or 0)
        if data is None
        else reference.some(reference.from_data(data, split=split), limit)
    )
    tests = tcav_results(
        classifier,
        films,
        names or (() if examples else tuple(synthetic_concepts)),
        examples=reference.from_data(examples) if examples else None,
        stages=stages or usual,
        findings=findings,
        runs=runs,
        seed=seed,
        progress=True,
    )
    for name, reason in tests.skipped:
        click.echo(f"{name} was skipped: {reason}", err=True)
    if as_json:
        for each in tests.answers:
            click.echo(options.line({"checkpoint": tests.checkpoint, "set": tests.description, **each.record()}))
        return
    click.echo(_text(tests))


def _text(tests: "Sensitivity") -> str:
    head = f"{tests.checkpoint}, {tests.films} films ({tests.description}), {tests.runs} directions per concept\n"
    rows = [["", "stage", "finding", "TCAV", "random", "p", "steeper than", "separable", "", "measured change"]]
    rows += [_row(each) for each in tests.answers]
    first = [each.sentence for each in tests.answers if each.verdict == "sensitive"][:1] or [tests.answers[0].sentence]
    return "\n".join([head, options.table(rows), "", *first])


def _row(answer: "ConceptResult") -> list[str]:
    return [
        answer.title,
        answer.stage,
        answer.finding,
        f"{answer.score:.2f}",
        f"{answer.random.mean():.2f}",
        f"{answer.corrected:.3f}",
        f"{100 * answer.steeper:.0f} %",
        f"{answer.accuracy:.2f}",
        answer.plain,
        answer.moved,
    ]
