"""Whether the network's score for the finding depends on a concept (TCAV): settings, examples, results."""

from collections.abc import Callable
from functools import partial
from html import escape

import streamlit as st

from core.layers import reference
from core.layers.concepts.result import ConceptResult, Sensitivity
from core.layers.concepts.synthetic import synthetic_concepts
from core.layers.concepts.tcav import FEWEST
from core.layers.reference import ReferenceFilm, ReferenceSet
from core.models.findings import words
from core.types import Checkpoint, Radiograph
from dashboard import draw, markup, paths, progress
from dashboard.bound_field import BoundField
from dashboard.cache import layer_requests, networks
from dashboard.layers.layers_state import ConceptTest
from dashboard.request_queue import Keyed
from dashboard.state import session

_ABOUT = (
    "The concept is drawn into each film. Half of the films give the direction in which that moves the activations of "
    "a stage; the other half test whether it separates films with and without the concept. Score rises on: films on "
    "which the score rises in that direction (TCAV). p: how often random swaps of films with and without the concept "
    "go as far. Steeper than: directions between random halves of the films. A direction counts as confirmed only if "
    "the measured logit change agrees."
)
_SOURCES = {"phantoms": "Drawn phantoms", "open": "Open films", "path": "Folder or table"}
_MARKS = {  # verdict -> class and symbol
    "sensitive": ("sensitive", "warning"),
    "hardly": ("hardly", "info"),
    "not confirmed": ("not", "rule"),
    "not shown": ("not", "help"),
    "no direction": ("no", "remove"),
}
_SHOWN = 3  # films with the concept
_MOST = 1000  # films
_Films = Keyed[Callable[[], ReferenceSet]]


def section(radiograph: Radiograph, card: Checkpoint, finding: str) -> None:
    """The fields, then progress or the result."""
    here = session().layers.concepts
    stages = list(networks.stage_sizes(card))
    chosen = tuple(stage for stage in stages if stage in here.stages) or tuple(stages[-2:])
    with st.container(key="sensitive", gap="small"):
        draw.section("Concept sensitivity (TCAV)", "concepts drawn into films")
        st.html(markup.paragraph(_ABOUT, quiet=True))
        _fields(here, stages, chosen)
        _examples(radiograph, here.names)
        if not here.running or not _ready(here) or not (here.names or here.examples):
            return
        with draw.errors():
            films, examples = _films(here)
            with layer_requests.concept_sensitivity(
                card, films, examples, here.names, stages=chosen, finding=finding
            ) as request:
                if progress.is_ready(request, "Concepts", key="sensitive", withdraw=_stop):
                    with st.container(key="sensitive result", gap="small"):
                        _result(request.answer(), finding)


def _fields(here: ConceptTest, stages: list[str], chosen: tuple[str, ...]) -> None:
    with st.container(key="concepts chosen", horizontal=True, vertical_alignment="top", gap="large"):
        st.pills(
            "Concepts",
            list(synthetic_concepts),
            selection_mode="multi",
            **BoundField("layers.concepts.names", _in_order).widget(value=list(here.names)),
            format_func=lambda name: synthetic_concepts[name].title,
            width="content",
        )
        st.pills(
            "Stages",
            stages,
            selection_mode="multi",
            **BoundField("layers.concepts.stages", tuple).widget(value=list(chosen)),
            width="content",
        )
    with st.container(key="concepts films", horizontal=True, vertical_alignment="bottom", gap="small"):
        st.segmented_control(
            "Films",
            list(_SOURCES) if paths.local() else ["phantoms", "open"],
            **BoundField("layers.concepts.source", then=_stop).widget(value=_source(here)),
            format_func=lambda each: _SOURCES[each] + (f" ({len(session().radiographs)})" if each == "open" else ""),
            required=True,
        )
        _which(here)
        st.button(
            "Test the concepts",
            type="primary",
            icon=":material/play_arrow:",
            on_click=_start,
            disabled=not (here.names or here.examples) or not _ready(here),
        )
    if note := _films_note(here):
        st.html(markup.paragraph(note, quiet=True))


def _films_note(here: ConceptTest) -> str:
    """A note on these films, or what is missing; empty if there is nothing to note."""
    if _source(here) == "phantoms":
        return "Phantoms are synthetic, no patient data: the network may respond differently to real films."
    if _ready(here):
        return ""
    return f"The test needs {FEWEST} films or more." if here.source == "open" else "Enter the folder or the table."


def _which(here: ConceptTest) -> None:
    """Draws the fields for this source of films."""
    if _source(here) == "phantoms":
        drawn = BoundField("layers.concepts.drawn")
        st.number_input("Phantoms", FEWEST, 400, step=10, **drawn.widget(), width=130)
        return
    if _source(here) == "path":
        path = BoundField("layers.concepts.path", str.strip, _stop)
        st.text_input("Path on this machine", **path.widget(), placeholder="/data/films, or a table", width=260)
        most = BoundField("layers.concepts.most")
        st.number_input("Maximum films", FEWEST, _MOST, step=20, **most.widget(), width=130)
    if paths.local():
        examples = BoundField("layers.concepts.examples", str.strip, _stop)
        st.text_input("Folder with examples of your own concept", **examples.widget(), placeholder="none", width=260)


@st.fragment(parallel=True)
def _examples(radiograph: Radiograph, names: tuple[str, ...]) -> None:
    """Small pictures of this film with each concept, as they become ready."""
    place = st.empty()
    parts = []
    for name in names:
        request = layer_requests.with_concept(radiograph, name, tuple(range(_SHOWN)))
        pictures, why = request.result(progress.reporter(place, "Films"))
        concept = synthetic_concepts[name]
        label = f"{radiograph.name} with {concept.title.lower()}"
        shown = "".join(markup.picture(each, label) for each in pictures)
        shown += markup.paragraph(why, quiet=True) if why else ""
        parts.append(markup.concept(concept.title, concept.plain, shown))
    place.html(markup.block("lb-concepts", "".join(parts)))


def _films(here: ConceptTest) -> tuple[_Films, _Films | None]:
    """The films and the examples, read when the request runs. Raises: BadData for an invalid path."""
    example_films: _Films | None = None
    if here.examples and paths.local() and _source(here) != "phantoms":
        place = paths.typed(here.examples)
        example_films = Keyed((str(place), paths.changed(place)), partial(reference.from_data, place))
    if _source(here) == "phantoms":
        return Keyed(("phantoms", here.drawn), partial(reference.phantoms, here.drawn)), None
    if _source(here) == "open":
        films = tuple(ReferenceFilm(film.name, partial(_given, film)) for film in session().radiographs.values())
        return Keyed(("open", *session().radiographs), partial(_set, films)), example_films
    place, most = paths.typed(here.path), here.most
    key = (str(place), paths.changed(place), most)
    return Keyed(key, lambda: reference.some(reference.from_data(place), most)), example_films


def _result(sensitivity: Sensitivity, finding: str) -> None:
    """The table, one sentence per row, and the figures as a file."""
    with st.container(key="sensitive head", horizontal=True, vertical_alignment="center", gap="small"):
        about = sensitivity.description
        films = about if sensitivity.drawn else f"{sensitivity.films} films: {about}"
        draw.section(f"Sensitivity of {words(finding)} to each concept", films)
        draw.download("All figures", sensitivity.csv, "concepts.csv")
    st.html(table(sensitivity))
    st.html(markup.sentences(each.sentence for each in sensitivity.answers))
    if sensitivity.skipped:
        with st.expander(f"{len(sensitivity.skipped)} films could not be read", type="compact"):
            st.html(markup.sentences(f"{name}: {reason}" for name, reason in sensitivity.skipped))


def table(sensitivity: Sensitivity) -> str:
    """A row for each concept and stage, as HTML."""
    head = (
        "Concept",
        "Stage",
        "Verdict",
        "Score rises on",
        "Chance level",
        "p",
        "Steeper than",
        "Separated",
        "Measured logit change",
    )
    rows = [("", _cells(each)) for each in sensitivity.answers]
    return markup.rich_table(head, rows, style="lb-tested", label="Concepts tested", scroll=True)


def _cells(each: ConceptResult) -> list[str]:
    """The cells of a row, as HTML."""
    kind, symbol = _MARKS[each.verdict]
    chance = 100 * float(each.random.mean())
    return [
        escape(each.title),
        escape(each.stage),
        markup.verdict(each.plain, kind=kind, symbol=symbol),
        f"{100 * each.score:.0f} % of films",
        f"{chance:.0f} %",
        "< 0.001" if each.corrected < 0.001 else f"{each.corrected:.3f}",
        f"{100 * each.steeper:.0f} % of random directions",
        f"{100 * each.accuracy:.0f} %",
        f"{each.moved}{', opposite' if each.contradicted and each.significant else ''}" or "unknown",
    ]


def _source(here: ConceptTest) -> str:
    return here.source if paths.local() or here.source != "path" else "phantoms"


def _ready(here: ConceptTest) -> bool:
    enough = {"phantoms": True, "open": len(session().radiographs) >= FEWEST, "path": bool(here.path)}
    return enough[_source(here)]


def _given(film: Radiograph) -> Radiograph:
    return film


def _set(films: tuple[ReferenceFilm, ...]) -> ReferenceSet:
    return ReferenceSet("the opened films", films)


def _start() -> None:
    session().layers.concepts.running = True


def _stop() -> None:
    session().layers.concepts.running = False


def _in_order(names: list[str]) -> tuple[str, ...]:
    """The concepts in the order of their registry."""
    return tuple(name for name in synthetic_concepts if name in names)
