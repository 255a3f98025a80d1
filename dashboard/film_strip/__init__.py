"""The strip of open films: thumbnail, name, most likely finding, label and warning; sorted and filtered in the browser.

It runs in the browser because five Streamlit elements per film (tried with 200 films) make every change of film wait
for a thousand elements, and because J and K have to follow the order on screen.
"""

from collections.abc import Hashable
from pathlib import Path
from typing import Any, TypeVar

import streamlit as st
from streamlit.runtime import Runtime

from core.errors import UserError
from core.models.findings import present, words
from core.trust.admission import Admission
from core.trust.gate import read_gate
from core.types import Checkpoint, Prediction, Radiograph
from dashboard import finding_colours, labels, paths
from dashboard.cache import film_properties, map_requests, model_files
from dashboard.cache.keys import card_key
from dashboard.request_queue import QueuedRequest
from dashboard.state import Session, StripRow, entered, session

_HERE = Path(__file__).parent
_KEY = "film strip"
_Result = TypeVar("_Result")
_PENDING = {"note": "…", "is_final": False}
_AT_ONCE = 6  # films predicted at a time, so that the open film never waits for more than these

_strip = st.components.v2.component(
    "lightbox.film_strip",
    html="""<div class="strip" data-testid="film-strip">
        <div class="tools">
            <input type="text" placeholder="Find by name" aria-label="Find films by name">
            <select aria-label="Films shown"></select><select aria-label="Order of the films"></select>
        </div>
        <div class="count" role="status"></div><ul class="list" aria-label="Open films"></ul>
    </div>""",
    css=(_HERE / "film_strip.css").read_text(encoding="utf-8"),
    js=(_HERE / "film_strip.js").read_text(encoding="utf-8"),
)


@st.fragment(parallel=True)
def film_strip(checkpoint: Checkpoint | None) -> None:
    """Draws the films as far as they are ready; the browser polls until all are predicted. A click opens a film."""
    if session().strip_acted:
        session().strip_acted = False
        st.rerun()  # the page shows another film
    waiting: list[QueuedRequest[Any]] = []
    others = _others(checkpoint) if session().compared else []
    models = tuple(map(_version, [checkpoint, *others])) if checkpoint else ()
    films = [_row(radiograph, checkpoint, others, models, waiting) for radiograph in session().radiographs.values()]
    _strip(
        key=_KEY,
        data={
            "films": films,
            "open": session().film_key,
            "models": 1 + len(_others(checkpoint)),
            "compared": session().compared,
            "pending": len(waiting),
        },
        on_opened_change=lambda: open_film(session(), entered(_KEY).opened),
        on_removed_change=lambda: remove_film(session(), entered(_KEY).removed),
        on_compared_change=_compare,
        on_more_change=lambda: None,
    )
    for request in waiting:
        with request:  # it continues for a moment, until the browser asks again
            pass


def _version(checkpoint: Checkpoint) -> Hashable:
    """Everything that a model's answers depend on, except the film."""
    weights = paths.changed(model_files.weights_path(checkpoint))
    return card_key(checkpoint), weights, read_gate(checkpoint)


def _row(
    radiograph: Radiograph,
    checkpoint: Checkpoint | None,
    others: list[Checkpoint],
    models: Hashable,
    waiting: list[QueuedRequest[Any]],
) -> dict[str, Any]:
    """The strip's row for a film, from memory once it is complete.

    Every change of film redraws the strip: with 200 films the lookups behind `_entry` took four fifths of the time.
    """
    here, pending = session(), len(waiting)
    version = here.cleaning(radiograph.key), here.labels.get(radiograph.key), models
    row = here.strip_rows.get(radiograph.key)
    if row is None or row.version != version:
        entry = _entry(radiograph, checkpoint, others, waiting)
        row = StripRow(version, entry, film_properties.thumbnail(radiograph, here.cleaning(radiograph.key)))
        if entry["is_final"] and len(waiting) == pending < _AT_ONCE:
            here.strip_rows[radiograph.key] = row
    return {**row.entry, "picture": _address(radiograph, row.thumbnail)}


def _entry(
    radiograph: Radiograph,
    checkpoint: Checkpoint | None,
    others: list[Checkpoint],
    waiting: list[QueuedRequest[Any]],
) -> dict[str, Any]:
    """The strip's row for a film without its picture; requests its prediction unless enough are pending."""
    now = session().cleaning(radiograph.key)
    checks = film_properties.quality(radiograph, now)
    entry: dict[str, Any] = {
        "key": radiograph.key,
        "name": radiograph.name,
        "drawn": radiograph.drawn,
        "warning": any(check.level == "warning" for check in checks),
        "label": words(session().labels.get(radiograph.key, "")),
        "words": "",
        "probability": 0.0,
        "margin": 1.0,
        "is_final": True,
    }
    if checkpoint is None:
        return entry
    try:
        withheld = not now.anyway and _withheld(checkpoint, radiograph, waiting)
        if withheld is None:
            return entry | _PENDING
        if withheld:
            return entry | {"note": "answer withheld", "warning": True}
        prediction = _prediction(checkpoint, radiograph, waiting)
    except UserError as error:
        return entry | {"note": str(error), "is_final": False}
    if prediction is None:
        return entry | _PENDING
    compared = [each for each in (_prediction(other, radiograph, waiting) for other in others) if each]
    return entry | _answer(radiograph, prediction, checkpoint) | _disagreement(prediction, compared)


def _answer(radiograph: Radiograph, prediction: Prediction, checkpoint: Checkpoint) -> dict[str, Any]:
    findings = present(prediction, checkpoint) if checkpoint.multi_label else prediction.likeliest[:1]
    right = labels.agrees(prediction, checkpoint, session().labels.get(radiograph.key))
    if not findings:
        return {"note": "no finding", "right": right}
    likeliest = sorted(prediction.probabilities, reverse=True)
    probability = prediction.probability(findings[0])
    return {
        "words": words(findings[0]),
        "colour": finding_colours.colour(findings[0]),
        "probability": round(probability, 4),
        "more": len(findings) - 1,
        "margin": round(float(abs(probability - 0.5) if checkpoint.multi_label else likeliest[0] - likeliest[1]), 4),
        "right": right,
    }


def _disagreement(prediction: Prediction, others: list[Prediction]) -> dict[str, Any]:
    """The largest difference between two models' probabilities of one finding."""
    every = [prediction, *others]
    shared = [finding for finding in prediction.findings if all(finding in each.findings for each in every)]
    if not others or not shared:
        return {}
    spans = [[each.probability(finding) for each in every] for finding in shared]
    return {"disagreement": round(max(max(span) - min(span) for span in spans), 4)}


def _withheld(checkpoint: Checkpoint, radiograph: Radiograph, waiting: list[QueuedRequest[Any]]) -> bool | None:
    """Whether the answer is withheld; None until the gate has checked the film."""
    result = map_requests.admission([checkpoint], radiograph, session().cleaning(radiograph.key))
    if not isinstance(result, Admission):
        answer = _answer_of(result, waiting)
        if answer is None:
            return None
        result = answer
    return bool(result.reason)


def _prediction(checkpoint: Checkpoint, radiograph: Radiograph, waiting: list[QueuedRequest[Any]]) -> Prediction | None:
    """The prediction if it is ready; otherwise requests it, unless enough are pending."""
    if len(waiting) >= _AT_ONCE:
        return None
    request = map_requests.first_look(checkpoint, radiograph, session().cleaning(radiograph.key))
    answer = _answer_of(request, waiting)
    return answer.prediction if answer else None


def _answer_of(request: QueuedRequest[_Result], waiting: list[QueuedRequest[Any]]) -> _Result | None:
    """The answer if it is ready; otherwise keeps the request waiting."""
    if not request.wait(0):
        waiting.append(request)
        return None
    request.leave()
    return request.answer()


def _others(checkpoint: Checkpoint | None) -> list[Checkpoint]:
    """The other models of the Compare page, or else the first other model with the same findings."""
    if checkpoint is None:
        return []
    board = {tile.checkpoint for tile in session().tiles} - {checkpoint.name}
    cards = []
    for name in sorted(board) or model_files.names():
        try:
            card = model_files.card(name)
        except UserError:
            continue
        if name != checkpoint.name and set(card.findings) & set(checkpoint.findings):
            cards.append(card)
    return cards if board else cards[:1]


def _address(radiograph: Radiograph, thumbnail: bytes) -> str:
    """Address that serves the thumbnail until the next run."""
    if not Runtime.exists():
        return ""
    files = Runtime.instance().media_file_mgr
    return str(files.add(thumbnail, "image/png", coordinates=f"lightbox.thumbnail.{radiograph.key}"))


def open_film(here: Session, key: str | None) -> None:
    """Handles a click on a film."""
    if key in here.radiographs:
        here.film_key, here.strip_acted = key, True
        here.refuse("")


def remove_film(here: Session, key: str | None) -> None:
    """Handles a click on the cross of a film."""
    if key in here.radiographs:
        here.remove(key)
        here.strip_acted = True


def _compare() -> None:
    session().compared = True
