"""A comparison of models as text: films, sentences, figures over all films."""

from typing import TYPE_CHECKING

from core.commands import options
from core.commands.evaluation_report import estimate_cell

if TYPE_CHECKING:
    from core.compare.film_comparison import FilmComparison
    from core.compare.film_set import Comparison
    from core.compare.panel import Panel
    from core.compare.set_statistics import Pair
    from core.estimate import Estimate

_LONGEST = 40  # characters of a film's name in the table
_WORDS = 5  # films of which sentences are printed
_MAPS = {"spearman": "rank correlation of the maps", "ssim": "SSIM", "overlap_10": "overlap of the hottest 10 %"}


def text(comparison: "Comparison", top: int) -> str:
    """The films, most disagreement first; sentences on the first few; the figures over all films."""
    from core.models.findings import words

    names, films = comparison.panel.names, comparison.films[: top or None]
    labelled = any(row.labels is not None for row in comparison.films)
    head = ["film", "disagreement", *(["label"] if labelled else []), *names]
    head += ["finding of the maps", "overlap", "correlation", "distance of maxima"]
    rows = [_row(comparison.panel, row, labelled) for row in films]
    rest = (
        f"{len(comparison.films) - len(films)} more films differ less; --top 0 lists them."
        if films != comparison.films
        else ""
    )
    sentences = [f"{_short(row.name)}: {row.words}" for row in films[:_WORDS] if row.words]
    refused = [f"{_short(each.name)}: not compared: {each.reason}" for each in comparison.refused]
    parts = [
        f"{' against '.join(names)}, {comparison.panel.method}, on {', '.join(map(words, comparison.panel.findings))}",
        options.table([head, *rows]) if rows else "",
        rest,
        *sentences,
        "\n".join(refused),
        _figures(comparison),
        _accuracies(comparison),
        *comparison.notes,
    ]
    return "\n\n".join(part for part in parts if part)


def _accuracies(comparison: "Comparison") -> str:
    """Each model's accuracy over the films with labels; empty without labels."""
    from core.compare.accuracy import confusion
    from core.estimate import estimate_text

    lines = [
        f"{name}: accuracy {estimate_text(matrix.accuracy)}"
        for place, name in enumerate(comparison.panel.names)
        if (matrix := confusion(comparison.films, comparison.panel, place))
    ]
    return "\n".join(lines)


def _row(panel: "Panel", row: "FilmComparison", labelled: bool) -> list[str]:
    from core.models.findings import words

    distance = row.figure("distance_mm")
    apart = f"{distance:.0f} mm" if distance == distance else _px(row.figure("distance_px"))
    return [
        _short(row.name),
        f"{row.score:.2f}{' flips' if row.flips else ''}",
        *([words("|".join(row.labels or ())) or "-"] if labelled else []),
        *(_marked(panel, row, index) for index in range(len(row.says))),
        words(row.finding),
        _share(row.overlap),
        _share(row.spearman),
        apart,
    ]


def _marked(panel: "Panel", row: "FilmComparison", index: int) -> str:
    """The answer, with "(wrong)" where the label says otherwise."""
    from core.compare.accuracy import is_right

    return _says(panel, row, index) + " (wrong)" * (is_right(row, panel, index) is False)


def _says(panel: "Panel", row: "FilmComparison", index: int) -> str:
    """ "covid 0.81"; without a number for a finding that the others do not know; "none" where no finding is present."""
    from core.models.findings import words

    finding = row.says[index]
    if finding in panel.own[index]:
        return f"{words(finding)} {row.probabilities[index][panel.own[index].index(finding)]:.2f}"
    return words(finding) or "none"


def _figures(comparison: "Comparison") -> str:
    if comparison.figures is None:
        return ""
    whole = comparison.figures
    people = f"{whole.n} films of {whole.patients} patients"
    rows = [["", "value, 95 % interval", "n"]]
    if len(comparison.panel.names) > 2:
        rows.append(["different top finding", estimate_cell(whole.flips.card()), str(whole.n)])
        if whole.fleiss:
            rows.append(["Fleiss' kappa", _cell(whole.fleiss), str(whole.n)])
        rows += [[f"  of {finding}", _cell(each), str(each.n)] for finding, each in whole.fleisses.items()]
    parts = [people + (f", {whole.labelled} with labels" if whole.labelled else "")]
    parts += [options.table(rows)] if len(rows) > 1 else []
    return "\n\n".join([*parts, *(_pair(pair) for pair in whole.pairs)])


def _pair(pair: "Pair") -> str:
    rows = [["value, 95 % interval", "n"], [estimate_cell(pair.flips.card()), str(pair.flips.n)]]
    names = [f"{pair.first} and {pair.second}", "different top finding"]
    kappas = {"Cohen's kappa": pair.kappa} if pair.kappa else {}
    kappas |= {f"  of {finding}": each for finding, each in pair.kappas.items()}
    maps = {title: pair.maps[name] for name, title in _MAPS.items()}
    if pair.maps["distance_mm"].n:
        maps["distance of the maxima, mm"] = pair.maps["distance_mm"]
    names += [*kappas, *maps]
    rows += [[_cell(each), str(each.n)] for each in [*kappas.values(), *maps.values()]]
    return "\n\n".join(
        part
        for part in (
            options.table([[name, *row] for name, row in zip(names, rows, strict=True)]),
            _rights(pair),
            _areas(pair),
        )
        if part
    )


def _cell(figure: "Estimate") -> str:
    """The figure with its interval, or the reason why it has none."""
    from core.compare.set_statistics import without_interval

    reason = without_interval(figure)
    return f"{figure.value:.3f} ({reason})" if reason else estimate_cell(figure.card())


def _rights(pair: "Pair") -> str:
    if pair.right is None:
        return ""
    rows = [["correct", f"only {pair.first}", f"only {pair.second}", "McNemar p", "n"]]
    for title, test in {"all findings": pair.right, **pair.rights}.items():
        rows.append([title, str(test.first_right), str(test.second_right), _p(test.p), str(test.n)])
    return options.table(rows)


def _areas(pair: "Pair") -> str:
    if not pair.areas:
        return ""
    rows = [["AUC", pair.first, pair.second, "difference", "DeLong p", "positives", "n"]]
    for finding, test in pair.areas.items():
        difference = f"{test.difference:+.3f} ({test.low:+.3f} to {test.high:+.3f})"
        cells = (
            ["-", "-", test.reason, "-"]
            if test.reason
            else [f"{test.first:.3f}", f"{test.second:.3f}", difference, _p(test.p)]
        )
        rows.append([finding, *cells, str(test.positives), str(test.n)])
    return options.table(rows)


def _p(value: float) -> str:
    return "-" if value != value else "<0.001" if value < 0.001 else f"{value:.3f}"


def _share(value: float) -> str:
    return "-" if value != value else f"{value:.2f}"


def _px(value: float) -> str:
    return "-" if value != value else f"{value:.0f} px"


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else "…" + name[1 - _LONGEST :]
