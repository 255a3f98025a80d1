"""The view of the Cohort page in the address: the name of the run, and the choices that differ from the defaults."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import get_args

from core.cohort.projection import ProjectionName
from core.cohort.recent import recent
from core.cohort.table import ORDERS, OUTCOMES
from dashboard import paths
from dashboard.cohort.cohort_state import CohortState
from dashboard.state import Session

NAME = "cohort"  # of the entry
_TEXTS = ("checkpoint", "finding", "method", "text", "group", "colour", "representation", "charts")
_NUMBERS = {"low": 1.0, "high": 1.0, "threshold": 1.0, "prevalence": 100.0}  # field -> largest value
_CHOICES = {"outcome": tuple(OUTCOMES), "order": tuple(ORDERS), "projection": get_args(ProjectionName)}
_LONGEST = 1500  # characters: browsers and mail accept an address of about 2,000


def entries(here: Session) -> dict[str, list[str]]:
    """The entry of the address while the Cohort page is open; none without a run, or if it is too long."""
    state, fresh = here.cohort, CohortState()
    if here.page != NAME or not state.run:
        return {}
    changed = {
        name: getattr(state, name)
        for name in (*_TEXTS, *_NUMBERS, *_CHOICES)
        if getattr(state, name) != getattr(fresh, name)
    }
    text = json.dumps({"run": Path(state.run).name} | changed, separators=(",", ":"))
    return {NAME: [text]} if len(text) <= _LONGEST else {}


def restore(here: Session, address: Mapping[str, Sequence[str]]) -> list[str]:
    """Restores the view of the address; an unknown run or a garbled entry gets a sentence."""
    if not address.get(NAME) or not paths.local():
        return []
    try:
        given = json.loads(address[NAME][-1][:_LONGEST])
        run = given["run"]
    except (ValueError, KeyError, TypeError):
        return ["The link's view of the Cohort page cannot be read. Request a new link."]
    known = next((path for path in recent() if path.name == run), None)
    if known is None:
        return [f"The link asks for the run {str(run)[:40]!r}, which was not made on this machine. Enter its folder."]
    state = here.cohort
    state.run = str(known)
    for name in _TEXTS:
        if isinstance(given.get(name), str):
            setattr(state, name, given[name])
    for name, largest in _NUMBERS.items():
        if isinstance(given.get(name), int | float) and 0 <= given[name] <= largest:
            setattr(state, name, float(given[name]))
    for name, values in _CHOICES.items():
        if given.get(name) in values:
            setattr(state, name, given[name])
    return []
