"""The training recipe: stored in a card, read from a TOML file."""

import json
import math
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from core.errors import BadCheckpoint, BadSetting
from core.lung_network import NAME as LUNGS
from core.models.unet import WIDTHS

_NOTES = "notes"


@dataclass(frozen=True)
class Recipe:
    """How a network is trained; stored in the card.

    start:     checkpoint with the initial weights, or `imagenet`; empty for random ones.
    frozen:    train only the last layers, on precomputed features (needs `start`).
    sizes, epochs: px and epochs of each stage; the last size is the checkpoint's input.
    cycles:    epochs of each learning-rate cycle, up and down; the peak halves from one to the next (Loshchilov and
               Hutter 2017, arXiv:1608.03983). Their sum equals that of `epochs`; empty for one cycle.
    rate, weight_decay: of AdamW (Loshchilov and Hutter 2019, arXiv:1711.05101).
    balance:   a film is drawn with weight (films of its label and source) ** -balance, 0 for all alike.
    average:   decay per step of the moving average of the weights, which is evaluated and stored.
    patience:  epochs without a better validation loss after which training ends, the best weights kept; 0 for never.
    replaced:  share of the films whose background outside the dilated lungs is replaced (core.train.augment).
    penalty:   weight of the share of the class activation map outside the dilated lungs in the loss.
    emptied:   share of the films whose lungs are filled in, for which the target is uniform.
    leave_out: source, or hospital of several sources, whose films are excluded from training.
    teacher:   checkpoint, or several with + between, whose predictions the network also learns (core.train.teacher).
    soft_labels: share of the teachers' probabilities in the loss; the films' labels have the rest.
    matched_features: weight of the teachers' features in the loss.
    unlabelled: whether to use films with other labels, labelled by the teachers alone.
    recalibrated: whether batch norms get the statistics of plain training films after the last epoch.
    """

    architecture: str = "densenet121"
    findings: tuple[str, ...] = ("covid", "pneumonia", "normal")
    multi_label: bool = False
    start: str = ""
    frozen: bool = False
    sizes: tuple[int, ...] = (112, 160, 224)
    epochs: tuple[int, ...] = (12, 4, 2)
    cycles: tuple[int, ...] = ()
    batch: int = 32
    rate: float = 2e-3
    weight_decay: float = 0.05
    label_smoothing: float = 0.05
    balance: float = 0.5
    average: float = 0.995
    patience: int = 0
    replaced: float = 0.0
    penalty: float = 0.0
    emptied: float = 0.0
    leave_out: str = ""
    teacher: str = ""
    soft_labels: float = 0.0
    matched_features: float = 0.0
    unlabelled: bool = False
    recalibrated: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        _refuse_bounds(self)
        if len(self.findings) < (1 if self.multi_label else 2) or len(set(self.findings)) < len(self.findings):
            raise BadSetting(f"findings are {self.findings}; give two or more different ones (one, where multi_label).")
        _refuse_uneven(self)
        if not self.cycles:
            object.__setattr__(self, "cycles", (sum(self.epochs),))
        if sum(self.cycles) != sum(self.epochs):
            raise BadSetting(
                f"cycles {self.cycles} hold {sum(self.cycles)} epochs, epochs {self.epochs} {sum(self.epochs)}."
            )
        if self.multi_label and (self.penalty or self.emptied):
            raise BadSetting("penalty and emptied need films with one finding each; leave them out with multi_label.")
        if (self.soft_labels or self.matched_features or self.unlabelled) and not self.teacher:
            raise BadSetting("soft_labels, matched_features and unlabelled need a teacher. Name a checkpoint as such.")
        if self.teacher and (self.multi_label or self.frozen):
            raise BadSetting("A teacher needs films with one finding each and a network that is trained whole.")
        if self.frozen and not self.start:
            raise BadSetting("frozen features need a checkpoint to take them from. Name one with start.")

    @property
    def schedule(self) -> list[int]:
        """The input side of each epoch, in px."""
        return [size for size, epochs in zip(self.sizes, self.epochs, strict=True) for _ in range(epochs)]

    @property
    def needs_lungs(self) -> bool:
        """Whether training needs the lungs."""
        return self.replaced > 0 or self.penalty > 0 or self.emptied > 0


@dataclass(frozen=True)
class SegmentationRecipe:
    """The training of a U-Net for lungs or devices; fields as in `Recipe`, the defaults are those of lungs-unet."""

    architecture: str = LUNGS
    sizes: tuple[int, ...] = (128, 160)
    epochs: tuple[int, ...] = (5, 4)
    batch: int = 16
    rate: float = 3e-3
    weight_decay: float = 0.01
    average: float = 0.99
    seed: int = 0

    def __post_init__(self) -> None:
        _refuse_bounds(self)
        _refuse_uneven(self)


AnyRecipe = TypeVar("AnyRecipe", Recipe, SegmentationRecipe)


def read(path: Path) -> Recipe | SegmentationRecipe:
    """The recipe in a TOML file; missing fields have their default.

    Raises: BadSetting for invalid TOML, unknown fields, or a wrong type.
    """
    settings = _toml(path)
    settings.pop(_NOTES, None)
    who = f"The recipe {path.name}"
    return (
        changed(SegmentationRecipe(), settings, who)
        if settings.get("architecture") in WIDTHS
        else changed(Recipe(), settings, who)
    )


def notes(path: Path) -> dict[str, Any]:
    """The card's texts: the TOML file that the recipe names as `notes`, beside it.

    Fields of the card (intended_use, known_failures, licence) and, in the table trained_on, of its data (data,
    annotation, licence). Empty without one.
    """
    name = _toml(path).get(_NOTES)
    if name is None:
        return {}
    if not isinstance(name, str):
        raise BadSetting(
            f"The recipe {path.name} sets notes to {name!r}; it must be the name of a TOML file beside it."
        )
    return _toml(path.parent / name)


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadSetting(f"The recipe {path} cannot be opened: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadSetting(f"The recipe {path} is not TOML ({error}). weights/recipes/ holds examples.") from error


def changed(recipe: AnyRecipe, settings: Mapping[str, Any], who: str = "The recipe") -> AnyRecipe:
    """The recipe with some fields set. Raises: BadSetting as `read`."""
    kinds = {field.name: type(getattr(recipe, field.name)) for field in fields(recipe)}
    values = {}
    for name, value in settings.items():
        if name not in kinds:
            raise BadSetting(f"{who} sets {name!r}, which it does not have. Known: {', '.join(kinds)}.")
        value = float(value) if kinds[name] is float and type(value) is int else value
        if kinds[name] is tuple:
            kind = type(getattr(recipe, name)[0])
            if not isinstance(value, list | tuple) or any(type(part) is not kind for part in value):
                raise BadSetting(f"{who} sets {name} to {value!r}; it must be a list, each part {_WORDS[kind]}.")
            value = tuple(value)
        elif type(value) is not kinds[name]:
            raise BadSetting(f"{who} sets {name} to {value!r}; it must be {_WORDS[kinds[name]]}.")
        values[name] = value
    if "cycles" in kinds and ("epochs" in values or "sizes" in values) and "cycles" not in values:
        values["cycles"] = ()  # the recipe's cycles belong to its own epochs
    return replace(recipe, **values)


def same(stored: Mapping[str, Any], recipe: Mapping[str, Any]) -> bool:
    """Whether two recipes are equal; a field that was added later has its default.

    Lists count as equal to tuples, since JSON has lists only.
    """
    added = {name: value for name, value in asdict(Recipe()).items() if name in recipe and name not in stored}
    return bool(json.loads(json.dumps({**added, **stored})) == json.loads(json.dumps(dict(recipe))))


def refuse_other(name: str, recipe: Recipe | SegmentationRecipe, out: Path) -> None:
    """Raises: BadSetting if `out` holds a checkpoint of this name that another recipe made; BadCheckpoint if its card
    cannot be read. Nothing is overwritten."""
    path = out / f"{name}.json"
    if path.exists() and not same(_trained_on(path).get("recipe", {}), asdict(recipe)):
        raise BadSetting(
            f"{path} was trained by another recipe and is not overwritten. Choose another --name or --out."
        )


def refuse_card_of_other_films(name: str, films: str, out: Path) -> None:
    """Raises: BadSetting if `out` holds a card of this name of other films (core.train.log.films_key); a card
    without that field is accepted.
    """
    path = out / f"{name}.json"
    if path.exists() and _trained_on(path).get("films", films) != films:
        raise BadSetting(f"{path} is about other films and was left unchanged. Choose another --name or --out.")


def _trained_on(path: Path) -> dict[str, Any]:
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise BadCheckpoint(f"The card {path} is not JSON ({error}). Restore it, or choose another --out.") from error
    trained_on = card.get("trained_on", {}) if isinstance(card, dict) else None
    if not isinstance(trained_on, dict):
        raise BadCheckpoint(f"The file {path} is not a card: it lacks fields. Restore it, or choose another --out.")
    return trained_on


_WORDS = {str: "text", bool: "true or false", int: "a whole number", float: "a number"}
_BOUNDS = {  # both ends included
    "sizes": (16, 4096),
    "epochs": (1, math.inf),
    "cycles": (1, math.inf),
    "batch": (2, math.inf),
    "rate": (1e-9, 10),
    "weight_decay": (0, 10),
    "label_smoothing": (0, 0.99),
    "balance": (0, 1),
    "average": (0, 0.999999),
    "patience": (0, math.inf),
    "replaced": (0, 1),
    "penalty": (0, math.inf),
    "soft_labels": (0, 1),
    "matched_features": (0, math.inf),
}


def _refuse_bounds(recipe: Recipe | SegmentationRecipe) -> None:
    for name, value in asdict(recipe).items():
        low, high = _BOUNDS.get(name, (None, None))
        if low is None or high is None:
            continue
        if not all(low <= part <= high for part in (value if isinstance(value, tuple) else (value,))):
            bounds = f"{low} or more" if high == math.inf else f"{low} to {high}"
            raise BadSetting(f"{name} is {value}; it must be {bounds}.")


def _refuse_uneven(recipe: Recipe | SegmentationRecipe) -> None:
    if len(recipe.sizes) != len(recipe.epochs) or not recipe.sizes:
        raise BadSetting(
            f"sizes {recipe.sizes} and epochs {recipe.epochs} must have equal length, one entry per stage."
        )
