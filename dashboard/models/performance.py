"""Performance on the test films: ROC, precision and recall, operating points, confusion, calibration, groups."""

from collections.abc import Mapping, Sequence

import streamlit as st

from core.card import Counts, SubsetFigures, TestFigures
from core.codec import dump
from core.estimate import available, estimate_text
from core.models.findings import words
from core.types import Checkpoint
from dashboard import markup
from dashboard.models import export, plots
from dashboard.models.limitations import group_name, groups
from dashboard.models.plots import BandedCurve


def part(card: Checkpoint) -> None:
    """Every figure with its n and 95 % interval; a warning above says if there are none."""
    test = card.metrics.test
    if test is None:
        st.html(markup.paragraph("Nothing to show: its card has no test figures.", quiet=True))
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
    """The ROC curves, or precision and recall."""
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
            st.html(markup.paragraph("The card has no such curve.", quiet=True))
        return
    with export.titled(title, exported, name=f"{card.name} {kind}", aside=_films(test)):
        if not curves:
            st.html(
                markup.facts([(words(finding), text) for finding, text in figures.items()])
                + markup.paragraph("The card has no such curve.", quiet=True)
            )
            return
        export.chart(
            plots.ranking(curves, figures, _points(card, test) if roc else {}, x=axes[0], y=axes[1], diagonal=roc),
            name=f"{card.name} {kind}",
            alt="; ".join(f"{words(finding)}: {figure}" for finding, figure in figures.items()),
        )


def curves_of(test: TestFigures, *, roc: bool) -> dict[str, BandedCurve]:
    """Finding -> its ROC curve, or its precision-recall curve."""
    if roc:
        return {finding: BandedCurve(each.fpr, each.tpr, each.low, each.high) for finding, each in test.roc.items()}
    return {
        finding: BandedCurve(each.recall, each.precision, each.low, each.high)
        for finding, each in test.precision_recall.items()
    }


def _points(card: Checkpoint, test: TestFigures) -> dict[str, tuple[float, float]]:
    """Finding -> (1 - specificity, sensitivity) at its operating point."""
    points = {}
    for finding in card.findings:
        sensitivity, specificity = available(test.sensitivity.get(finding)), available(test.specificity.get(finding))
        if sensitivity and specificity:
            points[finding] = (1 - specificity.value, sensitivity.value)
    return points


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
                words(finding),
                f"{card.thresholds[finding]:.2f}" if finding in card.thresholds else "–",
                estimate_text(test.sensitivity.get(finding)),
                estimate_text(test.specificity.get(finding)),
            ]
            for finding in card.findings
        ]
        caption = f"A finding counts as present at or above its operating point. 95 % intervals.{_overall(test)}"
        st.html(markup.table(["Finding", "Operating point", "Sensitivity", "Specificity"], rows, caption=caption))


def _overall(test: TestFigures) -> str:
    """The figures over all findings as a sentence; empty if there are none."""
    figures = {"accuracy": test.accuracy, "balanced accuracy": test.balanced_accuracy, "Brier score": test.brier}
    parts = [f"{name} {estimate_text(figure)}" for name, figure in figures.items() if available(figure)]
    return f" Over all findings: {', '.join(parts)}." if parts else ""


def _confusion(card: Checkpoint, counts: Counts | Mapping[str, Counts] | None) -> None:
    title, name = "Confusion matrix", f"{card.name} confusion"
    if not counts:
        with export.section(title):
            st.html(markup.paragraph("The card has no confusion matrix.", quiet=True))
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
                f"{words(finding)}: "
                + ", ".join(f"{n} called {words(predicted)}" for predicted, n in zip(card.findings, row, strict=True))
                for finding, row in zip(card.findings, counts, strict=True)
            ),
        )


def _by_finding(counts: Mapping[str, Counts], title: str, name: str) -> None:
    """Confusion of a multi-label model: each finding separately."""
    head = ["finding", "true positive", "false negative", "false positive", "true negative"]
    rows = [[finding, yes[1], yes[0], no[1], no[0]] for finding, (no, yes) in counts.items()]
    with export.titled(title, [dict(zip(head, row, strict=True)) for row in rows], name=name, aside="films"):
        st.html(
            markup.table(
                [each.capitalize() for each in head],
                [[words(str(finding)), *map(str, cells)] for finding, *cells in rows],
                caption="",
            )
        )


def _reliability(card: Checkpoint, test: TestFigures) -> None:
    stored = {"before": test.reliability.before, "after": test.reliability.after}
    bins = {name: each_bins for name, each_bins in stored.items() if each_bins}
    errors = {
        name: estimate_text(figure)
        for name, figure in (("before temperature", test.ece_before), ("after", test.ece))
        if available(figure)
    }
    text = (
        "Calibration error: " + ", ".join(f"{name} {figure}" for name, figure in errors.items()) + "." if errors else ""
    )
    if not bins:
        with export.section("Calibration"):
            st.html(markup.paragraph(text or "The card has no calibration figures.", quiet=True))
        return
    exported = [{"temperature": name, **dump(each)} for name, each_bins in bins.items() for each in each_bins]
    with export.titled("Calibration", exported, name=f"{card.name} reliability"):
        export.chart(
            plots.reliability(bins),
            name=f"{card.name} reliability",
            alt=text or "Reliability before and after temperature",
        )
        st.html(
            markup.paragraph(
                f"On the dotted line, 70 % of the predictions made with 70 % confidence are right. {text}".strip(),
                quiet=True,
            )
        )


def _groups(card: Checkpoint) -> None:
    parts = groups(card)
    if not parts:
        with export.section("By group"):
            st.html(
                markup.paragraph("Groups were not measured: one figure for all films can hide a failure.", quiet=True)
            )
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
    with export.titled(
        "By group", exported, name=f"{card.name} groups", aside="one figure for all films can hide a failure"
    ):
        head = ["Group", "Films", "Macro AUC", "Accuracy", *(f"AUC {words(finding)}" for finding in card.findings)]
        rows = [_group_row(each, card.findings) for each in parts]
        st.html(
            markup.table(
                head, rows, caption="A dash: too few films with or without the finding in this group. 95 % intervals."
            )
        )


def _group_row(group: SubsetFigures, findings: Sequence[str]) -> list[str]:
    figures = [group.macro_auc, group.accuracy, *(group.auc.get(finding) for finding in findings)]
    return [group_name(group), f"{group.n:,}", *map(estimate_text, figures)]
