"""The logit while units are switched off, and the comparison of rankings."""

from pathlib import Path

import numpy as np
import pytest

from core.errors import BadData, BadSetting, Stopped
from core.evaluate import manifest
from core.layers.ablation_curve import RANKINGS, AblationCurve, ablation_curves, points, removal_effect
from core.models.classifier import Classifier, load
from core.types import Radiograph
from core.work import Work
from tests.evaluate import drawn
from tests.layers import planted

FILM = planted.film(1, squares=[(9, 13)])


def test_the_curve_falls_where_the_planted_unit_goes() -> None:
    for stage in ("stage 1", "stage 2"):
        values = {
            curve.ranking: curve for curve in ablation_curves(planted.classifier(), FILM, "square", stage=stage, seed=3)
        }

        assert tuple(values) == RANKINGS
        for curve in values.values():
            turn = curve.order.tolist().index(planted.UNIT)
            intact = planted.classifier().predict(FILM).logits[0]
            expected = [intact if count <= turn else -1.0 for count in curve.counts]
            assert curve.logits.tolist() == pytest.approx(expected, abs=1e-4)
        assert values["relevance"].order[0] == planted.UNIT
        assert values["activation"].order[-1] == planted.UNIT  # the others answer everywhere
        assert values["relevance"].area < values["activation"].area


def test_the_area_is_the_mean_logit_on_the_way() -> None:
    curve = AblationCurve("random", np.arange(4), np.array([0, 1, 4]), np.array([3, 1, 1], np.float32))

    assert curve.area == (2 * 1 + 1 * 3) / 4
    assert curve.fall(4) == 2
    with pytest.raises(ValueError, match=r"no point at 2 units, only at \[0, 1, 4\]"):
        curve.fall(2)


def test_the_points_begin_one_by_one_and_end_with_all_units() -> None:
    assert points(5) == (0, 1, 2, 3, 4, 5)
    assert points(1024)[:4] == (0, 1, 2, 3)
    assert points(1024)[-1] == 1024
    assert len(points(1024)) < 30


def test_at_the_last_stage_relevance_falls_fastest_by_construction(classifier: Classifier, phantom: Radiograph) -> None:
    """With a linear head behind an average, what a unit's removal costs is its relevance."""
    relevance, *others = ablation_curves(classifier, phantom, "covid", at=[20])

    for other in others:
        assert relevance.fall(20) > other.fall(20)
        assert relevance.area < other.area
        assert other.logits[-1] == pytest.approx(float(relevance.logits[-1]), abs=1e-5)


def test_the_mean_over_the_film_changes_nothing_before_an_averaging_head(
    classifier: Classifier, phantom: Radiograph
) -> None:
    curve = ablation_curves(classifier, phantom, "covid", fill="mean")[0]

    assert curve.logits == pytest.approx(np.full(len(curve.counts), curve.logits[0]), abs=1e-4)


def test_it_tells_how_far_it_is_and_can_be_cancelled(classifier: Classifier, phantom: Radiograph) -> None:
    steps: list[tuple[int, int]] = []
    work = Work(tell=lambda done, total: steps.append((done, total)))
    ablation_curves(classifier, phantom, "covid", work=work)
    assert steps[-1] == (3 * (len(points(1024)) - 1),) * 2

    work.cancel()
    with pytest.raises(Stopped, match="cancelled"):
        ablation_curves(classifier, phantom, "covid", work=work)


def test_more_units_than_there_are_cannot_go() -> None:
    with pytest.raises(BadSetting, match=r"stage 2 has 5 units, so 6 cannot be switched off"):
        ablation_curves(planted.classifier(), FILM, "square", at=[6])


def test_rankings_are_compared_film_by_film(classifier: Classifier, tmp_path_factory: pytest.TempPathFactory) -> None:
    rows = manifest.read_manifest(drawn.write(tmp_path_factory.mktemp("drawn"), 4))
    effect = removal_effect(classifier, rows, top=20, repeats=50)

    fall, less = effect["fall"], effect["less"]
    assert (effect["n"], effect["stage"], effect["top"]) == (len(rows), "stage 4", 20)
    for other in ("activation", "random"):
        paired = less[f"relevance - {other}"]
        assert paired["value"] == pytest.approx(fall["relevance"]["value"] - fall[other]["value"], abs=2e-4)
        assert 0 < paired["low"] <= paired["value"] <= paired["high"]
    with pytest.raises(BadData, match="no film to switch units off for"):
        removal_effect(classifier, [])


def test_on_real_films_relevance_falls_faster_than_activation_and_chance(real_films: Path) -> None:
    """Four films at an inner stage, where nothing is so by construction; 50 films gave 0.63, 0.03 and 0.01 logits."""
    rows = [row for row in manifest.read_manifest(real_films) if row.split == "test"][:4]
    effect = removal_effect(load("densenet121-lungs"), rows, stage="stage 3", top=20, repeats=10)

    for paired in effect["less"].values():
        assert paired["value"] > 0.2
