"""A report as tables for people; below FEW films the interval stands before the figure."""

from collections.abc import Mapping, Sequence
from typing import Any

from core.commands import options

FEW = 50  # films, below which a figure is less telling than its interval

Card = Mapping[str, Any]

_OVERALL = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_auc": "mean AUC",
    "ece": "calibration error",
    "ece_before": "  before temperature",
    "brier": "Brier score",
}
_HEAT = {
    "lung_ratio": "in the lungs and their rim",
    "lung_area": "  which cover",
    "lung_ratio_strict": "in the lungs as drawn",
    "device_ratio": "on devices",
    "device_area": "  which cover",
    "hit_rate": "hottest place hits a lesion",
    "miou": "overlap with lesions (IoU)",
}
_BY_FINDING = {
    "auc": "AUC",
    "average_precision": "average precision",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
}


def told(found: Card) -> str:
    """The whole report, as `core.evaluate.run.report` gives it with checkpoint and split."""
    split = f", split {found['split']}" if found.get("split") else ""
    parts = [
        f"{found['checkpoint']} on {found['n']} films of {found['patients']} patients{split}",
        _leakage(found["leakage"]),
        options.table([["", "value, 95 % interval", "n"], *_rows(_OVERALL, found)]),
        *(_findings(found, name, title) for name, title in _BY_FINDING.items() if found[name]),
        _confusion(found),
        _heat(found),
        _groups(found["groups"]),
        *found["warnings"],
    ]
    return "\n\n".join(part for part in parts if part)


def figure(estimate: Card | None) -> tuple[str, str]:
    """An estimate of a card as (value, interval); dashes where it could not be had."""
    if estimate is None or estimate["value"] is None:
        return "-", ""
    interval = "" if estimate["low"] is None else f"{estimate['low']:.3f} to {estimate['high']:.3f}"
    return f"{estimate['value']:.3f}", interval


def weighed(estimate: Card | None) -> str:
    """An estimate in one cell: 0.912 (0.893 to 0.930), or 0.62 to 0.91 (0.80) on fewer than FEW films."""
    value, interval = figure(estimate)
    if not interval or estimate is None:
        return value
    return f"{interval} ({value})" if estimate["n"] < FEW else f"{value} ({interval})"


def _rows(names: Mapping[str, str], found: Card) -> list[list[str]]:
    return [[title, weighed(found[name]), str(found[name]["n"])] for name, title in names.items() if name in found]


def _findings(found: Card, name: str, title: str) -> str:
    head = [title, "value, 95 % interval", "n"]
    return options.table([head, *([finding, weighed(each), str(each["n"])] for finding, each in found[name].items())])


def _confusion(found: Card) -> str:
    """Counts with per cent of the row. Rows: the label; columns: what was said."""
    counts = found["confusion"]
    if isinstance(counts, Mapping):
        rows = [[name, *_shares(there)[::-1], *_shares(missing)] for name, (missing, there) in counts.items()]
        return options.table([["finding", "found", "missed", "rightly not said", "wrongly said"], *rows])
    head = ["label, then said:", *found["findings"]]
    rows = [[name, *_shares(row)] for name, row in zip(found["findings"], counts, strict=True)]
    return options.table([head, *rows])


def _shares(row: Sequence[int]) -> list[str]:
    return [f"{count} ({count / sum(row):.0%})" if sum(row) else "0" for count in row]


def _leakage(found: Card) -> str:
    """What was compared and what was found, each pair that is known by name in a line."""
    against = f" and with {found['others']} of other splits" if found["others"] else ""
    lines = [f"Leakage: {found['films']} films compared with one another{against}; " + _found(found)]
    for pair in [*found["identical"]["pairs"], *found["near_duplicates"]["pairs"]]:
        split = f" of {pair['split']}" if pair["split"] else ""
        lines.append(f"  {pair['film']} = {pair['other']}{split} ({pair['likeness']:.2f})")
    return "\n".join(lines)


def _found(found: Card) -> str:
    counts = {
        "identical files": found["identical"]["n"],
        "near-duplicates": found["near_duplicates"]["n"],
        "patients on both sides": found["patients"]["n"],
    }
    if found["in_training"]:
        counts["seen in training"] = found["in_training"]["n"]
    return ", ".join(f"{name}: {count}" for name, count in counts.items()) + "."


def _heat(found: Card) -> str:
    """Shares of the heat; empty where no film has a mask."""
    rows = [row for row in _rows(_HEAT, found) if row[-1] != "0"]
    return options.table([[f"{found['heat']['title']} heat", "share, 95 % interval", "n"], *rows]) if rows else ""


def _groups(groups: Sequence[Card]) -> str:
    if not groups:
        return ""
    rows = [
        [group["by"], group["name"], weighed(group["accuracy"]), weighed(group.get("macro_auc")), str(group["n"])]
        for group in groups
    ]
    return options.table([["by", "films", "accuracy", "mean AUC", "n"], *rows])
