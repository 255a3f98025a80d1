"""Tables of cohort runs and the results computed from them."""

from pathlib import Path

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.cohort import similar
from core.cohort.drift import Drift, drift
from core.cohort.projection import MOST, Projection, ProjectionName, projection
from core.cohort.representation import FEWEST, represented
from core.cohort.similar import SimilarFilms, similar_films
from core.cohort.table import CohortTable, Selection
from core.estimate import Estimate
from core.evaluate import chestxray14, manifest
from core.types import digest
from core.work import Work
from dashboard import paths
from dashboard.cache.keys import KEYS
from dashboard.request_queue import RequestQueue

_PROJECTIONS: RequestQueue = RequestQueue(room=64, keys={CohortTable: KEYS[CohortTable]})  # need no network
_USUAL = 10_000  # films of a map that counts as one result


def cohort_table(path: Path) -> CohortTable:
    """The rows of a run as they are now. Raises: BadData, BadSetting."""
    return _cohort_table(path, paths.changed(path / "rows"), paths.changed(path / "manifest.json"))


@st.cache_resource(max_entries=3, show_spinner="Reading the run …")
def _cohort_table(path: Path, rows: int, manifest: int) -> CohortTable:
    return CohortTable(path)


@st.cache_resource(max_entries=16, show_spinner="Comparing the runs …", hash_funcs=KEYS)
def cohort_drift(first: CohortTable, second: CohortTable, selection: Selection) -> Drift:
    """The differences between two runs. Raises: BadData."""
    return drift(first, second, selection)


@st.cache_resource(max_entries=64, show_spinner="Finding similar films …", hash_funcs=KEYS | {np.ndarray: digest})
def similar_cases(
    table: CohortTable, selection: Selection, features: NDArray[np.float32], radiograph: str, stage: str
) -> SimilarFilms:
    """The films of the run nearest to this film by the features of a stage. Raises: BadData."""
    return similar_films(table, selection, features, digest=radiograph, stage=stage)


@st.cache_resource(max_entries=64, show_spinner=False, hash_funcs=KEYS)
def neighbour_precision(table: CohortTable, selection: Selection, stage: str) -> tuple[Estimate, float]:
    """How often the nearest films of a run share a film's label, and how often they would by chance."""
    return similar.neighbour_precision(table, selection, stage=stage)


@_PROJECTIONS.queued(size=lambda result: 1 + len(result[0]) // _USUAL, counts="steps")
def case_projection(
    work: Work, table: CohortTable, selection: Selection, by: str, name: ProjectionName
) -> tuple[list[int], Projection | None]:
    """Numbers of the films of the selection, up to `MOST`, and their map by this representation; None for fewer than
    `FEWEST` films.
    """
    films = table.columns(selection, ("film",), most=MOST[name])["film"]
    numbers, features = represented(table, selection, films, by)
    return numbers, projection(features, name, work=work) if len(numbers) >= FEWEST else None


@st.cache_resource(max_entries=8, show_spinner=False)
def table(path: Path, changed: int) -> tuple[manifest.Row, ...]:
    """The films of a table, or of a folder that holds one, at its last change. Raises: BadData."""
    return tuple(chestxray14.table(path) if chestxray14.lies_in(path) else manifest.read_manifest(path))
