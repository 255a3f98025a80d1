"""The what-if bench: bars, map and film before and after the edits, and the log."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import streamlit as st

from core.image.arrangement import through
from core.models.findings import words
from core.overlay import caption, common_end
from core.types import Checkpoint, Explanation, Prediction, Radiograph
from core.what_if.answer import EditedAnswer, answer_words, turned
from core.what_if.edit import EditContext, parsed_edit
from core.what_if.log import attempt, log_csv, log_json
from core.what_if.picture import grey_difference
from dashboard import board_tile, draw, engine, film_panel, markup, probability_bars, progress
from dashboard.bound_field import BoundField
from dashboard.cache import map_requests, model_files, what_if_requests
from dashboard.request_queue import Keyed
from dashboard.selection import MapView
from dashboard.state import session
from dashboard.viewer import viewer
from dashboard.what_if.controls import controls
from dashboard.what_if.searches import searches

LINK = "what-if"  # between the two panes


def bench(chosen: MapView) -> None:
    """A switch with the bench below; a closed bench costs nothing."""
    state = session().what_if
    draw.switch(
        "What-if bench",
        state.is_open,
        BoundField("what_if.is_open"),
        help="Blur, black out, brighten or move parts of the film, or change all of it, and see the new answer.",
    )
    if not state.is_open:
        return
    with st.container(key="what-if", gap="small"):
        controls(chosen.radiograph)
        _answers(chosen, state.edits.get(chosen.radiograph.key, ()))
        searches(chosen, context_of(chosen))


def context_of(chosen: MapView) -> Keyed[EditContext]:
    """The film and everything that its edits may refer to; other films and the map only if an edit needs them."""
    here, film = session(), chosen.radiograph
    texts = here.what_if.edits.get(film.key, ())
    needs_others = any(text.startswith("transplant") for text in texts)
    needs_map = any("hottest" in text for text in texts)
    others = {key: other for key, other in here.radiographs.items() if key != film.key} if needs_others else {}
    map_ = chosen.answered if needs_map else None
    context = EditContext(film, chosen.cleaning, map_, others)
    return Keyed((film.key, repr(chosen.cleaning), map_ and map_.key, tuple(others)), context)


@st.fragment(parallel=True)
def _answers(chosen: MapView, texts: tuple[str, ...]) -> None:
    """The answer for the edited film, the panes and the log; also the answer of a second model."""
    if not texts:
        st.html(markup.paragraph("No edit yet. Choose one, then a place.", quiet=True))
        _log()
        return
    done = "; ".join(parsed_edit(text).words for text in texts)
    st.html(markup.paragraph(f"Edits: {done}.", quiet=True))
    note = st.empty()
    context = context_of(chosen)
    with draw.errors():
        request = what_if_requests.edited_film(chosen.checkpoint, context, texts, chosen.request)
        answer = request.result(progress.reporter(note, "Edited film"))
        note.empty()
        _bars(chosen.checkpoint, chosen.finding, chosen.prediction, answer)
        _panes(chosen, answer)
    _second(chosen, context, texts)
    _log()


def _bars(checkpoint: Checkpoint, finding: str, before: Prediction, answer: EditedAnswer) -> None:
    """Bars before and after, and whether the answer changed; adds a line to the log."""
    here, after = session(), answer.prediction
    film = here.radiographs[here.film_key].name if here.film_key else ""
    line = attempt(film, checkpoint, finding, before, answer)
    here.what_if.note(line)
    verb = "changes" if turned(after, checkpoint, finding, before) else "holds"
    change = f"{answer_words(before, checkpoint, finding)} → {answer_words(after, checkpoint, finding)}"
    st.html(markup.remark("note", checkpoint.name, f"the answer {verb}", change))  # no tick: holding is no merit
    rows = []
    for each in before.findings:
        one, other = before.probability(each), after.probability(each)
        points = markup.signed(100 * (other - one), 1)
        spoken = f"{words(each)} {one:.2f}, after the edit {other:.2f}"
        bar = probability_bars.two_bars(
            each, one, other, asides=(f"{points} points",), spoken=spoken, explained=each == finding
        )
        rows.append((abs(other - one), bar))
    if len(rows) > 6:  # if there are many, only the findings that changed most
        rows = sorted(rows, key=lambda row: -row[0])[:6]
    st.html("".join(bar for _, bar in rows))


def _panes(chosen: MapView, answer: EditedAnswer) -> None:
    """The film before and after with their maps on one scale, linked, and the difference of their grey values."""
    maps = [each for each in (chosen.answered, answer.explanation) if each is not None]
    scale = common_end(maps) if maps else None
    film = answer.radiograph
    session().cleanings[film.key] = replace(chosen.cleaning, window="")
    left, middle, right = st.columns(3, gap="small")
    with left:
        _pane(chosen.radiograph, chosen.answered, "Before", scale)
    with middle:
        _pane(film, answer.explanation, "After", scale)
    with right:
        change = grey_difference(through(chosen.radiograph, chosen.cleaning.window), film)
        st.html(markup.block("lb-pane-title", "Difference"))
        caption = "Orange: brighter after the edit, blue: darker, black: unchanged"
        st.image(change, caption=caption, width="stretch", alt="What the edit changed on the film")


def _pane(radiograph: Radiograph, map_: Explanation | None, title: str, scale: float | None) -> None:
    withheld = "Hidden because of its caveat." if board_tile.is_hidden(map_) else ""
    maps: Sequence[Explanation] = [map_] if map_ else []
    viewer(
        radiograph,
        maps,
        key=f"what-if {title.lower()}",
        title=title,
        captions=[caption(each) for each in maps],
        scale=scale,
        withheld=withheld,
        link=LINK,
        compact=True,
    )


def _second(chosen: MapView, context: Keyed[EditContext], texts: tuple[str, ...]) -> None:
    """The answer of another model for the same edits."""
    state = session().what_if
    others = ["", *(name for name in model_files.names() if name != chosen.checkpoint.name)]
    value = state.second if state.second in others else ""
    with st.container(key="what-if second", width=320):
        draw.select(
            "Repeat on another model",
            others,
            value,
            BoundField("what_if.second"),
            at="what-if",
            words=lambda name: name or "None",
        )
    if session().what_if.second != value or not value:
        return
    with draw.errors():
        checkpoint, note = model_files.card(value), st.empty()
        report = partial(progress.reporter, note)
        if film_panel.admission(chosen.radiograph, [checkpoint], report=report("Gate")).reason and not (
            chosen.cleaning.anyway
        ):
            st.html(markup.paragraph(f"{value} withholds its answer about this film.", quiet=True))
            return
        before = map_requests.predict(checkpoint, chosen.radiograph, chosen.cleaning, report=report(value))
        answer = what_if_requests.edited_film(checkpoint, context, texts, None).result(report(value))
        note.empty()
        finding = engine.same(chosen.finding, checkpoint) or before.likeliest[0]
        _bars(checkpoint, finding, before, answer)


def _log() -> None:
    """Every attempt of this session, latest first."""
    tried = session().what_if.tried
    if not tried:
        return
    with st.expander(f"Log ({len(tried)})", key="what-if log"):
        rows = []
        for number, each in reversed(list(enumerate(tried, start=1))):
            before, after = dict(each.before)[each.finding], dict(each.after)[each.finding]
            moved = f"{words(each.finding)} {before:.2f} → {after:.2f}"
            rows.append([str(number), each.words, each.checkpoint, moved, "changes" if each.turned else "holds"])
        head = ["No.", "What and where", "Model", "Probability", "Answer"]
        st.html(markup.table(head, rows, caption="", label="Log of edits"))
        with st.container(horizontal=True, gap="small"):
            draw.download("Save as CSV", partial(log_csv, tuple(tried)), "what-if.csv", key="what-if csv")
            draw.download("Save as JSON", partial(log_json, tuple(tried)), "what-if.json", key="what-if json")
