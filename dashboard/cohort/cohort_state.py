"""The choices on the Cohort page; part of the session."""

from dataclasses import dataclass, field
from typing import Any

from core.cohort.projection import ProjectionName
from core.report.similar_cases import SimilarCases


@dataclass
class CohortState:
    """What is chosen on the Cohort page.

    run:       folder of the run; None while none is chosen.
    checkpoint, finding, method: of the rows; empty for the first ones of the run.
    outcome, text, low, high: the filter, as core.cohort.table.Selection.
    films:     those chosen on the map of cases; empty for all.
    threshold: None for the operating point of the model.
    prevalence: in per cent; None for that of the films.
    order:     of the gallery.
    first:     place of the first film in the gallery.
    charts:    the group of charts on the page.
    group:     column of the subgroups; empty for the first there is.
    projection, colour: of the map of cases; the column that colours it, empty for the first there is.
    representation: what the map lays the films out by; empty for the last stage.
    other_run: folder of the run that this one is compared with.
    other_model: whose heat is compared with the chosen one's; empty for the first other one of the run.
    similar:   whether similar cases are shown on Read, of which run (empty for the latest) and by which stage (empty
               for the last).
    similar_shown: (film, weights, finding) -> the similar cases on Read, for its reports.
    input, models, methods, name: of a new run.
    opened:    the films of the selection when one was opened in Read, their place, and what they were opened from.
    was_there: whether that film was in the strip before.
    leaving:   whether Read is to be shown, because a film was just opened.
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
    leaving: bool = False

    def first_page(self) -> None:
        """Goes back to the start of the gallery."""
        self.first = 0
