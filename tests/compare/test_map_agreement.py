"""Agreement and difference of maps whose figures are known by hand, and of random ones against the references."""

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from scipy import stats
from skimage.metrics import structural_similarity

from core.compare.grid import area, placed
from core.compare.map_agreement import (
    OF_PEAKS,
    TITLES,
    Agreement,
    agreement,
    agreement_matrix,
    difference,
    hottest,
    hottest_place,
    lettered,
)
from core.errors import BadData
from core.image.prepare import enlarge
from core.overlay import absence, caption, overlay
from core.types import Explanation, Placement, Radiograph
from tests.compare.planted import film, heat_map, spot

FILM = film()


def noise(seed: int, size: int = 256, *, signed: bool = False) -> Explanation:
    chance = np.random.default_rng(seed)
    heat = chance.normal(size=(size, size)) if signed else chance.random((size, size))
    return heat_map(FILM, heat, signed=signed)


def wang(one: Any, other: Any, *, data_range: float) -> float:
    """SSIM with the settings of the paper."""
    setting = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    return float(structural_similarity(one, other, data_range=data_range, **setting))  # type: ignore[no-untyped-call]


def test_a_map_agrees_with_itself_in_every_figure() -> None:
    a = noise(0, 12)
    result = agreement(FILM, a, a)

    assert result.figures() == pytest.approx(
        {
            "spearman": 1,
            "pearson": 1,
            "ssim": 1,
            "overlap_5": 1,
            "overlap_10": 1,
            "overlap_20": 1,
            "shared": 1,
            "distance_px": 0,
            "distance_mm": math.nan,
        },
        nan_ok=True,
    )
    assert set(result.figures()) == set(TITLES)


def test_figures_are_those_of_scipy_and_scikit_image() -> None:
    a, b = noise(0), noise(1)
    mixed = heat_map(FILM, a.heat + b.heat)
    result = agreement(FILM, a, mixed)
    one, other = (each.heat.astype(float) / each.heat.max() for each in (a, mixed))

    assert result.spearman == pytest.approx(stats.spearmanr(one, other, axis=None).statistic, abs=1e-4)
    assert result.pearson == pytest.approx(stats.pearsonr(one.ravel(), other.ravel()).statistic, abs=1e-6)
    assert result.ssim == pytest.approx(wang(one, other, data_range=1), abs=1e-4)
    for share in (5, 10, 20):
        above = [each >= np.sort(each.ravel())[-round(share / 100 * each.size)] for each in (one, other)]
        assert result.overlap[share] == pytest.approx(
            (above[0] & above[1]).sum() / (above[0] | above[1]).sum(), abs=1e-3
        )


def test_signed_maps_are_compared_on_both_sides_of_zero() -> None:
    a = noise(0, signed=True)
    turned_over = heat_map(FILM, -a.heat, signed=True)
    result = agreement(FILM, a, turned_over)

    assert (result.spearman, result.pearson) == pytest.approx((-1, -1))
    one = a.heat.astype(float) / np.abs(a.heat).max()
    assert result.ssim == pytest.approx(wang(one, -one, data_range=2), abs=1e-4)
    assert result.overlap[10] == 0  # what speaks for it in one speaks against it in the other


def test_beside_a_map_without_a_side_below_zero_only_what_speaks_for_the_finding_counts() -> None:
    a = noise(0, signed=True)
    rectified = heat_map(FILM, a.heat.clip(min=0) / 7)

    assert agreement(FILM, a, rectified).spearman == pytest.approx(1)
    assert agreement(FILM, a, rectified).shared == pytest.approx(1, abs=1e-4)


def test_spots_that_overlap_by_half() -> None:
    a = spot(FILM, slice(0, 32), slice(0, 64))  # 2,048 of 65,536 cells: less than the hottest 5 %
    b = spot(FILM, slice(0, 32), slice(32, 96))
    result = agreement(FILM, a, b)

    assert dict(result.overlap) == pytest.approx({5: 1 / 3, 10: 1 / 3, 20: 1 / 3})
    assert result.shared == pytest.approx(0.5)
    assert result.distance_px == pytest.approx(32)


def test_spots_apart_have_nothing_in_common_and_their_distance_in_mm() -> None:
    thin = film(400, 200, spacing=(0.5, 2.0))
    a = spot(thin, slice(100, 110), slice(50, 60))
    b = spot(thin, slice(160, 170), slice(90, 100))
    result = agreement(thin, a, b)

    assert (result.overlap[10], result.shared) == (0, 0)
    assert result.distance_px == pytest.approx(math.hypot(60, 40), abs=0.5)
    assert result.distance_mm == pytest.approx(math.hypot(60 * 0.5, 40 * 2.0), abs=1)
    assert not result.notes


def test_without_spacing_the_distance_is_in_pixels_only_and_reported() -> None:
    result = agreement(FILM, spot(FILM, slice(0, 9), slice(0, 9)), spot(FILM, slice(90, 99), slice(0, 9)))

    assert result.distance_px == pytest.approx(90)
    assert math.isnan(result.distance_mm)
    assert result.notes == ("The file has no pixel size, so the distance is in pixels only.",)


def test_a_plateau_counts_by_the_share_that_fits() -> None:
    heat = np.array([[3.0, 1.0, 1.0, 1.0, 1.0, 0, 0, 0, 0, 0]])

    assert hottest(heat, 0.3).tolist() == [[1, 0.5, 0.5, 0.5, 0.5, 0, 0, 0, 0, 0]]
    assert hottest(heat, 0.25).tolist() == [[1, 0.375, 0.375, 0.375, 0.375, 0, 0, 0, 0, 0]]
    assert hottest(heat, 0.9).tolist() == [[1, 1, 1, 1, 1, 0, 0, 0, 0, 0]]


def test_the_place_of_the_maximum_is_in_the_piece_that_holds_it() -> None:
    heat = np.zeros((100, 100))
    heat[10:14, 10:14] = 0.9  # a larger piece without the maximum
    heat[80:82, 60:62] = [[1, 1], [1, 1]]
    assert hottest_place(heat) == (81, 61)

    heat[10:14, 10:14] = 1  # now both contain it: the one with the most heat
    assert hottest_place(heat) == (12, 12)

    heat[:] = 0
    heat[70, 20] = heat[20, 70] = 1  # alike: the upper one
    assert hottest_place(heat) == (20.5, 70.5)
    assert np.isnan(hottest_place(np.zeros((4, 4)))).all()


def test_the_same_heat_in_other_units_sizes_and_turns_agrees() -> None:
    a = noise(0, 12)
    scaled = heat_map(FILM, a.heat * 1e-5, unit="logits per pixel")
    finer = heat_map(FILM, enlarge(a.heat, Placement(0, 0, 120, 120), (120, 120)))
    turned = heat_map(FILM, np.rot90(a.heat, 1), placement=Placement(0, 0, 256, 256, turn=1))

    for same in (scaled, turned):
        expected = pytest.approx(agreement(FILM, a, a).figures(), nan_ok=True, abs=1e-4)
        assert agreement(FILM, a, same).figures() == expected
    assert agreement(FILM, a, finer).spearman > 0.99


def test_only_what_both_maps_cover_counts() -> None:
    wide = film(256, 512)
    whole = noise_on(wide, Placement(0, 0, 512, 256))
    left = dataclasses.replace(whole, heat=whole.heat[:, :64], placement=Placement(0, 0, 256, 256))
    result = agreement(wide, whole, left)

    # The film is twice as long as the grid, so that cells of the map and of the grid coincide.
    assert result.spearman == pytest.approx(1, abs=2e-3)
    assert result.notes[0] == "50 % of the film is covered by only one of the maps and left out."
    common = area(wide, (whole.placement, left.placement))
    assert common is not None
    assert (common.x1, common.rows, common.columns, common.left_out) == (256, 128, 128, 0.5)


def noise_on(radiograph: Radiograph, placement: Placement) -> Explanation:
    return heat_map(radiograph, np.random.default_rng(3).random((64, 128)), placement=placement)


def test_padding_beyond_the_film_is_no_film() -> None:
    tall = film(400, 200)
    padded = heat_map(tall, np.ones((4, 4)), placement=Placement(-100, 0, 300, 400))
    common = area(tall, (padded.placement, Placement(0, 0, 200, 400)))

    assert common is not None
    assert (common.x0, common.x1, common.rows, common.columns, common.left_out) == (0, 200, 256, 128, 0)


def test_the_grid_shows_a_map_as_the_film_does() -> None:
    cropped = heat_map(FILM, np.random.default_rng(0).random((7, 5)), placement=Placement(16, 32, 240, 224, turn=3))
    common = area(FILM, (cropped.placement,))

    assert common is not None
    on_film = enlarge(cropped.heat, cropped.placement, (256, 256))[32:224, 16:240]
    assert np.allclose(placed(cropped.heat, cropped.placement, common), on_film, atol=1e-6)


@pytest.mark.parametrize("value", [0.0, 2.0, np.nan])
def test_a_flat_map_has_no_figures_and_a_reason(value: float) -> None:
    result = agreement(FILM, noise(0), heat_map(FILM, np.full((7, 7), value)), names=("plain", "lungs"))

    assert np.isnan(list(result.figures().values())).all()
    assert result.notes == ("lungs shows nothing, or the same everywhere: there is nothing to compare.",)


def test_void_maps_have_no_figures() -> None:
    void = heat_map(FILM, np.eye(7), void=True, caveat="Nothing to see.")

    assert agreement(FILM, void, void).notes[0].startswith("A shows nothing")
    assert agreement(FILM, void, heat_map(FILM, np.zeros((3, 3)))).notes[0].startswith("A and B show nothing")


def test_a_map_in_which_nothing_speaks_for_the_finding_has_no_hottest_part() -> None:
    against = heat_map(FILM, -noise(0).heat - 0.1, signed=True)
    result = agreement(FILM, against, noise(1, signed=True))

    assert math.isfinite(result.spearman)
    assert np.isnan([result.overlap[5], result.shared, result.distance_px]).all()
    assert result.notes == ("Nothing in A supports the finding, so it has no hottest region.",)


def test_maps_side_by_side_on_the_film_have_no_common_part() -> None:
    a = heat_map(FILM, np.eye(4), placement=Placement(0, 0, 100, 256))
    b = heat_map(FILM, np.eye(4), placement=Placement(100, 0, 256, 256))

    assert agreement(FILM, a, b) == Agreement(notes=("The maps cover no common part of the film.",))
    assert difference(FILM, a, b).caveat.startswith("The maps cover no common part of the film")


def test_maps_of_different_films_are_refused() -> None:
    other = heat_map(film(100, 100), np.eye(4))
    for refused in (agreement, difference):
        with pytest.raises(BadData, match="1 of the 2 maps is of another film than planted"):
            refused(FILM, noise(0), other)
    with pytest.raises(BadData, match="Choose maps of the same film"):
        agreement_matrix(FILM, [noise(0), other])


def test_the_matrix_holds_each_pair_once() -> None:
    maps = [noise(0, 7), noise(1, 12), heat_map(FILM, np.eye(5), placement=Placement(0, 0, 100, 200))]
    matrix = agreement_matrix(FILM, maps)

    assert [[cell is matrix[j][i] for j, cell in enumerate(row)] for i, row in enumerate(matrix)] == [[True] * 3] * 3
    assert matrix[0][2].figures() == pytest.approx(agreement(FILM, maps[0], maps[2]).figures(), nan_ok=True)
    assert [matrix[i][i].spearman for i in range(3)] == pytest.approx([1, 1, 1])
    assert lettered(28)[-3:] == ["Z", "A1", "B1"]


def test_the_raw_difference_is_one_map_less_the_other_at_their_own_size() -> None:
    a, b = heat_map(FILM, [[1, 2], [3, 4]]), heat_map(FILM, [[4, 2], [1, 0]])
    map_ = difference(FILM, a, b, names=("plain", "lungs"))

    assert map_.heat.tolist() == [[-3, 0], [2, 4]]
    assert (map_.signed, map_.unit, map_.placement) == (True, "logits per cell", a.placement)
    assert caption(map_) == "covid · plain − lungs · stage 4 · signed · 2 × 2, enlarged"
    assert absence(map_) is None


def test_maps_in_different_units_or_sizes_are_divided_by_their_peaks_and_reported() -> None:
    a, b = heat_map(FILM, [[1, 2], [3, 4]]), heat_map(FILM, [[4, 2], [1, 0]])
    wanted = difference(FILM, a, b, scale="peak")
    other_unit = difference(FILM, a, dataclasses.replace(b, unit="activation"))
    finer = difference(FILM, a, heat_map(FILM, np.kron(b.heat, np.ones((2, 2)))))

    assert wanted.heat.tolist() == other_unit.heat.tolist() == [[-0.75, 0], [0.5, 1]]
    assert [each.unit for each in (wanted, other_unit, finer)] == [OF_PEAKS] * 3
    assert finer.heat.shape == (256, 256)


def test_the_difference_lies_where_both_maps_do_and_says_what_it_leaves_out() -> None:
    a = heat_map(FILM, [[2.0]], placement=Placement(0, 0, 256, 192))
    b = heat_map(FILM, [[0.5, 1]], placement=Placement(128, 64, 256, 256))
    map_ = difference(FILM, a, b)

    assert map_.placement == Placement(128, 64, 256, 192)
    assert map_.heat.shape == (128, 128)
    assert map_.heat[:, 0].tolist() == [0.5] * 128  # 2 / 2 less 0.5 / 1
    assert map_.heat[:, -1].tolist() == [0.0] * 128
    assert map_.caveat == "62 % of the film is covered by only one of the maps and left out."
    picture = overlay(FILM, map_, legend=False)
    assert picture[:60].max() == picture[200:].max() == picture[:, :120].max() == 0


def test_the_difference_of_a_signed_and_an_unsigned_map_is_of_what_speaks_for_the_finding() -> None:
    a, b = heat_map(FILM, [[-5, 2]], signed=True), heat_map(FILM, [[1, 1]])

    assert difference(FILM, a, b).heat.tolist() == [[-1, 1]]


def test_where_there_is_no_difference_a_sentence_says_so() -> None:
    a = noise(0, 7)
    void = dataclasses.replace(a, void=True, caveat="Nothing to see.")

    same = difference(FILM, a, dataclasses.replace(a))
    assert (same.void, absence(same)) == (True, "The two maps are the same, so there is no difference to draw.")
    assert absence(difference(FILM, a, void)) == "B shows nothing, so there is no difference to draw."
    assert absence(difference(FILM, void, void)) == "Neither map shows anything, so there is no difference to draw."


def test_the_difference_carries_the_caveats_of_its_maps() -> None:
    a = dataclasses.replace(noise(0, 7), caveat="It is saturated.")

    assert difference(FILM, a, noise(1, 7), names=("plain", "lungs")).caveat == "plain: It is saturated."
