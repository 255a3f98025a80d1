"""The plots of the Models page in Plotly's JSON, for both themes, with the colours of the findings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from textwrap import wrap
from typing import Any

from core.card import Counts, ReliabilityBin
from core.estimate import Estimate, estimate_text
from core.models.findings import words
from dashboard import finding_colours
from dashboard.models import axes
from dashboard.models.axes import NEUTRAL, Plot

ACCENT = "#7c8cf8"
_ROW = 50  # px
_APART = 0.2  # of a row: distance between two series
_WIDE = 36  # letters, beyond which the name of a row is wrapped
_CURVES = 330  # px
_NOTES = 8  # that fit side by side above a curve


@dataclass(frozen=True, eq=False)
class IntervalMark:
    """One figure in a row of an interval plot; discs and diamonds differ without colour.

    even: the uninformative value, marked by a tick: chance, or an evenly spread map; None for no tick.
    """

    row: str
    figure: Estimate
    colour: str = ACCENT
    series: str = ""
    symbol: str = "circle"
    even: float | None = 0.5


@dataclass(frozen=True, eq=False)
class BandedCurve:
    """Columns of equal length, 0 to 1: a curve and its 95 % band."""

    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


def intervals(marks: Sequence[IntervalMark], *, quantity: str) -> Plot:
    """One row per name: name and figure above the line, the value and its 95 % interval on it.

    For rows with two series the figures stand in the table beside the plot.
    """
    rows = list(dict.fromkeys(mark.row for mark in marks))
    series = list(dict.fromkeys(mark.series for mark in marks))
    ends = [mark.figure.low if mark.figure.has_interval else mark.figure.value for mark in marks]
    left = min(0.44, *ends, *(mark.even for mark in marks if mark.even is not None)) - 0.04
    traces: list[dict[str, Any]] = []
    for mark in marks:
        apart = (series.index(mark.series) - (len(series) - 1) / 2) * _APART
        first = mark.series not in {trace["name"] for trace in traces}
        trace = _mark(mark, y=-rows.index(mark.row) - apart, quantity=quantity)
        traces.append(trace | {"showlegend": bool(mark.series) and first})
    labels = [axes.label(0, -place, "<br>".join(wrap(row, _WIDE)), anchor="left") for place, row in enumerate(rows)]
    if len(series) == 1:
        labels += [
            axes.label(1, -place, estimate_text(mark.figure), anchor="right") for place, mark in enumerate(marks)
        ]
    ticks = {mark.row: mark.even for mark in marks if mark.even is not None}
    shapes = [axes.rule(-place) for place in range(len(rows))]
    shapes += [
        axes.segment((even, -rows.index(row) - 0.14), (even, -rows.index(row) + 0.14), width=2)
        for row, even in ticks.items()
    ]
    layout = axes.layout(
        x=axes.axis(quantity, ends=[left, 1.012], grid=False) | {"tickformat": ".1f", "dtick": 0.1},
        y=axes.hidden([0.45 - len(rows), 0.85]),
        height=_ROW * len(rows) + (90 if len(series) > 1 else 75),
    )
    return {"data": traces, "layout": layout | {"annotations": labels, "shapes": shapes}}


def ranking(
    curves: Mapping[str, BandedCurve],
    figures: Mapping[str, str],
    points: Mapping[str, tuple[float, float]],
    *,
    x: str,
    y: str,
    diagonal: bool,
) -> Plot:
    """ROC or PR curves with their 95 % bands; a diamond at the operating point.

    figures: finding -> its figure in the legend.
    points:  finding -> (x, y) of its operating point.
    """
    traces: list[dict[str, Any]] = []
    for finding, curve in curves.items():
        traces += _curve(finding, curve, name=" ".join(filter(None, (words(finding), figures.get(finding)))))
        if finding in points:
            traces.append(_point(finding, points[finding], x=x, y=y))
    layout = axes.layout(
        x=axes.axis(x, ends=[0, 1.03]), y=axes.axis(y, ends=[0, 1.03]), height=_CURVES + 22 * len(curves)
    )
    if diagonal:
        layout["shapes"] = [axes.segment((0, 0), (1, 1), dash="dot")]
    return {"data": traces, "layout": layout}


def confusion(findings: Sequence[str], counts: Counts) -> Plot:
    """Counts and row per cent; rows: label, columns: the most likely finding."""
    shares = [[count / (sum(row) or 1) for count in row] for row in counts]
    cells = [
        {
            "x": column,
            "y": line,
            "text": f"<b>{counts[line][column]}</b><br>{shares[line][column]:.0%}",
            "showarrow": False,
        }
        for line in range(len(findings))
        for column in range(len(findings))
    ]
    faint, full = "rgba(124,140,248,0.05)", "rgba(124,140,248,0.65)"
    heat = {
        "type": "heatmap",
        "z": shares,
        "zmin": 0,
        "zmax": 1,
        "colorscale": [[0, faint], [1, full]],
        "showscale": False,
        "xgap": 3,
        "ygap": 3,
        "customdata": [[[words(each), count] for count in row] for each, row in zip(findings, counts, strict=True)],
        "x": list(range(len(findings))),
        "hovertemplate": "%{customdata[0]}: %{customdata[1]} films, %{z:.1%} of the row<extra></extra>",
    }
    ticks = {"tickvals": list(range(len(findings))), "ticktext": [words(finding) for finding in findings]}
    layout = axes.layout(
        x=axes.axis("Predicted", grid=False) | ticks | {"side": "top"},
        y=axes.axis("Label", grid=False) | ticks | {"autorange": "reversed"},
        height=120 + 66 * len(findings),
    )
    return {"data": [heat], "layout": layout | {"annotations": cells}}


def reliability(bins: Mapping[str, Sequence[ReliabilityBin]]) -> Plot:
    """Accuracy against confidence, before and after temperature; larger discs hold more films."""
    styles = {"before": (NEUTRAL, "circle-open", "dot"), "after": (ACCENT, "circle", "solid")}
    most = max((each.n for bins_of in bins.values() for each in bins_of), default=1)
    traces = []
    for name, bins_of in bins.items():
        colour, symbol, dash = styles[name]
        filled = [each for each in bins_of if each.n]
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": f"{name} temperature",
                "x": [each.confidence for each in filled],
                "y": [each.accuracy for each in filled],
                "customdata": [each.n for each in filled],
                "line": {"color": colour, "width": 1.5, "dash": dash},
                "marker": {
                    "symbol": symbol,
                    "color": colour,
                    "size": [6 + 16 * sqrt(each.n / most) for each in filled],
                    "opacity": 0.85,
                },
                "hovertemplate": "confidence %{x:.2f}, right %{y:.2f}, %{customdata} films<extra></extra>",
            }
        )
    layout = axes.layout(
        x=axes.axis("Confidence", ends=[0, 1.04]),
        y=axes.axis("Share that is right", ends=[0, 1.06]),
        height=_CURVES,
    )
    return {"data": traces, "layout": layout | {"shapes": [axes.segment((0, 0), (1, 1), dash="dot")]}}


def sources(counts: Mapping[tuple[str, str], int], findings: Sequence[str]) -> Plot:
    """Training films of each source, stacked by finding: a source with a single colour gives its label away.

    counts: (source, finding) -> films.
    """
    totals: dict[str, int] = {}
    for (source, _), count in counts.items():
        totals[source] = totals.get(source, 0) + count
    order = sorted(totals, key=lambda source: totals[source])
    bars = [
        {
            "type": "bar",
            "orientation": "h",
            "name": words(finding),
            "y": order,
            "x": [counts.get((source, finding), 0) for source in order],
            "marker": {"color": finding_colours.colour(finding), "line": {"width": 0}},
            "hovertemplate": f"%{{y}}: %{{x}} films, {words(finding)}<extra></extra>",
        }
        for finding in findings
    ]
    layout = axes.layout(
        x=axes.axis("Training films"),
        y=axes.axis("", grid=False),
        height=110 + 34 * len(order),
    )
    return {"data": bars, "layout": layout | {"barmode": "stack", "bargap": 0.35}}


def curves(
    lines: Mapping[str, Sequence[float | None]],
    epochs: Sequence[int],
    *,
    y: str,
    colours: Mapping[str, str],
    marks: Mapping[int, str],
    start: tuple[int, str] | None = None,
) -> Plot:
    """One line per name over the epochs.

    marks: epoch -> what changed, written above if there is room.
    start: first epoch of this training, and the name of the checkpoint it started from.
    """
    traces = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": name,
            "x": list(epochs),
            "y": list(values),
            "connectgaps": True,
            "line": {"color": colours.get(name, NEUTRAL), "width": 2},
            "marker": {"size": 5, "color": colours.get(name, NEUTRAL)},
            "hovertemplate": "epoch %{x}: %{y:.3f}" + f"<extra>{name}</extra>",
        }
        for name, values in lines.items()
    ]
    ends = [epochs[0] - 0.6, epochs[-1] + 0.6] if epochs else [0, 1]
    whole = {"dtick": 1} if len(epochs) <= 12 else {}
    layout = axes.layout(x=axes.axis("Epoch", ends=ends, grid=False) | whole, y=axes.axis(y), height=_CURVES)
    layout["margin"]["t"] = 60  # the legend, and below it the notes
    layout["legend"]["y"] = 1.1
    notes = _notes(marks, epochs)
    if start:
        anchor = "right" if start[0] > len(epochs) / 2 else "left"
        notes.append(axes.note(start[0] - 0.5, f" from {start[1]} ", anchor=anchor, low=True))
    changes = {*marks, *([start[0]] if start else [])} - {epochs[0] if epochs else 0}
    shapes = [axes.upright(epoch - 0.5) for epoch in sorted(changes)]
    return {"data": traces, "layout": layout | {"annotations": notes, "shapes": shapes}}


def _notes(marks: Mapping[int, str], epochs: Sequence[int]) -> list[Plot]:
    """The marks as notes at their epochs, except those that would overlap."""
    notes: list[Plot] = []
    written = -len(epochs)
    for epoch, text in marks.items():
        if epoch - written >= len(epochs) / _NOTES:
            late = len(epochs) > 2 and epoch > 0.9 * len(epochs)
            notes.append(axes.note(epochs[-1] + 0.6 if late else epoch - 0.5, text, anchor="right" if late else "left"))
            written = epoch
    return notes


def _mark(mark: IntervalMark, *, y: float, quantity: str) -> dict[str, Any]:
    figure = mark.figure
    value = figure.value
    low, high = (figure.low, figure.high) if figure.has_interval else (value, value)
    return {
        "type": "scatter",
        "mode": "markers",
        "name": mark.series,
        "x": [value],
        "y": [y],
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [high - value],
            "arrayminus": [value - low],
            "color": mark.colour,
            "thickness": 3,
            "width": 0,
        },
        "marker": {"color": mark.colour, "size": 12, "symbol": mark.symbol},
        "hovertemplate": f"{' · '.join(filter(None, (mark.row, mark.series)))}<br>"
        f"{quantity} {estimate_text(mark.figure)}<extra></extra>",
    }


def _curve(finding: str, curve: BandedCurve, *, name: str) -> list[dict[str, Any]]:
    hue = finding_colours.colour(finding)
    line = {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "legendgroup": finding,
        "x": curve.x,
        "y": curve.y,
        "line": {"color": hue, "width": 2},
        "hovertemplate": f"%{{x:.2f}}, %{{y:.2f}}<extra>{words(finding)}</extra>",
    }
    band = {
        "type": "scatter",
        "mode": "lines",
        "x": curve.x + curve.x[::-1],
        "y": curve.high + curve.low[::-1],
        "fill": "toself",
        "fillcolor": axes.faint(hue),
        "line": {"width": 0, "color": hue},
        "legendgroup": finding,
        "showlegend": False,
        "hoverinfo": "skip",
    }
    return [band, line]


def _point(finding: str, place: tuple[float, float], *, x: str, y: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [place[0]],
        "y": [place[1]],
        "legendgroup": finding,
        "showlegend": False,
        "marker": {"symbol": "diamond", "size": 10, "color": finding_colours.colour(finding), "line": {"width": 0}},
        "hovertemplate": f"operating point<br>{x} %{{x:.2f}}<br>{y} %{{y:.2f}}<extra>{words(finding)}</extra>",
    }
