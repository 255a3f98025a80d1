"""Plots and tables with their title and a CSV button."""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import streamlit as st

from core.estimate import Estimate
from dashboard import draw, markup
from dashboard.models.axes import Plot

Rows = Sequence[Mapping[str, Any]]


@contextmanager
def section(title: str, aside: str = "") -> Iterator[None]:
    """A section without figures to download: its title, with the body close below."""
    with st.container(gap="xsmall"):
        st.html(markup.heading(title, aside))
        yield


@contextmanager
def titled(title: str, rows: Rows, *, name: str, aside: str = "") -> Iterator[None]:
    """The title with a CSV button; the body follows below.

    rows: of the CSV file, unrounded.
    name: of the file, without its extension.
    """
    with st.container(gap="xsmall", key=f"titled {name}"):
        with st.container(horizontal=True, vertical_alignment="bottom", wrap=False, key=f"title {name}"):
            st.html(markup.heading(title, aside), width="stretch")
            about = "The figures of this section as a table"
            draw.download("CSV", text(rows), f"{file_name(name)}.csv", help=about, key=f"csv {name}")
        yield


def chart(plot: Plot, *, name: str, alt: str) -> None:
    """The plot; its camera button saves it as PNG in the browser.

    alt: the plot in a sentence, for screen readers.
    """
    st.plotly_chart(
        plot,
        key=f"plot {name}",
        alt=alt,
        config={
            "displaylogo": False,
            "displayModeBar": True,
            "modeBarButtons": [["toImage"]],
            "scrollZoom": False,
            "toImageButtonOptions": {"format": "png", "filename": file_name(name), "scale": 2},
        },
    )


def text(rows: Rows) -> str:
    """The rows as CSV; columns in order of first appearance, empty where a row lacks one."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    file = io.StringIO()
    writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def columns(figure: Estimate | None, prefix: str = "") -> dict[str, Any]:
    """The figure as columns: value, low, high, n; empty if there is none."""
    parts = {name: "" if figure is None else getattr(figure, name) for name in ("value", "low", "high", "n")}
    return {f"{prefix}{name}": "" if value != value else value for name, value in parts.items()}  # NaN has no digits


def file_name(name: str) -> str:
    """The name, safe on every file system."""
    return re.sub(r"[^\w.]+", "-", name).strip("-")
