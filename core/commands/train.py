"""`train`: from labelled films to a checkpoint with its card."""

from pathlib import Path
from typing import Any

import click

from core.commands import options
from core.commands.registry import command
from core.errors import BadSetting

data = click.option(
    "--data",
    envvar="LIGHTBOX_DATA",
    show_envvar=True,
    required=True,
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder with cxr.csv or films.csv, a manifest with the columns file, label, split, patient, or the folder of "
    "ChestX-ray14; give it again for each further set. Labels are corrected by a set's rereads.csv.",
)


@command("train", short_help="Train, calibrate, evaluate and save a model.")
@data
@click.option(
    "--recipe",
    "recipe_file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="TOML file of settings; weights/recipes/ holds those of the shipped models. Options override it.",
)
@click.option("--name", metavar="NAME", help="Name of the new checkpoint.  [default: that of the recipe]")
@click.option(
    "--architecture", metavar="NAME", help="Network architecture; guide/training.md lists them.  [default: densenet121]"
)
@click.option(
    "--findings", metavar="A,B,...", help="Labels to learn, or a set: chestxray14.  [default: covid,pneumonia,normal]"
)
@click.option("--multi-label", is_flag=True, help="A film may have any number of findings.")
@click.option("--start", metavar="NAME", help="Checkpoint to start from, or `imagenet`.")
@click.option("--frozen", is_flag=True, help="Compute the features of --start once and train only the last layers.")
@click.option("--sizes", metavar="PX,...", help="Input size in each phase of the training.  [default: 112,160,224]")
@click.option("--epochs", metavar="N,...", help="Epochs in each phase.  [default: 12,4,2]")
@click.option(
    "--cycles",
    metavar="N,...",
    help="Epochs in each learning-rate cycle; each cycle peaks at half the rate of the one before.",
)
@click.option("--batch", type=click.IntRange(2), metavar="N", help="Films per step.  [default: 32]")
@click.option("--rate", type=click.FloatRange(0, min_open=True), help="Peak learning rate.  [default: 0.002]")
@click.option(
    "--balance",
    type=click.FloatRange(0, 1),
    help="Sampling: 0 for each film once per epoch, 1 for all labels of all sources equally.  [default: 0.5]",
)
@click.option(
    "--patience",
    type=click.IntRange(0),
    metavar="N",
    help="Stop after N epochs without improvement; 0 to never stop early.",
)
@click.option(
    "--replaced", type=click.FloatRange(0, 1), help="Share of films whose background outside the lungs is replaced."
)
@click.option("--penalty", type=click.FloatRange(0), help="Weight of the heat outside the lungs in the loss.")
@click.option("--emptied", type=click.FloatRange(0, 1), help="Share of films whose lungs are filled in.")
@click.option("--leave-out", metavar="NAME", help="Source, or hospital with several sources, to exclude from training.")
@click.option("--seed", type=int, metavar="N", help="[default: 0]")
@click.option(
    "--folds",
    metavar="N|source|hospital",
    help="Cross-validate: N folds by patient, or one per source or hospital left out; add the figures to the card of "
    "--name, "
    "which must exist.",
)
@click.option(
    "--runs",
    default=Path("runs"),
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Folder for the state and the log of each run; an interrupted run resumes from there.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Folder for the weights and the card.  [default: that of the shipped models]",
)
def train(
    data: tuple[Path, ...],
    recipe_file: Path | None,
    name: str | None,
    folds: str | None,
    runs: Path,
    out: Path | None,
    **fields: Any,
) -> None:
    """Train a network, calibrate it, evaluate it on the test split, and write its weights and card.

    Run the same command again to resume an interrupted run. Uses a GPU if there is one, several under torchrun.

    \b
    Examples:
      python -m core train --data ../shared/cxr --recipe weights/recipes/small-cnn.toml --out build
      python -m core train --data ../shared/cxr --name quick --sizes 64 --epochs 1 --out build
      python -m core train --data ../shared/cxr --name head --start densenet121-plain --frozen --epochs 9 --sizes 192
      torchrun --nproc-per-node 4 -m core train --data ../shared/cxr --name quick --out build
    """
    from core import device_network, lung_network
    from core.models import checkpoints
    from core.models.architecture import architectures
    from core.train import cross_validation, devices, lungs, ranks, run
    from core.train.recipe import Recipe, SegmentationRecipe, changed, notes, read

    recipe = read(recipe_file) if recipe_file else Recipe()
    name = name or (recipe_file.stem if recipe_file else None)
    if name is None:
        raise BadSetting("The new checkpoint needs a name. Give --name, or a --recipe, whose file name is then used.")
    if not name or name.startswith(".") or {"/", "\\"} & set(name):
        raise BadSetting(f"--name is {name!r}; it names files, so it must not contain slashes or start with a dot.")
    out = out or checkpoints.SHIPPED
    overrides = {field: _value(field, value) for field, value in fields.items() if value not in (None, False)}
    recipe_notes = notes(recipe_file) if recipe_file else None
    if isinstance(recipe, SegmentationRecipe):
        if not ranks.is_first():
            return  # trained in one process
        recipe = changed(recipe, overrides, "The command")
        train_one = {device_network.NAME: devices.train, lung_network.NAME: lungs.train}[recipe.architecture]
        card = train_one(data, recipe=recipe, runs=runs, out=out, notes=recipe_notes)
        click.echo(f"{card['name']} is written; Dice on the test films {card['metrics']['test']['dice']}.", err=True)
        return
    recipe = changed(recipe, overrides, "The command")
    _ = architectures[recipe.architecture]  # refuses an unknown name before the films are read
    if folds is None:
        written = run.train(data, name=name, recipe=recipe, runs=runs, out=out, notes=recipe_notes)
        if written is not None:
            click.echo(f"{written.name} is written; `python -m core models` shows its figures.", err=True)
        return
    if folds not in ("source", "hospital") and not folds.isdigit():
        raise BadSetting(f"--folds is {folds!r}; it must be a whole number, source or hospital.")
    for fold in cross_validation.across(data, name=name, recipe=recipe, by=folds, runs=runs, out=out):
        click.echo(options.line(fold))


def _value(option: str, value: Any) -> Any:
    """The value as the recipe holds it; comma-separated names and whole numbers as lists."""
    if option == "findings":
        from core.models.findings import parse

        return list(parse(value))
    if option in ("sizes", "epochs", "cycles"):
        try:
            return [int(part) for part in value.split(",")]
        except ValueError as error:
            raise BadSetting(
                f"--{option} is {value!r}; it must be whole numbers separated by commas, as in 112,160,224."
            ) from error
    return value
