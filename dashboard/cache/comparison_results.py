"""Comparisons of maps, films and networks."""

import streamlit as st

from core.compare import film_set
from core.compare.anatomical_regions import AnatomicalRegions, HeatLocation, anatomical_places, locate_heat
from core.compare.cka import Likeness, cka
from core.compare.film_comparison import FilmComparison, Refused
from core.compare.map_agreement import Agreement, agreement_matrix
from core.compare.panel import Panel
from core.compare.sentences import Sentences, disagreement
from core.compare.tile import Tile
from core.trust.admission import refuse_meaningless
from core.types import Checkpoint, Cleaning, Explanation, Radiograph
from core.work import Work
from dashboard.cache import networks
from dashboard.cache.keys import KEYS, QUEUE
from dashboard.request_queue import Keyed


@QUEUE.queued(slow=True)
def stage_similarity(
    work: Work,
    first: Checkpoint,
    second: Checkpoint,
    films: tuple[Radiograph, ...],
    cleanings: tuple[Cleaning, ...],
) -> Likeness:
    """How similar the stages of two networks are, over the films, or over the positions in a single film."""
    by_film = {film.key: cleaning for film, cleaning in zip(films, cleanings, strict=True)}
    total = len(films) if len(films) > 1 else None
    return cka(networks.classifier(first), networks.classifier(second), films, cleaning=by_film, total=total, work=work)


@QUEUE.queued(slow=True)
def film_comparison(work: Work, panel: Panel, case: Keyed[film_set.Case]) -> FilmComparison | Refused:
    """The answers of several networks on one film of many."""

    def admit(film: Radiograph) -> Cleaning:
        return refuse_meaningless(film, panel.cleaning, panel.classifiers)

    return film_set.read(panel, case.value, sentences=True, admit=admit, work=work)


@st.cache_resource(max_entries=256, show_spinner=False, hash_funcs=KEYS)
def agreements(
    radiograph: Radiograph, maps: tuple[Explanation, ...], names: tuple[str, ...]
) -> tuple[tuple[Agreement, ...], ...]:
    """How far each pair of maps agrees."""
    return agreement_matrix(radiograph, maps, names=names)


@st.cache_resource(max_entries=256, show_spinner=False, hash_funcs=KEYS)
def disagreements(radiograph: Radiograph, tiles: tuple[Tile, ...], named: bool = False) -> Sentences:
    """Where the tiles agree and where they do not, in sentences; named: as in `disagreement`."""
    return disagreement(radiograph, tiles, ground=_places(radiograph, tiles[0].explanation.cleaning), named=named)


@st.cache_resource(max_entries=256, show_spinner=False, hash_funcs=KEYS)
def heat_location(radiograph: Radiograph, explanation: Explanation) -> HeatLocation:
    """Where the map looks."""
    return locate_heat(_places(radiograph, explanation.cleaning), explanation)


@st.cache_resource(max_entries=64, show_spinner=False, hash_funcs=KEYS)
def _places(radiograph: Radiograph, cleaning: Cleaning) -> AnatomicalRegions:
    return anatomical_places(radiograph, cleaning)
