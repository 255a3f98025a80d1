"""The figures of the test split: ranking, operating points, mistakes, calibration, groups."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from core.models.summary import measured, words
from core.types import Checkpoint
from dashboard import markup
from dashboard.models import export, plots
from dashboard.models.limitations import group_name, groups


def part(card: Checkpoint) -> None:
    """Every figure with its n and 95 % interval; a card without a test says so above."""
    test = card.metrics.get("test", {})
    if not test:
        st.html(markup.paragraph("There is nothing to draw: its card holds no figures of a test.", quiet=True))
        return
    left, right = st.columns(2, gap="large")
    with left:
        _ranking(card, "roc")
    with right:
        _ranking(card, "pr")
    _operating(card)
    left, right = st.columns(2, gap="large")
    with left:
        _confusion(card)
    with right:
        _reliability(card)
    _groups(card)


def _films(test: Any) -> str:
    return f"{test['n']:,} test films of {test.get('patients', test['n']):,} patients" if "n" in test else ""


def _ranking(card: Checkpoint, kind: str) -> None:
    test = card.metrics["test"]
    roc = kind == "roc"
    title, field, short = ("ROC", "auc", "AUC") if roc else ("Precision and recall", "average_precision", "AP")
    figures = {
        finding: f"{short} {words(found)}"
        for finding in card.findings
        if (found := measured(test.get(field, {}).get(finding), n=test.get("n")))
    }
    axes = ("1 − specificity", "Sensitivity") if roc else ("Recall (sensitivity)", "Precision")
    stored = test.get(kind) or test.get("precision_recall" if kind == "pr" else kind) or {}
    curves = {finding: points(stored[finding]) for finding in card.findings if stored.get(finding)}
    exported = [
        {
            "finding": finding,
            axes[0]: point["x"],
            axes[1]: point["y"],
            "low": point.get("low"),
            "high": point.get("high"),
        }
        for finding, curve in curves.items()
        for point in curve
    ] or [{"finding": finding, **export.columns(test[field][finding])} for finding in figures]
    if not exported:
        with export.section(title):
            st.html(markup.paragraph("The card holds no such curve.", quiet=True))
        return
    with export.titled(title, exported, name=f"{card.name} {kind}", aside=_films(test)):
        if not curves:
            st.html(markup.facts(figures.items()) + markup.paragraph("The card holds no such curve.", quiet=True))
            return
        export.chart(
            plots.ranking(curves, figures, _points(card) if roc else {}, x=axes[0], y=axes[1], diagonal=roc),
            name=f"{card.name} {kind}",
            alt="; ".join(f"{finding}: {figure}" for finding, figure in figures.items()),
        )


def points(curve: Any) -> list[dict[str, float]]:
    """A curve of a card as points {x, y, low, high}, whether it was stored as such or as columns (x and y first)."""
    if not isinstance(curve, Mapping):
        return list(curve)
    names = ["x", "y", *list(curve)[2:]]
    return [dict(zip(names, values, strict=True)) for values in zip(*curve.values(), strict=True)]


def _points(card: Checkpoint) -> dict[str, tuple[float, float]]:
    """Finding -> (1 - specificity, sensitivity) at its operating point."""
    test = card.metrics["test"]
    found = {}
    for finding in card.findings:
        sensitivity = measured(test.get("sensitivity", {}).get(finding))
        specificity = measured(test.get("specificity", {}).get(finding))
        if sensitivity and specificity:
            found[finding] = (1 - float(specificity["value"]), float(sensitivity["value"]))
    return found


def _operating(card: Checkpoint) -> None:
    test = card.metrics["test"]
    fields = ("sensitivity", "specificity", "auc", "average_precision")
    figures = {
        finding: {field: measured(test.get(field, {}).get(finding), n=test.get("n")) for field in fields}
        for finding in card.findings
    }
    exported = [
        {"finding": finding, "threshold": card.thresholds.get(finding, "")}
        | {key: value for field in fields for key, value in export.columns(found[field], f"{field}_").items()}
        for finding, found in figures.items()
    ]
    with export.titled("Operating points", exported, name=f"{card.name} operating points", aside="the diamonds above"):
        rows = [
            [
                finding,
                f"{card.thresholds[finding]:.2f}" if finding in card.thresholds else "–",
                words(found["sensitivity"]),
                words(found["specificity"]),
            ]
            for finding, found in figures.items()
        ]
        overall = ", ".join(
            f"{name} {words(found)}"
            for name, field in (
                ("accuracy", "accuracy"),
                ("balanced accuracy", "balanced_accuracy"),
                ("Brier score", "brier"),
            )
            if (found := measured(test.get(field), n=test.get("n")))
        )
        caption = "A finding counts as found from this probability. 95 % intervals."
        st.html(
            markup.table(
                ["Finding", "Found from", "Sensitivity", "Specificity"],
                rows,
                caption=f"{caption} Over all findings: {overall}." if overall else caption,
            )
        )


def _confusion(card: Checkpoint) -> None:
    counts = card.metrics["test"].get("confusion")
    title, name = "What it takes for what", f"{card.name} confusion"
    if not counts:
        with export.section(title):
            st.html(markup.paragraph("The card holds no confusion matrix.", quiet=True))
        return
    if isinstance(counts, Mapping):
        _by_finding(counts, title, name)
        return
    exported = [
        {"film is": finding, **dict(zip(card.findings, row, strict=True))}
        for finding, row in zip(card.findings, counts, strict=True)
    ]
    with export.titled(title, exported, name=name, aside="films, % of the row"):
        export.chart(
            plots.confusion(card.findings, counts),
            name=name,
            alt="; ".join(
                f"{finding}: " + ", ".join(f"{n} as {said}" for said, n in zip(card.findings, row, strict=True))
                for finding, row in zip(card.findings, counts, strict=True)
            ),
        )


def _by_finding(counts: Mapping[str, Sequence[Sequence[int]]], title: str, name: str) -> None:
    """A multi-label model: each finding by itself."""
    head = ["finding", "there, found", "there, missed", "not there, found", "neither"]
    rows = [[finding, yes[1], yes[0], no[1], no[0]] for finding, (no, yes) in counts.items()]
    with export.titled(title, [dict(zip(head, row, strict=True)) for row in rows], name=name, aside="films"):
        st.html(
            markup.table(
                [each.capitalize() for each in head], [[str(cell) for cell in row] for row in rows], caption=""
            )
        )


def _reliability(card: Checkpoint) -> None:
    test = card.metrics["test"]
    bins = {name: found for name in ("before", "after") if (found := (test.get("reliability") or {}).get(name))}
    errors = {
        name: words(found)
        for name, field in (("before temperature", "ece_before"), ("after", "ece"))
        if (found := measured(test.get(field), n=test.get("n")))
    }
    told = (
        "Calibration error: " + ", ".join(f"{name} {figure}" for name, figure in errors.items()) + "." if errors else ""
    )
    if not bins:
        with export.section("Whether its probabilities come true"):
            st.html(markup.paragraph(told or "The card does not say.", quiet=True))
        return
    exported = [{"temperature": name, **each} for name, found in bins.items() for each in found]
    with export.titled("Whether its probabilities come true", exported, name=f"{card.name} reliability"):
        export.chart(
            plots.reliability(bins),
            name=f"{card.name} reliability",
            alt=told or "Reliability before and after temperature",
        )
        st.html(
            markup.paragraph(f"On the dotted line, what it says with 70 % is true in 70 %. {told}".strip(), quiet=True)
        )


def _groups(card: Checkpoint) -> None:
    parts = groups(card)
    if not parts:
        with export.section("By group"):
            st.html(markup.paragraph("Groups were not measured: one figure for all can hide a failure.", quiet=True))
        return
    fields = [("Macro AUC", "macro_auc"), ("Accuracy", "accuracy")]
    exported = [
        {"by": each.get("by", ""), "group": each["name"], "n": each.get("n", ""), "patients": each.get("patients", "")}
        | {
            key: value
            for _, field in fields
            for key, value in export.columns(measured(each.get(field)), f"{field}_").items()
        }
        | {
            key: value
            for finding in card.findings
            for key, value in export.columns(measured(each.get("auc", {}).get(finding)), f"auc_{finding}_").items()
        }
        for each in parts
    ]
    with export.titled("By group", exported, name=f"{card.name} groups", aside="one figure for all can hide a failure"):
        head = ["Group", "Films", *(name for name, _ in fields), *(f"AUC {finding}" for finding in card.findings)]
        rows = [
            [
                group_name(each),
                f"{each['n']:,}" if "n" in each else "–",
                *(_cell(each.get(field), each) for _, field in fields),
                *(_cell(each.get("auc", {}).get(finding), each) for finding in card.findings),
            ]
            for each in parts
        ]
        st.html(markup.table(head, rows, caption="A dash: too few films of both kinds in this group. 95 % intervals."))


def _cell(figure: Any, group: Any) -> str:
    return words(measured(figure, n=group.get("n")))
