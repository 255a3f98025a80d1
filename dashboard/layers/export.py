"""The units of a stage as files, made only when asked for."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.layers.activations import Activations
from core.layers.export import activations_csv, activations_npz, sheet_png
from core.types import Cleaning
from dashboard import cache
from dashboard.file_names import stem
from dashboard.layers.unit_selection import UnitSelection
from dashboard.state import session


def downloads(look: UnitSelection, *, usual: NDArray[np.float32] | None = None) -> None:
    """All maps as numbers, a table of all units, and the listed ones as a sheet of pictures.

    usual: as in `look`; adds a column to the table.
    """
    cleaning, common = session().cleaning(look.radiograph.key), session().common_scale
    name = f"{stem(look.radiograph)}-{look.found.stage.replace(' ', '_')}"

    def download(label: str, make: Callable[[], bytes], ending: str, mime: str, help: str) -> None:
        st.download_button(
            label,
            make,
            f"{name}.{ending}",
            mime,
            help=help,
            icon=":material/download:",
            on_click="ignore",
            type="tertiary",
        )

    download(
        "Maps",
        partial(as_npz, look, cleaning),
        "npz",
        "application/octet-stream",
        "All units' maps of this stage with their place on the film, and the relevance for each finding (NumPy .npz)",
    )
    download(
        "Table",
        partial(as_csv, look, cleaning, usual),
        "csv",
        "text/csv",
        "A line a unit: mean, least and greatest value, where, and the relevance for each finding (CSV)",
    )
    download(
        "Sheet",
        partial(as_png, look, common=common),
        "png",
        "image/png",
        "The maps of the listed units in their order, without the film (PNG)",
    )


def _whole(look: UnitSelection, cleaning: Cleaning) -> Activations:
    """With the relevance for all findings, not only for the one that is asked."""
    relevance = cache.relevance(look.card, look.radiograph, cleaning, look.found.stage).result()
    return replace(look.found, relevance=relevance)


def as_npz(look: UnitSelection, cleaning: Cleaning) -> bytes:
    """As core.layers.export.activations_npz, for all findings."""
    return activations_npz(look.radiograph, _whole(look, cleaning), look.card)


def as_csv(look: UnitSelection, cleaning: Cleaning, usual: NDArray[np.float32] | None) -> bytes:
    """As core.layers.export.activations_csv, for all findings."""
    return activations_csv(_whole(look, cleaning), usual=usual).encode()


def as_png(look: UnitSelection, *, common: bool) -> bytes:
    """As core.layers.export.sheet_png, of the listed units."""
    return sheet_png(look.radiograph, look.found, look.card, channels=look.listed, scale="common" if common else "own")
