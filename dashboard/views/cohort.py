"""Cohort: a run over many films, filtered, charted, and opened film by film."""

from pathlib import Path

import streamlit as st

from dashboard import draw, markup, paths
from dashboard.cohort import charts_panel, gallery, run_choice, selection_menus

TITLE, ICON, ORDER = "Cohort", ":material/groups:", 5
_LOOKS = Path(__file__).parents[1] / "cohort" / "cohort.css"


def page() -> None:
    """The run, its filter, its charts, its films."""
    st.html(_LOOKS)
    draw.title("Cohort", "Models over many films: how well they do, on whom, and where they look.")
    if not paths.local():
        st.html(markup.paragraph("Runs are opened on the computer that runs Lightbox."))
        return
    table = None
    with draw.errors():
        table = run_choice.chosen_run()
    if table is None:
        return
    chosen = selection_menus.selection(table)
    selection_menus.menus(table, chosen)
    with draw.errors():
        narrowed = selection_menus.filtered(chosen)
        selection_menus.chips(table, chosen, table.count(narrowed))
        charts_panel.panel(table, narrowed)
        gallery.gallery(table, narrowed)
    gallery.unreadable(table)


if __name__ == "__main__":
    page()
