"""Everything known about one film and one model: the input of every report."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from html import escape

from core.compare.anatomical_regions import HeatLocation, anatomical_places, locate_heat
from core.compare.board import Board
from core.explain.run import Request, explain_many
from core.image.film_checks import Check
from core.lung_network import inspect_film
from core.models.classifier import Classifier
from core.report.annotation import FilmAnnotations, without_texts
from core.report.similar_cases import SimilarCases
from core.trust.measure import CHEAP, Figure, MeasureCost, Question, selected_measures
from core.trust.verdicts import Verdict, verdicts
from core.types import Checkpoint, Cleaning, Explanation, Prediction, Radiograph
from core.what_if.log import Attempt
from core.work import Work


@dataclass(frozen=True, eq=False)
class CaseRecord:
    """A film, the prediction for it, its maps, and how far to trust them.

    maps:     (M,) of this film by this model; verdicts and location are those of the first.
    verdicts: on the answer and the first map.
    location: where the heat of the first map lies.
    checks:   of the film.
    annotations: drawn on the film by the user.
    attempts: the what-if edits that were tried, with the answers.
    similar:  films of a run that the model sees as alike; None without a run.
    compared: maps of other models or methods beside the case's own; None without any.
    """

    radiograph: Radiograph
    checkpoint: Checkpoint
    prediction: Prediction
    maps: tuple[Explanation, ...]
    verdicts: tuple[Verdict, ...]
    location: HeatLocation
    checks: tuple[Check, ...]
    annotations: FilmAnnotations = field(default_factory=FilmAnnotations)
    attempts: tuple[Attempt, ...] = ()
    similar: SimilarCases | None = None
    compared: Board | None = None

    @property
    def map(self) -> Explanation:
        """The map that the first page shows."""
        return self.maps[0]

    @property
    def cleaning(self) -> Cleaning:
        """The changes to the film before the network read it."""
        return self.map.cleaning

    @property
    def finding(self) -> str:
        """The finding that the first map explains."""
        return self.map.finding

    @property
    def figures(self) -> tuple[Figure, ...]:
        """The figures of all verdicts."""
        return tuple(figure for verdict in self.verdicts for figure in verdict.figures)

    @property
    def unmeasured(self) -> tuple[str, ...]:
        """Titles of the trust measures that were left out because of their cost."""
        measured = {figure.name for figure in self.figures}
        return tuple(each.title for each in selected_measures(self.radiograph) if each.name not in measured)

    def _repr_html_(self) -> str:
        """The report in a notebook, in a frame of its own."""
        from core.report.content import report_of
        from core.report.html import report_html

        page = escape(report_html(report_of(self)).decode())
        return (
            f'<iframe srcdoc="{page}" style="width: 100%; height: 800px; border: 0" sandbox="allow-scripts"></iframe>'
        )

    @property
    def spacing_is_plausible(self) -> bool:
        """Whether the file's pixel spacing is plausible for a chest."""
        return all(check.level != "warning" for check in self.checks if check.name == "spacing")


def without_name(radiograph: Radiograph) -> Radiograph:
    """The film named by its digest: a file name may be a patient's name."""
    return replace(radiograph, name=f"film {radiograph.key}")


def nameless(case: CaseRecord) -> CaseRecord:
    """The case without anything that may name the patient: the film's name, and texts drawn on it."""
    return replace(case, radiograph=without_name(case.radiograph), annotations=without_texts(case.annotations))


def make_case(
    classifier: Classifier,
    radiograph: Radiograph,
    requests: Sequence[Request],
    *,
    cleaning: Cleaning | None = None,
    costs: Collection[MeasureCost] = CHEAP,
    work: Work | None = None,
) -> CaseRecord:
    """Computes the case: one call of `explain_many`, the film checks and the verdicts on the first map.

    costs:  which trust measures to compute, by cost.

    Raises: as `core.explain.run.explain_many`; ValueError without a request.
    """
    if not requests:
        raise ValueError("a report needs one map or more")
    prediction, maps = explain_many(classifier, radiograph, requests, cleaning=cleaning, work=work)
    return case_of(classifier, radiograph, prediction, maps, costs=costs, work=work)


def case_of(
    classifier: Classifier,
    radiograph: Radiograph,
    prediction: Prediction,
    maps: Sequence[Explanation],
    *,
    costs: Collection[MeasureCost] = CHEAP,
    work: Work | None = None,
) -> CaseRecord:
    """The case from maps that are already computed, with checks, verdicts and location."""
    first = maps[0]
    question = Question(classifier, radiograph, first, first.cleaning, work=work or Work())
    return CaseRecord(
        radiograph,
        classifier.checkpoint,
        prediction,
        tuple(maps),
        tuple(verdicts(question, costs=costs)),
        locate_heat(anatomical_places(radiograph, first.cleaning), first),
        inspect_film(radiograph, first.cleaning),
    )
