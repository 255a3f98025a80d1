"""Where the heat lies, finding by finding."""

import numpy as np
from numpy.typing import NDArray

from core.audit.audit_test import AuditFigure, AuditResult, above, audit_test, judged, unjudged
from core.audit.collection import FEWEST
from core.audit.observations import Observations
from core.estimate import Estimate
from core.evaluate.intervals import estimates

_ORDER = ("holds", "doubtful", "fails")


@audit_test("heat-outside", title="Heat outside the lungs")
def heat_outside(observations: Observations) -> AuditResult:
    """Share of Grad-CAM's heat outside the lungs, for the films of each finding, compared with that of an even map."""
    figures: list[AuditFigure] = []
    results = []
    for place, finding in enumerate(observations.findings):
        films = np.flatnonzero(observations.truth[:, place] & ~np.isnan(observations.lung_share[:, place]))
        if len(films) < FEWEST:
            continue
        inside, area = observations.lung_share[films, place], observations.lung_area[films]
        outside, excess = _estimates(observations, inside, area, films)
        word = above(excess, 0)
        results.append((word, finding, outside, 1 - float(area.mean())))
        figures.append(AuditFigure(f"{finding}: heat outside the lungs", outside, 1 - float(area.mean()), "even map"))
    if not results:
        return unjudged("heat-outside", f"No finding has {FEWEST} films with lungs and a map that is not flat.")
    word, finding, outside, even = max(results, key=lambda each: (_ORDER.index(each[0]), each[2].value - each[3]))
    sentence = (
        f"Of the heat for {finding}, {outside.value:.0%} ({outside.low:.0%} to {outside.high:.0%}) lies outside the "
        f"lungs (of an even map: {even:.0%})."
    )
    meaning = {
        "holds": "The heat of every finding prefers the lungs.",
        "doubtful": "That is no more than by chance in the lungs.",
        "fails": "The heat avoids the lungs.",
    }
    order = sorted(figures, key=lambda figure: not figure.label.startswith(f"{finding}:"))
    return judged("heat-outside", word, f"{sentence} {meaning[word]}", tuple(order))


def _estimates(
    observations: Observations, inside: NDArray[np.float64], area: NDArray[np.float64], films: NDArray[np.intp]
) -> tuple[Estimate, Estimate]:
    """The share of the heat outside the lungs, and how far the share inside exceeds that of an even map."""

    def values(drawn: NDArray[np.intp]) -> NDArray[np.float64]:
        return np.array([1 - inside[drawn].mean(), (inside[drawn] - area[drawn]).mean()])

    outside, excess = estimates(values, observations.patients[films], repeats=observations.repeats)
    return outside, excess
