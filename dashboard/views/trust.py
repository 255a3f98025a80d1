"""Trust: four verdicts on the open film's answer and map, with every measure behind them."""

import streamlit as st

from core.overlay import caption
from dashboard import draw, film_panel, map_status, progress, selection, verdict_panel, welcome
from dashboard.map_controls import downloads, sentence
from dashboard.selection import MapView
from dashboard.trust.verdict_sections import sections
from dashboard.viewer import viewer
from dashboard.what_if.panel import bench

TITLE, ICON, ORDER = "Trust", ":material/verified:", 4


def page() -> None:
    """The four questions, the quick measures first, and the bench; beside them the film, which stays in sight."""
    radiograph, model, chosen = selection.film(), selection.model(), None
    front = st.empty()
    if radiograph is None:
        with front.container():
            welcome.draw()
        return
    if film_panel.withheld(radiograph, [model] if model else []):
        film_panel.veil(radiograph, model)
        return
    with draw.errors():
        chosen = selection.view(radiograph, model, report=progress.reporter(front, "Prediction")) if model else None
    front.empty()
    if chosen is None:
        viewer(radiograph, key="trust")
        return
    verdict_panel.line(chosen, in_full=True)
    with st.container(key="map request", horizontal=True, vertical_alignment="center", gap="small"):
        sentence(chosen)
        downloads(chosen, pair=False)
    with st.container(key="judged"):
        verdicts, picture = st.columns([3, 2], gap="small")
        with verdicts:
            sections(chosen)
            bench(chosen)
        with picture, st.container(key="pane"):
            _picture(chosen)
            map_status.busy(chosen)
            map_status.warning(chosen)


def _picture(chosen: MapView) -> None:
    explanation = chosen.explanation
    if explanation is None:
        viewer(chosen.radiograph, key="trust", note=chosen.missing or "The map is being computed.")
        return
    outdated = bool(chosen.pending)
    words = f"{'Previous map: ' if outdated else ''}{caption(explanation)}"
    viewer(chosen.radiograph, [explanation], key="trust", captions=[words], scale=chosen.scale, outdated=outdated)


if __name__ == "__main__":
    page()
