from dataclasses import replace

import numpy as np
import pytest

from core.errors import BadSetting
from core.overlay import (
    DIVERGING,
    OPACITY,
    SEQUENTIAL,
    absence,
    alphas,
    caption,
    common_end,
    display,
    end,
    figure,
    levels,
    overlay,
    palettes,
    shares,
    table,
)
from core.types import Explanation, Heat, Origin, Placement, Radiograph


def film(height: int = 40, width: int = 60, *, name: str = "a.png", drawn: bool = False) -> Radiograph:
    pixels = np.linspace(0, 4095, height * width).reshape(height, width).astype(np.uint16)
    origin = Origin("drawn" if drawn else "DICOM", "I;16", 12)
    return Radiograph(pixels=pixels, name=name, black=1000, white=3000, origin=origin)


def explained(
    radiograph: Radiograph, heat: Heat, *, signed: bool = False, placement: Placement | None = None
) -> Explanation:
    height, width = radiograph.pixels.shape
    return Explanation(
        radiograph=radiograph.key,
        checkpoint="0" * 16,
        heat=heat,
        placement=placement or Placement(0, 0, width, height),
        signed=signed,
        unit="logits",
        method="grad-cam",
        finding="covid",
        layer="stage4",
        settings={},
        seconds=0.1,
        passes=(1, 1),
    )


def luminance(rgb: np.ndarray) -> np.ndarray:
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    weighted: np.ndarray = linear @ np.array([0.2126, 0.7152, 0.0722])
    return weighted


@pytest.mark.parametrize("colours", SEQUENTIAL)
def test_a_sequential_colour_map_only_gets_lighter(colours: str) -> None:
    assert table(colours).shape == (256, 3)
    assert (np.diff(luminance(table(colours) / 255)) > -2e-3).all()


@pytest.mark.parametrize("colours", DIVERGING)
def test_a_diverging_colour_map_has_its_darkest_place_in_the_middle_and_equal_sides(colours: str) -> None:
    light = luminance(table(colours) / 255)

    assert abs(int(light.argmin()) - 128) <= 12
    assert light[1] == pytest.approx(light[255], abs=0.25)


@pytest.mark.parametrize("colours", SEQUENTIAL + DIVERGING)
def test_a_colour_map_is_read_only(colours: str) -> None:
    assert not table(colours).flags.writeable


def test_a_colour_map_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(BadSetting, match=r"no colour map .jet.*inferno"):
        table("jet")


def test_zero_lies_exactly_in_the_middle_of_a_signed_map() -> None:
    heat = np.array([[-9.0, -3.0, -1.5, 0.0, 1.5, 3.0, 9.0, np.nan]], dtype=np.float32)

    assert levels(heat, signed=True, scale=3.0).tolist() == [[1, 1, 65, 128, 192, 255, 255, 128]]
    assert shares(signed=True)[[1, 128, 255]].tolist() == [1.0, 0.0, 1.0]


def test_an_unsigned_map_starts_at_zero_and_ends_at_its_scale() -> None:
    heat = np.array([[-1.0, 0.0, 1.5, 3.0, 4.0, np.nan]], dtype=np.float32)

    assert levels(heat, signed=False, scale=3.0).tolist() == [[0, 0, 128, 255, 255, 0]]


def test_weak_heat_leaves_the_film_visible_and_half_of_the_scale_has_full_opacity() -> None:
    alpha = alphas(signed=False, opacity=0.4, threshold=0.0)

    assert alpha[0] == 0.0
    assert alpha[51] == pytest.approx(0.16)  # a fifth of the scale
    assert alpha[128] == alpha[255] == pytest.approx(0.4)


def test_below_the_threshold_nothing_is_drawn() -> None:
    alpha = alphas(signed=True, opacity=0.4, threshold=0.5)

    assert (alpha[65:192] == 0).all()
    assert (alpha[[1, 64, 192, 255]] > 0).all()


def test_display_shows_black_as_0_and_white_as_255() -> None:
    pixels = np.array([[0, 1000, 2000, 3000, 65535]], dtype=np.uint16)
    radiograph = Radiograph(pixels=pixels, name="a", black=1000, white=3000, origin=Origin("DICOM", "I;16", 16))

    assert display(radiograph).tolist() == [[0, 0, 128, 255, 255]]


def test_without_a_legend_the_picture_has_the_films_size() -> None:
    radiograph = film()

    assert overlay(radiograph, explained(radiograph, np.ones((7, 7), np.float32)), legend=False).shape == (40, 60, 3)


def test_outside_the_placement_the_film_is_bare() -> None:
    radiograph = film()
    explanation = explained(radiograph, np.ones((7, 7), np.float32), placement=Placement(10, 5, 50, 35))

    picture = overlay(radiograph, explanation, legend=False)

    bare = np.repeat(display(radiograph)[:, :, None], 3, axis=2)
    inside = np.zeros((40, 60), dtype=bool)
    inside[5:35, 10:50] = True
    assert (picture[~inside] == bare[~inside]).all()
    assert (picture[inside] != bare[inside]).any(axis=1).all()


def test_full_opacity_shows_the_colour_map_itself_at_the_peak() -> None:
    radiograph = film()
    explanation = explained(radiograph, np.full((2, 2), 5.0, np.float32))

    picture = overlay(radiograph, explanation, opacity=1.0, colours="viridis", legend=False)

    assert (picture == table("viridis")[255]).all()


def test_a_common_scale_makes_a_weaker_map_fainter() -> None:
    radiograph = film()
    explanation = explained(radiograph, np.full((2, 2), 1.0, np.float32))

    picture = overlay(radiograph, explanation, opacity=1.0, scale=4.0, legend=False)

    expected = display(radiograph)[0, 0] * 0.5 + table("inferno")[64] * 0.5
    assert picture[0, 0] == pytest.approx(expected, abs=1)


@pytest.mark.parametrize(
    ("value", "signed", "sentence"),
    [
        (0.0, False, "zero everywhere"),
        (np.nan, False, "not numbers"),
        (np.inf, True, "not numbers"),
        (-1.0, False, "supports the finding"),
    ],
)
def test_a_map_without_heat_leaves_the_film_bare_and_says_why(value: float, signed: bool, sentence: str) -> None:
    radiograph = film()
    explanation = explained(radiograph, np.full((2, 2), value, np.float32), signed=signed)

    picture = overlay(radiograph, explanation, legend=False)

    assert (picture == display(radiograph)[:, :, None]).all()
    assert sentence in (absence(explanation) or "")
    assert overlay(radiograph, explanation).shape[1] == 480


def test_colours_that_do_not_suit_the_map_are_refused() -> None:
    radiograph = film()
    heat = np.ones((2, 2), np.float32)

    with pytest.raises(BadSetting, match="'inferno' does not suit a signed map"):
        overlay(radiograph, explained(radiograph, heat, signed=True), colours="inferno")
    with pytest.raises(BadSetting, match="'berlin' does not suit an unsigned map"):
        overlay(radiograph, explained(radiograph, heat), colours="berlin")


def test_a_map_of_another_radiograph_is_refused() -> None:
    with pytest.raises(ValueError, match="the map is of radiograph"):
        overlay(film(50, 50), explained(film(), np.ones((2, 2), np.float32)))


@pytest.mark.parametrize("width", [200, 1000, 4000])
@pytest.mark.parametrize("signed", [False, True])
def test_the_legend_stands_below_the_untouched_picture(width: int, signed: bool) -> None:
    radiograph = film(120, width, name="x" * 300 + " é × 日.png", drawn=True)
    explanation = explained(radiograph, np.eye(7, dtype=np.float32), signed=signed)

    bare = overlay(radiograph, explanation, legend=False)
    whole = overlay(radiograph, explanation)

    left = (whole.shape[1] - width) // 2
    assert whole.shape[1] == max(width, 480)
    assert (whole[:120, left : left + width] == bare).all()
    assert whole[120:].max() > 200  # letters
    assert (whole[120:, -1] == whole[120, -1]).all()  # none reaches the edge


def test_the_caption_says_finding_method_stage_and_native_size() -> None:
    radiograph = film()

    assert caption(explained(radiograph, np.ones((7, 7), np.float32))) == "covid · grad-cam · stage4 · 7 × 7, enlarged"
    assert caption(explained(radiograph, np.ones((224, 224), np.float32))) == "covid · grad-cam · stage4 · 224 × 224"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (3.14159, "3.14"), (-0.02, "−0.02"), (1234.5, "1230"), (1.2e-5, "1.2 × 10⁻⁵"), (-3e7, "−3.0 × 10⁷")],
)
def test_figures_have_three_digits(value: float, text: str) -> None:
    assert figure(value) == text


def test_the_default_opacity_is_moderate() -> None:
    assert OPACITY == 0.45
    assert palettes(signed=False)[0] == "inferno"


def test_the_caption_says_signed_or_rectified_from_which_stages_and_what_was_set() -> None:
    radiograph = film(400, 400)
    plain = explained(radiograph, np.ones((7, 7), np.float32))
    rectified = replace(plain, settings={"signed": False})
    signed = replace(plain, signed=True, settings={"signed": True}, changed={"signed": True})
    fused = replace(plain, layer="stage 3+stage 4", changed={"steps": 64, "noise": 0.25, "squared_off": True})

    assert caption(rectified) == "covid · grad-cam · stage4 · rectified · 7 × 7, enlarged"
    assert caption(signed) == "covid · grad-cam · stage4 · signed · 7 × 7, enlarged"
    assert caption(replace(plain, layer="a+b+c")).split(" · ")[2] == "fused from a, b and c"
    assert caption(fused).split(" · ")[2:6] == [
        "fused from stage 3 and stage 4",
        "steps 64",
        "noise 0.25",
        "squared off on",
    ]


def test_a_common_scale_ends_at_the_largest_map_that_is_drawn() -> None:
    radiograph = film()
    low, high = (explained(radiograph, np.full((2, 2), value, np.float32)) for value in (1, 3))
    void = replace(explained(radiograph, np.full((2, 2), 9, np.float32)), void=True, caveat="The same everywhere.")

    assert common_end([low, high, void]) == end(high) == 3
    assert common_end([void]) is None
    assert common_end([]) is None
    with pytest.raises(ValueError, match="have no common scale"):
        common_end([low, replace(high, unit="share")])


def test_a_void_map_is_the_bare_film_and_a_caveat_stands_in_the_legend() -> None:
    radiograph = film(300, 500)
    heat = np.zeros((2, 2), np.float32)
    heat[0, 0] = 1
    clean = explained(radiograph, heat)
    void = replace(clean, void=True, caveat="The map has the same value everywhere.")
    changed = replace(clean, caveat="The network gives covid a probability of 0.001: do not read it as a sign of one.")

    assert absence(void) == void.caveat
    assert absence(changed) is None
    bare = overlay(radiograph, void, legend=False)
    assert (bare[..., 0] == display(radiograph)).all()
    assert (overlay(radiograph, changed, legend=False) == overlay(radiograph, clean, legend=False)).all()
    assert overlay(radiograph, changed).shape[0] > overlay(radiograph, clean).shape[0]
