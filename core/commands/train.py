"""`train`: from a labelled folder to a checkpoint with its card."""

from pathlib import Path
from typing import Any

import click

from core.commands import options
from core.errors import BadSetting

data = click.option(
    "--data",
    envvar="LIGHTBOX_DATA",
    show_envvar=True,
    required=True,
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder with cxr.csv, a manifest with the columns file, label, split, patient, or the folder of ChestX-ray14.",
)


@click.command(short_help="Train, calibrate, measure and store a network.")
@data
@click.option(
    "--recipe",
    "recipe_file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="TOML with the settings; weights/recipes/ holds those of the shipped checkpoints. Options change it.",
)
@click.option("--name", metavar="NAME", help="Of the new checkpoint.  [default: the recipe's]")
@click.option("--architecture", metavar="NAME", help="See the README's table.  [default: densenet121]")
@click.option(
    "--findings", metavar="A,B,...", help="Labels taken, or a set: chestxray14.  [default: covid,pneumonia,normal]"
)
@click.option("--multi-label", is_flag=True, help="A film may have several findings, or none.")
@click.option("--start", metavar="NAME", help="Checkpoint whose weights to go on from.")
@click.option("--frozen", is_flag=True, help="Compute the features of --start once and train only the last layers.")
@click.option("--sizes", metavar="PX,...", help="Input side of each stage.  [default: 112,160,224]")
@click.option("--epochs", metavar="N,...", help="Epochs of each stage.  [default: 12,4,2]")
@click.option(
    "--cycles", metavar="N,...", help="Epochs of each learning-rate cycle, each of half the peak of the one before."
)
@click.option("--batch", type=click.IntRange(2), metavar="N", help="Films a step.  [default: 32]")
@click.option("--rate", type=click.FloatRange(0, min_open=True), help="Peak step size.  [default: 0.002]")
@click.option(
    "--balance",
    type=click.FloatRange(0, 1),
    help="0: each film once an epoch; 1: each label of each source alike.  [default: 0.5]",
)
@click.option("--patience", type=click.IntRange(0), metavar="N", help="Stop after N epochs without a gain; 0: never.")
@click.option("--replaced", type=click.FloatRange(0, 1), help="Share of films whose background is replaced.")
@click.option("--penalty", type=click.FloatRange(0), help="Weight of the heat outside the lungs in the loss.")
@click.option("--emptied", type=click.FloatRange(0, 1), help="Share of films whose lungs are filled in.")
@click.option("--leave-out", metavar="SOURCE", help="Source of which no film is trained on.")
@click.option("--seed", type=int, metavar="N", help="[default: 0]")
@click.option(
    "--folds",
    metavar="N|source",
    help="Train one network a fold, N of them by patient or one for each source left out, and add their figures to "
    "the card of --name, which has to be there.",
)
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
    recipe_file: Path | None,
    name: str | None,
    folds: str | None,
    runs: Path,
    out: Path | None,
    **given: Any,
) -> None:
    """Train a network, calibrate it, measure it on the test split, and write its weights and card.

    The same command again goes on where a killed run stopped. Uses a GPU where there is one, several under torchrun.

    \b
    Examples:
      python -m core train --data ../shared/cxr --recipe weights/recipes/small-cnn.toml --out build
      python -m core train --data ../shared/cxr --name quick --sizes 64 --epochs 1 --out build
      python -m core train --data ../shared/cxr --name head --start densenet121-plain --frozen --epochs 9 --sizes 192
      torchrun --nproc-per-node 4 -m core train --data ../shared/cxr --name quick --out build
    """
    from core.models import checkpoint as checkpoints
    from core.models.architecture import architectures
    from core.train import lungs, ranks, run
    from core.train.recipe import LungsRecipe, Recipe, changed, notes, read

    recipe = read(recipe_file) if recipe_file else Recipe()
    name = name or (recipe_file.stem if recipe_file else None)
    if name is None:
        raise BadSetting("The new checkpoint needs a name. Give --name, or a --recipe whose file name it takes.")
    if not name or name.startswith(".") or {"/", "\\"} & set(name):
        raise BadSetting(f"--name is {name!r}; it names files, so it has no slash and no dot in front.")
    out = out or checkpoints.SHIPPED
    told = {field: _value(field, value) for field, value in given.items() if value not in (None, False)}
    told_beside = notes(recipe_file) if recipe_file else None
    if isinstance(recipe, LungsRecipe):
        if not ranks.is_first():
            return  # one process does it
        recipe = changed(recipe, told, "The command")
        card = lungs.train(data, recipe=recipe, runs=runs, out=out, notes=told_beside)
        click.echo(f"{card['name']} is written; Dice on the test films {card['metrics']['test']['dice']}.", err=True)
        return
    recipe = changed(recipe, told, "The command")
    _ = architectures[recipe.architecture]  # an unknown one is told before the films are read
    if folds is None:
        written = run.train(data, name=name, recipe=recipe, runs=runs, out=out, notes=told_beside)
        if written is not None:
            click.echo(f"{written.name} is written; `python -m core models` shows its figures.", err=True)
        return
    if folds != "source" and not folds.isdigit():
        raise BadSetting(f"--folds is {folds!r}; it must be a whole number, or `source` to leave one out at a time.")
    for fold in run.across(data, name=name, recipe=recipe, by=folds, runs=runs, out=out):
        click.echo(options.line(fold))


def _value(option: str, value: Any) -> Any:
    """What the recipe takes: names and whole numbers with commas as lists."""
    if option == "findings":
        from core.models.findings import parse

        return list(parse(value))
    if option in ("sizes", "epochs", "cycles"):
        try:
            return [int(part) for part in value.split(",")]
        except ValueError as error:
            raise BadSetting(
                f"--{option} is {value!r}; it must be whole numbers with commas, as in 112,160,224."
            ) from error
    return value
