"""A card's figures for films of patients of a given age."""

from core.card import SubsetFigures
from core.estimate import available
from core.types import Checkpoint

_BY = "age"


def age_group(checkpoint: Checkpoint, age: float | None) -> SubsetFigures | None:
    """The group of test films with this age; None where the age is not known, or no figure is on the card."""
    test = checkpoint.metrics.test
    if age is None or test is None:
        return None
    return next((each for each in test.groups if each.by == _BY and _holds(each.name, age)), None)


def age_sentence(checkpoint: Checkpoint, age: float | None) -> tuple[str, bool]:
    """How often the model was right at this age, and whether that is worse than over all ages.

    Worse: the whole interval of the group lies below the figure for all test films. ("", False) without figures.
    """
    group, test = age_group(checkpoint, age), checkpoint.metrics.test
    here, everywhere = (available(each.accuracy) if each else None for each in (group, test))
    if group is None or here is None or everywhere is None:
        return "", False
    worse = here.has_interval and here.high < everywhere.value
    interval = f"{here.low:.2f}–{here.high:.2f}, " if here.has_interval else ""
    figures = f"{here.value:.2f} ({interval}n = {here.n})"
    start = "The model is worse at this age: accuracy" if worse else "Accuracy"
    return f"{start} {figures} on test films aged {group.name}, {everywhere.value:.2f} on all.", worse


def _holds(name: str, age: float) -> bool:
    """Whether an age band such as "18-39" or "65+" holds the age."""
    low, _, high = name.replace("+", "-").partition("-")
    if not low.isdigit() or (high and not high.isdigit()):
        return False
    return int(low) <= age < (int(high) + 1 if high else 1000)
