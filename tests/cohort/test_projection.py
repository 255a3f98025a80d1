"""Maps of films, from features whose groups are known."""

import numpy as np
import pytest

from core.cohort.projection import MOST, ProjectionName, neighbour_purity, projection
from core.errors import Stopped
from core.work import Work

CHANCE = np.random.default_rng(0)
GROUPS = np.repeat(["a", "b", "c"], 40)
CENTRES = np.repeat(CHANCE.normal(0, 1, (3, 16)), 40, axis=0)
FEATURES = (4 * CENTRES + CHANCE.normal(0, 0.5, (120, 16))).astype(np.float32)


@pytest.mark.parametrize("name", list(MOST))
@pytest.mark.filterwarnings("ignore")  # of openTSNE, about its own dependencies
def test_groups_that_lie_apart_in_the_features_lie_apart_on_the_map(name: ProjectionName) -> None:
    result = projection(FEATURES, name)

    purity, chance = neighbour_purity(result.points, GROUPS)
    assert result.points.shape == (120, 2)
    assert purity > 0.95
    assert chance == pytest.approx(39 / 119)
    assert 0.8 < result.trustworthiness <= 1
    assert (result.distances is None) == (name != "Self-organising map")


def test_shuffled_labels_are_no_purer_than_chance() -> None:
    purity, chance = neighbour_purity(projection(FEATURES, "PCA").points, CHANCE.permutation(GROUPS))

    assert purity == pytest.approx(chance, abs=0.08)


@pytest.mark.parametrize(("name", "steps"), [("t-SNE", 750), ("Self-organising map", 20)])
@pytest.mark.filterwarnings("ignore")  # of openTSNE, about its own dependencies
def test_a_slow_map_reports_its_progress_and_can_be_stopped(name: ProjectionName, steps: int) -> None:
    reports: list[tuple[int, int]] = []
    projection(FEATURES, name, work=Work(tell=lambda done, total: reports.append((done, total))))

    assert reports[-1] == (steps, steps)
    assert len(reports) > 15

    half = Work()
    half._tell = lambda done, total: half.cancel() if 2 * done > total else None
    with pytest.raises(Stopped, match="cancelled"):
        projection(FEATURES, name, work=half)
    assert half.done < steps
