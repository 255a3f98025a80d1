"""What came of comparing networks: tables for people, and a table of all films for programs."""

import csv
import io
from itertools import combinations
from typing import TYPE_CHECKING

from core.commands import options
from core.commands.figures import weighed

if TYPE_CHECKING:
    from core.compare.cohort import Comparison
    from core.compare.figures import Pair
    from core.compare.panel import Panel
    from core.compare.row import Compared
    from core.estimate import Estimate

_LONGEST = 40  # characters of a film's name in the table
_WORDS = 5  # films of which sentences are printed
_MAPS = {"spearman": "rank correlation of the maps", "ssim": "SSIM", "overlap_10": "overlap of the hottest 10 %"}


def told(found: "Comparison", top: int) -> str:
    """The films, most disagreement first, sentences on the first few, then the figures over all."""
    from core.models.findings import words

    names, shown = found.panel.names, found.films[: top or None]
    labelled = any(row.labels is not None for row in found.films)
    head = [
        "film",
        "disagreement",
        *(["label"] if labelled else []),
        *names,
        "map of",
        "overlap",
        "correlation",
        "maxima apart",
    ]
    rows = [_row(found.panel, row, labelled) for row in shown]
    left = (
        f"{len(found.films) - len(shown)} more films differ less; --top 0 shows them." if shown != found.films else ""
    )
    sentences = [f"{_short(row.name)}: {row.words}" for row in shown[:_WORDS] if row.words]
    refused = [f"{_short(each.name)}: not compared: {each.reason}" for each in found.refused]
    parts = [
        f"{' against '.join(names)}, {found.panel.method}, on {', '.join(map(words, found.panel.findings))}",
        options.table([head, *rows]) if rows else "",
        left,
        *sentences,
        "\n".join(refused),
        _figures(found),
        *found.notes,
    ]
    return "\n\n".join(part for part in parts if part)


def csv_of(found: "Comparison") -> str:
    """A line for each film: what each network says, all probabilities, all figures of the maps of each pair."""
    from core.compare.maps import Agreement

    panel = found.panel
    pairs = list(combinations(panel.names, 2))
    figures = list(Agreement().figures())
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(
        ["film", "patient", "labels", "disagreement", "flips", "apart", "finding"]
        + [f"{name} says" for name in panel.names]
        + [f"{name} {finding}" for name in panel.names for finding in panel.findings]
        + [f"{first} | {second} {figure}" for first, second in pairs for figure in figures]
        + ["words"]
    )
    for row in found.films:
        table.writerow(
            [row.name, row.patient, "|".join(row.labels or ()), f"{row.score:.4f}", int(row.flips), f"{row.apart:.4f}"]
            + [row.finding, *row.says]
            + [f"{value:.6f}" for likely in row.probabilities for value in likely]
            + [_cell(value) for each in row.agreements for value in each.figures().values()]
            + [row.words]
        )
    return out.getvalue()


def _row(panel: "Panel", row: "Compared", labelled: bool) -> list[str]:
    from core.models.findings import words

    distance = row.figure("distance_mm")
    apart = f"{distance:.0f} mm" if distance == distance else _px(row.figure("distance_px"))
    return [
        _short(row.name),
        f"{row.score:.2f}{' flips' if row.flips else ''}",
        *([words("|".join(row.labels or ())) or "-"] if labelled else []),
        *(_says(panel, row, index) for index in range(len(row.says))),
        words(row.finding),
        _share(row.overlap),
        _share(row.spearman),
        apart,
    ]


def _says(panel: "Panel", row: "Compared", index: int) -> str:
    """ "covid 0.81"; no number for a finding that the others do not know; "nothing" where it finds nothing."""
    from core.models.findings import words

    said = row.says[index]
    if said in panel.own[index]:
        return f"{words(said)} {row.probabilities[index][panel.own[index].index(said)]:.2f}"
    return words(said) or "nothing"


def _figures(found: "Comparison") -> str:
    if found.figures is None:
        return ""
    whole = found.figures
    people = f"{whole.n} films of {whole.patients} patients"
    rows = [["", "value, 95 % interval", "n"]]
    if len(found.panel.names) > 2:
        rows.append(["not all find the same", weighed(whole.flips.card()), str(whole.n)])
        if whole.fleiss:
            rows.append(["Fleiss' kappa", _kappa(whole.fleiss), str(whole.n)])
        rows += [[f"  of {finding}", _kappa(each), str(each.n)] for finding, each in whole.fleisses.items()]
    parts = [people + (f", {whole.labelled} with labels" if whole.labelled else "")]
    parts += [options.table(rows)] if len(rows) > 1 else []
    return "\n\n".join([*parts, *(_pair(pair) for pair in whole.pairs)])


def _pair(pair: "Pair") -> str:
    rows = [["value, 95 % interval", "n"], [weighed(pair.flips.card()), str(pair.flips.n)]]
    names = [f"{pair.first} and {pair.second}", "do not find the same"]
    kappas = {"Cohen's kappa": pair.kappa} if pair.kappa else {}
    kappas |= {f"  of {finding}": each for finding, each in pair.kappas.items()}
    maps = {title: pair.maps[name] for name, title in _MAPS.items()}
    if pair.maps["distance_mm"].n:
        maps["distance of the maxima, mm"] = pair.maps["distance_mm"]
    names += [*kappas, *maps]
    rows += [[_kappa(each), str(each.n)] for each in kappas.values()]
    rows += [[weighed(each.card()), str(each.n)] for each in maps.values()]
    return "\n\n".join(
        part
        for part in (
            options.table([[name, *row] for name, row in zip(names, rows, strict=True)]),
            _rights(pair),
            _areas(pair),
        )
        if part
    )


def _kappa(kappa: "Estimate") -> str:
    """With its interval, or why there is none."""
    from core.compare.figures import without_interval

    why = without_interval(kappa)
    return f"{kappa.value:.3f} ({why})" if why else weighed(kappa.card())


def _rights(pair: "Pair") -> str:
    if pair.right is None:
        return ""
    rows = [["right", f"only {pair.first}", f"only {pair.second}", "McNemar p", "n"]]
    for title, test in {"all findings": pair.right, **pair.rights}.items():
        rows.append([title, str(test.first_right), str(test.second_right), _p(test.p), str(test.n)])
    return options.table(rows)


def _areas(pair: "Pair") -> str:
    if not pair.areas:
        return ""
    rows = [["AUC", pair.first, pair.second, "difference", "DeLong p", "with", "n"]]
    for finding, test in pair.areas.items():
        difference = f"{test.difference:+.3f} ({test.low:+.3f} to {test.high:+.3f})"
        told = (
            ["-", "-", test.reason, "-"]
            if test.reason
            else [f"{test.first:.3f}", f"{test.second:.3f}", difference, _p(test.p)]
        )
        rows.append([finding, *told, str(test.positives), str(test.n)])
    return options.table(rows)


def _p(value: float) -> str:
    return "-" if value != value else "<0.001" if value < 0.001 else f"{value:.3f}"


def _share(value: float) -> str:
    return "-" if value != value else f"{value:.2f}"


def _px(value: float) -> str:
    return "-" if value != value else f"{value:.0f} px"


def _cell(value: float) -> str:
    return "" if value != value else f"{value:.6g}"


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else "…" + name[1 - _LONGEST :]
