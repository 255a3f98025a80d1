"""One unit in other films: its relevance, the films that excite it, similar units, and its preferred picture."""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from core.layers.atlases import Atlas, NearUnit, TopFilm, UnitDescription
from core.layers.patches import spot
from core.models.findings import words
from core.overlay import figure
from core.types import Checkpoint, Radiograph
from dashboard import draw, markup, progress, selection
from dashboard.cache import atlas_results, layer_requests, map_requests
from dashboard.layers import unit_attribution
from dashboard.state import Session, session

_STYLES = Path(__file__).parent / "unit_details.css"
_ATLAS = "atlas"  # name of the part of the page that builds one


def details(radiograph: Radiograph, card: Checkpoint, stage: str, channel: int) -> None:
    """Everything about the unit besides its map on this film; slow results appear when they are ready."""
    st.html(_STYLES)
    cleaning = session().cleaning(radiograph.key)
    with st.container(key="unit details", gap="small"):
        note = st.empty()
        prediction = map_requests.predict(card, radiograph, cleaning, report=progress.reporter(note, "Prediction"))
        finding = selection.selected_finding(prediction, card)
        request = layer_requests.unit_activations(card, radiograph, cleaning, stage, finding)
        greatest = float(request.result(progress.reporter(note, f"Units of {stage}")).maps[channel].max())
        note.empty()
        most = None
        with draw.errors():
            atlas = atlas_results.atlas(card)
            if atlas is None:
                _none(card)
            else:
                unit = atlas.unit(stage, channel)
                most = unit.most
                _figures(atlas, unit, greatest, finding)
                _films(atlas, unit)
                _nearest(unit.nearest)
        unit_attribution.attribution(radiograph, card, stage, channel)
        unit_attribution.preferred(card, stage, channel, here=greatest, most=most)


def set_of(atlas: Atlas) -> str:
    """The films of the atlas, in a sentence."""
    count = f"{atlas.films} {'film' if atlas.films == 1 else 'films'}"
    if atlas.metadata["drawn"]:
        return f"From {atlas.films} drawn phantoms, not radiographs: a unit may respond differently to real films."
    return f"From {count} of your own ({atlas.metadata['set']})."


def _none(card: Checkpoint) -> None:
    draw.section("In other films")
    st.html(
        markup.paragraph(
            f"{card.name} has no atlas yet. An atlas shows which films excite each unit and what each unit contributes."
        )
    )
    _build("Build an atlas from your own films")


def _build(label: str) -> None:
    st.button(label, key="to the atlas", icon=":material/arrow_forward:", type="tertiary", on_click=_to_the_atlas)


def _to_the_atlas() -> None:
    session().layers.part = _ATLAS


def _figures(atlas: Atlas, unit: UnitDescription, greatest: float, explained: str) -> None:
    """How its response here compares, and its relevance for each finding."""
    draw.section("In other films", atlas.metadata["set"])
    st.html(markup.paragraph(_compared(unit, greatest)) + markup.paragraph(set_of(atlas), quiet=True))
    if atlas.metadata["drawn"]:
        _build("Use your own films")
    known = any(area == area for area in unit.auc.values())
    rows = [
        [
            words(finding) + (" (explained)" if finding == explained else ""),
            _contribution(unit.speaks[finding]),
            *([f"{unit.auc[finding]:.2f}" if unit.auc[finding] == unit.auc[finding] else "–"] if known else []),
        ]
        for finding in atlas.findings
    ]
    caption = "Contribution: how far it moves the finding's logit, averaged over the films (weight × activation)."
    if known:
        caption += (
            f" AUC: its maximum activation alone, on those of {atlas.metadata['sample']} films that are labelled; "
            "0.5 is chance."
        )
    head = ["", "contribution", *(["AUC"] if known else [])]
    st.html(markup.table(head, rows, caption=caption, label="Contribution of the unit to each finding"))


def _compared(unit: UnitDescription, greatest: float) -> str:
    share = unit.share(greatest)
    than = "higher than on all" if greatest > unit.most else "lower than on all" if greatest < unit.least else ""
    than = than or f"higher than on about {100 * share:.0f} % of the"
    span = f"{figure(unit.least)} to {figure(unit.most)}"
    return f"Maximum activation on this film: {figure(greatest)}, {than} reference films ({span})."


def _contribution(logits: float) -> str:
    if logits != logits:
        return "–"
    side = "for" if logits > 0 else "against" if logits < 0 else ""
    return f"{'+' if logits > 0 else ''}{figure(logits)} {side}".strip()


def _films(atlas: Atlas, unit: UnitDescription) -> None:
    """The films with the unit's strongest activation and largest contribution, each with the patch that excites it."""
    draw.section("Strongest patches", "the part of each film that its strongest cell sees")
    st.html(markup.small_title("Strongest activation") + _patches(atlas, unit.stage, unit.exciting))
    if unit.relevant:
        st.html(markup.small_title("Largest contribution", "logits") + _patches(atlas, unit.stage, unit.relevant))
    field = atlas.field(unit.stage)
    if field is not None and min(field.rows.size, field.columns.size) >= atlas.metadata["size"]:
        text = "A cell of this stage can see the whole film; the ring marks the place of the strongest one."
        st.html(markup.paragraph(text, quiet=True))


def _patches(atlas: Atlas, stage: str, films: Sequence[TopFilm]) -> str:
    """The patch of each film with its figure; only the film's name if no picture of it is stored."""
    return markup.block("lb-patches", "".join(_patch(atlas, stage, film) for film in films))


def _patch(atlas: Atlas, stage: str, film: TopFilm) -> str:
    value = figure(film.value)
    label = f"{film.film}, {value}, predicted {words(film.finding)}"
    ring = spot(atlas, stage, film)
    return markup.patch(atlas_results.patch(atlas, stage, film), ring, label=label, value=value, film=film.film)


def _nearest(units: Sequence[NearUnit]) -> None:
    """Units that correlate with it; a click opens one."""
    draw.section("Similar units", "correlation over the films")
    if not units:
        st.html(markup.paragraph("None: it responds equally to every film, or there are too few films.", quiet=True))
        return
    with st.container(key="nearest units", horizontal=True, gap="small"):
        for near in units:
            st.button(
                f"{near.stage} · {near.channel} · {near.correlation:.2f}",
                key=f"nearest {near.stage} {near.channel}",
                help=f"Unit {near.channel} of {near.stage}: its maximum activation rises and falls with this unit's.",
                on_click=_open,
                args=(session(), near),
            )


def _open(here: Session, near: NearUnit) -> None:
    here.layers.stage, here.layers.channel = near.stage, near.channel
    here.layers.page, here.layers.search = None, ""
