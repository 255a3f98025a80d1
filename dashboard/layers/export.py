"""The units of a stage as files, made on request."""

from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from core.layers.activations import Activations
from core.layers.export import activations_csv, activations_npz, sheet_png
from core.types import Cleaning
from dashboard import draw
from dashboard.cache import layer_requests
from dashboard.file_names import stem
from dashboard.layers.unit_selection import UnitSelection
from dashboard.state import session


def downloads(chosen: UnitSelection, *, usual: NDArray[np.float32] | None = None) -> None:
    """Buttons that save all maps as numbers, a table of all units, and a sheet with pictures of the listed units.

    usual: as in `select_units`; adds a column to the table.
    """
    cleaning, common = session().cleaning(chosen.radiograph.key), session().common_scale
    name = f"{stem(chosen.radiograph)}-{chosen.activations.stage.replace(' ', '_')}"

    draw.download(
        "Maps",
        partial(as_npz, chosen, cleaning),
        f"{name}.npz",
        help="The maps of all units of this stage, their place on the film, and the relevance for each finding (NumPy "
        ".npz)",
    )
    draw.download(
        "Table",
        partial(as_csv, chosen, cleaning, usual),
        f"{name}.csv",
        help="One line per unit: mean, minimum and maximum, its place, and the relevance for each finding (CSV)",
    )
    draw.download(
        "Sheet",
        partial(as_png, chosen, common=common),
        f"{name}.png",
        help="The maps of the listed units, in order, without the film (PNG)",
    )


def _whole(chosen: UnitSelection, cleaning: Cleaning) -> Activations:
    """The activations with the relevance for all findings, not only for the explained one."""
    relevance = layer_requests.relevance(chosen.card, chosen.radiograph, cleaning, chosen.activations.stage).result()
    return replace(chosen.activations, relevance=relevance)


def as_npz(chosen: UnitSelection, cleaning: Cleaning) -> bytes:
    """core.layers.export.activations_npz for all findings."""
    return activations_npz(chosen.radiograph, _whole(chosen, cleaning), chosen.card)


def as_csv(chosen: UnitSelection, cleaning: Cleaning, usual: NDArray[np.float32] | None) -> bytes:
    """core.layers.export.activations_csv for all findings."""
    return activations_csv(_whole(chosen, cleaning), usual=usual).encode()


def as_png(chosen: UnitSelection, *, common: bool) -> bytes:
    """core.layers.export.sheet_png of the listed units."""
    return sheet_png(
        chosen.radiograph,
        chosen.activations,
        chosen.card,
        channels=chosen.channels,
        scale="common" if common else "own",
    )
