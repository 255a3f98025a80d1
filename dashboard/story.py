"""Guided stories; the one in this file: two models, the same answer, different reasons. All figures are computed live.

An open story replaces the page; its address is ?story=twins or ?story=checkpoint. The case of this story was chosen by
measurement: of nine drawn cases (0 to 3, 6 to 10) it is the one where both twins give the same answer and one twin
keeps it without the lungs. The last step reports the other cases.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.card import SubsetFigures
from core.compare.masked_films import WHOLE, MaskedFilms, lung_share
from core.estimate import estimate_text
from core.explain.run import Request
from core.explain.sharing import FIRST_LOOK
from core.models.findings import words
from core.types import Checkpoint, Explanation, Prediction, Radiograph
from dashboard import draw, film_upload, markup, progress, researcher_story
from dashboard.cache import film_properties, map_requests, model_files
from dashboard.state import session
from dashboard.tile_request import TileRequest
from dashboard.viewer import viewer

TWINS = "twins"
_CASE = 1  # normal chest
_NAMES = ("densenet121-plain", "densenet121-lungs")
_WHO = {_NAMES[0]: "The plain twin", _NAMES[1]: "The lungs twin"}
_HEIGHT = 340  # px of a film


@dataclass(frozen=True, eq=False)
class _Twin:
    """A model, and its predictions for the film, for the film without lungs, and for the lungs alone."""

    card: Checkpoint
    whole: Prediction
    lungs_out: Prediction
    lungs_only: Prediction

    @property
    def finding(self) -> str:
        """Its answer for the whole film."""
        return self.whole.likeliest[0]

    @property
    def who(self) -> str:
        return _WHO[self.card.name]

    def still(self, prediction: Prediction) -> bool:
        """Whether its answer is the same, with a probability of at least 0.5."""
        return prediction.likeliest[0] == self.finding and prediction.probability(self.finding) >= 0.5


def buttons() -> None:
    """The buttons that begin the stories; none if the models of a story are missing."""
    names = model_files.names()
    with st.container(key="stories", horizontal=True, gap="small"):
        if set(_NAMES) <= set(names):
            label = "Show me why: two models, one answer, 90 seconds"
            begin = partial(begin_story, TWINS)
            st.button(label, icon=":material/play_circle:", type="primary", key="begin story", on_click=begin)
        if names:
            begin = partial(begin_story, researcher_story.NAME)
            st.button(researcher_story.LABEL, icon=":material/science:", key="begin checkpoint story", on_click=begin)


def begin_story(name: str, step: int = 1) -> None:
    """Opens a story of `STORIES` at a step."""
    session().story_name = name
    go_to(min(max(step, 1), STORIES[name]))


def go_to(step: int) -> None:
    """Opens a step of the open story, from 1; 0 closes it."""
    session().story = step


def page() -> None:
    """The present step, with its figures computed live."""
    here = session()
    twins = here.story_name == TWINS
    if twins and not set(_NAMES) <= set(model_files.names()):
        draw.problem(f"The story needs the models {' and '.join(_NAMES)}. Restore the folder weights/.")
        st.button("Leave the story", on_click=partial(go_to, 0))
        return
    titles = [title for title, _ in (_STEPS if twins else researcher_story.STEPS)]
    last = len(titles)
    step = min(max(here.story, 1), last)
    with st.container(key="story", gap="small"):
        chests = "drawn chest" if twins else "drawn chests"
        draw.title(titles[step - 1], f"Step {step} of {last} · {chests}, synthetic, no patient data")
        with st.container(horizontal=True, key="story steps"):
            st.button("Back", disabled=step == 1, on_click=partial(go_to, step - 1), key="story back")
            st.button(
                "Next", type="primary", disabled=step == last, on_click=partial(go_to, step + 1), key="story next"
            )
            st.button("Leave the story", type="tertiary", on_click=partial(go_to, 0), key="story leave")
        with draw.errors():
            if twins:
                _tell(step)
            else:
                researcher_story.tell(step)


def _tell(step: int) -> None:
    """A step of the twins' story."""
    film = film_properties.lung_masked_films(film_properties.drawn_film(_CASE))
    note = st.empty()
    twins = [_twin(name, film, note) for name in _NAMES]
    note.empty()
    _STEPS[step - 1][1](film, twins)


def _twin(name: str, film: MaskedFilms, note: DeltaGenerator) -> _Twin:
    card = model_files.card(name)
    report = progress.reporter(note, "Prediction")
    films = (film.whole, film.lungs_out, film.lungs_only)
    return _Twin(card, *(map_requests.predict(card, each, WHOLE, report=report) for each in films))


def _same_answer(film: MaskedFilms, twins: list[_Twin]) -> None:
    one, other = twins
    same = f"Both twins say {words(one.finding)}. By their answers alone you cannot tell them apart."
    text = same if one.finding == other.finding else "The twins give different answers."
    st.html(markup.paragraph(f"Same layers, same start, same films; only their training differs. {text}"))
    picture, answers = st.columns([3, 2], gap="medium")
    with picture:
        viewer(film.whole, key="story film", height=_HEIGHT, compact=True)
    with answers:
        for twin in twins:
            _answer(twin, twin.whole)


def _places(film: MaskedFilms, twins: list[_Twin]) -> None:
    maps = [_map(twin, film.whole) for twin in twins]
    shares = [lung_share(each, film) for each in maps]
    area = film.lungs.mean()
    figures = " and ".join(f"{twin.who.lower()} {share:.0%}" for twin, share in zip(twins, shares, strict=True))
    st.html(
        markup.paragraph(
            f"Share of the heat inside the lungs and a rim around them, which cover {area:.0%} of the film: {figures}. "
            "The second was trained so that it can use nothing else."
        )
    )
    _side_by_side(twins, {twin.card.name: (film.whole, each) for twin, each in zip(twins, maps, strict=True)})


def _lungs_out(film: MaskedFilms, twins: list[_Twin]) -> None:
    st.html(markup.paragraph(f"There is no lung left to read. {_who_answers(twins, 'lungs_out')}"))
    _side_by_side(twins, {twin.card.name: (film.lungs_out, None) for twin in twins}, "lungs_out")


def _lungs_only(film: MaskedFilms, twins: list[_Twin]) -> None:
    st.html(markup.paragraph(f"Now the lungs are all there is. {_who_answers(twins, 'lungs_only')}"))
    _side_by_side(twins, {twin.card.name: (film.lungs_only, None) for twin in twins}, "lungs_only")


def _meaning(film: MaskedFilms, twins: list[_Twin]) -> None:
    blind = [twin for twin in twins if twin.still(twin.lungs_out)]
    if len(blind) == 1:
        text = f"{blind[0].who} keeps its answer without a lung to look at: it does not need the lungs for it."
        if blind[0].still(blind[0].lungs_only):
            text += " It gives the same answer for the lungs alone: nothing that was blacked out mattered."
    elif blind:
        text = "Both keep their answer without a lung to look at: on this film neither reason is in the lungs alone."
    else:
        text = "Neither keeps its answer without the lungs."
    text += " The probability did not show that. The map hinted at it. Removing the evidence proved it."
    st.html(markup.paragraph(text))
    rows = [
        [twin.who, *(estimate_text(each.macro_auc if each else None) for each in _figures(twin.card))] for twin in twins
    ]
    head = ["Macro AUC on test films", "whole", "lungs blacked out", "lungs only"]
    caption = (
        "One film proves nothing about a model; these are all test films (0.5 is chance). Black areas are new to "
        "both: seven drawn chests that both twins call covid became normal for the plain twin once lungs or rest were "
        "black."
    )
    st.html(markup.table(head, rows, caption=caption))
    with st.container(horizontal=True):
        if st.button("Open this film with both models", key="story open"):
            film_upload.open_case(_CASE)
            session().tiles = [TileRequest(name) for name in _NAMES]
            go_to(0)
            st.switch_page("views/compare.py")


_STEPS = (
    ("Two models give the same answer", _same_answer),
    ("They look at different places", _places),
    ("Black out the lungs: who still answers?", _lungs_out),
    ("Keep only the lungs", _lungs_only),
    ("What that means", _meaning),
)


STORIES = {TWINS: len(_STEPS), researcher_story.NAME: len(researcher_story.STEPS)}  # name in the address -> steps


def _who_answers(twins: list[_Twin], painted: str) -> str:
    sentences = []
    for twin in twins:
        prediction: Prediction = getattr(twin, painted)
        now, before = prediction.probability(twin.finding), twin.whole.probability(twin.finding)
        top = prediction.likeliest[0]
        figures = f"{words(twin.finding)} {before:.2f} before, {now:.2f} now"
        if twin.still(prediction):
            sentences.append(f"{twin.who} still says {words(twin.finding)} ({figures}).")
        elif top == twin.finding:
            sentences.append(f"{twin.who} is no longer sure ({figures}).")
        else:
            sentences.append(f"{twin.who} changes its answer ({figures}; most likely {words(top)}).")
    return " ".join(sentences)


def _side_by_side(
    twins: list[_Twin], shown: Mapping[str, tuple[Radiograph, Explanation | None]], painted: str = "whole"
) -> None:
    for twin, column in zip(twins, st.columns(len(twins), gap="medium"), strict=True):
        film, map_ = shown[twin.card.name]
        with column:
            viewer(film, [map_] if map_ else [], key=f"story {twin.card.name}", height=_HEIGHT, compact=True)
            _answer(twin, getattr(twin, painted))


def _answer(twin: _Twin, prediction: Prediction) -> None:
    draw.section(twin.who, twin.card.name)
    draw.probabilities(prediction, twin.card, explained=twin.finding)


def _map(twin: _Twin, film: Radiograph) -> Explanation:
    request = Request(FIRST_LOOK, twin.finding, None)
    return map_requests.explain(twin.card, film, WHOLE, request).result().of(request)


def _figures(card: Checkpoint) -> list[SubsetFigures | None]:
    lungs = card.metrics.lungs
    return [lungs.whole, lungs.lungs_out, lungs.lungs_only] if lungs else [None] * 3
