"""The figures of the test split: ranking, operating points, mistakes, calibration, groups."""

from collections.abc import Mapping, Sequence

import streamlit as st

from core.card import Counts, SubsetFigures, TestFigures
from core.codec import dump
from core.estimate import available, estimate_text
from core.types import Checkpoint
from dashboard import markup
from dashboard.models import export, plots
from dashboard.models.limitations import group_name, groups
from dashboard.models.plots import Curve


def part(card: Checkpoint) -> None:
    """Every figure with its n and 95 % interval; a card without a test says so above."""
    test = card.metrics.test
    if test is None:
        st.html(markup.paragraph("There is nothing to draw: its card holds no figures of a test.", quiet=True))
        return
    left, right = st.columns(2, gap="large")
    with left:
        _ranking(card, test, roc=True)
    with right:
        _ranking(card, test, roc=False)
    _operating(card, test)
    left, right = st.columns(2, gap="large")
    with left:
        _confusion(card, test.confusion)
    with right:
        _reliability(card, test)
    _groups(card)


def _films(test: TestFigures) -> str:
    if test.n is None:
        return ""
    return f"{test.n:,} test films of {test.n if test.patients is None else test.patients:,} patients"


def _ranking(card: Checkpoint, test: TestFigures, *, roc: bool) -> None:
    """The ROC, or precision and recall."""
    curves = curves_of(test, roc=roc)
    areas = test.auc if roc else test.average_precision
    title, short, kind = ("ROC", "AUC", "roc") if roc else ("Precision and recall", "AP", "pr")
    axes = ("1 − specificity", "Sensitivity") if roc else ("Recall (sensitivity)", "Precision")
    figures = {
        finding: f"{short} {estimate_text(areas[finding])}"
        for finding in card.findings
        if available(areas.get(finding))
    }
    curves = {finding: curves[finding] for finding in card.findings if finding in curves}
    exported = [
        {"finding": finding, axes[0]: x, axes[1]: y, "low": low, "high": high}
        for finding, curve in curves.items()
        for x, y, low, high in zip(curve.x, curve.y, curve.low, curve.high, strict=True)
    ] or [{"finding": finding, **export.columns(areas[finding])} for finding in figures]
    if not exported:
        with export.section(title):
            st.html(markup.paragraph("The card holds no such curve.", quiet=True))
        return
    with export.titled(title, exported, name=f"{card.name} {kind}", aside=_films(test)):
        if not curves:
            st.html(markup.facts(figures.items()) + markup.paragraph("The card holds no such curve.", quiet=True))
            return
        export.chart(
            plots.ranking(curves, figures, _points(card, test) if roc else {}, x=axes[0], y=axes[1], diagonal=roc),
            name=f"{card.name} {kind}",
            alt="; ".join(f"{finding}: {figure}" for finding, figure in figures.items()),
        )


def curves_of(test: TestFigures, *, roc: bool) -> dict[str, Curve]:
    """Finding -> its ROC curve, or its curve of precision over recall."""
    if roc:
        return {finding: Curve(each.fpr, each.tpr, each.low, each.high) for finding, each in test.roc.items()}
    return {
        finding: Curve(each.recall, each.precision, each.low, each.high)
        for finding, each in test.precision_recall.items()
    }


def _points(card: Checkpoint, test: TestFigures) -> dict[str, tuple[float, float]]:
    """Finding -> (1 - specificity, sensitivity) at its operating point."""
    found = {}
    for finding in card.findings:
        sensitivity, specificity = available(test.sensitivity.get(finding)), available(test.specificity.get(finding))
        if sensitivity and specificity:
            found[finding] = (1 - specificity.value, sensitivity.value)
    return found


def _operating(card: Checkpoint, test: TestFigures) -> None:
    columns = {
        "sensitivity": test.sensitivity,
        "specificity": test.specificity,
        "auc": test.auc,
        "average_precision": test.average_precision,
    }
    exported = [
        {"finding": finding, "threshold": card.thresholds.get(finding, "")}
        | {
            key: value
            for field, figures in columns.items()
            for key, value in export.columns(available(figures.get(finding)), f"{field}_").items()
        }
        for finding in card.findings
    ]
    with export.titled("Operating points", exported, name=f"{card.name} operating points", aside="the diamonds above"):
        rows = [
            [
                finding,
                f"{card.thresholds[finding]:.2f}" if finding in card.thresholds else "–",
                estimate_text(test.sensitivity.get(finding)),
                estimate_text(test.specificity.get(finding)),
            ]
            for finding in card.findings
        ]
        overall = ", ".join(
            f"{name} {estimate_text(figure)}"
            for name, figure in (
                ("accuracy", test.accuracy),
                ("balanced accuracy", test.balanced_accuracy),
                ("Brier score", test.brier),
            )
            if available(figure)
        )
        caption = "A finding counts as found from this probability. 95 % intervals."
        st.html(
            markup.table(
                ["Finding", "Found from", "Sensitivity", "Specificity"],
                rows,
                caption=f"{caption} Over all findings: {overall}." if overall else caption,
            )
        )


def _confusion(card: Checkpoint, counts: Counts | Mapping[str, Counts] | None) -> None:
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


def _by_finding(counts: Mapping[str, Counts], title: str, name: str) -> None:
    """A multi-label model: each finding by itself."""
    head = ["finding", "there, found", "there, missed", "not there, found", "neither"]
    rows = [[finding, yes[1], yes[0], no[1], no[0]] for finding, (no, yes) in counts.items()]
    with export.titled(title, [dict(zip(head, row, strict=True)) for row in rows], name=name, aside="films"):
        st.html(
            markup.table(
                [each.capitalize() for each in head], [[str(cell) for cell in row] for row in rows], caption=""
            )
        )


def _reliability(card: Checkpoint, test: TestFigures) -> None:
    stored = {"before": test.reliability.before, "after": test.reliability.after}
    bins = {name: found for name, found in stored.items() if found}
    errors = {
        name: estimate_text(figure)
        for name, figure in (("before temperature", test.ece_before), ("after", test.ece))
        if available(figure)
    }
    told = (
        "Calibration error: " + ", ".join(f"{name} {figure}" for name, figure in errors.items()) + "." if errors else ""
    )
    if not bins:
        with export.section("Whether its probabilities come true"):
            st.html(markup.paragraph(told or "The card does not say.", quiet=True))
        return
    exported = [{"temperature": name, **dump(each)} for name, found in bins.items() for each in found]
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
    exported = [
        {"by": each.by, "group": each.name, "n": each.n, "patients": "" if each.patients is None else each.patients}
        | export.columns(available(each.macro_auc), "macro_auc_")
        | export.columns(available(each.accuracy), "accuracy_")
        | {
            key: value
            for finding in card.findings
            for key, value in export.columns(available(each.auc.get(finding)), f"auc_{finding}_").items()
        }
        for each in parts
    ]
    with export.titled("By group", exported, name=f"{card.name} groups", aside="one figure for all can hide a failure"):
        head = ["Group", "Films", "Macro AUC", "Accuracy", *(f"AUC {finding}" for finding in card.findings)]
        rows = [_group_row(each, card.findings) for each in parts]
        st.html(markup.table(head, rows, caption="A dash: too few films of both kinds in this group. 95 % intervals."))


def _group_row(group: SubsetFigures, findings: Sequence[str]) -> list[str]:
    figures = [group.macro_auc, group.accuracy, *(group.auc.get(finding) for finding in findings)]
    return [group_name(group), f"{group.n:,}", *map(estimate_text, figures)]
