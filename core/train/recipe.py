"""How a network is trained: a value that a card stores and a TOML file holds."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from core.errors import BadSetting
from core.lungs import NAME


@dataclass(frozen=True)
class Recipe:
    """How a network is trained; stored in the card.

    start:     checkpoint whose weights are gone on from; empty to start from random ones.
    frozen:    only the last layers learn, on features computed once (needs `start`).
    sizes, epochs: px and epochs of each stage; the last size is the checkpoint's input.
    cycles:    epochs of each learning-rate cycle, up and down; the peak halves from one to the next (Loshchilov and
               Hutter 2017, arXiv:1608.03983). Together as many as `epochs`; empty for one cycle.
    rate, weight_decay: of AdamW (Loshchilov and Hutter 2019, arXiv:1711.05101).
    balance:   a film is drawn with weight (films of its label and source) ** -balance, 0 for all alike.
    average:   decay a step of the moving average of the weights, which is what is measured and kept.
    patience:  epochs without a better validation loss after which training ends, the best weights kept; 0 for never.
    replaced:  share of the films whose background outside the dilated lungs is replaced (core.train.augment).
    penalty:   weight of the share of the class activation map outside the dilated lungs in the loss.
    leave_out: source of which no film is trained on.
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
    leave_out: str = ""
    seed: int = 0

    def __post_init__(self) -> None:
        if len(self.sizes) != len(self.epochs) or not self.sizes:
            raise BadSetting(f"sizes {self.sizes} and epochs {self.epochs} must be equally many, one a stage.")
        if not self.cycles:
            object.__setattr__(self, "cycles", (sum(self.epochs),))
        if sum(self.cycles) != sum(self.epochs):
            raise BadSetting(
                f"cycles {self.cycles} hold {sum(self.cycles)} epochs, epochs {self.epochs} {sum(self.epochs)}."
            )
        if self.frozen and not self.start:
            raise BadSetting("frozen features need a checkpoint to take them from. Name one with start.")

    @property
    def schedule(self) -> list[int]:
        """The input side of each epoch, in px."""
        return [size for size, epochs in zip(self.sizes, self.epochs, strict=True) for _ in range(epochs)]

    @property
    def needs_lungs(self) -> bool:
        """Whether training has to know where the lungs are."""
        return self.replaced > 0 or self.penalty > 0


@dataclass(frozen=True)
class LungsRecipe:
    """How the lung network is trained; the fields mean what they mean in `Recipe`."""

    architecture: str = NAME
    sizes: tuple[int, ...] = (128, 160)
    epochs: tuple[int, ...] = (5, 4)
    batch: int = 16
    rate: float = 3e-3
    weight_decay: float = 0.01
    average: float = 0.99
    seed: int = 0


AnyRecipe = TypeVar("AnyRecipe", Recipe, LungsRecipe)


def read(path: Path) -> Recipe | LungsRecipe:
    """The recipe in a TOML file; a field that it leaves out has its default.

    Raises: BadSetting for what is no TOML, no field of a recipe, or of the wrong type.
    """
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadSetting(f"The recipe {path} cannot be opened: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadSetting(f"The recipe {path} is not TOML ({error}). weights/recipes/ holds examples.") from error
    if told.get("architecture") == NAME:
        return changed(LungsRecipe(), told, f"The recipe {path.name}")
    return changed(Recipe(), told, f"The recipe {path.name}")


def changed(recipe: AnyRecipe, told: Mapping[str, Any], who: str = "The recipe") -> AnyRecipe:
    """The recipe with some fields set. Raises: BadSetting as `read`."""
    kinds = {field.name: type(getattr(recipe, field.name)) for field in fields(recipe)}
    values = {}
    for name, value in told.items():
        if name not in kinds:
            raise BadSetting(f"{who} sets {name!r}, which it does not have. Known: {', '.join(kinds)}.")
        value = tuple(value) if isinstance(value, list) else value
        value = float(value) if kinds[name] is float and type(value) is int else value
        if type(value) is not kinds[name]:
            raise BadSetting(f"{who} sets {name} to {value!r}; it must be {_WORDS[kinds[name]]}.")
        values[name] = value
    if "cycles" in kinds and ("epochs" in values or "sizes" in values) and "cycles" not in values:
        values["cycles"] = ()  # those of the recipe belong to its own epochs
    return replace(recipe, **values)


_WORDS = {str: "text", bool: "true or false", int: "a whole number", float: "a number", tuple: "a list"}
