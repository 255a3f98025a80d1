"""Atlas: which films the units are told by, and one of the person's own films, built where they name a folder."""

import time
from datetime import datetime
from functools import partial
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.errors import BadData, Stopped, UserError
from core.layers import atlas as atlases
from core.layers.atlas import Atlas
from core.types import Checkpoint, Radiograph
from dashboard import cache, draw, markup, paths
from dashboard.film_source import naming
from dashboard.layers.unit_details import set_of
from dashboard.state import AtlasBuild, Session, session

NAME, TITLE, ORDER = "atlas", "Atlas", 6
_EVERY = 0.2  # s between two looks at how far it is
_MOST = 20_000  # films: quantiles rest on 2,000 of them at most


def part(radiograph: Radiograph, card: Checkpoint) -> None:
    """What is told of the units now, and how to tell it by one's own films."""
    with st.container(key="atlas", gap="small"):
        with draw.shown():
            _now(card)
        section(card)


def section(card: Checkpoint) -> None:
    """Asks for a folder or table of films and builds the network's atlas of them; it is used from then on."""
    asked = session().layers.atlas
    draw.section("Build an atlas of your own films")
    if not paths.local():
        text = "A folder can only be named by who sits at the machine that Lightbox runs on; there it takes minutes."
        st.html(markup.paragraph(text))
        return
    st.html(
        markup.paragraph(
            "Each film is read once. Labels are not needed; with a table that has them, the atlas also tells how well "
            "each unit alone finds each finding."
        )
    )
    busy = asked.begun is not None and asked.network == card.key
    _ask(asked, busy=busy)
    with st.container(key="atlas start", horizontal=True, vertical_alignment="center", gap="small"):
        st.button(
            "Build the atlas",
            key="build atlas",
            type="primary",
            icon=":material/play_arrow:",
            disabled=busy or not asked.path,
            on_click=_start,
            args=(asked, card.key),
        )
        if busy:
            _going(card, asked)
            st.button(
                "Cancel", key="cancel atlas", icon=":material/close:", type="tertiary", on_click=_stop, args=(asked,)
            )
        elif not asked.path:
            st.html(markup.paragraph("Name a folder of films, or a table.", quiet=True))
    if asked.told and not busy:
        if asked.wrong:
            draw.problem(asked.told)
        else:
            st.html(markup.status(asked.told, level="ok"))


def _now(card: Checkpoint) -> None:
    draw.title("Atlas", "What the units answer to many films: how strongly, to which ones, and for what it counts.")
    _choose(card)
    found = cache.atlas(card)
    if found is None:
        st.html(markup.paragraph(f"There is none of {card.name} yet."))
        return
    st.html(markup.paragraph(set_of(found)) + markup.facts(_facts(found)))


def _choose(card: Checkpoint) -> None:
    """Which one tells the units, where there are several."""
    known, used = cache.atlas_folders(card), session().layers.atlas.used
    if len(known) < 2:
        st.empty()  # the menu's place, so that what follows keeps its own
        return

    def keep(here: Session, folder: Path) -> None:
        used[card.key] = folder

    now = used.get(card.key)
    draw.select(
        "The units are told by", known, now if now in known else known[0], keep, at="atlas", words=_named, width=420
    )


def _named(folder: Path) -> str:
    """Of which films the atlas is, and since when it is there."""
    file = folder / atlases.FILE
    try:
        told = atlases.account(file)
    except BadData:
        return f"{folder.name}, which cannot be read"
    if told["drawn"]:
        return f"{told['set']}, of Lightbox"
    built = datetime.fromtimestamp(file.stat().st_mtime)
    return f"{told['set']}: {told['films']} films, {built:%-d %b %Y, %H:%M}"


def _facts(found: Atlas) -> list[tuple[str, str]]:
    told = found.told
    facts = [
        ("Units", f"{found.table.num_rows} of {len(found.stages)} stages"),
        ("Relevance", f"of inner stages on {told['relevant']} films, each for what the network says of it"),
    ]
    if told["skipped"] and paths.local():
        name, reason = told["skipped_first"][0]
        facts.append(("Not read", f"{told['skipped']} films; {name}: {reason}"))
    if not told["drawn"] and paths.local():
        facts.append(("Kept in", str(found.folder)))
    return facts


def _ask(asked: AtlasBuild, *, busy: bool) -> None:
    with st.container(key="atlas films", horizontal=True, vertical_alignment="bottom", gap="small"):
        naming(
            asked,
            at="the atlas",
            label="Folder or table on this machine",
            hint="/data/films, or /data/films.csv with the columns file and label",
            width=420,
            most=_MOST,
            whole=True,
            disabled=busy,
            anew=partial(_forget, asked),
        )
    draw.switch(
        "Keep a small picture of each film that is named",
        asked.pictures,
        _keep_pictures,
        help="So that the page can show what a unit saw. Of persons' films these are persons' pixels: they stay in "
        "your own folder on this machine, and go nowhere else.",
    )


@st.fragment(parallel=True)
def _going(card: Checkpoint, asked: AtlasBuild) -> None:
    """How far it is, until the atlas is there; ends with the run that began it."""
    place = st.empty()
    begun = asked.begun
    if begun is None:
        return
    try:
        found = _built(card, asked, begun, place)
        asked.told, asked.wrong = f"Done: {found.films} films. The units are now told by them.", False
        asked.used[card.key] = found.folder
    except UserError as error:
        asked.told, asked.wrong = str(error), True
    asked.begun = None
    st.rerun()


def _built(card: Checkpoint, asked: AtlasBuild, begun: float, place: DeltaGenerator) -> Atlas:
    """The atlas, in as many turns of the line as it takes: one ends a long question, and its state is on disk."""
    path = _folder(asked.path)
    while True:
        waited = cache.gathered(card, path, split=asked.split, most=asked.most, pictures=asked.pictures, begun=begun)
        with waited:
            while not waited.wait(_EVERY):
                done, total = waited.passes
                left = waited.seconds_left
                more = f", about {_duration(left)} left" if left else ""
                text = f"{done} of {total} films{more}" if total else "Looking for the films …"
                if waited.before:
                    text = f"Waiting for the network, {waited.before} before it"
                place.html(markup.progress(text, done / total if total else None))
        try:
            return waited.answer()
        except Stopped:  # its turn was over: nobody cancelled it, for this run still waits
            continue


def _folder(text: str) -> Path:
    found = paths.typed(text)
    if not found.exists():
        raise BadData(f"There is no {found} on this machine. Name a folder of films, or a CSV table of them.")
    return found


def _duration(seconds: float) -> str:
    return f"{max(1, round(seconds))} s" if seconds < 90 else f"{round(seconds / 60)} min"


def _start(asked: AtlasBuild, network: str) -> None:
    asked.begun, asked.network, asked.told = time.time(), network, ""


def _stop(asked: AtlasBuild) -> None:
    asked.begun, asked.wrong = None, False
    asked.told = "Stopped. What was read is kept: built again with the same films, it goes on from there."


def _forget(asked: AtlasBuild) -> None:
    """What came of it last was of other films."""
    asked.told = ""


def _keep_pictures(here: Session, pictures: bool) -> None:
    here.layers.atlas.pictures = pictures
