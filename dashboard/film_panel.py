"""The film itself: checks, facts from the file, and its preprocessing for the network."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import streamlit as st

from core.errors import UserError
from core.image.arrangement import DATA, FULL, OWN, TURNS, through
from core.image.cases import case
from core.image.film_checks import Check
from core.models.findings import leading, words
from core.trust.admission import Admission
from core.types import Checkpoint, Cleaning, Origin, Prediction, Radiograph
from dashboard import draw, film_upload, labels, markup, selection
from dashboard.bound_field import Store, widget
from dashboard.cache import film_properties, map_requests
from dashboard.request_queue import ReportProgress
from dashboard.state import Session, session
from dashboard.viewer import viewer

_TURNS = {0: "None"} | TURNS
_NORMAL = "normal"  # the finding of a chest without a drawn opacity
_DENOISE = {"none": "None", "gaussian": "Gaussian", "median": "Median"}


def story(radiograph: Radiograph) -> None:
    """What a drawn case shows, in one line; nothing for other films."""
    number = session().drawn_cases.get(radiograph.key)
    if number is not None:
        outline = " Press V for the outline of what was drawn." if radiograph.planes else ""
        st.html(markup.paragraph(f"Drawn case: {radiograph.name}. {case(number).story}{outline}"))


def wrong_answer(radiograph: Radiograph, checkpoint: Checkpoint, prediction: Prediction) -> None:
    """Warns if the answer contradicts the drawn truth; nothing for other films, or without the finding normal."""
    says_normal = labels.agrees(prediction, checkpoint, _NORMAL)
    if radiograph.key not in session().drawn_cases or says_normal is None:
        return
    if says_normal == any(plane.is_truth for plane in radiograph.planes):
        drawn = "an opacity was drawn" if says_normal else "no opacity was drawn"
        answer = words(leading(prediction, checkpoint))
        st.html(markup.status(f"Wrong answer: {drawn}, the model says {answer}.", level="warning"))


def about(radiograph: Radiograph, *, veiled: bool = False) -> None:
    """The quality checks and the facts from the file.

    veiled: whether `veil` has already drawn the checks that withhold the answer.
    """
    draw.section("Film", "Drawn phantom" if radiograph.drawn else "")
    with st.skeleton(height=90):
        checks = film_properties.quality(radiograph, session().cleaning(radiograph.key))
    draw.checks(
        [check for check in checks if not (veiled and check.withholds)],
        partial(_settle, radiograph, but=[check.mend for check in checks if veiled and check.withholds]),
        of=len(checks),
    )
    model = selection.model()
    if model is not None:
        draw.age_warning(radiograph, model)
    with st.expander("File and patient", type="compact"):
        draw.film_facts(radiograph, session().credits.get(radiograph.key), model)


def admission(
    radiograph: Radiograph, checkpoints: Sequence[Checkpoint], *, report: ReportProgress | None = None
) -> Admission:
    """Whether the answers of these models about the film are shown; waits for their gates."""
    result = map_requests.admission(checkpoints, radiograph, session().cleaning(radiograph.key))
    return result if isinstance(result, Admission) else result.result(report)


def withheld(
    radiograph: Radiograph, checkpoints: Sequence[Checkpoint], *, report: ReportProgress | None = None
) -> bool:
    """Whether the film checks or a gate withhold every answer about this film; shows a warning if the reader overrode
    them.

    A page calls this first and, if it is true, draws `veil` instead of its answers.
    """
    now = session().cleaning(radiograph.key)
    reason = admission(radiograph, checkpoints, report=report).reason
    if reason and now.anyway:
        with st.container(horizontal=True, vertical_alignment="center", key="override", wrap=False):
            st.warning(f"Shown anyway. {draw.plain(reason)}", icon=":material/warning:", width="stretch")
            st.button("Withhold", on_click=partial(session().clean, radiograph.key, anyway=False), type="tertiary")
    return bool(reason) and not now.anyway


def veil(radiograph: Radiograph, checkpoint: Checkpoint | None) -> None:
    """The film without any answer: the reason, a remedy, and the button that shows it anyway."""
    story(radiograph)
    with st.container(key="reading"):
        picture, words = st.columns([2, 1], gap="medium")
        with picture, st.container(key="pane"):
            viewer(radiograph, key="read", note="The answer is withheld.")
        with words, st.container(key="words", gap="small"):
            draw.section("Answer withheld")
            for check in film_properties.quality(radiograph, session().cleaning(radiograph.key)):
                if check.withholds:
                    st.warning(draw.plain(check.sentence), icon=":material/warning:")
                    _settle(radiograph, check, at="veil")
            ruling = admission(radiograph, [checkpoint] if checkpoint else [])
            if ruling.by_gate:
                st.warning(draw.plain(ruling.reason), icon=":material/warning:")
            show_anyway(radiograph, at="veil")
            about(radiograph, veiled=True)
            if checkpoint is not None:
                cleaning(radiograph, checkpoint)


def show_anyway(radiograph: Radiograph, *, at: str) -> None:
    """The button that shows the withheld answers about this film. at: where it is drawn."""
    st.button(
        "Show anyway",
        key=f"anyway {radiograph.key} {at}",
        help="Shows the answer anyway; every export says so.",
        on_click=partial(session().clean, radiograph.key, anyway=True),
    )


def cleaning(radiograph: Radiograph, checkpoint: Checkpoint) -> None:
    """The switches (steps of reading are locked) and the resulting model input, collapsed while nothing is changed."""
    now = session().cleaning(radiograph.key)
    with st.expander("Preprocessing for the model", expanded=now != Cleaning(), type="compact"):
        _cleaning(radiograph, checkpoint, now)


def _cleaning(radiograph: Radiograph, checkpoint: Checkpoint, now: Cleaning) -> None:
    switches, picture = st.columns([3, 2], gap="medium")
    with switches:
        for label, explanation in _locked(radiograph.origin):
            st.toggle(label, value=True, disabled=True, help=explanation, key=f"locked {label}")
        _switch(
            "Crop empty borders", "crop_borders", radiograph, now.crop_borders, "Removes flat black or white margins."
        )
        _switch("Invert", "invert", radiograph, now.invert, "For films stored with dark bone.")
        _switch("Mirror", "mirror", radiograph, now.mirror, "Left to right, for films stored mirrored.")
        _switch(
            "Even contrast",
            "clahe",
            radiograph,
            now.clahe,
            "CLAHE: local contrast equalisation in 8 × 8 tiles, clip limit 2.",
        )
    with picture, st.container(key="received"):
        received = film_properties.model_input(checkpoint, radiograph, now)
        side = checkpoint.input.size
        caption = f"Model input: {side} × {side} px"
        st.image(received, caption=caption, width="stretch", alt="The film as the model receives it")
    turn, denoise = st.columns(2, gap="medium")
    with turn:
        _menu("Turn", "turn", radiograph, now.turn, _TURNS)
    with denoise:
        _menu("Denoise", "denoise", radiograph, now.denoise, _DENOISE)
    _window(radiograph, now.window)


def _settle(radiograph: Radiograph, check: Check, *, at: str = "film", but: Sequence[Mapping[str, Any]] = ()) -> None:
    """The button that sets the switches as the check proposes, on screen and for the model."""
    if check.name == "burnt-in" and check.level != "ok":
        st.button(
            "Open a copy with black marks",
            key=f"blacken {radiograph.key} {at}",
            icon=":material/ink_eraser:",
            help="A second film in the strip, with every burnt-in mark painted black; this one stays as it is.",
            on_click=partial(film_upload.open_without_marks, radiograph),
        )
    if not check.mend or check.mend in but:
        return
    now = session().cleaning(radiograph.key)
    wanted: dict[str, Any] = dict(check.mend)
    if "turn" in wanted:  # the checks see the film as turned now, so their turn is added
        wanted["turn"] = (now.turn + wanted["turn"]) % 4
    if "invert" in wanted:
        wanted["invert"] = not now.invert
    if "mirror" in wanted:  # a turned film is mirrored before it is turned, so the turn goes the other way
        wanted = {"mirror": not now.mirror, "turn": -now.turn % 4}
    if all(getattr(now, field) == value for field, value in wanted.items()):
        return
    labels = {"mirror": "Mirror", "turn": "Rotate", "invert": "Invert", "window": "Use window from the data"}
    label = next((label for switch, label in labels.items() if switch in wanted), "Crop borders")
    st.button(
        label,
        key=f"settle {check.name} {radiograph.key} {at}",
        icon=":material/build:",
        help="On screen and for the model; the stored film stays unchanged.",
        on_click=partial(session().clean, radiograph.key, **wanted),
    )


def _window(radiograph: Radiograph, chosen: str) -> None:
    """The window or lookup table of the file, or a manual window, for screen and model."""
    offered = {
        OWN: "The file's first",
        **{f"#{place}": other.name for place, other in enumerate(radiograph.windows, start=2)},
        DATA: "Black and white from the data" if radiograph.linear is None else "No lookup table",
        FULL: "All values",
    }
    own = {} if chosen in offered else {chosen: f"Manual: {chosen}"}
    _menu("Window", "window", radiograph, chosen, offered | own)
    by_hand = "" if chosen in offered else chosen
    st.text_input(
        "Manual window",
        **widget(f"window by hand {radiograph.key}", by_hand, partial(_set_window, radiograph)),
        placeholder="centre/width, as in 2048/4096",
        help="In the file's own units, as in WindowCenter and WindowWidth.",
    )


def _set_window(radiograph: Radiograph, here: Session, window: str) -> None:
    try:
        through(radiograph, window.strip())
    except UserError as error:
        here.problems[:] = [str(error)]
        return
    here.clean(radiograph.key, window=window.strip())


def _locked(origin: Origin) -> list[tuple[str, str]]:
    """Steps that the file required when it was read: label and explanation."""
    steps = []
    if origin.chroma is not None:
        strongest = int(origin.chroma.max(initial=0))
        words = f"the channels differ by up to {strongest} of 255" if strongest else "its channels are equal"
        steps.append(("Colour removed", f"The file is {origin.mode}; {words}. The models use greyscale."))
    if origin.transparent:
        steps.append(
            ("Transparency dropped", f"{origin.transparent:.1%} of the pixels were at least partly transparent.")
        )
    return steps


def _switch(label: str, field: str, radiograph: Radiograph, value: bool, help: str) -> None:
    draw.switch(label, value, _switch_of(radiograph, field), at=radiograph.key, help=help)


def _menu(label: str, field: str, radiograph: Radiograph, value: Any, words: dict[Any, str]) -> None:
    store = _switch_of(radiograph, field)
    draw.select(label, list(words), value, store, at=radiograph.key, words=words.__getitem__)


def _switch_of(radiograph: Radiograph, field: str) -> Store:
    """Changes this field of the film's Cleaning."""
    return lambda here, value: here.clean(radiograph.key, **{field: value})
