"""A checkpoint in one line: architecture, figures on its own sources and on others, heat in the lungs."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from core.estimate import Estimate, available
from core.models.architecture import Architecture, Original, architectures, originals
from core.types import Checkpoint

NOT_EVALUATED = "imported, not evaluated here"


@dataclass(frozen=True, eq=False)
class Summary:
    """One line of the table of checkpoints; None where the card has no such figure.

    architecture: as the field writes it ("DenseNet-121").
    internal:   macro AUC on the test films, of the sources that it was trained on.
    held_out:   macro AUC of another network, trained without a source, on its films: the lowest of several sources.
    source:     the name of that source; `sources` is how many were tried.
    retrained:  the network of `held_out`, in words: not these weights, which were trained on that source.
    accuracy:   on the test films.
    lungs:      share of Grad-CAM inside the lungs.
    megabytes:  of the weights; NaN if they are missing.
    date:       of the training, from the card; empty if it has none.
    note:       why there are no figures, if known: an imported checkpoint was not evaluated here.
    """

    name: str
    architecture: str
    internal: Estimate | None
    held_out: Estimate | None
    source: str
    sources: int
    retrained: str
    accuracy: Estimate | None
    lungs: Estimate | None
    megabytes: float
    date: str
    note: str = ""


def summary(card: Checkpoint, folder: Path) -> Summary:
    """The summary of this card; `folder` holds its weights."""
    test, lungs = card.metrics.test, card.metrics.lungs
    others = held_out(card)
    lowest = min(others, key=lambda source: others[source].value, default="")
    weights = folder / f"{card.name}.safetensors"
    return Summary(
        name=card.name,
        architecture=architecture_title(card),
        internal=available(test.macro_auc) if test else None,
        held_out=others.get(lowest),
        source=lowest,
        sources=len(others),
        retrained=retrained(card),
        accuracy=available(test.accuracy) if test else None,
        lungs=available(lungs.lung_ratio) if lungs else None,
        megabytes=weights.stat().st_size / 1e6 if weights.exists() else float("nan"),
        date=card.date[:10],
        note=NOT_EVALUATED if card.imported and not test else "",
    )


def held_out(card: Checkpoint) -> dict[str, Estimate]:
    """Source -> macro AUC on its films, of a network trained without it, where there is one."""
    estimates = {each.source: available(each.macro_auc) for each in card.metrics.other_source}
    return {source: figure for source, figure in estimates.items() if figure}


def architecture_title(card: Checkpoint) -> str:
    """The architecture's usual name; its bare name if this version does not know it."""
    entries: Mapping[str, Architecture | Original] = architectures if card.architecture in architectures else originals
    return entries[card.architecture].title if card.architecture in entries else card.architecture


def retrained(card: Checkpoint) -> str:
    """The network of the held-out figures: "another network, trained without it for 4 epochs at 64 px"."""
    schedule = card.metrics.other_source_recipe
    words = "another network, trained without it"
    if schedule and schedule.epochs:
        words += f" for {sum(schedule.epochs)} epochs"
    return f"{words} at {max(schedule.sizes)} px" if schedule and schedule.sizes else words


def held_out_source(line: Summary) -> str:
    """The held-out source of the figure."""
    if line.held_out is None:
        return "not measured"
    return f"{line.source}, the lowest of {line.sources}" if line.sources > 1 else line.source
