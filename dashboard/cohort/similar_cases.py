"""On Read: the films of a run most similar to the open film by the model's features, with their labels."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import streamlit as st

from core.cohort.recent import recent
from core.cohort.rows import UNTRAINED
from core.cohort.run_folder import RunFolder
from core.cohort.similar import COUNT, SimilarFilm
from core.cohort.table import CohortTable, Selection
from core.errors import UserError
from core.models.findings import words
from core.report.similar_cases import LAST, similar_cases
from core.types import Checkpoint
from dashboard import draw, markup, paths, progress
from dashboard.bound_field import BoundField
from dashboard.cache import cohort_results, layer_requests, networks
from dashboard.cohort import gallery
from dashboard.selection import MapView
from dashboard.state import session


def panel(chosen: MapView) -> None:
    """A switch that shows the menu of runs and the films; nothing if no run has this model."""
    runs = _runs_with(chosen.checkpoint) if paths.local() else []
    if not runs:
        return
    state = session().cohort
    with st.container(key="similar cases"):
        draw.switch(
            "Similar cases",
            state.similar,
            BoundField("cohort.similar"),
            help="The films of a run that the model finds most similar, with their maps and labels.",
        )
        if not state.similar:
            return
        run = state.similar_run if state.similar_run in runs else runs[0]
        if len(runs) > 1:
            menu = BoundField("cohort.similar_run").widget(value=run)
            st.selectbox("Run", runs, **menu, format_func=lambda path: Path(path).name, width=300)
        with draw.errors():
            _films(chosen, cohort_results.cohort_table(Path(run)))


def _films(chosen: MapView, table: CohortTable) -> None:
    """The nearest films that are labelled with the finding, those that are not, and those without a label."""
    checkpoint, finding = chosen.checkpoint, chosen.finding
    methods = table.manifest["settings"]["methods"]
    method = chosen.method.name if chosen.method.name in methods else next(iter(methods), None)
    selection = Selection(checkpoint.name, finding, method)
    last = list(networks.stage_sizes(checkpoint))[-1]
    stored = [each for each in table.stages(checkpoint.name) if each != UNTRAINED]
    state = session().cohort
    stage = state.similar_stage if state.similar_stage in stored else ""
    if len(stored) > 1:
        menu = BoundField("cohort.similar_stage").widget(value=stage)
        st.selectbox("Compared at", stored, **menu, format_func=lambda each: each or f"{last} (last)", width=200)
    request = layer_requests.unit_activations(checkpoint, chosen.radiograph, chosen.cleaning, stage or last, finding)
    with progress.place(request, name="Similar cases", key="similar films", height=200) as (activations,):
        result = cohort_results.similar_cases(table, selection, activations.means, chosen.radiograph.key, stage)
        for title, films in (
            (f"Labelled {words(finding)}", result.same),
            (f"Not labelled {words(finding)}", result.other),
            ("No label", result.unlabelled),
        ):
            _row(table, selection, title, films)
        measured = cohort_results.neighbour_precision(table, selection, stage)
        precision, chance = measured
        every = [(each.row, each.similarity) for each in (*result.same, *result.other, *result.unlabelled)]
        key = (chosen.radiograph.key, checkpoint.key, finding)
        cases = similar_cases(table.folder.path.name, finding, stage or LAST, every, measured)
        session().cohort.similar_shown[key] = cases
        if precision.n and precision.has_interval:
            text = (
                f"In this run {precision.value:.0%} ({precision.low:.0%}–{precision.high:.0%}) of the {COUNT} nearest "
                f"films have the same label ({chance:.0%} by chance). The model's similarity is not a reader's."
            )
            st.html(markup.paragraph(text, quiet=True))


def _row(table: CohortTable, selection: Selection, title: str, films: Sequence[SimilarFilm]) -> None:
    if films:
        draw.section(title, "similarity " + ", ".join(f"{each.similarity:.2f}" for each in films))
        rows = [each.row for each in films]
        gallery.cards(table, selection, gallery.AS_STORED, rows, key=f"open similar {title}")


def _runs_with(checkpoint: Checkpoint) -> list[str]:
    """The runs on this machine with these weights, latest first."""
    return [
        str(path) for path in recent() if _digests(path, paths.changed(path)).get(checkpoint.name) == checkpoint.key
    ]


@lru_cache(maxsize=128)
def _digests(path: Path, changed: int) -> dict[str, str]:
    """Model -> digest of its weights; empty for a run that cannot be read."""
    try:
        return {card["name"]: card["digest"] for card in RunFolder(path).manifest()["checkpoints"]}
    except (UserError, KeyError):
        return {}
