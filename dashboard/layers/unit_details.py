"""What is told of one unit: what it counts for, the films that excite it, units like it, and what it wants to see."""

from base64 import b64encode
from collections.abc import Sequence
from html import escape
from pathlib import Path

import streamlit as st

from core.layers.atlas import Atlas, Near, Seen, UnitTold
from core.layers.patches import spot
from core.models.findings import words
from core.overlay import figure
from core.types import Checkpoint, Radiograph
from dashboard import cache, draw, markup, progress, selection
from dashboard.layers import unit_attribution
from dashboard.layers import unit_selection as looks
from dashboard.state import Session, session

_LOOKS = Path(__file__).parent / "unit_details.css"
_ATLAS = "atlas"  # name of the part of the page where one is built


def told(radiograph: Radiograph, card: Checkpoint, stage: str, channel: int) -> None:
    """All that is known of the unit beside its map on this film; what takes long comes in its own time."""
    st.html(_LOOKS)
    cleaning = session().cleaning(radiograph.key)
    with st.container(key="unit told", gap="small"):
        note = st.empty()
        prediction = cache.predict(card, radiograph, cleaning, tell=progress.tells(note, "Prediction"))
        finding = selection.asked_finding(prediction, card)
        asked = cache.activations(card, radiograph, cleaning, stage, finding)
        greatest = float(asked.result(progress.tells(note, f"Units of {stage}")).maps[channel].max())
        note.empty()
        most = None
        with draw.shown():
            atlas = cache.atlas(card)
            if atlas is None:
                _none(card)
            else:
                unit = atlas.unit(stage, channel)
                most = unit.most
                _figures(atlas, unit, greatest, finding)
                _films(atlas, unit)
                _nearest(unit.nearest)
        unit_attribution.followed(radiograph, card, stage, channel)
        unit_attribution.preferred(card, stage, channel, here=greatest, most=most)


def set_of(atlas: Atlas) -> str:
    """Which films the atlas is of, in a sentence."""
    count = f"{atlas.films} {'film' if atlas.films == 1 else 'films'}"
    if atlas.told["drawn"]:
        return (
            f"Over {atlas.films} drawn phantoms: no patient's film, and no radiograph. To real films a unit may answer "
            "otherwise."
        )
    return f"Over {count} of your own ({atlas.told['set']})."


def _none(card: Checkpoint) -> None:
    draw.section("In other films")
    st.html(
        markup.paragraph(
            f"No atlas of {card.name} is there yet: it tells which films excite each unit, and what each counts for."
        )
    )
    _build("Build one of your own films")


def _build(label: str) -> None:
    st.button(label, key="to the atlas", icon=":material/arrow_forward:", type="tertiary", on_click=_to_the_atlas)


def _to_the_atlas() -> None:
    session().layers.part = _ATLAS


def _figures(atlas: Atlas, unit: UnitTold, greatest: float, asked: str) -> None:
    """How its answer here compares, and what it counts for each finding."""
    draw.section("In other films", atlas.told["set"])
    st.html(markup.paragraph(_compared(unit, greatest)) + markup.paragraph(set_of(atlas), quiet=True))
    if atlas.told["drawn"]:
        _build("Use films of your own")
    known = any(area == area for area in unit.auc.values())
    rows = [
        [
            words(finding) + (" (asked)" if finding == asked else ""),
            _counted(unit.speaks[finding]),
            *([f"{unit.auc[finding]:.2f}" if unit.auc[finding] == unit.auc[finding] else "–"] if known else []),
        ]
        for finding in atlas.findings
    ]
    caption = "Counts: how far it moves the finding's logit, on average over the films (weight × activation)."
    if known:
        caption += (
            f" Alone: AUC of its greatest answer by itself, on those of {atlas.told['sample']} films whose findings "
            "are known; 0.5 is chance."
        )
    head = ["", "counts", *(["alone"] if known else [])]
    st.html(markup.table(head, rows, caption=caption, label="What the unit counts for each finding"))


def _compared(unit: UnitTold, greatest: float) -> str:
    share = unit.share(greatest)
    than = "more than on any" if greatest > unit.most else "less than on any" if greatest < unit.least else ""
    than = than or f"more than on about {100 * share:.0f} % of the"
    span = f"{figure(unit.least)} to {figure(unit.most)}"
    return f"On this film its greatest answer is {figure(greatest)}: {than} reference films ({span})."


def _counted(logits: float) -> str:
    if logits != logits:
        return "–"
    side = "for it" if logits > 0 else "against it" if logits < 0 else ""
    return f"{'+' if logits > 0 else ''}{figure(logits)} {side}".strip()


def _films(atlas: Atlas, unit: UnitTold) -> None:
    """The films with its strongest answers, and those on which it counted most, each with what it saw there."""
    draw.section("What it answers to", "what its strongest cell saw")
    st.html(_title("Strongest answers", "activation") + _patches(atlas, unit.stage, unit.exciting))
    if unit.relevant:
        st.html(_title("Where it counted most", "logits") + _patches(atlas, unit.stage, unit.relevant))
    field = atlas.field(unit.stage)
    if field is not None and min(field.rows.size, field.columns.size) >= atlas.told["size"]:
        text = "A cell of this stage can see the whole film; the ring marks where the strongest one looks from."
        st.html(markup.paragraph(text, quiet=True))


def _title(text: str, aside: str) -> str:
    return f'<p class="lb-small-title">{escape(text)} <span class="lb-quiet">{escape(aside)}</span></p>'


def _patches(atlas: Atlas, stage: str, films: Sequence[Seen]) -> str:
    return f'<div class="lb-patches">{"".join(_patch(atlas, stage, seen) for seen in films)}</div>'


def _patch(atlas: Atlas, stage: str, seen: Seen) -> str:
    """The film's patch with its figure; the film's name alone where no picture of it was kept."""
    file, (x, y) = cache.patch(atlas, stage, seen), spot(atlas, stage, seen)
    said = f"{seen.film}, {figure(seen.value)}, the network says {words(seen.finding)}"
    picture = f'<span class="lb-nopicture">{escape(seen.film)}</span>'
    if file is not None:
        data = b64encode(file).decode()
        picture = (
            f'<span class="lb-patch"><img src="data:image/webp;base64,{data}" alt="{escape(said)}">'
            f'<i style="left:{x:.1%};top:{y:.1%}"></i></span>'
        )
    return (
        f'<figure title="{escape(said)}">{picture}<figcaption><span class="lb-number">{figure(seen.value)}</span> '
        f'<span class="lb-quiet">{escape(seen.film)}</span></figcaption></figure>'
    )


def _nearest(units: Sequence[Near]) -> None:
    """Units that rise and fall with it; a click opens one."""
    draw.section("Units like it", "correlation over the films")
    if not units:
        st.html(markup.paragraph("None: it answers the same to every film, or there are too few.", quiet=True))
        return
    with st.container(key="nearest units", horizontal=True, gap="small"):
        for near in units:
            st.button(
                f"{near.stage} · {near.channel} · {near.correlation:.2f}",
                key=f"nearest {near.stage} {near.channel}",
                help=f"Unit {near.channel} of {near.stage}: its greatest answers rise and fall with this one's.",
                on_click=_go,
                args=(session(), near),
            )


def _go(here: Session, near: Near) -> None:
    looks.keep_stage(here, near.stage)
    looks.keep_channel(here, near.channel)
    here.layers.sheet, here.layers.search = None, ""
