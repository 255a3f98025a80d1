"""What commands share: options, loading the model, records as JSON lines, tables."""

import functools
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from core.errors import BadCheckpoint, BadSetting

if TYPE_CHECKING:
    from core.models.classifier import Classifier
    from core.models.ensemble import Model

Command = Callable[..., None]
Decorator = Callable[[Command], Command]

frame = click.option(
    "--frame", type=click.IntRange(min=1), metavar="N", help="Frame or page to read, of a file that holds several."
)
anyway = click.option(
    "--anyway", is_flag=True, help="Answer even where the film checks or the model's gate withhold it."
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
weights = click.option(
    "--weights",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Folder of checkpoints.  [default: those that come with Lightbox, and your own]",
)
split_of_table = click.option(
    "--split", metavar="NAME", help="Only films of this split.  [default: test, if the table has splits]"
)
phantoms = click.option("--phantoms", type=click.IntRange(1), metavar="N", help="Use N drawn chests instead.")
resamples = click.option(
    "--resamples",
    default=1000,
    show_default=True,
    type=click.IntRange(10),
    metavar="N",
    help="Bootstrap resamples per interval.",
)
fill = click.option(
    "--fill",
    type=click.Choice(["zero", "mean"]),
    default="zero",
    show_default=True,
    help="Value that replaces the units.",
)


def limit(default: int) -> Decorator:
    """`--limit`: the number of films to use."""
    return click.option(
        "--limit",
        default=default,
        show_default=True,
        type=click.IntRange(1),
        metavar="N",
        help="Films to use, chosen at random.",
    )


def seed(help: str) -> Decorator:
    """`--seed`, 0 by default."""
    return click.option("--seed", default=0, show_default=True, metavar="N", help=help)


def stage(help: str) -> Decorator:
    """`--stage`: one stage of the network."""
    return click.option("--stage", metavar="NAME", help=f"{help}  [default: the last]")


def finding(help: str) -> Decorator:
    """`--finding`: one finding of the network."""
    return click.option("--finding", metavar="NAME", help=f"{help}  [default: the most likely one]")


def atlas(help: str) -> Decorator:
    """`--atlas`: the folder of an atlas."""
    return click.option("--atlas", type=click.Path(exists=True, path_type=Path), metavar="DIR", help=help)


def out_folder(help: str) -> Decorator:
    """`--out`: a folder to write to."""
    return click.option("--out", type=click.Path(file_okay=False, path_type=Path), metavar="DIR", help=help)


def out_picture(help: str) -> Decorator:
    """`--out`: a PNG file to write."""
    return click.option("--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE.png", help=help)


ALL = "all"  # in place of a model's name


def all_names(weights: Path | None) -> list[str]:
    """The names of all models in the folder, or of those that come with Lightbox and your own."""
    from core.models import checkpoints, library

    return checkpoints.names(weights) if weights else library.names()


@dataclass(frozen=True)
class ModelChoice:
    """The model that the options name; read only on demand. weights: the folder, if given."""

    name: str | None
    weights: Path | None

    def classifier(self) -> "Classifier":
        """The named checkpoint, or the first one; with its weights.

        Raises: UnknownName, BadCheckpoint; BadSetting for an ensemble.
        """
        return classifier(self.name, self.weights)

    def model(self) -> "Model":
        """The named checkpoint, the first one, or for "a+b" the ensemble; with its weights.

        Raises: UnknownName, BadCheckpoint; BadSetting if the models of an ensemble do not fit together.
        """
        from core.models.ensemble import load_any

        return load_any(self.name or first(self.weights), self.weights)

    def card_folder(self, model: "Model") -> Path:
        """The folder of the model's card. Raises: BadSetting for an ensemble, which has none."""
        from core.models import library
        from core.models.ensemble import Ensemble

        if isinstance(model, Ensemble):
            raise BadSetting("--into-card needs one model: an ensemble has no card of its own.")
        return self.weights or library.place(model.checkpoint.name)


def one_model(command: Command) -> Command:
    """The command with --checkpoint and --weights, passed to it as one `choice`."""
    return _with_choice(
        command,
        click.option(
            "--checkpoint", metavar="NAME", help="Model to use; `models` lists them.  [default: the first one]"
        ),
    )


def model_or_ensemble(command: Command) -> Command:
    """As `one_model`, for commands that also take an ensemble."""
    return _with_choice(
        command,
        click.option(
            "--checkpoint",
            metavar="NAME[+NAME...]",
            help="Model to use; `models` lists them. Several joined by + are averaged.  [default: the first one]",
        ),
    )


def _with_choice(command: Command, checkpoint: Decorator) -> Command:
    @checkpoint
    @weights
    @functools.wraps(command)
    def chosen(*args: Any, checkpoint: str | None, weights: Path | None, **others: Any) -> None:
        command(*args, choice=ModelChoice(checkpoint, weights), **others)

    return chosen


def cleaning(command: Command) -> Command:
    """The command with the options that prepare a film, passed to it as one `cleaning`."""

    @click.option("--keep-borders", is_flag=True, help="Do not crop flat black or white margins.")
    @click.option(
        "--turn",
        type=click.Choice(["0", "90", "180", "270"]),
        default="0",
        show_default=True,
        help="Rotate to the left (counter-clockwise) by these degrees, for a film stored on its side or upside-down.",
    )
    @click.option("--mirror", is_flag=True, help="Mirror left to right (before any turn), for a film stored mirrored.")
    @click.option(
        "--window",
        default="",
        metavar="WINDOW",
        help="Window for viewer and network: #2 (the file's second; lookup tables count) or its name, data, full, or "
        "CENTRE/WIDTH in the file's units.  [default: the file's first]",
    )
    @anyway
    @click.option("--invert", is_flag=True, help="Invert the grey scale, for a film stored with dark bone.")
    @click.option(
        "--denoise",
        type=click.Choice(["none", "gaussian", "median"]),
        default="none",
        show_default=True,
        help="Smooth the network's input.",
    )
    @click.option("--clahe", is_flag=True, help="Equalise local contrast (CLAHE).")
    @functools.wraps(command)
    def cleaned(
        *args: Any,
        keep_borders: bool,
        turn: str,
        mirror: bool,
        window: str,
        anyway: bool,
        invert: bool,
        denoise: Any,
        clahe: bool,
        **others: Any,
    ) -> None:
        from core.types import Cleaning

        chosen = Cleaning(
            crop_borders=not keep_borders,
            turn=int(turn) // 90,
            mirror=mirror,
            window=window.strip(),
            anyway=anyway,
            invert=invert,
            denoise=denoise,
            clahe=clahe,
        )
        command(*args, cleaning=chosen, **others)

    return cleaned


def classifier(name: str | None, folder: Path | None) -> "Classifier":
    """The named checkpoint, or the first one; with its weights.

    Raises: UnknownName, BadCheckpoint; BadSetting for an ensemble.
    """
    from core.models.classifier import load
    from core.models.ensemble import JOIN

    if name and JOIN in name:
        raise BadSetting(f"{name} is an ensemble, which only predict, evaluate and explain accept. Give one model.")
    return load(name or first(folder), folder)


def first(folder: Path | None) -> str:
    """The name of the first checkpoint. Raises: BadCheckpoint if there is none."""
    from core.models import checkpoints, library

    names = checkpoints.names(folder) if folder else library.names()
    if not names:
        raise BadCheckpoint(
            f"There is no checkpoint in {folder or checkpoints.SHIPPED}. Give another folder with --weights, "
            "or train one: python -m core train --data FOLDER --name NAME."
        )
    return names[0]


def line(record: Mapping[str, Any]) -> str:
    """The record as one line of strict JSON; NaN and infinity become null."""
    return json.dumps(_strict(record), allow_nan=False)  # ASCII: safe for any terminal and any file name


def table(rows: list[list[str]]) -> str:
    """The rows, the first one a header, in columns two spaces apart; numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    numbers = [all(cell[:1].isdigit() or not cell for cell in column[1:]) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if number else cell.ljust(width)
            for cell, width, number in zip(row, widths, numbers, strict=True)
        ).rstrip()
        for row in rows
    )


def _strict(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: _strict(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(part) for part in value]
    return value
