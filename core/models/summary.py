"""A checkpoint in one line: architecture, figures on its own sources and on others, heat in the lungs."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from core.codec import dump
from core.estimate import Estimate, available
from core.models.architecture import Architecture, Original, architectures, originals
from core.types import Checkpoint

_CENTRE = "centre-gaussian"  # the baseline that never looks at the film (core.explain.baseline)
NOT_EVALUATED = "imported, not evaluated here"


@dataclass(frozen=True, eq=False)
class Summary:
    """One line of the table of checkpoints; None where the card has no such figure.

    architecture: as the field writes it ("DenseNet-121").
    internal:   macro AUC on the test films, from the sources that it was trained on.
    held_out:   macro AUC of other networks, each trained without a hospital, on its films: the mean within its sources.
    lowest:     the hospital with the lowest macro AUC, or the only one, in words; empty if none was held out.
    retrained:  the networks of `held_out`, in words: not these weights, which were trained on that hospital.
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
    lowest: str
    retrained: str
    accuracy: Estimate | None
    lungs: Estimate | None
    megabytes: float
    date: str
    note: str = ""


def summary(card: Checkpoint, folder: Path) -> Summary:
    """The summary of this card; `folder` holds its weights."""
    test, lungs = card.metrics.test, card.metrics.lungs
    mean = card.metrics.other_source_mean
    weights = folder / f"{card.name}.safetensors"
    return Summary(
        name=card.name,
        architecture=architecture_title(card),
        internal=available(test.macro_auc) if test else None,
        held_out=available(mean.macro_auc) if mean else None,
        lowest=_lowest(card),
        retrained=retrained(card),
        accuracy=available(test.accuracy) if test else None,
        lungs=available(lungs.lung_ratio) if lungs else None,
        megabytes=weights.stat().st_size / 1e6 if weights.exists() else float("nan"),
        date=card.date[:10],
        note=NOT_EVALUATED if card.imported and not test else "",
    )


def held_out(card: Checkpoint) -> dict[str, Estimate]:
    """Hospital or source -> macro AUC on its films, of a network trained without it, where there is one."""
    estimates = {each.source: available(each.macro_auc) for each in card.metrics.other_source}
    return {source: figure for source, figure in estimates.items() if figure}


def architecture_title(card: Checkpoint) -> str:
    """The architecture's usual name; its bare name if this version does not know it."""
    entries: Mapping[str, Architecture | Original] = architectures if card.architecture in architectures else originals
    return entries[card.architecture].title if card.architecture in entries else card.architecture


def retrained(card: Checkpoint) -> str:
    """The networks of the held-out figures: "another network, trained without it by the same recipe"."""
    words = "another network, trained without it"
    recipe = card.metrics.other_source_recipe
    if not recipe:
        return words
    if dump(recipe) == dict(card.trained_on.recipe):
        return f"{words} by the same recipe"
    epochs = f" for {sum(recipe.epochs)} epochs" if recipe.epochs else ""
    return f"{words}{epochs} at {max(recipe.sizes)} px" if recipe.sizes else f"{words}{epochs}"


def _lowest(card: Checkpoint) -> str:
    others = held_out(card)
    if not others:
        return ""
    if len(others) == 1:
        return f"{next(iter(others))} alone"
    name = min(others, key=lambda source: others[source].value)
    return f"lowest {name}, {others[name].value:.2f}"


def lesion_sentence(card: Checkpoint, method: str) -> str:
    """How often the maximum of this method's map lay in a lesion, beside a map that never looks at the film; empty
    without figures. Of several sets, the one with the most films.
    """
    tests = [test for test in card.metrics.lesions if method in test.methods]
    if not tests:
        return ""
    test = max(tests, key=lambda test: test.n)
    hit = available(test.methods[method].hit_rate)
    blob = test.methods.get(_CENTRE)
    centre = available(blob.hit_rate) if blob else None
    if hit is None:
        return ""
    films = f"split {test.split} of {test.set}" if test.split else test.set
    beside = f"; the maximum of a blob at the centre in {centre.value:.0%}" if centre and method != _CENTRE else ""
    return (
        f"On {hit.n} films with marked lesions ({films}), the maximum of this map lay in a lesion in {hit.value:.0%} "
        f"({hit.low:.0%} to {hit.high:.0%}){beside}."
    )


def calibration_sentence(card: Checkpoint) -> str:
    """What the probabilities are calibrated for, with the calibration errors on test films and held-out hospitals."""
    if card.temperature == 1:
        return "Not calibrated: raw network probabilities."
    text = f"Calibrated for films like those of its training only (temperature {card.temperature:.2f})"
    errors = [figure.value for each in card.metrics.other_source if (figure := available(each.ece))]
    inside = available(card.metrics.test.ece) if card.metrics.test else None
    if not errors or not inside:
        return f"{text}."
    span = f"{min(errors):.2f} to {max(errors):.2f}" if len(errors) > 1 else f"{errors[0]:.2f}"
    return f"{text}: the calibration error is {inside.value:.2f} on such test films, {span} at hospitals left out."
