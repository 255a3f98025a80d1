"""Atlas: the films that describe the units, and building one from your own films."""

import time
from datetime import datetime
from functools import partial
from pathlib import Path

import streamlit as st

from core.errors import BadData, UserError
from core.layers import atlases
from core.layers.atlases import Atlas
from core.types import Checkpoint, Radiograph
from dashboard import draw, markup, paths, progress
from dashboard.bound_field import BoundField
from dashboard.cache import atlas_results
from dashboard.film_source import film_fields
from dashboard.layers.layers_state import AtlasBuild
from dashboard.layers.unit_details import set_of
from dashboard.state import Session, session

NAME, TITLE, ORDER = "atlas", "Atlas", 6
_PATIENCE = 0.05  # s until progress is shown
_MOST = 20_000  # films: quantiles use at most 2,000 of them


def part(radiograph: Radiograph, card: Checkpoint) -> None:
    """The atlas in use, and building another one."""
    with st.container(key="atlas", gap="small"):
        with draw.errors():
            _current(card)
        section(card)


def section(card: Checkpoint) -> None:
    """Builds an atlas from a folder or table of films; it is in use from then on."""
    build = session().layers.atlas
    draw.section("Build an atlas from your own films")
    if not paths.local():
        text = "Only possible on the machine that Lightbox runs on. It takes minutes."
        st.html(markup.paragraph(text))
        return
    st.html(
        markup.paragraph(
            "Each film is read once. Labels are optional: with a table that has them, the atlas also has the AUC of "
            "each unit alone for each finding."
        )
    )
    busy = build.begun is not None and build.network == card.key
    _fields(build, busy=busy)
    with st.container(key="atlas start", horizontal=True, vertical_alignment="center", gap="small"):
        st.button(
            "Build the atlas",
            key="build atlas",
            type="primary",
            icon=":material/play_arrow:",
            disabled=busy or not build.path,
            on_click=_start,
            args=(build, card.key),
        )
        if busy:
            _build(card, build)
        elif not build.path:
            st.html(markup.paragraph("Enter a folder of films, or a table.", quiet=True))
    if build.message and not busy:
        if build.wrong:
            draw.problem(build.message)
        else:
            st.html(markup.status(build.message, level="ok"))


def _current(card: Checkpoint) -> None:
    draw.title("Atlas", "The units over many films: how strongly they respond, to which films, and their contribution.")
    _choose(card)
    atlas = atlas_results.atlas(card)
    if atlas is None:
        st.html(markup.paragraph(f"{card.name} has no atlas yet."))
        return
    st.html(markup.paragraph(set_of(atlas)) + markup.facts(_facts(atlas)))


def _choose(card: Checkpoint) -> None:
    """The choice of the atlas, if there are several."""
    known, used = atlas_results.atlas_folders(card), session().layers.atlas.used
    if len(known) < 2:
        st.empty()  # keeps the place of the menu, so that the rest does not move
        return

    def use(here: Session, folder: Path) -> None:
        used[card.key] = folder

    now = used.get(card.key)
    draw.select("Atlas in use", known, now if now in known else known[0], use, at="atlas", words=_title, width=420)


def _title(folder: Path) -> str:
    """The films of the atlas, and when it was built."""
    file = folder / atlases.FILE
    try:
        account = atlases.account(file)
    except BadData:
        return f"{folder.name}, which cannot be read"
    if account["drawn"]:
        return f"{account['set']}, shipped with Lightbox"
    built = datetime.fromtimestamp(file.stat().st_mtime)
    return f"{account['set']}: {account['films']} films, {built:%-d %b %Y, %H:%M}"


def _facts(atlas: Atlas) -> list[tuple[str, str]]:
    account = atlas.metadata
    facts = [
        ("Units", f"{atlas.table.num_rows} of {len(atlas.stages)} stages"),
        ("Relevance", f"measured at inner stages on {account['relevant']} films, each for its predicted finding"),
    ]
    if account["skipped"] and paths.local():
        name, reason = account["skipped_first"][0]
        facts.append(("Not read", f"{account['skipped']} films; {name}: {reason}"))
    if not account["drawn"] and paths.local():
        facts.append(("Folder", str(atlas.folder)))
    return facts


def _fields(build: AtlasBuild, *, busy: bool) -> None:
    with st.container(key="atlas films", horizontal=True, vertical_alignment="bottom", gap="small"):
        film_fields(
            "layers.atlas",
            label="Folder or table on this machine",
            hint="/data/films, or /data/films.csv with the columns file and label",
            width=420,
            most=_MOST,
            whole=True,
            disabled=busy,
            then=partial(_clear_message, build),
        )
    draw.switch(
        "Keep a small picture of each film that the atlas names",
        build.pictures,
        BoundField("layers.atlas.pictures"),
        help="Shows what a unit saw. For patient films these are patient pixels: they stay in your own folder on this "
        "machine.",
    )


def _build(card: Checkpoint, build: AtlasBuild) -> None:
    """Follows the request until the atlas is built, over as many turns in the queue as needed."""
    if build.begun is None:
        return
    try:
        with atlas_results.atlas_build(
            card,
            _folder(build.path),
            split=build.split,
            most=build.most,
            pictures=build.pictures,
            begun=build.begun,
        ) as request:
            if not request.wait(_PATIENCE):
                progress.busy(request, "Atlas", key="atlas", withdraw=partial(_stop, build), stopped=_go_on)
                return
            atlas = request.answer()
        build.message, build.wrong = f"Done: {atlas.films} films. This atlas is now in use.", False
        build.used[card.key] = atlas.folder
    except UserError as error:
        build.message, build.wrong = str(error), True
    build.begun = None
    st.rerun()


def _go_on(reason: str) -> None:
    """Resumes the build: its time in the queue is over and its state is on disk, so the page requests it again."""


def _folder(text: str) -> Path:
    folder = paths.typed(text)
    if not folder.exists():
        raise BadData(f"There is no {folder} on this machine. Enter a folder of films, or a CSV table of them.")
    return folder


def _start(build: AtlasBuild, network: str) -> None:
    build.begun, build.network, build.message = time.time(), network, ""


def _stop(build: AtlasBuild) -> None:
    build.begun, build.wrong = None, False
    build.message = "Stopped. Building it again with the same films continues from here."


def _clear_message(build: AtlasBuild) -> None:
    """Clears the last message, which was about other films."""
    build.message = ""
