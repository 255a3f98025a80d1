"""What the model's gate refuses, and how often the prediction sets contain the label: tables by source."""

import numpy as np
import streamlit as st

from core.evaluate.intervals import proportion
from core.trust.conformal import PredictionSets, read_sets
from core.trust.gate import GET_GATE, Gate, read_gate
from core.types import Checkpoint
from dashboard import markup
from dashboard.cache import model_files
from dashboard.models import export

_NOTICED = 0.7  # AUC from which a gate counts as noticing a group
_CLOSE = 0.02  # of the films: coverage this far below the promise still counts as met


def part(card: Checkpoint) -> None:
    """Both tables; a sentence if the model has neither."""
    folder = model_files.weights_path(card).parent
    gate, sets = read_gate(card, folder), read_sets(card, folder)
    if gate is None:
        with export.section("Refused pictures"):
            words = f"It has no gate: it answers for any picture that the film checks accept. {GET_GATE}"
            st.html(markup.paragraph(words, quiet=True))
    elif "test" in gate.report:
        _gate(card, gate)
    if sets is not None:
        _sets(card, sets)


def _gate(card: Checkpoint, gate: Gate) -> None:
    rows = gate_rows(gate)
    exported = [
        {"pictures": name, "n": group["n"], "refused": group["refused"], "auc": group.get("auc")}
        for name, group in rows
    ]
    report = gate.report
    aside = f"gate fitted on {report['train']:,} training films, limits from {report['val']:,} validation films"
    with export.titled("Refused pictures", exported, name=f"{card.name} gate", aside=aside):
        table = [
            [
                name,
                f"{group['n']:,}",
                _percent(group["refused"], group["n"]),
                "" if group.get("auc") is None else f"{group['auc']:.3f}",
            ]
            for name, group in rows
        ]
        caption = "95 % intervals. AUC: against test films. 0.5 means that the gate cannot tell them apart."
        unknown = report.get("unknown")
        if unknown and unknown["auc"] < _NOTICED:
            caption += " It does not detect findings that the model does not know."
        st.html(markup.table(["Films or pictures", "Number", "Refused", "AUC"], table, caption=caption))


def gate_rows(gate: Gate) -> list[tuple[str, dict[str, float]]]:
    """Name -> n, refused, auc of the measured groups: test films first, then films that must be refused."""
    report = gate.report
    groups = [("All test films", report["test"])]
    groups += [(f"Test films of {name}", each) for name, each in report["test_by_source"].items()]
    if report["children"]["n"]:
        groups.append(("Test films of patients under 18, by the table", report["children"]))
    if unknown := report.get("unknown"):
        groups.append(("Films with findings that it does not know", unknown))
    names = {"all": "Spoiled and drawn pictures"}
    groups += [(names.get(name, _capital(name)), each) for name, each in report["made"].items()]
    groups += [(f"{_capital(name)}, never used for fitting", each) for name, each in report["unseen"].items()]
    if pictures := report.get("pictures"):
        groups.append(("Odd originals and photographs, never used for fitting", pictures))
    return groups


def _sets(card: Checkpoint, sets: PredictionSets) -> None:
    groups = [
        *(("test films of", name, each) for name, each in sets.test.items()),
        *(("left out", name, each) for name, each in sets.left_out.items()),
    ]
    exported = [{"group": group, "name": name, "n": n, "coverage": share} for group, name, (share, n) in groups]
    aside = f"nominal coverage: {sets.coverage:.0%}, for films like the validation films"
    with export.titled("Coverage of the prediction set", exported, name=f"{card.name} coverage", aside=aside):
        rows = [
            [
                _films(group, name),
                f"{n:,}",
                _percent(share, n),
                f"{markup.signed(100 * (share - sets.coverage), 1)} points",
            ]
            for group, name, (share, n) in groups
        ]
        caption = "95 % intervals. Expect less elsewhere."
        if sets.left_out:
            name, (low, films) = min(sets.left_out.items(), key=lambda each: each[1])
            broken = low < sets.coverage - _CLOSE
            caption = (
                "95 % intervals. Left out of the fit: the limits come from the validation films of all other "
                f"hospitals. {'Coverage then falls below nominal' if broken else 'The lowest coverage then'}: "
                f"{_percent(low, films)} of {films} films of {name}. The network learned from films of these "
                "hospitals; expect less at a new one."
            )
        heads = ["Test films", "Number", "Label in the set", "Compared with nominal"]
        st.html(markup.table(heads, rows, caption=caption))


def _films(group: str, name: str) -> str:
    if group == "left out":
        return f"{name}, left out of the fit"
    return "All test films" if name == "all" else name


def _percent(share: float | None, n: float) -> str:
    """ "1.5% (0.4–5.3)": with Wilson's 95 % interval, each film counted once."""
    if share is None or not n:
        return "–"
    films = np.arange(int(n))
    interval = proportion(films < round(share * n), films.astype(str))
    return f"{share:.1%} ({100 * interval.low:.1f}–{100 * interval.high:.1f})"


def _capital(name: str) -> str:
    """The name with a capital; "CT" as it is."""
    return (name[:1].upper() + name[1:]).replace(" ct ", " CT ")
