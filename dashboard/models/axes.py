"""Building blocks of the plots: axes, thin lines, labels."""

from collections.abc import Sequence
from typing import Any

Plot = dict[str, Any]  # Plotly's JSON: "data" and "layout"

NEUTRAL = "#8b919c"  # readable on black and on white
_BAND = 0.16  # opacity of an interval


def layout(*, x: Plot, y: Plot, height: int) -> Plot:
    """A layout without margins, with the legend on top; height in px."""
    return {
        "xaxis": x,
        "yaxis": y,
        "height": height,
        "margin": {"l": 0, "r": 0, "t": 34, "b": 0},
        "legend": {
            "orientation": "h",
            "x": 0,
            "xanchor": "left",
            "y": 1.02,
            "yanchor": "bottom",
            "title": {"text": ""},
            "traceorder": "normal",
            "font": {"size": 13},
        },
        "dragmode": False,
        "hovermode": "closest",
    }


def axis(title: str, *, ends: Sequence[float] | None = None, grid: bool = True) -> Plot:
    """A fixed axis; ends: of its range, None for the range of the data."""
    axis: Plot = {
        "title": {"text": title, "font": {"size": 13}},
        "showgrid": grid,
        "zeroline": False,
        "fixedrange": True,
        "automargin": True,
    }
    return axis if ends is None else axis | {"range": list(ends)}


def hidden(ends: Sequence[float]) -> Plot:
    """An invisible axis."""
    return {"visible": False, "range": list(ends), "fixedrange": True}


def segment(start: tuple[float, float], end: tuple[float, float], *, dash: str = "solid", width: int = 1) -> Plot:
    """A thin line between two points of the plot."""
    return {
        "type": "line",
        "x0": start[0],
        "y0": start[1],
        "x1": end[0],
        "y1": end[1],
        "line": {"color": NEUTRAL, "width": width, "dash": dash},
        "layer": "below",
    }


def rule(y: float) -> Plot:
    """A faint line across the plot."""
    return segment((0, y), (1, y)) | {"xref": "paper", "opacity": 0.3}


def upright(x: float) -> Plot:
    """A line from the bottom to the top of the plot."""
    return segment((x, 0), (x, 1)) | {"yref": "paper", "opacity": 0.6}


def label(x: float, y: float, text: str, *, anchor: str) -> Plot:
    """A label just above a row; x: 0 is the left end of the plot, 1 the right."""
    return {
        "x": x,
        "xref": "paper",
        "xanchor": anchor,
        "y": y,
        "yanchor": "bottom",
        "yshift": 8,
        "text": text,
        "align": anchor,
        "showarrow": False,
        "font": {"size": 13},
    }


def note(x: float, text: str, *, anchor: str = "left", low: bool = False) -> Plot:
    """A quiet note above the plot, or low in it; anchor: which end of the text is at x."""
    return {
        "x": x,
        "y": 0 if low else 1,
        "yref": "paper",
        "yanchor": "bottom",
        "xanchor": anchor,
        "text": text,
        "showarrow": False,
        "font": {"size": 11, "color": NEUTRAL},
    }


def faint(hue: str) -> str:
    """The colour "#rrggbb" with the opacity of a band."""
    red, green, blue = (int(hue[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},{_BAND})"
