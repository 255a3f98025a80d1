"""Read: one film, the prediction, where the model looked, and how far the map can be trusted."""

import streamlit as st

from core.explain.export import source_line
from core.models.summary import lesion_sentence
from core.overlay import caption
from dashboard import draw, film_pair, film_panel, map_status, progress, selection, stage_maps, verdict_panel, welcome
from dashboard.cohort import opening, similar_cases
from dashboard.map_controls import downloads, sentence
from dashboard.selection import MapView
from dashboard.state import session
from dashboard.viewer import viewer
from dashboard.what_if.panel import bench

TITLE, ICON, ORDER = "Read", ":material/radiology:", 1


def page() -> None:
    """The film and its map first; slower results follow beside and below, each in its own place."""
    radiograph, model, chosen = selection.film(), selection.model(), None
    front = st.empty()  # cleared as soon as a film is open; any other container would linger until the run ends
    if radiograph is None:
        with front.container():
            welcome.draw()
        return
    if film_panel.withheld(radiograph, [model] if model else []):
        film_panel.veil(radiograph, model)
        return
    if not session().film_drawn:
        front.skeleton(height=640)
    with draw.errors():
        chosen = selection.view(radiograph, model, report=progress.reporter(front, "Prediction")) if model else None
    front.empty()
    session().film_drawn = True
    if chosen is None:
        viewer(radiograph, key="read")
        film_panel.about(radiograph)
        return
    with st.container(key="reading", gap="xsmall"):
        opening.steps()
        verdict_panel.line(chosen)
        with st.container(key="map request", horizontal=True, vertical_alignment="center", gap="small"):
            sentence(chosen)
            downloads(chosen)
        other = film_pair.second()
        if other is not None:
            film_pair.panes(chosen, other)
        picture, words = st.columns([2, 1], gap="small")
        with picture:
            if other is None:
                with st.container(key="pane"):
                    _picture(chosen)
                    map_status.busy(chosen)
            with st.container(key="below"):
                bench(chosen)
                stage_maps.row(chosen, common=session().common_scale)
                lesions = lesion_sentence(chosen.checkpoint, chosen.method.name)
                draw.about_map(chosen.method, chosen.answered, passes=chosen.passes, maps=chosen.maps, lesions=lesions)
                similar_cases.panel(chosen)
        with words, st.container(key="words", gap="small"):
            map_status.warning(chosen)
            film_panel.story(radiograph)
            film_panel.wrong_answer(radiograph, chosen.checkpoint, chosen.prediction)
            draw.section("Probabilities")
            draw.probabilities(chosen.prediction, chosen.checkpoint, explained=chosen.finding)
            draw.section("Four verdicts")
            verdict_panel.chips(chosen)
            film_panel.about(radiograph)
            film_panel.cleaning(radiograph, chosen.checkpoint)


def _picture(chosen: MapView) -> None:
    """The film with the map, or the previous map until it is ready; without heat, with a sentence, if there is none."""
    explanation = chosen.explanation
    finding = explanation.finding if explanation else chosen.finding
    source = source_line(chosen.checkpoint, chosen.prediction, finding)
    if explanation is None:
        note = chosen.missing or "The map is being computed."
        viewer(chosen.radiograph, key="read", note=note, source=source)
        return
    outdated = bool(chosen.pending)
    words = f"{'Previous map: ' if outdated else ''}{caption(explanation)}"
    withheld = "Hidden because of its caveat. You can show it anyway." if chosen.hidden else ""
    viewer(
        chosen.radiograph,
        [explanation],
        key="read",
        captions=[words],
        source=source,
        scale=chosen.scale,
        withheld=withheld,
        outdated=outdated,
    )


if __name__ == "__main__":
    page()
