"""The view of the Layers page in the address: part, layer, unit, and the units switched off."""

from collections.abc import Mapping, Sequence
from typing import get_args

from core.errors import BadSetting
from core.layers.ablation_outcome import runs
from core.layers.activations import ORDERS, search
from core.layers.unit_ablation import Unit, UnitFill
from dashboard.layers import parts
from dashboard.layers.layers_state import LayersState
from dashboard.state import Session

_DIGITS = 8  # in a unit's number
_ROOM = 1500  # characters for the units that are off: browsers and mail accept an address of about 2,000
_STAGES = 32  # with units switched off, at most, in a link
_UNITS = 8192  # per stage, at most
_TOO_MANY = "too many"  # replaces a list of units that is too long


def entries(here: Session) -> dict[str, list[str]]:
    """The entries of the address; empty lists for default choices."""
    now, fresh = here.layers, LayersState()
    return {
        "part": [now.part] if now.part != fresh.part else [],
        "layer": [now.stage] if now.stage else [],
        "unit": [str(now.channel)] if now.channel is not None else [],
        "order": [now.order] if now.order != fresh.order else [],
        "off": _off(now.off),
        "outside": list(now.outside),
        "fill": [now.fill] if now.fill != fresh.fill else [],
    }


def restore(here: Session, address: Mapping[str, Sequence[str]]) -> list[str]:
    """Restores the state of the Layers page; the page itself reports a layer or unit that the network lacks."""
    names = [part.name for part in parts()]
    problems = []
    if (part := _last(address, "part")) in names:
        here.layers.part = part
    elif part is not None:
        problems.append(f"The link asks for the part {part!r} of the Layers page, which is not available here.")
    here.layers.stage = _last(address, "layer")
    unit, order = _last(address, "unit"), _last(address, "order")
    if unit is not None and unit.isascii() and unit.isdecimal() and len(unit) <= _DIGITS:
        here.layers.channel = int(unit)
    elif unit is not None:
        problems.append(
            f"The link asks for the unit {unit[:20]!r}, which is not a unit number. The first unit is shown."
        )
    here.layers.order = next((each for each in ORDERS if each == order), here.layers.order)
    return problems + _switched(here.layers, address)


def _off(units: Sequence[Unit]) -> list[str]:
    """ "stage 4:3,7,10-19", one entry per stage; if they are too long, one entry that says so."""
    spans_of: dict[str, list[str]] = {}
    for run in runs(units, most=len(units)).values():
        (stage, first), (_, last) = run[0], run[-1]
        spans_of.setdefault(stage, []).append(f"{first}-{last}" if last > first else f"{first}")
    entries = [f"{stage}:{','.join(spans)}" for stage, spans in spans_of.items()]
    return entries if len(entries) <= _STAGES and sum(map(len, entries)) <= _ROOM else [_TOO_MANY]


def _switched(here: LayersState, address: Mapping[str, Sequence[str]]) -> list[str]:
    """Switches off the units of the address; the page itself reports units and stages that the network lacks."""
    problems, units, entries = [], [], address.get("off", ())
    if _TOO_MANY in entries:
        problems.append("More units were switched off than a link can hold. All units left on.")
    elif len(entries) > _STAGES or sum(map(len, entries)) > _ROOM:
        problems.append("The link switches off more units than a link can hold. All units left on.")
    else:
        for entry in entries:
            try:
                units += _units(entry)
            except BadSetting:
                reason = "which is not a list of units such as 'stage 4:3,7,10-19'. They stay on."
                problems.append(f"The link switches off {entry[:40]!r}, {reason}")
    here.off = tuple(dict.fromkeys(units))
    here.outside = tuple(dict.fromkeys(address.get("outside", ())))[:_STAGES]
    fill = _last(address, "fill")
    fills: tuple[UnitFill, ...] = get_args(UnitFill)
    here.fill = next((each for each in fills if each == fill), here.fill)
    if fill not in (None, *fills):
        problems.append(f"The link replaces units by {str(fill)[:20]!r}, which is not known. Using {here.fill}.")
    return problems


def _units(entry: str) -> list[Unit]:
    """The units in an entry of `_off`. Raises: BadSetting."""
    stage, _, numbers = entry.rpartition(":")
    if not stage or not numbers.strip(" ,;"):
        raise BadSetting(f"{entry!r} names no units.")
    return [(stage, channel) for channel in search(numbers, _UNITS)]


def _last(address: Mapping[str, Sequence[str]], name: str) -> str | None:
    return address[name][-1] if name in address else None
