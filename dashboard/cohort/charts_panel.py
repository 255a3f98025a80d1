"""The charts of the selection, one group at a time; a choice in a chart changes the selection."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import streamlit as st

from core.cohort import score_figures
from core.cohort.mean_heat import FEWEST, lung_template, template_difference
from core.cohort.score_figures import OperatingPoint
from core.cohort.table import BINS, GROUPS, CohortTable, ScoreCounts, Selection
from core.estimate import estimate_text
from core.models.findings import words
from dashboard import draw, markup
from dashboard.bound_field import BoundField
from dashboard.cohort import case_map, charts, drift_panel
from dashboard.state import entered, session

_BINS = 40
_MAPS = 400  # maps in the mean heat
_PERFORMANCE, _POINT, _PEOPLE, _WHERE = "Performance", "Operating point", "Subgroups", "Where it looks"
_MAP, _DRIFT = "Map of cases", "Drift"


def panel(table: CohortTable, chosen: Selection) -> None:
    """The chosen group of charts."""
    state = session().cohort
    st.segmented_control(
        "Charts",
        [_PERFORMANCE, _POINT, _PEOPLE, _WHERE, _MAP, _DRIFT],
        **BoundField("cohort.charts").widget(),
        required=True,
        label_visibility="collapsed",
    )
    # A model's figures need all its films: the outcome follows from the prediction, so it must not filter them.
    if state.charts == _MAP:
        case_map.case_map(table, replace(chosen, films=()))
        return
    if state.charts == _DRIFT:
        drift_panel.panel(table, replace(chosen, outcome="all", films=()))
        return
    everyone = replace(chosen, outcome="all", low=0.0, high=1.0)
    counts = table.scores(everyone).get("")
    if state.charts == _WHERE:
        _where(table, chosen)
    elif counts is None:
        st.html(
            markup.paragraph("No film of this selection is labelled, so there is no performance to show.", quiet=True)
        )
        _histograms(table, everyone, chosen.threshold)
    elif state.charts == _PERFORMANCE and not (counts.positives.any() and counts.negatives.any()):
        _one_kind(table, everyone, counts)
    elif state.charts == _PERFORMANCE:
        _performance(table, everyone, counts)
    elif state.charts == _POINT:
        _operating_point(everyone, counts)
    else:
        _subgroups(table, everyone)


def _performance(table: CohortTable, chosen: Selection, counts: ScoreCounts) -> None:
    curve, area = score_figures.rates(counts), score_figures.auc(counts)
    place = round(chosen.threshold * BINS)
    left, middle, right = st.columns(3, gap="medium")
    with left:
        draw.section("ROC", "a click moves the operating point")
        point = 1 - float(curve.specificity[place]), float(curve.sensitivity[place])
        _clickable(charts.roc(curve, area, chosen.finding, point), "roc")
    with middle:
        draw.section("Precision and recall")
        point = float(curve.sensitivity[place]), float(curve.precision[place])
        average = score_figures.average_precision(counts)
        _clickable(charts.precision_recall(curve, average, chosen.finding, point), "precision")
    with right:
        _outcomes(counts, chosen)
    left, right = st.columns(2, gap="medium")
    with left:
        draw.section("Calibration", "ten bins, 95 % intervals")
        _chart(charts.reliability(score_figures.calibration(counts), chosen.finding), "reliability")
    with right:
        _histograms(table, chosen, chosen.threshold)


def _one_kind(table: CohortTable, chosen: Selection, counts: ScoreCounts) -> None:
    """The figures that remain if all labelled films have the finding, or none has."""
    finding = words(chosen.finding)
    which = f"Every labelled film has {finding}" if counts.positives.any() else f"No film is labelled {finding}"
    text = f"{which} in this selection. ROC, precision and calibration need films with it and without it."
    st.html(markup.paragraph(text, quiet=True))
    left, right = st.columns([2, 1], gap="medium")
    with left:
        _histograms(table, chosen, chosen.threshold)
    with right:
        _outcomes(counts, chosen)


def _outcomes(counts: ScoreCounts, chosen: Selection) -> None:
    draw.section("Outcomes", "a click lists the films")
    _matrix(score_figures.operating_point(counts, chosen.threshold))


def _histograms(table: CohortTable, chosen: Selection, threshold: float) -> None:
    draw.section("Probabilities", "drag across to filter")
    bars = table.histogram(chosen, "probability", bins=_BINS)
    plot = charts.histogram(bars, title=f"Probability of {words(chosen.finding)}", threshold=threshold, width=1 / _BINS)
    _chart(plot, "probabilities", on_select=_range, mode="box")


def _operating_point(chosen: Selection, counts: ScoreCounts) -> None:
    """Figures at the threshold, at the prevalence entered, and the decision curve."""
    state = session().cohort
    positives, negatives = int(counts.positives.sum()), int(counts.negatives.sum())
    own = positives / (positives + negatives)
    left, right = st.columns([1, 2], gap="large")
    with left:
        st.number_input(
            "Prevalence, %",
            0.0,
            100.0,
            step=0.5,
            **BoundField("cohort.prevalence").widget(
                value=round(100 * own, 2) if state.prevalence is None else state.prevalence
            ),
            help="Share of films with the finding where the model will be used. Default: the share in these films.",
        )
        prevalence = own if state.prevalence is None else state.prevalence / 100
        point = score_figures.operating_point(
            counts, chosen.threshold, prevalence=None if state.prevalence is None else prevalence
        )
        st.html(
            markup.facts(
                [
                    ("Sensitivity", estimate_text(point.sensitivity)),
                    ("Specificity", estimate_text(point.specificity)),
                    ("Positive predictive value", estimate_text(point.positive_predictive_value)),
                    ("Negative predictive value", estimate_text(point.negative_predictive_value)),
                    ("Films", f"{positives + negatives:,}, {positives:,} with {words(chosen.finding)}"),
                ]
            )
            + markup.paragraph("95 % intervals, films counted as independent.", quiet=True)
        )
    with right:
        curve = score_figures.rates(counts)
        model, everyone = score_figures.net_benefit(curve, prevalence)
        place = min(round(chosen.threshold * BINS), BINS - 1)
        draw.section("Net benefit", f"{model[place]:.3f} at {chosen.threshold:.3f}")
        step = slice(None, None, 5)
        plot = charts.decision(curve.thresholds[:-1][step], model[step], everyone[step], chosen.threshold)
        _chart(plot, "decision")


def _subgroups(table: CohortTable, chosen: Selection) -> None:
    """AUC, sensitivity and specificity of each value of a column."""
    state = session().cohort
    columns = [name for name in GROUPS if table.has("age" if name == "age group" else name)]
    if not columns:
        st.html(markup.paragraph("The films have no source, sex, age or view, so there are no subgroups.", quiet=True))
        return
    group = state.group if state.group in columns else columns[0]
    st.segmented_control("By", columns, **BoundField("cohort.group").widget(value=group), required=True)
    groups = {}
    for name, counts in table.scores(chosen, group=group).items():
        point = score_figures.operating_point(counts, chosen.threshold)
        films, positives = int((counts.positives + counts.negatives).sum()), int(counts.positives.sum())
        groups[name] = films, positives, score_figures.auc(counts), point.sensitivity, point.specificity
    head = [group, "Films", f"With {words(chosen.finding)}", "AUC", "Sensitivity", "Specificity"]
    caption = "95 % intervals, films counted as independent. An AUC needs five films with the finding and five without."
    st.html(markup.table(head, charts.subgroup_rows(groups), caption=caption))


def _where(table: CohortTable, chosen: Selection) -> None:
    """Lung share by outcome, and the mean heat in the frame of the lungs."""
    left, right = st.columns(2, gap="large")
    with left:
        draw.section("Heat in the lungs", "share of each map, by outcome")
        bars = table.histogram(chosen, "lung_share", bins=_BINS) if table.has("lung_share") else []
        if bars:
            plot = charts.histogram(bars, title="Share of the heat in the lungs", threshold=None, width=1 / _BINS)
            _chart(plot, "lung share")
        else:
            st.html(markup.paragraph("The run has no lungs (--no-lungs), or no map with heat in them.", quiet=True))
    with right:
        rows = [row for row in table.films(chosen, order="In the order of the input", first=0, most=_MAPS)]
        numbers = [row["film"] for row in rows]
        mean = lung_template(rows, table.maps(chosen, numbers), table.thumbnails(numbers))
        draw.section("Mean heat", f"{mean.films} films, aligned by their lungs" if mean else "")
        if mean is None:
            st.html(markup.paragraph("No film of the selection has lungs and a stored map.", quiet=True))
        else:
            _chart(charts.template(mean), "template")
            _against_another_model(table, chosen, rows)


def _against_another_model(table: CohortTable, chosen: Selection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Where the maps of the chosen model have more heat than those of another, and where less."""
    others = [card["name"] for card in table.manifest["checkpoints"] if card["name"] != chosen.checkpoint]
    others = [name for name in others if table.maps(replace(chosen, checkpoint=name), [rows[0]["film"]])]
    if not others:
        return
    state = session().cohort
    other = state.other_model if state.other_model in others else others[0]
    if len(others) > 1:
        st.selectbox("Minus the heat of", others, **BoundField("cohort.other_model").widget(value=other), width=260)
    numbers = [row["film"] for row in rows]
    result = template_difference(
        rows, table.maps(chosen, numbers), table.maps(replace(chosen, checkpoint=other), numbers)
    )
    draw.section(f"{chosen.checkpoint} minus {other}", f"{result.films} films" if result else "")
    if result is None:
        text = f"Fewer than {FEWEST} films of the selection have lungs and heat in the maps of both models."
        st.html(markup.paragraph(text, quiet=True))
        return
    _chart(charts.difference(result), "difference")
    share = float(result.differs.mean())
    text = f"Coloured where they differ ({share:.0%}); permutation test over all cells together, 5 % level."
    st.html(markup.paragraph(text, quiet=True))


def _matrix(point: OperatingPoint) -> None:
    """Films by label and call; a cell filters to its films."""
    cells = {
        "true positive": point.true_positives,
        "false negative": point.false_negatives,
        "false positive": point.false_positives,
        "true negative": point.true_negatives,
    }
    with st.container(key="cohort_matrix"):
        for row in (("true positive", "false negative"), ("false positive", "true negative")):
            for column, outcome in zip(st.columns(2), row, strict=True):
                chosen = session().cohort.outcome == outcome
                column.button(
                    f"{cells[outcome]:,}  \n{outcome}",
                    key=f"outcome {outcome}",
                    type="primary" if chosen else "secondary",
                    on_click=_outcome,
                    args=(outcome,),
                    width="stretch",
                )
    st.html(
        markup.facts(
            [("Sensitivity", estimate_text(point.sensitivity)), ("Specificity", estimate_text(point.specificity))]
        )
    )


def _outcome(outcome: str) -> None:
    state = session().cohort
    state.outcome = "all" if state.outcome == outcome else outcome
    state.first = 0


def _clickable(plot: dict[str, Any], name: str) -> None:
    _chart(plot, name, on_select=_threshold, mode="points")


def _threshold(key: str) -> None:
    points = entered(key)["selection"]["points"]
    thresholds = [point["customdata"] for point in points if point.get("customdata") is not None]
    if thresholds:
        value = thresholds[0][0] if isinstance(thresholds[0], list) else thresholds[0]
        session().cohort.threshold = round(float(value), 3)


def _range(key: str) -> None:
    boxes = entered(key)["selection"]["box"]
    if boxes and boxes[0].get("x"):
        state = session().cohort
        low, high = sorted(float(edge) for edge in boxes[0]["x"])
        state.low, state.high = max(0.0, round(low, 3)), min(1.0, round(high, 3))
        state.first = 0


def _chart(plot: dict[str, Any], name: str, *, on_select: Callable[[str], None] | None = None, mode: str = "") -> None:
    config = {"displayModeBar": False}
    key = f"cohort {name}"
    if on_select is None:
        st.plotly_chart(plot, key=key, config=config)
        return
    st.plotly_chart(plot, key=key, config=config, on_select=lambda: on_select(key), selection_mode=mode)  # type: ignore[arg-type]
