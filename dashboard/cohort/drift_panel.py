"""Another run beside this one: the differences, and the films that differ most."""

from collections.abc import Sequence

import streamlit as st

from core.cohort.drift import Drift, DriftTest
from core.cohort.recent import recent
from core.cohort.table import CohortTable, Selection
from core.estimate import estimate_text
from dashboard import draw, markup, paths
from dashboard.cache import cohort_results
from dashboard.cohort import gallery, run_choice
from dashboard.state import session

_ROWS = 30  # tests in the table
_UNLIKE = 8  # films


def panel(table: CohortTable, chosen: Selection) -> None:
    """The menu of runs, then the comparison of the chosen one with this run."""
    state = session().cohort
    known = [str(path) for path in recent() if path != table.folder.path.resolve()]
    help = "This run is the reference. Both need the same model with the same weights."
    run_choice.run_menu("Compare with", "other_run", known, help=help)
    if not state.other_run:
        text = "Choose the run to compare: this month against last, hospital A against B."
        st.html(markup.paragraph(text, quiet=True))
        return
    other = cohort_results.cohort_table(paths.typed(state.other_run))
    result = cohort_results.cohort_drift(table, other, chosen)
    names = table.folder.path.name, other.folder.path.name
    left, right = st.columns([3, 2], gap="large")
    with left:
        _tests(result, names)
    with right:
        _unlike(other, chosen, result)


def _tests(result: Drift, names: tuple[str, str]) -> None:
    differing = sum(test.differs for test in result.tests)
    draw.section("Columns", f"{differing} of {len(result.tests)} differ")
    head = ["", *names, "Distance", "p", ""]
    caption = (
        f"{result.films[0]:,} films against {result.films[1]:,}, one per patient. Medians by the Kolmogorov-Smirnov "
        "test, shares by Fisher's exact test; p corrected for the number of tests (Benjamini-Hochberg, 5 %)."
    )
    st.html(markup.table(head, [_row(test) for test in _shown(result.tests)], caption=caption))


def _shown(tests: Sequence[DriftTest]) -> Sequence[DriftTest]:
    """All significant tests, then the next ones, up to _ROWS."""
    return tests[: max(_ROWS, sum(test.differs for test in tests))]


def _row(test: DriftTest) -> list[str]:
    values = [f"{value:.0%}" if test.is_share else f"{value:.3g}" for value in (test.first, test.second)]
    p = "< 0.001" if test.p < 0.001 else f"{test.p:.3f}"
    return [test.name.replace("_", " "), *values, f"{test.distance:.2f}", p, "differs" if test.differs else ""]


def _unlike(other: CohortTable, chosen: Selection, result: Drift) -> None:
    """How well a classifier tells the runs apart, and the films that it assigns with the highest confidence."""
    draw.section("Separability by the model's features", f"AUC {estimate_text(result.separation)}")
    st.html(
        markup.paragraph(
            "A classifier tries to tell the two runs apart by the input of the model's last layer: 0.5 is chance, 1 "
            "means that each film can be assigned to its run. The films below are the easiest.",
            quiet=True,
        )
    )
    films = tuple(each.film for each in result.unlike[:_UNLIKE])
    if not films:
        st.html(markup.paragraph("This needs stored features in both runs.", quiet=True))
        return
    selection = Selection(chosen.checkpoint, chosen.finding, chosen.method, films=films)
    rows_of = other.films(selection, order=gallery.AS_STORED, first=0, most=len(films))
    by_film = {row["film"]: row for row in rows_of}
    rows = [by_film[film] for film in films if film in by_film]
    gallery.cards(other, selection, gallery.AS_STORED, rows, key="open drift")
