"""Training: its curves, its recipe, and the preprocessing of films."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from core.card import EarlierTraining, Epoch, LabelCorrection
from core.codec import dump
from core.models.findings import words
from core.types import Checkpoint
from dashboard import finding_colours, markup
from dashboard.models import export, plots
from dashboard.models.axes import NEUTRAL
from dashboard.models.limitations import missing


def part(card: Checkpoint) -> None:
    """Curves first, then everything needed to repeat the training."""
    trained_on = card.trained_on
    before = trained_on.started_from or EarlierTraining()
    epochs = [*before.epochs, *trained_on.epochs]
    if epochs:
        start = (len(before.epochs) + 1, before.name) if before.epochs else None
        curves(epochs, name=card.name, start=start)
    else:
        with export.section("Training curves"):
            st.html(missing("how its training went"))
    pairs = [(_title(name), _words(value)) for name, value in trained_on.recipe.items() if value not in ("", [], None)]
    pairs += [("Started from", before.name)] if before.name else []
    pairs += [("Teachers", ", ".join(each.name for each in trained_on.teachers))] if trained_on.teachers else []
    pairs += [("Corrected labels", corrections(trained_on.corrected_labels))] if trained_on.corrected_labels else []
    pairs += [("Trained for", duration(trained_on.seconds + before.seconds))] if trained_on.seconds is not None else []
    pairs += [("Hardware", trained_on.hardware)] if trained_on.hardware else []
    with export.section("Recipe"):
        st.html(markup.facts(pairs) if pairs else missing("how it was trained"))
    _preprocessing(card)


def _preprocessing(card: Checkpoint) -> None:
    wanted = card.input
    own = "each film by its own mean and standard deviation"
    values = own if wanted.mean == "film" else f"mean {_words(wanted.mean)}, standard deviation {_words(wanted.std)}"
    pairs = [
        ("Input", f"{wanted.size} × {wanted.size} px, {_channels(wanted.channels)}"),
        ("Made square by", {"stretch": "stretching", "pad": "padding", "crop": "cropping"}[wanted.fit]),
        ("Resize filter", wanted.filter),
        ("Grey values", f"{wanted.low:g} (black) to {wanted.high:g} (white)"),
        ("Normalisation", values),
        ("Temperature", f"{card.temperature:.3f}"),
    ]
    with export.section("Preprocessing", "of each film"):
        st.html(markup.facts(pairs))


def curves(epochs: Sequence[Epoch], *, name: str, start: tuple[int, str] | None = None) -> None:
    """Loss and validation figures over the epochs, side by side.

    epochs: lines of a log; all figures that they have are drawn.
    start:  the first epoch of this training, and the name of the checkpoint it started from.
    """
    order = list(range(1, len(epochs) + 1))
    marks = _marks(epochs)
    losses = _lines({"training": [epoch.loss for epoch in epochs], "validation": [epoch.val_loss for epoch in epochs]})
    figures = _figures(epochs)
    hues = {"training": NEUTRAL, "validation": plots.ACCENT, "accuracy": NEUTRAL, "Dice": plots.ACCENT}
    hues |= {_legend(name): finding_colours.colour(name) for epoch in epochs for name in epoch.val_auc or {}}
    exported = [_flat(place, epoch) for place, epoch in zip(order, epochs, strict=True)]
    last = ", ".join(f"{finding} {values[-1]:.2f}" for finding, values in figures.items() if values[-1] is not None)
    with export.titled("Training curves", exported, name=f"{name} training", aside=f"{len(epochs)} epochs"):
        left, right = st.columns(2, gap="large")
        if losses:
            with left:
                export.chart(
                    plots.curves(losses, order, y="Loss", colours=hues, marks=marks, start=start),
                    name=f"{name} loss",
                    alt="Loss of training and validation over the epochs",
                )
        if figures:
            with right:
                export.chart(
                    plots.curves(figures, order, y="On validation films", colours=hues, marks=marks, start=start),
                    name=f"{name} validation",
                    alt=f"On the validation films, last: {last}",
                )


def corrections(changes: Sequence[LabelCorrection]) -> str:
    """All splits together, the most common first: "46 pneumonia to other, 19 normal to other"."""
    counts: Counter[tuple[str, str]] = Counter()
    for change in changes:
        counts[change.before, change.after] += change.n
    return ", ".join(f"{count} {before} to {after}" for (before, after), count in counts.most_common())


def duration(seconds: float) -> str:
    """Seconds as text: "42 s", "17 min", "3 h 5 min"."""
    minutes = round(seconds / 60)
    if minutes < 2:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def _legend(finding: str) -> str:
    return "AUC accuracy" if finding == "accuracy" else words(finding)


def _figures(epochs: Sequence[Epoch]) -> dict[str, list[float | None]]:
    findings = list(dict.fromkeys(finding for epoch in epochs for finding in epoch.val_auc or {}))
    areas = {finding: [(epoch.val_auc or {}).get(finding) for epoch in epochs] for finding in findings}
    named = {_legend(finding): values for finding, values in areas.items()}
    return named | _lines(
        {"accuracy": [epoch.val_accuracy for epoch in epochs], "Dice": [epoch.val_dice for epoch in epochs]}
    )


def _lines(columns: Mapping[str, list[float | None]]) -> dict[str, list[float | None]]:
    """The columns with a value in at least one epoch."""
    return {name: values for name, values in columns.items() if any(value is not None for value in values)}


def _marks(epochs: Sequence[Epoch]) -> dict[int, str]:
    """Epoch -> input size, where it changed."""
    sizes: dict[int, str] = {}
    size = None
    for place, epoch in enumerate(epochs, start=1):
        if epoch.size not in (None, size):
            size = epoch.size
            sizes[place] = f"{size} px"
    return sizes


def _flat(place: int, epoch: Epoch) -> dict[str, Any]:
    fields: dict[str, Any] = dump(epoch)
    plain = {name: value for name, value in fields.items() if not isinstance(value, Mapping)}
    nested = {
        f"{name}_{part}": figure
        for name, value in fields.items()
        if isinstance(value, Mapping)
        for part, figure in value.items()
    }
    return {"place": place, **plain, **nested}


def _title(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_words(each)}" for name, each in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _channels(count: int) -> str:
    return "one channel" if count == 1 else "three equal channels"
