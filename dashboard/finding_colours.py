"""The colour of each finding: the same on every page."""

import threading

from core.models.findings import CHESTXRAY14
from core.types import digest

# Okabe and Ito 2008: distinct with all kinds of colour vision. A finding has the same colour on every page. Their seven
# colours go to the most common findings; every other finding gets one of the colours below.
_FIXED = {
    "covid": "#e69f00",
    "pneumonia": "#56b4e9",
    "normal": "#009e73",
    "infiltration": "#d55e00",
    "effusion": "#0072b2",
    "atelectasis": "#cc79a7",
    "cardiomegaly": "#f0e442",
}
# After Sasha Trubetskoy's 20 simple, distinct colours, without those close to the colours above or to those of regions.
_OTHERS = (
    *("#e6194b", "#4363d8", "#f58231", "#911eb4", "#3cb44b", "#f032e6", "#9a6324", "#469990", "#dcbeff", "#808000"),
    *("#fabed4", "#ff5c8a", "#7f8cff", "#c0a36e", "#00b3b3", "#b35900", "#b39ddb", "#8bc34a", "#a1887f", "#ff8a65"),
)
_assigned: dict[str, str] = {}  # name of another finding -> its colour
_assigning = threading.Lock()


def colour(finding: str) -> str:
    """The finding's own colour; the same for the same name, whatever the model, until the server stops.

    Beyond the findings with a fixed colour, each of the next 20 gets a colour that no other finding has.
    """
    name = finding.lower()
    if name in _FIXED:
        return _FIXED[name]
    with _assigning:
        if name not in _assigned:
            first = int(digest(name), 16) % len(_OTHERS)
            ring = (*_OTHERS[first:], *_OTHERS[:first])
            used = set(_assigned.values())
            _assigned[name] = next((each for each in ring if each not in used), ring[0])
        return _assigned[name]


for _name in CHESTXRAY14:
    colour(_name)  # first, so that their colours do not depend on imported models
