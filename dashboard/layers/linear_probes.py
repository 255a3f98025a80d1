"""How early the decision is made: linear probes of every stage, on labelled films or phantoms."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.estimate import Estimate
from core.layers import labelled, probe_sentences
from core.layers.labelled import LabelledSet
from core.layers.linear_probes import Probes, fits, stage_predictions
from core.models.findings import words
from core.types import Checkpoint, Radiograph
from dashboard import draw, finding_colours, markup, paths, progress
from dashboard.bound_field import BoundField
from dashboard.cache import layer_requests
from dashboard.film_source import film_fields
from dashboard.layers.layers_state import ProbeFilms
from dashboard.models import axes
from dashboard.models.plots import ACCENT
from dashboard.request_queue import Keyed
from dashboard.state import session

_ABOUT = (
    "A probe is a linear classifier on the mean activations of one stage. If it separates the findings on films that "
    "it was not trained on, the stage already holds what is needed for that (Alain and Bengio 2016, arXiv:1610.01644)."
)
_SOURCES = {False: "Drawn phantoms", True: "Table of labelled films"}
_MOST = 2000  # films
_TALL = 320  # px


def section(radiograph: Radiograph, card: Checkpoint, finding: str) -> None:
    """Draws the fields, then progress or the result."""
    here = session().layers.probing
    with st.container(key="probes", gap="small"):
        draw.section("Linear probes", "how early is the decision made?")
        st.html(markup.paragraph(_ABOUT, quiet=True))
        known = layer_requests.probes_in_advance(card) if not here.running else None
        if known is None:
            readable = _fields(here)
        else:
            with st.expander("Other films", type="compact"):
                readable = _fields(here)
        if not here.running or not readable:
            if known is not None and not here.running:
                with st.container(key="probes result", gap="small"):
                    _result(known, radiograph, card)
            return
        with draw.errors(), layer_requests.linear_probes(card, _films(here)) as request:
            if progress.is_ready(request, "Probes", key="probes", withdraw=_cancel):
                with st.container(key="probes result", gap="small"):
                    _result(request.answer(), radiograph, card)


def _fields(here: ProbeFilms) -> bool:
    """The fields for the films; False if the table cannot be read, which its field reports."""
    readable = True
    with st.container(key="probes controls", horizontal=True, vertical_alignment="bottom", gap="small"):
        st.segmented_control(
            "Training films",
            [False, True] if paths.local() else [False],
            **BoundField("layers.probing.on_path", then=_cancel).widget(value=_on_path(here)),
            format_func=_SOURCES.__getitem__,
            required=True,
        )
        if _on_path(here):
            readable = film_fields(
                "layers.probing",
                label="Table on this machine",
                hint="/data/films.csv with the columns file and label, or a folder with cxr.csv",
                width=360,
                least=20,
                most=_MOST,
                split="Test split",
                then=_cancel,
            )
        else:
            drawn = BoundField("layers.probing.drawn", then=_cancel)
            st.number_input("Phantoms, half with an opacity", 10, 400, step=10, **drawn.widget(), width=270)
        st.button(
            "Train the probes",
            type="primary",
            icon=":material/play_arrow:",
            on_click=_start,
            disabled=_on_path(here) and not here.path,
        )
    if _few(here):
        note = f"With fewer than {probe_sentences.FEW} test films the stages are hard to distinguish. Use more films."
        st.html(markup.paragraph(note, quiet=True))
    return readable


def _few(here: ProbeFilms) -> bool:
    """Whether there are too few films to say at which stage the decision is made."""
    return (here.most if _on_path(here) else here.drawn) < probe_sentences.FEW


def _films(here: ProbeFilms) -> Keyed[Callable[[], LabelledSet]]:
    """The films, read when the request runs. Raises: BadData for an invalid path."""
    if not _on_path(here):
        count = here.drawn
        return Keyed(("phantoms", count), lambda: labelled.phantoms(count))
    place, split, most = paths.typed(here.path), here.split or None, here.most
    return Keyed(
        (str(place), paths.changed(place), split, most), lambda: labelled.from_data(place, split=split, limit=most)
    )


def _result(probes: Probes, radiograph: Radiograph, card: Checkpoint) -> None:
    """Sentences, the curve over the stages, and the probes' predictions for this film."""
    first, *more = probe_sentences.verdict_sentences(probes)
    st.html(markup.highlight(more[0], first))
    left, right = st.columns([1.25, 1], gap="large")
    with left:
        draw.section("Accuracy of the probe of each stage", f"{probes.films} films, 95 % intervals")
        st.plotly_chart(plot(probes), key="curve of probes", config={"displayModeBar": False}, theme="streamlit")
    with right:
        _film(probes, radiograph, card)
    with st.expander("All figures", type="compact"):
        st.html(_table(probes))
    seen = (
        f" {probes.skipped} films were left out: unreadable, or with a label that too few films have."
        if probes.skipped
        else ""
    )
    about = f"Films: {probes.description}: {probes.divided}. {' '.join(more[1:])}{seen}"
    st.html(markup.paragraph(about, quiet=True))


def _film(probes: Probes, radiograph: Radiograph, card: Checkpoint) -> None:
    """The prediction of each stage's probe for this film."""
    draw.section("Predictions for this film", "by stage")
    if not fits(probes, radiograph):
        st.html(markup.paragraph("Probes trained on phantoms are not valid for a real film."))
        return
    units = layer_requests.stage_averages(card, radiograph, session().cleaning(radiograph.key)).result()
    answers = stage_predictions(probes, radiograph, units)
    st.plotly_chart(by_stage(probes, answers), key="film by stage", config={"displayModeBar": False}, theme="streamlit")
    st.html(markup.paragraph(probe_sentences.turn(answers, probes)))
    if radiograph.key in probes.learned and radiograph.key not in probes.held:
        st.html(markup.paragraph(probe_sentences.LEARNED, quiet=True))


def plot(probes: Probes) -> axes.Plot:
    """Balanced accuracy and AUC of each stage with intervals; lines for chance and the network itself."""
    stages = [probe.stage for probe in probes.stages]
    traces = [
        _series("balanced accuracy", stages, [probe.balanced for probe in probes.stages], ACCENT, "solid", -0.04),
        _series("AUC", stages, [probe.auc for probe in probes.stages], axes.NEUTRAL, "dot", 0.04),
    ]
    agrees = [probe.agrees for probe in probes.stages if probe.agrees]
    if agrees:
        traces.append(_series("agrees with the network", stages, agrees, "#cc79a7", "dash", 0.0))
    last = len(stages) - 0.6
    shapes = [axes.segment((-0.4, probes.chance), (last, probes.chance), dash="dot")]
    notes = [_note(probes.chance, f"chance {probes.chance:.2f}")]
    if probes.network:
        own = probes.network["balanced"].value
        shapes.append(axes.segment((-0.4, own), (last, own), dash="dash"))
        notes.append(_note(own, f"the network {own:.2f}"))
    x = axes.axis("", ends=[-0.4, last], grid=False) | {"tickvals": list(range(len(stages))), "ticktext": stages}
    low = min(0.3, probes.chance - 0.05, *(probe.balanced.low for probe in probes.stages))
    layout = axes.layout(x=x, y=axes.axis("", ends=[low, 1.02]), height=_TALL)
    layout["margin"]["r"] = 96  # room for the notes
    return {"data": traces, "layout": layout | {"shapes": shapes, "annotations": notes}}


def by_stage(probes: Probes, answers: NDArray[np.float32]) -> axes.Plot:
    """The probability of each class from the probe of each stage; answers: (S, C)."""
    stages = [probe.stage for probe in probes.stages]
    traces = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": words(name),
            "x": list(range(len(stages))),
            "y": answers[:, place].tolist(),
            "line": {"color": finding_colours.colour(name), "width": 2},
            "marker": {"color": finding_colours.colour(name), "size": 8},
            "hovertemplate": f"{words(name)} %{{y:.2f}}<extra></extra>",
        }
        for place, name in enumerate(probes.classes)
    ]
    x = axes.axis("", ends=[-0.4, len(stages) - 0.6], grid=False)
    x |= {"tickvals": list(range(len(stages))), "ticktext": stages}
    return {"data": traces, "layout": axes.layout(x=x, y=axes.axis("", ends=[0, 1.04]), height=_TALL)}


def _series(
    name: str, stages: Sequence[str], figures: Sequence[Estimate], colour: str, dash: str, apart: float
) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": name,
        "x": [place + apart for place in range(len(stages))],
        "y": [figure.value for figure in figures],
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": [figure.high - figure.value for figure in figures],
            "arrayminus": [figure.value - figure.low for figure in figures],
            "color": colour,
            "thickness": 2,
            "width": 0,
        },
        "line": {"color": colour, "width": 2, "dash": dash},
        "marker": {"color": colour, "size": 8},
        "hovertemplate": f"{name} %{{y:.2f}}<extra></extra>",
    }


def _note(y: float, text: str) -> axes.Plot:
    """A quiet note to the right of the plot, at the height of a line."""
    return axes.note(1.01, text) | {"xref": "paper", "y": y, "yref": "y", "yanchor": "middle"}


def _table(probes: Probes) -> str:
    rows = [
        [
            probe.stage,
            str(probe.units),
            _figure_text(probe.balanced),
            _figure_text(probe.auc),
            _figure_text(probe.accuracy),
            _figure_text(probe.agrees) if probe.agrees else "–",
        ]
        for probe in probes.stages
    ]
    if probes.network:
        own = probes.network
        rows.append(
            ["the network", "", *(_figure_text(own[name]) for name in ("balanced", "auc", "accuracy")), ""],
        )
    rows.append(["chance", "", f"{probes.chance:.2f}", "0.50", f"{probes.majority:.2f} (always the most common)", ""])
    return markup.table(
        ["", "units", "balanced accuracy", "AUC", "accuracy", "agrees with the network"],
        rows,
        caption=f"{probes.films} films of {probes.patients} patients, 95 % intervals over resampled patients.",
        label="Linear probes by stage",
    )


def _figure_text(figure: Estimate) -> str:
    return f"{figure.value:.2f} ({figure.low:.2f} to {figure.high:.2f})"


def _on_path(here: ProbeFilms) -> bool:
    return here.on_path and paths.local()


def _start() -> None:
    here = session().layers.probing
    here.running = True


def _cancel() -> None:
    session().layers.probing.running = False
