"""A checkpoint in one line: what it is, how well it does on films like its own and on others, where it looks."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.models.architecture import Architecture, Original, architectures, originals
from core.types import Checkpoint

Estimate = Mapping[str, Any]  # "value", "low", "high" (95 % interval), "n" films; as it stands in a card
NOT_EVALUATED = "imported, not evaluated here"
FEW = 50  # films; below it the interval says more than the value


@dataclass(frozen=True, eq=False)
class Summary:
    """One line of the table of checkpoints; None where the card has no such figure.

    architecture: as the field writes it ("DenseNet-121").
    inside:   macro AUC on the test split of the sources that it was trained on.
    other:    macro AUC of another network, trained anew without a source, on it: the lowest, where there are several.
    source:   the name of that source; `sources` is how many were tried.
    anew:     what network `other` is of, in words: not of these weights, which saw that source.
    accuracy: inside.
    lungs:    share of Grad-CAM inside the lungs.
    megabytes: of the weights; NaN where they are not there.
    date:     of the training, as the card says it; empty where it does not.
    note:     why there are no figures, where that is known: of an imported checkpoint nobody here measured any.
    """

    name: str
    architecture: str
    inside: Estimate | None
    other: Estimate | None
    source: str
    sources: int
    anew: str
    accuracy: Estimate | None
    lungs: Estimate | None
    megabytes: float
    date: str
    note: str = ""


def summary(card: Checkpoint, folder: Path) -> Summary:
    """The line of this card, whose weights lie in the folder."""
    test = card.metrics.get("test", {})
    others = sources(card)
    lowest = min(others, key=lambda source: float(others[source]["value"]), default="")
    weights = folder / f"{card.name}.safetensors"
    return Summary(
        name=card.name,
        architecture=title(card),
        inside=measured(test.get("macro_auc"), n=test.get("n")),
        other=others.get(lowest),
        source=lowest,
        sources=len(others),
        anew=anew(card),
        accuracy=measured(test.get("accuracy"), n=test.get("n")),
        lungs=measured(card.metrics.get("lungs", {}).get("lung_ratio")),
        megabytes=weights.stat().st_size / 1e6 if weights.exists() else float("nan"),
        date=str(card.told.get("date") or card.trained_on.get("date") or "")[:10],
        note=NOT_EVALUATED if card.told.get("imported") and not test else "",
    )


def sources(card: Checkpoint) -> dict[str, Estimate]:
    """Source -> macro AUC on its films, of a network trained without it; left out are sources that lack one."""
    found = {
        str(each["source"]): measured(each.get("macro_auc"), n=each.get("n"))
        for each in card.metrics.get("other_source", [])
    }
    return {source: figure for source, figure in found.items() if figure}


def title(card: Checkpoint) -> str:
    """The architecture as the field writes it; its bare name where this version does not know it."""
    entries: Mapping[str, Architecture | Original] = architectures if card.architecture in architectures else originals
    return entries[card.architecture].title if card.architecture in entries else card.architecture


def measured(figure: Any, *, n: int | None = None) -> Estimate | None:
    """The figure of a card with its n; None where it is missing or could not be had.

    n: films of the whole set, for cards whose figures do not say their own.
    """
    if not isinstance(figure, Mapping) or figure.get("value") is None:
        return None
    return {"low": None, "high": None, **figure, "n": figure.get("n", n)}


def halves(figure: Estimate | None) -> tuple[str, str]:
    """("0.97", "0.96–0.98, n = 799"); with FEW films ("0.61–0.90", "0.77, n = 44"); ("–", "") where there is none."""
    if figure is None:
        return "–", ""
    value = f"{figure['value']:.2f}"
    interval = "" if figure["low"] is None or figure["high"] is None else f"{figure['low']:.2f}–{figure['high']:.2f}"
    count = f"n = {figure['n']}" if figure["n"] is not None else ""
    first, second = (interval, value) if interval and (figure["n"] or FEW) < FEW else (value, interval)
    return first, ", ".join(filter(None, (second, count)))


def words(figure: Estimate | None) -> str:
    """0.97 (0.96–0.98, n = 799); with FEW films 0.61–0.90 (0.77, n = 44)."""
    first, rest = halves(figure)
    return f"{first} ({rest})" if rest else first


def anew(card: Checkpoint) -> str:
    """What network the figures on other sources are of: "another network, trained without it for 4 epochs at 64 px"."""
    recipe = card.metrics.get("other_source_recipe") or {}
    epochs, sizes = recipe.get("epochs") or (), recipe.get("sizes") or ()
    long = f" for {sum(epochs)} epochs" if epochs else ""
    return f"another network, trained without it{long}{f' at {max(sizes)} px' if sizes else ''}"


def apart(row: Summary) -> str:
    """Which other source the figure is of."""
    if row.other is None:
        return "not measured"
    return f"{row.source}, the lowest of {row.sources}" if row.sources > 1 else row.source
