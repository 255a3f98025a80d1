"""An evaluation as text tables; below FEW films the interval is printed before the value."""

from collections.abc import Mapping, Sequence
from typing import Any

from core.commands import options

FEW = 50  # films; below this the interval says more than the value

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
    "hit_rate": "maximum inside a lesion",
    "miou": "overlap with lesions (IoU)",
    "lesion_ratio": "on lesions",
    "lesion_area": "  which cover",
}
_BY_FINDING = {
    "auc": "AUC",
    "average_precision": "average precision",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
}


def text(report: Card) -> str:
    """The report of `core.evaluate.run.report` with checkpoint and split."""
    split = f", split {report['split']}" if report.get("split") else ""
    parts = [
        f"{report['checkpoint']} on {report['n']} films of {report['patients']} patients{split}",
        _leakage(report["leakage"]),
        _withheld(report["withheld"]),
        _unreadable(report.get("unreadable", ())),
        options.table([["", "value, 95 % interval", "n"], *_rows(_OVERALL, report), *_within_sources(report)]),
        *(_findings(report, name, title) for name, title in _BY_FINDING.items() if report[name]),
        _confusion(report),
        _heat(report),
        _lesions(report),
        _groups(report["groups"]),
        *report["warnings"],
    ]
    return "\n\n".join(part for part in parts if part)


def figure(estimate: Card | None) -> tuple[str, str]:
    """An estimate of a card as (value, interval); "-" where it is not available."""
    if estimate is None or estimate["value"] is None:
        return "-", ""
    interval = "" if estimate["low"] is None else f"{estimate['low']:.3f} to {estimate['high']:.3f}"
    return f"{estimate['value']:.3f}", interval


def estimate_cell(estimate: Card | None) -> str:
    """An estimate in one cell: 0.912 (0.893 to 0.930), or 0.62 to 0.91 (0.80) on fewer than FEW films."""
    value, interval = figure(estimate)
    if not interval or estimate is None:
        return value
    return f"{interval} ({value})" if estimate["n"] < FEW else f"{value} ({interval})"


def _rows(names: Mapping[str, str], report: Card) -> list[list[str]]:
    return [
        [title, estimate_cell(report[name]), str(report[name]["n"])] for name, title in names.items() if name in report
    ]


def _findings(report: Card, name: str, title: str) -> str:
    head = [title, "value, 95 % interval", "n"]
    return options.table(
        [head, *([finding, estimate_cell(each), str(each["n"])] for finding, each in report[name].items())]
    )


def _confusion(report: Card) -> str:
    """Counts with percentages of the row. Rows: the label; columns: the prediction."""
    counts = report["confusion"]
    if isinstance(counts, Mapping):
        rows = [[name, *_shares(there)[::-1], *_shares(missing)] for name, (missing, there) in counts.items()]
        return options.table([["finding", "true positive", "false negative", "true negative", "false positive"], *rows])
    head = ["label \\ predicted", *report["findings"]]
    rows = [[name, *_shares(row)] for name, row in zip(report["findings"], counts, strict=True)]
    return options.table([head, *rows])


def _shares(row: Sequence[int]) -> list[str]:
    return [f"{count} ({count / sum(row):.0%})" if sum(row) else "0" for count in row]


def _leakage(report: Card) -> str:
    """How many films were compared, and each duplicate pair on a line of its own."""
    against = f" and with {report['others']} of other splits" if report["others"] else ""
    lines = [f"Leakage: {report['films']} films compared with each other{against}; " + _counts(report)]
    for pair in [*report["identical"]["pairs"], *report["near_duplicates"]["pairs"]]:
        split = f" of {pair['split']}" if pair["split"] else ""
        lines.append(f"  {pair['film']} = {pair['other']}{split} ({pair['likeness']:.2f})")
    return "\n".join(lines)


def _withheld(films: Card) -> str:
    """How many films predict and explain would refuse; empty if none."""
    if not films["n"]:
        return ""
    names = ", ".join(films["films"][:5]) + (", ..." if films["n"] > 5 else "")
    count = f"{films['n']} {'film' if films['n'] == 1 else 'films'}"
    gate = f", {films['by_gate']} of them by the model's gate" if films.get("by_gate") else ""
    return f"The answer would be withheld for {count} ({names}){gate}; the figures include all films."


def _unreadable(films: Sequence[Card]) -> str:
    """How many films could not be read, with the first reason; empty if none."""
    if not films:
        return ""
    count = f"{len(films)} {'film' if len(films) == 1 else 'films'}"
    return f"Without {count} that could not be read; {films[0]['film']}: {films[0]['error']}"


def _counts(report: Card) -> str:
    counts = {
        "identical files": report["identical"]["n"],
        "near-duplicates": report["near_duplicates"]["n"],
        "patients on both sides": report["patients"]["n"],
    }
    if report["in_training"]:
        counts["seen in training"] = report["in_training"]["n"]
    return ", ".join(f"{name}: {count}" for name, count in counts.items()) + "."


def _heat(report: Card) -> str:
    """Shares of the heat; empty if no film has a mask."""
    rows = [row for row in _rows(_HEAT, report) if row[-1] != "0"]
    return options.table([[f"{report['heat']['title']} heat", "share, 95 % interval", "n"], *rows]) if rows else ""


def _within_sources(report: Card) -> list[list[str]]:
    """The mean AUC averaged within sources, where the source reveals no label; empty if no source has two findings."""
    within = report.get("within_sources")
    if not within or not within["sources"]:
        return []
    names = ", ".join(within["sources"])
    return [[f"mean AUC within {names}", estimate_cell(within["macro_auc"]), str(within["macro_auc"]["n"])]]


def _lesions(report: Card) -> str:
    """Methods against lesions, the best first; empty unless requested."""
    if "lesions" not in report:
        return ""
    head = ["map", "maximum in a lesion", "overlap (IoU)", "heat on lesions", "n"]
    rows = [
        [name, *(estimate_cell(each[key]) for key in ("hit_rate", "miou", "lesion_ratio")), str(each["hit_rate"]["n"])]
        for name, each in sorted(report["lesions"]["methods"].items(), key=_hits)
    ]
    return options.table([head, *rows])


def _hits(method: tuple[str, Card]) -> float:
    return -(method[1]["hit_rate"]["value"] or 0.0)


def _groups(groups: Sequence[Card]) -> str:
    if not groups:
        return ""
    rows = [
        [
            group["by"],
            group["name"],
            estimate_cell(group["accuracy"]),
            estimate_cell(group.get("macro_auc")),
            estimate_cell(group.get("ece")),
            str(group["n"]),
        ]
        for group in groups
    ]
    return options.table([["by", "films", "accuracy", "mean AUC", "calibration error", "n"], *rows])
