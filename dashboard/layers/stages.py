"""Stage by stage: where each stage supports the finding, by how few units, and how early the decision is made."""

from collections.abc import Mapping
from pathlib import Path

import streamlit as st

from core.explain.run import Request
from core.layers.stage_relevance import CARRIED, StageRelevance, carriers_text, missing_relevance_reasons
from core.models.findings import words
from core.types import Checkpoint, Explanation, Radiograph
from dashboard import draw, markup, progress
from dashboard.cache import layer_requests, map_requests
from dashboard.layers import linear_probes
from dashboard.layers.unit_selection import prediction_and_finding, show_stage
from dashboard.state import session
from dashboard.viewer import controls, viewer

NAME, TITLE, ORDER = "stages", "Stage by stage", 4
_LINK = "stages"  # between the panes
_STYLES = Path(__file__).parent / "stages.css"
_CAM, _RELEVANCE = "grad-cam", "hires-cam"
_WIDE = 205  # px: about the width of a pane on a desktop
_TALL = (120, 230)  # px: least and greatest height of a film on a pane

Maps = Mapping[str | None, Explanation]


def part(radiograph: Radiograph, card: Checkpoint) -> None:
    """One column per stage; below them, linear probes of each."""
    st.html(_STYLES)
    with st.container(key="by stage", gap="small"):
        prediction, finding = prediction_and_finding(radiograph, card)
        draw.section(
            f"From the film to {words(finding)} {prediction.probability(finding):.2f}",
            "upper row: Grad-CAM; lower row: activation × gradient, each cell with its own weight",
        )
        _strip(radiograph, card, finding)
        linear_probes.section(radiograph, card, finding)


@st.fragment(parallel=True)
def _strip(radiograph: Radiograph, card: Checkpoint, finding: str) -> None:
    """The columns, once they are computed."""
    about = (card, radiograph, session().cleaning(radiograph.key))
    requests = (
        map_requests.stages(*about, Request(_CAM, finding)),
        map_requests.stages(*about, Request(_RELEVANCE, finding, settings={"signed": True})),
        layer_requests.relevance_by_stage(*about, finding),
    )
    with (
        draw.errors(),
        progress.place(*requests, name="Stages", key="stages result", height=560) as (cams, relevant, passed),
    ):
        by_cam, by_relevance = ({map_.layer: map_ for map_ in maps} for maps in (cams.maps, relevant.maps))
        relevances, why = passed
        with st.container(key="strip of stages"):
            for each in relevances:
                _column(radiograph, each, by_cam, by_relevance)
        with st.container(key="controls of stages"):
            controls(_LINK, key="controls stages")
        st.html(markup.paragraph(_legend(relevances, finding, why), quiet=True))


def _column(radiograph: Radiograph, each: StageRelevance, cams: Maps, relevant: Maps) -> None:
    with st.container(key=f"column {each.stage}", gap="xsmall"):
        st.button(
            each.stage,
            key=f"units of {each.stage}",
            type="tertiary",
            icon=":material/grid_view:",
            help="Show its units",
            on_click=_open,
            args=(each.stage,),
        )
        for name, maps in (("cam", cams), ("relevance", relevant)):
            map_ = maps.get(each.stage)
            _pane(radiograph, map_, f"{name} {each.stage}")
        st.html(_figures(each))


def _pane(radiograph: Radiograph, map_: Explanation | None, key: str) -> None:
    high, wide = radiograph.pixels.shape
    viewer(
        radiograph,
        [map_] if map_ else [],
        key=f"pane {key}",
        captions=[f"{map_.heat.shape[0]} × {map_.heat.shape[1]}"] if map_ else [],
        height=int(min(max(_WIDE * high / wide, _TALL[0]), _TALL[1])),
        note="A single cell: no place on the film.",
        link=_LINK,
        compact=True,
    )


def _figures(each: StageRelevance) -> str:
    """Relevance for and against, and the number of units that carry most of it, as HTML."""
    own = each.gradient
    rows = [
        ("for", f"{own.speaks:.2f}"),
        ("against", f"{own.against:.2f}".replace("-", "−")),
        (f"units for {CARRIED:.0%}".replace("%", " %"), carriers_text(own)),
    ]
    if each.lrp:
        rows.append(("same, by LRP", carriers_text(each.lrp)))
    return markup.facts(rows)


def _legend(relevances: tuple[StageRelevance, ...], finding: str, why: str) -> str:
    """How to read the columns."""
    first, last = relevances[0].gradient, relevances[-1].gradient
    few = (
        f"{100 * CARRIED:.0f} % of the support for {words(finding)} comes from {carriers_text(first)} units of "
        f"{relevances[0].stage} and from {carriers_text(last)} of {relevances[-1].stage}."
    )
    lrp = (
        f"Layer-wise relevance propagation (LRP) is not available: {why}"
        if why
        else "LRP distributes the whole score anew at every stage, so for and against add up to the same."
    )
    none = "".join(f" {each}" for each in missing_relevance_reasons(relevances, words(finding)))
    return (
        f"For and against: activation × gradient of all units, in logits. {few} {lrp}{none} Each map is on its own "
        "scale; at early stages gradients are noisy."
    )


def _open(stage: str) -> None:
    """Shows the units of that stage."""
    here = session().layers
    here.part = "units"
    show_stage(session(), stage)
