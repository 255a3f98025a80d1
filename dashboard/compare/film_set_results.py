"""Results of models over many films: the films, most disagreement first, and the figures over all of them."""

from collections.abc import Sequence
from math import isnan
from typing import Any

import streamlit as st

from core.compare.export import films_csv
from core.compare.film_comparison import FilmComparison
from core.compare.film_set import Comparison
from core.compare.map_agreement import TITLES, lettered
from core.compare.set_statistics import Figures, without_interval
from core.compare.significance import FEWEST, DeLong, McNemar
from core.estimate import Estimate
from core.models.findings import words
from dashboard import draw, markup
from dashboard.compare import confusion_matrices, worklist
from dashboard.models import plots
from dashboard.state import entered

_TABLE = "films compared"  # key of the table
_ROW = 35  # px
_TALL = 12  # rows visible at once
_FEW = 50  # films, below which the interval says more than the figure
_MAPS = ("overlap_10", "spearman", "ssim", "distance_mm")  # figures of maps over all films


def draw_results(comparison: Comparison) -> None:
    """The sentence, the films, the figures."""
    letters = dict(zip(lettered(len(comparison.panel.names)), comparison.panel.names, strict=True))
    named = " · ".join(f"{letter} {name}" for letter, name in letters.items())
    if comparison.figures is None:
        st.html(markup.paragraph("None of the films could be compared."))
    else:
        with st.container(key="many head", horizontal=True, vertical_alignment="center", gap="small"):
            st.html(markup.highlight(_sentence(comparison.figures)))
            draw.download(
                "All films",
                lambda: films_csv(comparison).encode(),
                "films-compared.csv",
                help="One row per film with all figures (CSV)",
            )
        confusion_matrices.draw_accuracy(comparison, list(letters))
        draw.section("Films, most disagreement first", f"{named}. Click a row to open the film.")
        confusion_matrices.chosen_cell()
        _films(comparison, list(letters))
    if comparison.refused:
        with st.expander(f"{len(comparison.refused)} films could not be compared", type="compact"):
            st.html(markup.sentences(f"{each.name}: {each.reason}" for each in comparison.refused))
    if comparison.figures is not None:
        _agreement(comparison.figures, list(letters))
        _right(comparison.figures, list(letters))
    st.html(markup.sentences(comparison.notes))


def _sentence(figures: Figures) -> str:
    who = "The two models" if len(figures.pairs) == 1 else "The models"
    low, high = (f"{100 * end:.0f}" for end in (figures.flips.low, figures.flips.high))
    count = round(figures.flips.value * figures.n)
    share = f"{figures.flips.value:.0%}".replace("%", " %")
    films = f"{count} of {figures.n} films ({share}, 95 % interval {low} to {high} %)"
    return f"{who} have different top findings on {films}."


def _films(comparison: Comparison, letters: Sequence[str]) -> None:
    rows = worklist.cases()
    labelled = any(row.labels is not None for row in rows)
    columns: dict[str, list[Any]] = {
        "Film": [row.name for row in rows],
        "Disagreement": [row.score for row in rows],
    }
    if labelled:
        columns["Label"] = [words(", ".join(row.labels or ())) for row in rows]
    for place, letter in enumerate(letters):
        columns[f"{letter} says"] = [
            worklist.marked(row, comparison.panel, place, _says(comparison, row, place)) for row in rows
        ]
    columns["Maps of"] = [words(row.finding) for row in rows]
    columns["Overlap"] = [100 * row.overlap for row in rows]
    columns["Correlation"] = [row.spearman for row in rows]
    unit, columns["Distance between maxima"] = _distances(rows)
    st.dataframe(
        columns,
        key=_TABLE,
        hide_index=True,
        height=_ROW * (min(len(rows), _TALL) + 1) + 2,
        on_select=_open,
        selection_mode="single-cell",
        placeholder="–",
        alt="The films with the answer of each model, most disagreement first",
        column_config=_column_config(unit),
    )


def _column_config(unit: str) -> dict[str, Any]:
    """unit: of the distances; "" if they have no common one."""
    number = st.column_config.NumberColumn
    columns = {
        "Disagreement": st.column_config.ProgressColumn(
            min_value=0,
            max_value=1,
            format="%.2f",
            color=plots.ACCENT,
            help="Mean of three: different top finding, distance between the probabilities, and how little the "
            "hottest tenths of the maps overlap",
        ),
        "Overlap": number(format="%.0f %%", help="Overlap of the hottest tenths of the maps"),
        "Correlation": number(format="%.2f", help="Rank correlation of the maps"),
    }
    return columns | ({"Distance between maxima": number(format=f"%.0f {unit}")} if unit else {})


def _distances(rows: Sequence[FilmComparison]) -> tuple[str, list[Any]]:
    """The unit, and the numbers; as text without a common unit if only some films have a known spacing."""
    known = [not isnan(row.figure("distance_mm")) for row in rows if not isnan(row.figure("distance_px"))]
    if all(known) or not any(known):
        unit = "mm" if any(known) else "px"
        return unit, [row.figure(f"distance_{unit}") for row in rows]
    return "", [_distance(row.figure("distance_mm"), row.figure("distance_px")) for row in rows]


def _distance(mm: float, px: float) -> str:
    return f"{mm:.0f} mm" if not isnan(mm) else "" if isnan(px) else f"{px:.0f} px"


def _open() -> None:
    """Opens the film of the clicked row on the board."""
    cells = entered(_TABLE).selection.cells
    if cells:
        worklist.open_case(worklist.cases()[cells[0][0]])


def _says(comparison: Comparison, row: FilmComparison, place: int) -> str:
    """ "covid 0.81"; without a number if the other models do not know the finding; "nothing" without a positive one."""
    finding, own = row.says[place], comparison.panel.own[place]
    if finding in own:
        return f"{words(finding)} {row.probabilities[place][own.index(finding)]:.2f}"
    return words(finding) or "nothing"


def _agreement(figures: Figures, letters: Sequence[str]) -> None:
    """Flips, kappa and map agreement, a column for each pair of models."""
    pairs, few = figures.pairs, figures.n < _FEW
    names = _pairs(letters)

    def cell(each: Estimate | None, *, per_cent: bool) -> str:
        fewer = each is not None and each.n < figures.n
        return _weighed(each, per_cent=per_cent, few=few) + (f", {each.n} films" if each and fewer else "")

    def line(title: str, figures_of_pairs: Sequence[Estimate | None], *, per_cent: bool = False) -> list[str]:
        return [title, *(cell(each, per_cent=per_cent) for each in figures_of_pairs)]

    rows = [line("Different top finding", [pair.flips for pair in pairs], per_cent=True)]
    if any(pair.kappa for pair in pairs):
        rows.append(line("Cohen's kappa", [pair.kappa for pair in pairs]))
    rows += [line(f"Kappa of {words(name)}", [pair.kappas[name] for pair in pairs]) for name in pairs[0].kappas]
    for name in _MAPS:
        if any(pair.maps[name].n for pair in pairs):
            rows.append(line(f"Maps: {TITLES[name]}", [pair.maps[name] for pair in pairs]))
    people = f" of {figures.patients} patients" if figures.patients < figures.n else ""
    draw.section("Agreement between models", f"{figures.n} films{people}, 95 % intervals")
    st.html(markup.table(["", *names], rows, caption=_fleiss(figures), label="Agreement between models"))


def _fleiss(figures: Figures) -> str:
    """Fleiss' kappa, for three or more models."""
    parts = [f"Fleiss' kappa of all {_weighed(figures.fleiss)}."] if figures.fleiss else []
    parts += [f"Of {words(name)} {_weighed(each)}." for name, each in figures.fleisses.items()]
    return " ".join(parts)


def _right(figures: Figures, letters: Sequence[str]) -> None:
    """McNemar's and DeLong's tests, if there are labels."""
    for pair, name, (one, other) in zip(figures.pairs, _pairs(letters), _couples(letters), strict=True):
        if pair.right is None:
            continue
        draw.section(f"Correct answers of {name}", f"{figures.labelled} films with labels")
        rights, areas = st.columns(2, gap="large")
        with rights:
            st.html(
                markup.table(
                    ["", f"only {one}", f"only {other}", "p"],
                    [_mcnemar(words(key), each) for key, each in {"all findings": pair.right, **pair.rights}.items()],
                    caption="Films on which only one of the two is right; p by McNemar's exact test.",
                )
            )
        with areas:
            st.html(
                markup.table(
                    ["AUC", one, other, "difference", "p"],
                    [_delong(words(key), each) for key, each in pair.areas.items()],
                    caption="Areas under the ROC curve, difference with its 95 % interval; p by DeLong's test. "
                    f"Needs at least {FEWEST} films with the finding and {FEWEST} without.",
                )
            )


def _mcnemar(title: str, test: McNemar) -> list[str]:
    return [title, str(test.first_right), str(test.second_right), _p(test.p)]


def _delong(title: str, test: DeLong) -> list[str]:
    if test.reason:
        return [title, "–", "–", "too few films" if isnan(test.first) else "–", "–"]
    difference = f"{_signed(test.difference)} ({_signed(test.low)} to {_signed(test.high)})"
    return [title, f"{test.first:.2f}", f"{test.second:.2f}", difference, _p(test.p)]


def _signed(value: float) -> str:
    return "0.00" if abs(value) < 0.005 else markup.signed(value)


def _pairs(letters: Sequence[str]) -> list[str]:
    return [f"{one} and {other}" for one, other in _couples(letters)]


def _couples(letters: Sequence[str]) -> list[tuple[str, str]]:
    return [(one, other) for place, one in enumerate(letters) for other in letters[place + 1 :]]


def _weighed(figure: Estimate | None, *, per_cent: bool = False, few: bool = False) -> str:
    """The figure with its interval; the interval first if there are few films."""
    if figure is None or isnan(figure.value):
        return "–"
    form = "{:.0%}" if per_cent else "{:.0f}" if abs(figure.value) >= 10 else "{:.2f}"
    value = form.format(figure.value)
    interval = f"{form.format(figure.low)} to {form.format(figure.high)}" if not isnan(figure.low) else ""
    if not interval:
        return f"{value} ({without_interval(figure)})".replace("-", "−")
    text = f"{interval} ({value})" if few else f"{value} ({interval})"
    return text.replace("-", "−").replace("%", " %")


def _p(value: float) -> str:
    return "–" if isnan(value) else "< 0.001" if value < 0.001 else f"{value:.3f}"
