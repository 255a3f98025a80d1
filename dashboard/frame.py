"""The frame around every page: navigation, sidebar, foot; it shows every UserError and keeps the rest of the page."""

from pathlib import Path

import streamlit as st

from dashboard import annotations, draw, engine, film_upload, kept_sessions, link, memory, selection, sidebar, story
from dashboard.cache import networks
from dashboard.state import session
from dashboard.views import pages

memory.freeze_once("imports")
memory.count_run()
_HERE = Path(__file__).parent
_SIDEBAR = 272  # px: enough for the strip of films; the film gets the rest

st.set_page_config(page_title="Lightbox", page_icon=_HERE / "icon.svg", layout="wide", initial_sidebar_state=_SIDEBAR)
st.logo(_HERE / "lightbox.svg", size="medium")
draw.look()
chosen_page = st.navigation(
    [st.Page(page.file, title=page.title, icon=page.icon, default=not place) for place, page in enumerate(pages())],
    position="top",
)

if not kept_sessions.resume():
    st.skeleton(height=640)
    st.stop()
link.follow()
annotations.keep()
engine.hold(chosen_page.title.lower())
model = selection.model()
with st.sidebar:
    sidebar.ways_in()
    place = st.container(key="films")
    sidebar.questions(model)
with st.bottom:
    draw.foot(model)
film_upload.anywhere()
draw.problems()
link.note()
film_upload.frames()
with draw.errors():
    selection.card()
if session().opens_read:  # a film was just opened; a callback cannot use the navigation
    session().opens_read = False
    if chosen_page.title != "Read":
        st.switch_page("views/read.py")
with draw.errors():
    if session().story:
        story.page()
    else:
        chosen_page.run()
with place:
    sidebar.strip(model)
link.write()
if model is not None and selection.film() is None:
    with draw.errors():
        networks.classifier(model)  # warm before the first film is opened
memory.freeze_once((chosen_page.title, selection.film() is None))
