"""Tables of cohort runs and the results computed from them."""

from pathlib import Path

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.cohort import similar
from core.cohort.drift import Drift, drift
from core.cohort.projection import Projection, ProjectionName, projection
from core.cohort.similar import SimilarFilms, similar_films
from core.cohort.table import CohortTable, Selection
from core.estimate import Estimate
from core.evaluate import chestxray14, manifest
from core.types import digest
from dashboard import paths
from dashboard.cache.keys import KEYS


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


@st.cache_resource(max_entries=16, show_spinner="Laying out the films …", hash_funcs={np.ndarray: digest})
def case_projection(features: NDArray[np.float32], name: ProjectionName) -> Projection:
    """The films with these features (N, K) in two dimensions."""
    return projection(features, name)


@st.cache_resource(max_entries=8, show_spinner=False)
def table(path: Path, changed: int) -> tuple[manifest.Row, ...]:
    """The films of a table, or of a folder that holds one, at its last change. Raises: BadData."""
    return tuple(chestxray14.table(path) if chestxray14.lies_in(path) else manifest.read_manifest(path))
