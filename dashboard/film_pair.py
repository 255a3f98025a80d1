"""Two films side by side on Read (before and after, case and control), with the same model, finding and method."""

from functools import partial

import streamlit as st

from core.explain.export import source_line
from core.image import film_checks
from core.models.findings import words
from core.overlay import caption
from core.types import Prediction, Radiograph
from dashboard import draw, engine, map_status, markup, progress
from dashboard.board_tile import BoardTile
from dashboard.bound_field import widget
from dashboard.cache import film_properties
from dashboard.selection import MapView
from dashboard.state import Session, session
from dashboard.tile_request import TileRequest
from dashboard.viewer import controls, viewer

PAGE = "read pair"  # owner of the second film's requests
LINK = "pair"  # between the two panes
_PATIENCE = 0.4  # s until progress is shown
_WITHHELD = "The answer is withheld because of the film checks. Open this film alone to see why."


def second() -> Radiograph | None:
    """The second film; None if there is none, or it is the open one."""
    here = session()
    return here.radiographs.get(here.second_film or "") if here.second_film != here.film_key else None


def menu() -> None:
    """The menu that shows another open film beside this one; nothing if only one film is open."""
    here = session()
    others = [key for key in here.radiographs if key != here.film_key]
    if not others:
        st.empty()
        return
    chosen = second()
    label = "Two films side by side"
    with st.popover(label, icon=":material/compare:", type="tertiary", key="pair menu", help=label):
        options = ["", *others]
        st.selectbox(
            "Film beside this one",
            options,
            format_func=lambda key: here.radiographs[key].name if key else "None",
            **widget("second film", chosen.key if chosen else "", _choose),
        )
        st.caption("Zoom and window of the two are linked. `J` and `K` change the left film.")


def panes(chosen: MapView, other: Radiograph) -> None:
    """Both films, one bar of controls for them, and the model's answer for each."""
    with st.container(key="pair", gap="xsmall"):
        controls(LINK, key="pair controls")
        left, right = st.columns(2, gap="small")
        with left, st.container(key="pane"):
            _pane(chosen.radiograph, chosen.prediction, chosen, key="read", tile=chosen)
            map_status.busy(chosen)
        with right:
            _second(chosen, other)


@st.fragment(parallel=True)
def _second(chosen: MapView, other: Radiograph) -> None:
    """The second film, without heat until its map is ready, and the difference of the answers."""
    place, note = st.empty(), st.empty()
    now = session().cleaning(other.key)
    if film_checks.withheld(film_properties.quality(other, now)) and not now.anyway:
        with place.container():
            viewer(other, key="read second", title=other.name, note=_WITHHELD, link=LINK, compact=True)
        return
    with draw.errors():
        tile = _look(chosen, other)
        while tile.pending:
            tile.pending.result(progress.reporter(note, f"{other.name}: {tile.pending_name}"))
            tile = _look(chosen, other)
        note.empty()
        with place.container():
            _pane(other, tile.prediction, chosen, key="read second", tile=tile)
            if tile.prediction and tile.finding == chosen.finding:
                st.html(markup.paragraph(difference(chosen.finding, chosen.prediction, tile.prediction)))


def difference(finding: str, left: Prediction, right: Prediction) -> str:
    """How much more or less probable the finding is on the right film, in one sentence."""
    one, other = left.probability(finding), right.probability(finding)
    name = words(finding)
    if abs(other - one) < 0.005:  # half of the last displayed digit
        return f"{name[:1].upper()}{name[1:]} {one:.2f} on both films."
    more = "more" if other > one else "less"
    return f"{name[:1].upper()}{name[1:]} {one:.2f} left, {other:.2f} right: {abs(other - one):.2f} {more}."


def _look(chosen: MapView, other: Radiograph) -> BoardTile:
    request = TileRequest(
        chosen.checkpoint.name, chosen.method.name, chosen.finding, chosen.layer, tuple(chosen.settings.items())
    )
    return engine.look(other, [request], page=PAGE, last={}, patience=_PATIENCE)[0]


def _pane(
    radiograph: Radiograph, prediction: Prediction | None, chosen: MapView, *, key: str, tile: MapView | BoardTile
) -> None:
    """One film with its map; its name and the answer above."""
    map_, finding = tile.explanation, chosen.finding
    answer = f" · {words(finding)} {prediction.probability(finding):.2f}" if prediction else ""
    source = source_line(chosen.checkpoint, prediction, finding) if prediction else ""
    draw_viewer = partial(
        viewer, radiograph, key=key, title=f"{radiograph.name}{answer}", source=source, link=LINK, compact=True
    )
    if map_ is None:
        draw_viewer(note=tile.missing or "The map is being computed.")
        return
    outdated = bool(tile.pending)
    withheld = "Hidden because of its caveat. You can show it anyway." if tile.hidden else ""
    draw_viewer(
        [map_],
        captions=[f"{'Previous map: ' if outdated else ''}{caption(map_)}"],
        scale=chosen.scale,
        withheld=withheld,
        outdated=outdated,
    )


def _choose(here: Session, key: str) -> None:
    here.second_film = key or None
