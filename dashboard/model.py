"""The card of a checkpoint as a page; a part that the card lacks is left out, or says that it is missing."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from core.models.architecture import architectures
from core.types import Checkpoint
from dashboard import cache, draw, markup

_CHANCE = 0.5  # AUC


def none() -> None:
    """No weights: what to do."""
    draw.title("Models", "There is no model in weights/ yet.")
    st.html(markup.paragraph("Train one, or restore the folder from the repository:"))
    st.code("python -m core train", language="bash")


def table(cards: Sequence[Checkpoint]) -> None:
    """One line a checkpoint: architecture, AUC of each finding with its interval, size, digest."""
    findings = list(dict.fromkeys(finding for card in cards for finding in card.findings))
    head = ["Model", "Architecture", *(f"AUC {finding}" for finding in findings), "Films", "Size", "Digest"]
    rows = [
        [
            card.name,
            architectures[card.architecture].title,
            *(estimate(_test(card).get("auc", {}).get(finding)) for finding in findings),
            str(_test(card).get("n", "–")),
            _size(card),
            card.sha256[:12],
        ]
        for card in cards
    ]
    caption = "AUC on the test split with its 95 % interval; films of patients that training never saw."
    st.html(markup.table(head, rows, caption=caption))


def reached(card: Checkpoint) -> None:
    """Warnings of the card, then each finding's AUC as a dot with its interval."""
    test = _test(card)
    draw.section(f"What {card.name} reached", _films(test))
    warnings = card.metrics.get("warnings", [])
    if warnings:
        st.warning("  \n".join(map(draw.plain, warnings)), icon=":material/warning:")
    areas: Mapping[str, Any] = test.get("auc", {})
    if not areas:
        st.html(markup.paragraph("Its card holds no figures of a test. Evaluate it before you believe it.", quiet=True))
        return
    rows = [_interval(name, area, hue=markup.colour(name)) for name, area in areas.items()]
    rows += [_interval("all findings", test["macro_auc"], hue="currentColor")] if "macro_auc" in test else []
    st.html(
        "".join(rows)
        + markup.paragraph("AUC with its 95 % interval. The left end is chance (0.5), the right end is 1.", quiet=True)
    )


def operating(card: Checkpoint) -> None:
    """What the operating points give: sensitivity and specificity, and accuracy and calibration besides."""
    test = _test(card)
    if not test:
        return
    draw.section("At the operating points")
    rows = [
        [
            finding,
            f"{card.thresholds[finding]:.2f}" if finding in card.thresholds else "–",
            estimate(test.get("sensitivity", {}).get(finding)),
            estimate(test.get("specificity", {}).get(finding)),
            str(test.get("auc", {}).get(finding, {}).get("positives", "–")),
        ]
        for finding in card.findings
    ]
    head = ["Finding", "Found from", "Sensitivity", "Specificity", "Films with it"]
    words = [
        f"{name} {estimate(test[field])}"
        for name, field in (("Accuracy", "accuracy"), ("calibration error", "calibration_error"))
        if field in test
    ]
    st.html(
        markup.table(head, rows, caption=". ".join([", ".join(words), "95 % intervals over patients."]).lstrip(". "))
    )


def confusion(card: Checkpoint) -> None:
    """What the model takes for what."""
    counts = _test(card).get("confusion")
    if counts:
        draw.section("What it takes for what")
        st.html(markup.matrix(card.findings, counts))


def groups(card: Checkpoint) -> None:
    """AUC in parts of the test split: where one figure for all hides a failure."""
    parts = card.metrics.get("groups", [])
    if not parts:
        return
    draw.section("By group", "one figure for all can hide a failure")
    head = ["Group", "Films", *(f"AUC {finding}" for finding in card.findings)]
    rows = [
        [part["name"], str(part.get("n", "–")), *(estimate(part.get("auc", {}).get(each)) for each in card.findings)]
        for part in parts
    ]
    st.html(markup.table(head, rows, caption="A dash: too few films of both kinds in this group."))


def data(card: Checkpoint) -> None:
    """How many films of each finding came from where; a source with one finding only invites a shortcut."""
    draw.section("What it was trained on")
    told = card.trained_on
    if told.get("data"):
        st.html(markup.paragraph(str(told["data"])))
    counts = told.get("counts", [])
    if not counts:
        st.html(markup.paragraph("Its card does not say how many films.", quiet=True))
        return
    train: dict[tuple[str, str], int] = defaultdict(int)
    splits: dict[str, int] = defaultdict(int)
    for row in counts:
        splits[row["split"]] += row["n"]
        if row["split"] == "train":
            train[row["source"], row["finding"]] += row["n"]
    rows = [
        [source, *(str(train.get((source, finding), "–")) for finding in card.findings)]
        for source in sorted({source for source, _ in train})
    ]
    caption = "Training films by source and finding. All: " + ", ".join(f"{name} {n}" for name, n in splits.items())
    st.html(markup.table(["Source", *card.findings], rows, caption=f"{caption}. No patient is in two of them."))


def recipe(card: Checkpoint) -> None:
    """How it was trained, and how it wants its films."""
    wanted = card.input
    pairs = [
        ("Input", f"{wanted.size} × {wanted.size} px, {wanted.fit}, {wanted.filter} filter"),
        (
            "Normalised",
            "each film by itself" if wanted.mean == "film" else f"mean {wanted.mean}, deviation {wanted.std}",
        ),
        ("Temperature", f"{card.temperature:.3f}"),
        ("Weights", f"SHA-256 {card.sha256}"),
    ]
    told = card.trained_on
    pairs += [(name.replace("_", " ").capitalize(), _words(value)) for name, value in told.get("recipe", {}).items()]
    pairs += [("Trained for", f"{told['seconds'] / 60:.0f} min")] if "seconds" in told else []
    pairs += [("On", str(told["hardware"]))] if "hardware" in told else []
    with st.expander("Recipe and preprocessing", type="compact"):
        st.html(markup.facts(pairs))


def estimate(figure: Mapping[str, float] | None) -> str:
    """0.86 (0.81–0.90); a dash where there is none."""
    if not figure:
        return "–"
    return f"{figure['value']:.2f} ({figure['low']:.2f}–{figure['high']:.2f})"


def _test(card: Checkpoint) -> Mapping[str, Any]:
    found: Mapping[str, Any] = card.metrics.get("test", {})
    return found


def _films(test: Mapping[str, Any]) -> str:
    return f"{test['n']} test films of {test.get('patients', test['n'])} patients" if "n" in test else ""


def _interval(name: str, area: Mapping[str, float], *, hue: str) -> str:
    return markup.interval(
        name, estimate(area), value=area["value"], low=area["low"], high=area["high"], floor=_CHANCE, hue=hue
    )


def _size(card: Checkpoint) -> str:
    path = cache.weights_path(card)
    return f"{path.stat().st_size / 1e6:.0f} MB" if path.exists() else "–"


def _words(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
