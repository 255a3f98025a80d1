"""The menu of methods: families on one side, the methods of one family on the other, each with its sentence and cost.

It runs in the browser, because Streamlit's own widgets (a popover with a segmented control, a radio and a selectbox,
tried with all 35 methods at 1440 and 390 px) serve worse: the selectbox searches titles alone ("noise" finds nothing
instead of VarGrad), a radio cannot show a method as unavailable with the reason and starts a computation at each arrow
key, the popover stays open over the film, and Compare would need one popover within another.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from core.explain.method import COSTS, FAMILIES, Method, by_family
from dashboard.state import Session, entered, session

_HERE = Path(__file__).parent
_WIDTH = 215  # px on the page, when closed

_chooser = st.components.v2.component(
    "lightbox.method_menu",
    html='<div class="chooser" data-testid="method-menu"></div>',
    css=(_HERE / "method_menu.css").read_text(encoding="utf-8"),
    js=(_HERE / "method_menu.js").read_text(encoding="utf-8"),
)


def method_menu(chosen: Method, reasons: Mapping[str, str], store: Callable[[Session, str], None], *, key: str) -> None:
    """Draw the menu, closed, with the chosen method on it; hands the name of the choice to `store`.

    reasons: method -> why it is not available here; such methods can be read about, but not chosen.
    """
    _chooser(
        key=key,
        data={"value": chosen.name, "title": chosen.title, "families": families(reasons)},
        width=_WIDTH,
        on_chosen_change=lambda: _store(key, store),
    )


def families(reasons: Mapping[str, str]) -> list[dict[str, Any]]:
    """Families with the entries of their methods, unavailable methods last."""

    def entries(methods: Sequence[Method]) -> list[dict[str, Any]]:
        order = sorted(methods, key=lambda method: bool(reasons.get(method.name)))
        return [
            {
                "name": method.name,
                "title": method.title,
                "plain": method.plain,
                "cost": "" if method.cost == "shared" else COSTS[method.cost],
                "reason": reasons.get(method.name, ""),
            }
            for method in order
        ]

    return [
        {"name": family[:1].upper() + family[1:], "words": FAMILIES[family], "entries": entries(methods)}
        for family, methods in by_family().items()
        if methods
    ]


def _store(key: str, store: Callable[[Session, str], None]) -> None:
    name = entered(key).chosen
    if name:
        store(session(), name)
