"""Concepts: the parts into which a stage divides this film, and whether the network's score depends on a concept."""

from pathlib import Path

import streamlit as st

from core.layers.parts import FEWEST, MOST, Parts, part_explanation
from core.models.findings import words
from core.overlay import REGIONS, caption
from core.types import Checkpoint, Radiograph
from dashboard import draw, markup, progress
from dashboard.bound_field import BoundField
from dashboard.cache import layer_requests, networks
from dashboard.layers import tcav
from dashboard.layers.unit_selection import prediction_and_finding, show_stage
from dashboard.state import session
from dashboard.viewer import viewer

NAME, TITLE, ORDER = "concepts", "Concepts", 3
_ALL = -1  # instead of a part
_TALL = 560  # px, height of the film
_STYLES = Path(__file__).parent / "concepts.css"
_ABOUT = (
    "Places where the same feature maps respond together have one colour (non-negative matrix factorisation): the "
    "stage represents them alike. Parts have no names; the network was not trained on organs."
)


def part(radiograph: Radiograph, card: Checkpoint) -> None:
    """The parts of this film above, the test of concepts below."""
    st.html(_STYLES)
    with st.container(key="concepts", gap="small"):
        _, finding = prediction_and_finding(radiograph, card)
        sizes = networks.stage_sizes(card)
        wanted = session().layers.stage
        stage = wanted if wanted is not None and wanted in sizes else list(sizes)[-1]
        draw.section(
            "Parts of this film", f"regions that {stage} represents alike, and the contribution of each in logits"
        )
        with st.container(key="parts controls", horizontal=True, vertical_alignment="bottom", gap="medium"):
            draw.select("Stage", list(sizes), stage, show_stage, at="parts", width=180)
            st.slider("Number of parts", FEWEST, MOST, **BoundField("layers.concepts.count").widget(), width=220)
        _parts(radiograph, card, stage, session().layers.concepts.count, finding)
        tcav.section(radiograph, card, finding)


@st.fragment(parallel=True)
def _parts(radiograph: Radiograph, card: Checkpoint, stage: str, count: int, finding: str) -> None:
    """The regions, once they are computed, beside the contribution of each."""
    request = layer_requests.film_parts(card, radiograph, session().cleaning(radiograph.key), stage, count)
    with draw.errors(), progress.place(request, name="Parts", key="parts result", height=480) as ((parts, picture),):
        _draw(radiograph, parts, picture, finding)


@st.fragment
def _draw(radiograph: Radiograph, parts: Parts, picture: bytes, finding: str) -> None:
    """All regions, or one part in the viewer, and the legend."""
    here = session().layers.concepts
    alone = here.part if here.part is not None and here.part < len(parts) else None
    film, legend = st.columns([1.7, 1], gap="large")
    with legend:
        field = BoundField("layers.concepts.part", lambda part: None if part == _ALL else part)
        st.pills(
            "Part to show",
            [_ALL, *range(len(parts))],
            **field.widget(value=_ALL if alone is None else alone),
            format_func=lambda part: "All" if part == _ALL else f"Part {part + 1}",
            required=True,
            label_visibility="collapsed",
        )
        st.html(legend_of(parts, finding, alone))
        st.html(markup.paragraph(parts.sentence) + markup.paragraph(_ABOUT, quiet=True))
    with film:
        if alone is None:
            label = f"{radiograph.name} with {len(parts)} coloured regions"
            st.html(markup.picture(picture, label, style="lb-regions"))
        else:
            map_ = part_explanation(parts, alone, finding=finding)
            viewer(radiograph, [map_], key="part of the film", captions=[caption(map_)], height=_TALL, compact=True)


def legend_of(parts: Parts, finding: str, alone: int | None) -> str:
    """One row per part: its colour, its share of the film, its contribution to the finding, its units."""
    rows = []
    for part in range(len(parts)):
        units = ", ".join(str(channel) for channel, _ in parts.units(part))
        cells = [
            f"{markup.swatch(REGIONS[part])}Part {part + 1}",
            f"{100 * parts.areas[part]:.0f} %",
            markup.signed(float(parts.relevance[finding][part])),
            markup.quiet(units),
        ]
        rows.append(("lb-part lb-explained" if part == alone else "lb-part", cells))
    rows.append(("lb-quiet", [f"{markup.swatch()}In no part", "", markup.signed(parts.rest[finding]), ""]))
    head = ("", "of the film", f"for {words(finding)}", "units")
    return markup.rich_table(head, rows, style="lb-parts", label="Parts of this film")
