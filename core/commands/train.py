"""`train`: from a labelled folder to a checkpoint with its card."""

from pathlib import Path

import click

from core.commands import options
from core.errors import BadSetting

data = click.option(
    "--data",
    envvar="LIGHTBOX_DATA",
    show_envvar=True,
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Folder with cxr.csv (id, file, label, split, patient) and the films it names.",
)


@click.command(short_help="Train, calibrate, measure and store a network.")
@data
@click.option("--name", required=True, metavar="NAME", help="Of the new checkpoint.")
@click.option("--architecture", default="densenet121", show_default=True, metavar="NAME")
@click.option(
    "--findings", default="covid,pneumonia,normal", show_default=True, metavar="A,B,...", help="Labels taken."
)
@click.option(
    "--sizes", default="112,160,224,160,224", show_default=True, metavar="PX,...", help="Input side of each stage."
)
@click.option("--epochs", default="12,1,2,4,2", show_default=True, metavar="N,...", help="Epochs of each stage.")
@click.option(
    "--cycles",
    metavar="N,...",
    help="Epochs of each learning-rate cycle, each of half the peak of the one before.  "
    "[default: 15,6 for the default epochs, else one cycle]",
)
@click.option("--batch", default=32, show_default=True, type=click.IntRange(2), metavar="N", help="Films a step.")
@click.option(
    "--rate", default=2e-3, show_default=True, type=click.FloatRange(0, min_open=True), help="Peak step size."
)
@click.option("--seed", default=0, show_default=True, metavar="N")
@click.option(
    "--runs",
    default=Path("runs"),
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Where the state and the log of each run lie; a killed run goes on from there.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Where the weights and the card go.  [default: beside those that come with Lightbox]",
)
@options.told
def train(
    data: Path,
    name: str,
    architecture: str,
    findings: str,
    sizes: str,
    epochs: str,
    cycles: str | None,
    batch: int,
    rate: float,
    seed: int,
    runs: Path,
    out: Path | None,
) -> None:
    """Train a network, calibrate it, measure it on the test split, and write its weights and card.

    The same command again goes on where a killed run stopped. Uses a GPU where there is one.

    \b
    Examples:
      python -m core train --data ../shared/cxr --name densenet121-cxr3
      python -m core train --data ../shared/cxr --name quick --sizes 64 --epochs 1 --out build
    """
    from core.models import checkpoint as checkpoints
    from core.models.architecture import architectures
    from core.train.fit import Recipe
    from core.train.run import train as run

    lengths = _numbers("--epochs", epochs)
    by_default = Recipe.cycles if lengths == Recipe.epochs else (sum(lengths),)
    recipe = Recipe(
        architecture=architectures[architecture].name,  # an unknown one is told before the films are read
        findings=tuple(part.strip() for part in findings.split(",")),
        sizes=_numbers("--sizes", sizes),
        epochs=lengths,
        cycles=_numbers("--cycles", cycles) if cycles else by_default,
        batch=batch,
        rate=rate,
        seed=seed,
    )
    written = run(data, name=name, recipe=recipe, runs=runs, out=out or checkpoints.SHIPPED)
    click.echo(f"{written.name} is written; `python -m core models` shows its figures.", err=True)


def _numbers(option: str, text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise BadSetting(f"{option} is {text!r}; it must be whole numbers with commas, as in 112,160,224.") from error
