"""The choices on the Cohort page; part of the session."""

from dataclasses import dataclass, field
from typing import Any

from core.cohort.projection import ProjectionName
from core.report.similar_cases import SimilarCases


@dataclass
class CohortState:
    """The choices on the Cohort page.

    run:       folder of the run; None while none is chosen.
    checkpoint, finding, method: of the rows; empty for the first of the run.
    outcome, text, low, high: the filter, as core.cohort.table.Selection.
    films:     chosen on the map of cases; empty for all.
    hovered:   the film under the mouse there; None before the first.
    threshold: None for the operating point of the model.
    prevalence: in per cent; None for that of the films.
    order:     of the gallery.
    first:     place of the first film in the gallery.
    charts:    the group of charts on the page.
    group:     column of the subgroups; empty for the first.
    projection, colour: of the map of cases; the column that colours it, empty for the first.
    representation: features that the map lays the films out by; empty for the last stage.
    other_run: folder of the run to compare with.
    other_model: model whose heat is compared with the chosen model's; empty for the first other model of the run.
    similar:   whether Read shows similar cases, from which run (empty for the latest) and by which stage (empty for
               the last).
    similar_shown: (film, weights, finding) -> the similar cases on Read, for its reports.
    input, models, methods, name: of a new run.
    opened:    the films of the selection when one was opened in Read, the place of that film, and the selection.
    was_there: whether that film was in the strip already.
    """

    run: str | None = None
    checkpoint: str = ""
    finding: str = ""
    method: str = ""
    outcome: str = "all"
    text: str = ""
    low: float = 0.0
    high: float = 1.0
    films: tuple[int, ...] = ()
    hovered: int | None = None
    threshold: float | None = None
    prevalence: float | None = None
    order: str = "Most likely first"
    first: int = 0
    charts: str = "Performance"
    group: str = ""
    projection: ProjectionName = "PCA"
    colour: str = ""
    representation: str = ""
    other_run: str | None = None
    other_model: str = ""
    similar: bool = False
    similar_run: str = ""
    similar_stage: str = ""
    similar_shown: dict[tuple[str, str, str], SimilarCases] = field(default_factory=dict)
    input: str = ""
    models: tuple[str, ...] = ()
    methods: tuple[str, ...] = ("grad-cam",)
    name: str = ""
    opened: list[int] = field(default_factory=list)
    place: int = 0
    opened_film: str = ""
    opened_from: Any = None
    was_there: bool = False

    def first_page(self) -> None:
        """Goes back to the start of the gallery."""
        self.first = 0
