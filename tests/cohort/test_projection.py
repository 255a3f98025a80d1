"""Maps of films, from features whose groups are known."""

import numpy as np
import pytest

from core.cohort.projection import MOST, ProjectionName, neighbour_purity, projection

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
