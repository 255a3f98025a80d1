"""Shortcut audit: whether a checkpoint reads the lungs, test by test, and all checkpoints side by side."""

import io
import math
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import streamlit as st
from PIL import Image

from core.audit.audit_test import AuditFigure, AuditResult, MapCluster, audit_tests
from core.audit.report import AuditReport
from core.cohort.mean_heat import MARGIN
from core.estimate import estimate_text
from core.overlay import table as colour_table
from core.trust.verdicts import WORDS, Word
from core.types import Checkpoint
from dashboard import draw, markup
from dashboard.cache import model_files
from dashboard.models import export, plots
from dashboard.models.axes import NEUTRAL
from dashboard.models.plots import IntervalMark

_AREAS = ("lungs-black", "lungs-inpainted", "border-only", "lungs-only", "marks-removed", "histogram-matched")
_PICTURE = 144  # px
_SYMBOLS: dict[Word, str] = {"holds": "✓", "doubtful": "?", "fails": "✗", "unjudged": "–"}
_NONE = "It was not audited. Audit it on labelled films:"


def section(cards: Sequence[Checkpoint]) -> None:
    """A row per test, a column per audited checkpoint; nothing if none was audited."""
    reports = {card.name: report for card in cards if (report := model_files.audit_report(card))}
    if not reports:
        return
    words = {name: {each.name: each.word for each in report.results} for name, report in reports.items()}
    names = [name for name in audit_tests if any(name in each for each in words.values())]
    rows = [
        [audit_tests[test].title, *(_cell(words[name].get(test, "unjudged")) for name in reports)] for test in names
    ]
    rows.append(["Failed tests", *(report.summary for report in reports.values())])
    exported = [
        {"model": name, "test": each.name, "verdict": each.word, "sentence": each.sentence}
        for name, report in reports.items()
        for each in report.results
    ]
    with export.titled("Shortcut audit", exported, name="audit", aside="does it read the lungs, or something else?"):
        st.html(
            markup.table(
                ["Test", *reports],
                rows,
                caption="A probe of the features shows what a model could use, not what it does use: probes are not "
                "counted. For figures and sentences see Shortcuts in the card of each model.",
                label="Shortcut audit of all checkpoints",
            )
        )


def part(card: Checkpoint) -> None:
    """The verdicts of one checkpoint, then their figures."""
    report = model_files.audit_report(card)
    if report is None:
        with export.section("Shortcut audit"):
            st.html(markup.paragraph(_NONE, quiet=True))
            st.code(f"python -m core audit MANIFEST.csv --checkpoint {card.name}", language="bash", wrap_lines=True)
        return
    with export.titled("Verdicts", _exported(report), name=f"{card.name} audit", aside=_films(report)):
        st.html("".join(_remark(result) for result in report.results))
    results = {result.name: result for result in report.results}
    _areas(card, results)
    for name in ("phantom-probing", "heat-outside"):
        if (result := results.get(name)) and result.figures:
            _table(result)
    _probes([result for name, result in results.items() if name.startswith("probe-") and result.figures])
    if (result := results.get("map-clusters")) and result.clusters:
        _clusters(result.clusters)


def _films(report: AuditReport) -> str:
    lungs = f", {report.without_lungs} without lungs, left out of tests that need them" if report.without_lungs else ""
    split = f", {report.split}" if report.split else ""
    return f"{report.films} films of {report.patients} patients of {report.set}{split}{lungs}"


def _cell(word: Word) -> str:
    return f"{_SYMBOLS[word]} {WORDS[word]}"


def _remark(result: AuditResult) -> str:
    return markup.remark(draw.STATES[result.word], result.title, WORDS[result.word], result.sentence)


def _exported(report: AuditReport) -> list[dict[str, Any]]:
    return [
        {"test": result.name, "verdict": result.word, "figure": figure.label}
        | export.columns(figure.estimate)
        | {"reference": "" if math.isnan(figure.reference) else figure.reference}
        for result in report.results
        for figure in result.figures
    ]


def _areas(card: Checkpoint, results: dict[str, AuditResult]) -> None:
    """The AUC on unaltered films, then with each alteration."""
    judged = [results[name] for name in _AREAS if name in results and len(results[name].figures) == 3]
    if not judged:
        return
    marks = [IntervalMark("Unchanged films", judged[0].figures[1].estimate, NEUTRAL)]
    marks += [IntervalMark(result.title, result.figures[2].estimate, plots.ACCENT) for result in judged]
    with export.section("AUC of altered films", "macro AUC; 95 % intervals over patients"):
        export.chart(
            plots.intervals(marks, quantity="Macro AUC; the ticks at 0.5 are chance"),
            name=f"{card.name} audit",
            alt="; ".join(f"{mark.row}: macro AUC {estimate_text(mark.figure)}" for mark in marks),
        )


def _table(result: AuditResult) -> None:
    """The figures of a test, as shares in per cent."""
    test = audit_tests[result.name]
    referred = any(not math.isnan(figure.reference) for figure in result.figures)
    head = ["Figure", "Value", "95 % interval", *([result.figures[0].reference_label.capitalize()] if referred else [])]
    with export.section(test.title):
        st.html(
            markup.table(
                head,
                [_cells(figure, referred) for figure in result.figures],
                caption=test.plain,
                label=test.title,
            )
        )


def _cells(figure: AuditFigure, referred: bool) -> list[str]:
    estimate = figure.estimate
    value, low, high = (
        f"{each:.0%}" if referred else f"{markup.signed(100 * each, 0)}%"
        for each in (estimate.value, estimate.low, estimate.high)
    )
    cells = [f"{figure.label[0].upper()}{figure.label[1:]}", value, f"{low} to {high}, n = {estimate.n}"]
    return [*cells, f"{figure.reference:.0%}"] if referred else cells


def _probes(results: Sequence[AuditResult]) -> None:
    """What the features reveal: a row per probe."""
    if not results:
        return
    rows = []
    for result in results:
        _, features, label = result.figures
        rows.append(
            [
                result.title.removesuffix(" from the features"),
                estimate_text(features.estimate),
                estimate_text(label.estimate),
                f"{features.reference:.2f}",
            ]
        )
    with export.section("Probes of the features", "balanced accuracy, tested on other patients"):
        st.html(
            markup.table(
                ["Attribute", "From the features", "From the label alone", "Chance"],
                rows,
                caption="What a probe predicts could serve as a shortcut; the tests above show whether it does.",
            )
        )


def _clusters(clusters: Sequence[MapCluster]) -> None:
    """Each cluster of maps: its mean map with the frame of the lungs, and what its films have in common."""
    with export.section(
        "Clusters of maps", "spectral relevance analysis; the frame holds the lungs; brighter is more heat"
    ):
        for column, cluster in zip(st.columns(max(4, len(clusters))), clusters, strict=False):
            share = cluster.lung_share
            lines = [
                f"{share.value:.0%} ({share.low:.0%} to {share.high:.0%}) of the heat in the lungs, even map "
                f"{cluster.lung_area:.0%}",
                f"Called {_counts(cluster.findings)}; {cluster.correct:.0%} right",
                f"From {_counts(cluster.sources)}" if cluster.sources else "",
                f"Typical: {', '.join(cluster.examples)}",
            ]
            with column:
                words = f"Mean map of {cluster.films} films"
                picture = markup.picture(_mean_map(cluster.heat), words)
                body = "".join(markup.paragraph(line, quiet=True) for line in lines if line)
                st.html(picture + markup.small_title(f"{cluster.films} films") + body)


def _counts(counts: Any, most: int = 3) -> str:
    items = list(counts.items())
    more = f" and {len(items) - most} more" if len(items) > most else ""
    return ", ".join(f"{name} {count}" for name, count in items[:most]) + more


def _mean_map(heat: tuple[tuple[int, ...], ...]) -> bytes:
    """The map as WebP, with the frame around the lungs."""
    values = cv2.resize(np.array(heat, np.float32), (_PICTURE, _PICTURE), interpolation=cv2.INTER_CUBIC).clip(min=0)
    levels = (255 * values / max(float(values.max()), 1e-6)).astype(np.uint8)
    picture = np.ascontiguousarray(colour_table("inferno")[levels])
    edge = round(_PICTURE * MARGIN / (1 + 2 * MARGIN))
    cv2.rectangle(picture, (edge, edge), (_PICTURE - edge, _PICTURE - edge), (160, 160, 160), 1)
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "WebP", quality=88)
    return file.getvalue()
