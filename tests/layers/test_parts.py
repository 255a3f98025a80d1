"""A stage's maps as a few parts."""

from collections import OrderedDict

import numpy as np
import pytest
import torch
from PIL import ImageColor
from torch import nn

from core.errors import BadSetting, OneCell, Stopped, Unfit, UnknownName
from core.layers.activations import stage_activations
from core.layers.parts import part_explanation, stage_parts
from core.models.architecture import Network
from core.models.classifier import Classifier
from core.overlay import REGIONS, regions
from core.types import Checkpoint, Input, Origin, Radiograph
from core.work import Work

SIDE = 24  # px; a cell sees 2 × 2 of them


def _network(*, signed: bool = False, silent: bool = False) -> Classifier:
    """One stage of 12 × 12 cells: units 0 and 1 answer to dark, 2 and 3 to middle, 4 and 5 to bright cells."""
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 2))
    linear = head[2]
    assert isinstance(linear, nn.Linear)
    with torch.no_grad():
        linear.weight.zero_()
        linear.weight[0, 4] = 144.0
        linear.bias.zero_()
    last: nn.Module = _Signed() if signed else nn.ReLU()
    children = OrderedDict(pool=nn.AvgPool2d(2), bands=_Bands(-9.0 if silent else 0.0), last=last)
    whole = Network(nn.Sequential(children), {"only": "last"}, head)
    raw = Input(SIDE, mean=(0.0,), std=(1.0,))
    card = Checkpoint("banded", "by hand", ("bright", "none"), False, raw, sha256="banded")
    return Classifier(card, whole.eval().requires_grad_(False))


class _Bands(nn.Module):
    """(N, 1, h, w) grey to six units, two for each third of the scale."""

    def __init__(self, raised: float) -> None:
        super().__init__()
        self.raised = raised

    def forward(self, grey: torch.Tensor) -> torch.Tensor:
        thirds = [(1 - (grey - middle).abs() * 6).clamp(min=0) for middle in (1 / 6, 1 / 2, 5 / 6)]
        return torch.cat([part * size for part in thirds for size in (1.0, 2.0)], dim=1) + self.raised


class _Signed(nn.Module):
    """The last unit below zero by as much as it was above."""

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(N, 6, h, w) to the same shape."""
        return torch.cat([features[:, :5], -features[:, 5:]], dim=1)


def _film(seed: int = 0) -> Radiograph:
    """Dark, middle and bright stripes of 8 px."""
    grey = np.repeat([43, 128, 213], 8)[None, :].repeat(SIDE, axis=0)
    if seed:
        grey = grey.T
    return Radiograph(grey.astype(np.uint8), f"stripes {seed}", 0, 255, Origin("PNG", "L", 8))


def test_the_parts_are_the_stripes_and_the_units_that_see_them() -> None:
    decomposition = stage_parts(_network(), _film(), "only", count=3, findings=["bright", "none"])

    assert decomposition.maps.shape == (3, 12, 12)
    assert decomposition.patterns.shape == (3, 6)
    assert decomposition.explained > 0.999
    for stripe in range(3):
        (part,) = set(decomposition.strongest[:, 4 * stripe : 4 * stripe + 4].ravel().tolist())
        assert {channel for channel, _ in decomposition.units(part, 2)} == {2 * stripe, 2 * stripe + 1}
        assert [share for _, share in decomposition.units(part, 2)] == pytest.approx([0.8, 0.2], abs=0.01)
        assert decomposition.areas[part] == pytest.approx(1 / 3)
        # the bright stripe's unit 4 answers with nearly 1 in 48 of 144 cells, and each counts 144 / 144
        assert decomposition.relevance["bright"][part] == pytest.approx(47.4 if stripe == 2 else 0, abs=0.6)
    assert decomposition.relevance["none"].tolist() == [0, 0, 0]
    assert decomposition.clipped == 0
    assert decomposition.passes == (1, 0)  # the gradient of the last stage takes the head alone


def test_parts_and_rest_add_up_to_the_relevance_of_all_units(classifier: Classifier, phantom: Radiograph) -> None:
    for stage in ("stage 2", "stage 3"):
        decomposition = stage_parts(classifier, phantom, stage, findings=["covid"])
        units = stage_activations(classifier, phantom, stage, findings=["covid"])

        total = decomposition.relevance["covid"].sum() + decomposition.rest["covid"]
        assert total == pytest.approx(float(units.relevance["covid"].sum()), abs=1e-3)
        assert decomposition.maps.shape == (5, *units.maps.shape[1:])
        assert (decomposition.maps >= 0).all()
        assert np.linalg.norm(decomposition.patterns, axis=1) == pytest.approx(np.ones(5), abs=1e-4)
        assert 0.3 < decomposition.explained < 1
        assert decomposition.clipped == pytest.approx(
            (units.maps.clip(max=0) ** 2).sum() / (units.maps**2).sum(), rel=1e-4
        )


def test_the_same_film_has_the_same_parts_each_time(classifier: Classifier, phantom: Radiograph) -> None:
    one, other = (stage_parts(classifier, phantom, "stage 3", count=4, seed=2) for _ in range(2))

    assert one.maps.tobytes() == other.maps.tobytes()


def test_several_films_share_their_parts() -> None:
    alone = stage_parts(_network(), _film(), "only", count=3)
    here, there = (
        stage_parts(_network(), film, "only", count=3, others=[_film(0), _film(1)]) for film in (_film(0), _film(1))
    )

    assert (alone.films, here.films, there.films) == (1, 2, 2)
    assert (here.patterns @ there.patterns.T).max(axis=1) == pytest.approx(np.ones(3), abs=1e-3)
    assert (here.patterns @ alone.patterns.T).max(axis=1) == pytest.approx(np.ones(3), abs=1e-3)


def test_of_signed_units_only_what_lies_above_zero_is_decomposed() -> None:
    decomposition = stage_parts(_network(signed=True), _film(), "only", count=3)

    assert (decomposition.patterns[:, 5] == 0).all()
    assert decomposition.clipped == pytest.approx(
        4 / 15, abs=0.01
    )  # unit 5 has 4 of the 1 + 4 of each of three stripes


def test_the_regions_are_drawn_in_the_colours_of_their_parts() -> None:
    film = _film()
    decomposition = stage_parts(_network(), film, "only", count=3)
    picture = regions(film, decomposition.maps, decomposition.placement)
    small = regions(film, decomposition.maps, decomposition.placement, longest=12)
    result = regions(
        film,
        decomposition.maps,
        decomposition.placement,
        words=decomposition.words(),
        title=decomposition.title("banded"),
    )

    grey = film.pixels.astype(float)
    for stripe in range(3):
        part = int(decomposition.strongest[5, 4 * stripe + 1])
        colour = np.array(ImageColor.getrgb(REGIONS[part]), float)
        expected = 0.45 * grey[12, 8 * stripe + 3] + 0.55 * colour
        assert picture[12, 8 * stripe + 3] == pytest.approx(expected, abs=2)
    assert (picture.shape, small.shape) == ((SIDE, SIDE, 3), (12, 12, 3))
    assert result.shape[0] > SIDE
    assert result.shape[1] == 480
    with pytest.raises(ValueError, match="9 parts, 8 colours"):
        regions(film, np.ones((9, 2, 2), np.float32), decomposition.placement)
    with pytest.raises(ValueError, match="and 1 words"):
        regions(film, decomposition.maps, decomposition.placement, words=["one"])


def test_a_part_is_a_map_that_lies_on_the_film(classifier: Classifier, phantom: Radiograph) -> None:
    decomposition = stage_parts(classifier, phantom, "stage 3")
    map_ = part_explanation(decomposition, 1, finding="covid")

    assert (map_.radiograph, map_.placement, map_.title) == (phantom.key, decomposition.placement, "Part 2 of 5")
    assert map_.heat.tolist() == decomposition.maps[1].tolist()
    with pytest.raises(BadSetting, match="no part 6; there are 5"):
        part_explanation(decomposition, 5)


def test_bad_questions_are_reported_in_one_sentence(
    classifier: Classifier, one_cell: Classifier, phantom: Radiograph
) -> None:
    with pytest.raises(BadSetting, match=r"9 parts are not possible. Choose 3 to 8"):
        stage_parts(classifier, phantom, "stage 4", count=9)
    with pytest.raises(BadSetting, match=r"has 1024 units in 4 cells, so it has no 5 parts"):
        stage_parts(classifier, phantom, "stage 4")
    with pytest.raises(UnknownName, match="Did you mean 'stage 4'"):
        stage_parts(classifier, phantom, "stage 5")
    with pytest.raises(UnknownName, match="Did you mean 'covid'"):
        stage_parts(classifier, phantom, "stage 4", findings=["covit"])
    with pytest.raises(OneCell, match="gives 1 × 1 maps"):
        stage_parts(one_cell, phantom, "stage 4")
    with pytest.raises(Unfit, match="No unit of only of banded responds"):
        stage_parts(_network(silent=True), _film(), "only")


def test_it_can_be_cancelled(classifier: Classifier, phantom: Radiograph) -> None:
    work = Work()
    work.cancel()
    with pytest.raises(Stopped, match="cancelled"):
        stage_parts(classifier, phantom, "stage 4", work=work)
