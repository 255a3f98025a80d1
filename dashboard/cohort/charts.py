"""The charts of the Cohort page, in Plotly's JSON."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from core.cohort.mean_heat import MARGIN, SIDE, LungTemplate, TemplateDifference
from core.cohort.score_figures import Curve, Rates
from core.estimate import Estimate, estimate_text
from core.overlay import palettes, table
from dashboard import finding_colours
from dashboard.models import axes
from dashboard.models.axes import NEUTRAL, Plot

_HEIGHT = 330  # px
_STEP = 5  # of 1,000 thresholds, between two points of a curve
_OUTCOMES = {  # colour and pattern, never colour alone
    "true positive": ("#0072B2", ""),
    "false positive": ("#E69F00", "/"),
    "false negative": ("#D55E00", "x"),
    "true negative": ("#56B4E9", "."),
    "no label": (NEUTRAL, ""),
}


def roc(curve: Rates, area: Estimate, finding: str, point: tuple[float, float]) -> Plot:
    """Sensitivity over 1 - specificity; the points carry their threshold."""
    return _curve(
        1 - curve.specificity,
        curve.sensitivity,
        curve.thresholds,
        finding,
        name=f"AUC {estimate_text(area)}",
        x="1 − specificity",
        y="Sensitivity",
        point=point,
        diagonal=True,
    )


def precision_recall(curve: Rates, value: float, finding: str, point: tuple[float, float]) -> Plot:
    """Precision over recall; the points carry their threshold."""
    return _curve(
        curve.sensitivity,
        curve.precision,
        curve.thresholds,
        finding,
        name="AP –" if np.isnan(value) else f"AP {value:.3f}",
        x="Recall (sensitivity)",
        y="Precision",
        point=point,
        diagonal=False,
    )


def histogram(bars: Sequence[tuple[str, float, int]], *, title: str, threshold: float | None, width: float) -> Plot:
    """Films per bin of a share from 0 to 1, stacked by outcome."""
    traces = []
    for outcome in dict.fromkeys(name for name in _OUTCOMES if any(bar[0] == name for bar in bars)):
        own = [(edge, films) for name, edge, films in bars if name == outcome]
        colour, shape = _OUTCOMES[outcome]
        traces.append(
            {
                "type": "bar",
                "name": outcome,
                "x": [edge + width / 2 for edge, _ in own],
                "y": [films for _, films in own],
                "width": width * 0.94,
                "marker": {"color": colour, "pattern": {"shape": shape}, "line": {"width": 0}},
                "hovertemplate": f"%{{y}} films, {outcome}<extra></extra>",
            }
        )
    layout = axes.layout(x=axes.axis(title, ends=[0, 1]), y=axes.axis("Films"), height=_HEIGHT)
    shapes = [axes.upright(threshold)] if threshold is not None else []
    return {
        "data": traces,
        "layout": layout | {"barmode": "stack", "shapes": shapes, "dragmode": "select", "selectdirection": "h"},
    }


def reliability(points: Sequence[tuple[float, Estimate]], finding: str) -> Plot:
    """Share of films with the finding over the mean probability of ten bins, with intervals."""
    colour = finding_colours.colour(finding)
    trace = {
        "type": "scatter",
        "mode": "lines+markers",
        "x": [mean for mean, _ in points],
        "y": [share.value for _, share in points],
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": [share.high - share.value for _, share in points],
            "arrayminus": [share.value - share.low for _, share in points],
            "color": colour,
            "width": 0,
        },
        "customdata": [share.n for _, share in points],
        "line": {"color": colour, "width": 1.5},
        "marker": {"color": colour, "size": 9},
        "hovertemplate": "probability %{x:.2f}, with the finding %{y:.2f}, %{customdata} films<extra></extra>",
    }
    layout = axes.layout(
        x=axes.axis("Mean probability", ends=[0, 1.02]),
        y=axes.axis("Share with the finding", ends=[0, 1.02]),
        height=_HEIGHT,
    )
    return {"data": [trace], "layout": layout | {"shapes": [axes.segment((0, 0), (1, 1), dash="dot")]}}


def decision(thresholds: Curve, model: Curve, everyone: Curve, at: float) -> Plot:
    """Net benefit against threshold: the model, calling every film, calling none."""
    lines = [("model", model, finding_colours.colour("model"), "solid"), ("call all films", everyone, NEUTRAL, "dash")]
    traces: list[dict[str, Any]] = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": name,
            "x": list(thresholds),
            "y": _numbers(values),
            "line": {"color": colour, "width": 2, "dash": dash},
            "hovertemplate": f"threshold %{{x:.2f}}: %{{y:.3f}}<extra>{name}</extra>",
        }
        for name, values, colour, dash in lines
    ]
    top = max(0.01, *(value for value in model if np.isfinite(value)))
    layout = axes.layout(
        x=axes.axis("Threshold", ends=[0, 1]), y=axes.axis("Net benefit", ends=[-0.25 * top, 1.1 * top]), height=_HEIGHT
    )
    return {"data": traces, "layout": layout | {"shapes": [axes.rule(0), axes.upright(at)]}}


def template(mean: LungTemplate) -> Plot:
    """The mean heat in the frame of the lungs, over the mean film; the rectangle marks the lungs."""
    traces: list[dict[str, Any]] = []
    if mean.film is not None:
        grey = [[0, "#000"], [1, "#fff"]]
        film = {"type": "heatmap", "z": mean.film.round(3).tolist(), "colorscale": grey, "zmin": 0, "zmax": 1}
        traces.append(film | {"showscale": False, "hoverinfo": "skip", "zsmooth": "best"})
    traces.append(
        {
            "type": "heatmap",
            "z": mean.heat.round(3).tolist(),
            "colorscale": _colours(),
            "opacity": 0.6 if mean.film is not None else 1.0,
            "zsmooth": "best",
            "zmin": 0,
            "colorbar": {"title": {"text": "× even", "side": "right"}, "thickness": 12},
            "hovertemplate": "%{z:.2f} times an even map<extra></extra>",
        }
    )
    return {"data": traces, "layout": _lung_frame("#fff")}


def difference(result: TemplateDifference) -> Plot:
    """Orange where the first model has more heat, blue where the second has; only where they differ."""
    shown = np.where(result.differs, result.mean.round(3), np.nan)
    end = max(float(np.abs(result.mean).max()), result.limit)
    blue, orange = "#0072B2", "#D55E00"
    trace = {
        "type": "heatmap",
        "z": [_numbers(row) for row in shown],
        "colorscale": [[0, blue], [0.5, "rgba(139,145,156,0.15)"], [1, orange]],
        "zmin": -end,
        "zmax": end,
        "colorbar": {"title": {"text": "× even", "side": "right"}, "thickness": 12},
        "hovertemplate": "%{z:+.2f} times an even map<extra></extra>",
    }
    return {"data": [trace], "layout": _lung_frame(NEUTRAL)}


def _lung_frame(colour: str) -> dict[str, Any]:
    """The layout of a template: square, without numbers, with a dotted rectangle for the lungs."""
    edge, span = MARGIN / (1 + 2 * MARGIN), 1 / (1 + 2 * MARGIN)
    low, high = edge * SIDE - 0.5, (edge + span) * SIDE - 0.5
    side = axes.hidden([-0.5, SIDE - 0.5])
    layout = axes.layout(x=side, y=side | {"range": [SIDE - 0.5, -0.5], "scaleanchor": "x"}, height=420)
    line = {"color": colour, "width": 1, "dash": "dot"}
    box = {"type": "rect", "x0": low, "x1": high, "y0": low, "y1": high, "line": line}
    return layout | {"shapes": [box]}


def _colours() -> list[list[object]]:
    """The colours of maps as a Plotly colour scale."""
    colours = table(palettes(signed=False)[0])
    return [[place / 255, f"rgb({','.join(map(str, colours[place]))})"] for place in range(0, 256, 15)]


def _curve(
    x_values: Any, y_values: Any, thresholds: Any, finding: str, *, name: str, x: str, y: str,
    point: tuple[float, float], diagonal: bool,
) -> Plot:  # fmt: skip
    colour = finding_colours.colour(finding)
    shown = slice(None, None, _STEP)
    traces = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": name,
            "x": _numbers(x_values[shown]),
            "y": _numbers(y_values[shown]),
            "customdata": _numbers(thresholds[shown]),
            "line": {"color": colour, "width": 2},
            "marker": {"size": 5, "color": colour},
            "hovertemplate": f"{x} %{{x:.3f}}<br>{y} %{{y:.3f}}<br>threshold %{{customdata:.3f}}<extra></extra>",
        },
        {
            "type": "scatter",
            "mode": "markers",
            "name": "operating point",
            "x": [point[0]],
            "y": [point[1]],
            "marker": {"symbol": "diamond", "size": 12, "color": colour, "line": {"width": 1, "color": "#fff"}},
            "hoverinfo": "skip",
        },
    ]
    layout = axes.layout(x=axes.axis(x, ends=[-0.02, 1.03]), y=axes.axis(y, ends=[0, 1.03]), height=_HEIGHT)
    shapes = [axes.segment((0, 0), (1, 1), dash="dot")] if diagonal else []
    return {"data": traces, "layout": layout | {"shapes": shapes, "clickmode": "event+select"}}


def _numbers(values: Any) -> list[float | None]:
    return [round(float(value), 5) if np.isfinite(value) else None for value in values]


def subgroup_rows(groups: Mapping[str, tuple[int, int, Estimate, Estimate, Estimate]]) -> list[list[str]]:
    """Rows of the table of subgroups: value, films, films with the finding, AUC, sensitivity, specificity."""
    return [
        [name, f"{films:,}", f"{positives:,}", *(estimate_text(each) for each in estimates)]
        for name, (films, positives, *estimates) in groups.items()
    ]
