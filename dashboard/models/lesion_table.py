"""Which methods find lesions: method by model, from the cards, with baselines that never look at the network."""

from collections.abc import Sequence

import streamlit as st

from core.card import LesionFigures, LesionTest
from core.estimate import Estimate, available, estimate_text
from core.explain.method import by_family, methods
from core.types import Checkpoint
from dashboard import markup
from dashboard.models import export

_FIGURES = {
    "hit_rate": (
        "Maximum in a lesion",
        "how often the maximum of the map lies in a lesion, or 3 % of the film beside it",
    ),
    "miou": ("Overlap (IoU)", "overlap of the lesions with the map above half of its maximum, 0 to 1"),
    "lesion_ratio": (
        "Heat on lesions",
        "share of the heat that lies on lesions; an even map reaches their area's share",
    ),
}


def section(cards: Sequence[Checkpoint]) -> None:
    """The table for one set of films and one figure; nothing if no card has such figures."""
    tests = sorted(
        {_films(test) for card in cards for test in card.metrics.lesions}, key=lambda films: films[1] != "test"
    )
    if not tests:
        return
    compared = [card for card in cards if card.metrics.lesions]
    with export.titled(
        "Lesion localisation",
        exported(compared),
        name="lesions",
        aside="maps of the labelled finding, against boxes and masks that radiologists drew",
    ):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            films = st.selectbox("Films", tests, format_func=_films_words, key="lesion films", width=320)
            name = st.segmented_control(
                "Figure",
                list(_FIGURES),
                format_func=lambda name: _FIGURES[name][0],
                default="hit_rate",
                required=True,
                key="lesion figure",
            )
        shown = [(card, test) for card in compared for test in card.metrics.lesions if _films(test) == films]
        st.html(
            markup.table(
                ["Method", *(card.name for card, _ in shown)], _rows(shown, name), caption=_caption(shown, name)
            )
        )


def exported(cards: Sequence[Checkpoint]) -> list[dict[str, object]]:
    """A row per model, set of films and method, unrounded."""
    return [
        {"model": card.name, "set": test.set, "split": test.split, "method": name}
        | export.columns(figures.hit_rate, "hit_rate_")
        | export.columns(figures.miou, "iou_")
        | export.columns(figures.lesion_ratio, "heat_on_lesions_")
        | export.columns(figures.lesion_area, "lesion_area_")
        for card in cards
        for test in card.metrics.lesions
        for name, figures in test.methods.items()
    ]


def _rows(shown: Sequence[tuple[Checkpoint, LesionTest]], name: str) -> list[list[str]]:
    """The methods, best first, by the highest figure of any model; the baselines below."""
    known = list(dict.fromkeys(method for _, test in shown for method in test.methods))
    baselines = {method.name for method in by_family()["baseline"]}

    def best(method: str) -> float:
        figures = [_figure(test.methods.get(method), name) for _, test in shown]
        return max((figure.value for figure in figures if figure), default=0.0)

    ordered = sorted(known, key=lambda method: (method in baselines, -best(method)))
    return [
        [
            methods[method].title if method in methods else method,
            *(_short(_figure(test.methods.get(method), name)) for _, test in shown),
        ]
        for method in ordered
    ]


def _caption(shown: Sequence[tuple[Checkpoint, LesionTest]], name: str) -> str:
    areas = [available(figures.lesion_area) for _, test in shown for figures in test.methods.values()]
    area = next((f" Lesions cover {area.value:.0%} of these films." for area in areas if area), "")
    about = _FIGURES[name][1]
    return f"{about[0].upper()}{about[1:]}. 95 % intervals. The last rows never look at the network.{area}"


def _figure(figures: LesionFigures | None, name: str) -> Estimate | None:
    return available(getattr(figures, name)) if figures else None


def _short(figure: Estimate | None) -> str:
    return estimate_text(figure).split(", n =")[0] + ")" if figure else "–"


def _films(test: LesionTest) -> tuple[str, str, int]:
    return test.set, test.split, test.n


def _films_words(films: tuple[str, str, int]) -> str:
    name, split, n = films
    sides = {"train": "training", "val": "validation"}
    return f"{name}, {sides.get(split, split)}: {n} films" if split else f"{name}: {n} films"
