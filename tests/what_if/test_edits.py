"""Edits: each on films whose result is known by hand; text and back; regions and zones; refusals."""

import numpy as np
import pytest
from numpy.typing import NDArray

from core.errors import BadSetting, NoLungs, UnknownName
from core.image.phantom import draw
from core.types import Cleaning, Explanation, Origin, Pixels, Placement, Plane, Radiograph, Window
from core.what_if.edit import SCOPES, Edit, EditContext, edited, edits, made_edit, parsed_edit, region_mask
from core.what_if.picture import grey_difference
from core.what_if.region import Shape, parsed
from core.what_if.zones import ZONES, zone_names

HALF = "rectangle:0,0,0.5,1"  # the left half


def film(pixels: NDArray[np.generic], *, name: str = "film", **changes: object) -> Radiograph:
    white = 255.0 if pixels.dtype == np.uint8 else 4095.0
    fields = {"pixels": pixels, "name": name, "black": 0.0, "white": white, "origin": Origin("PNG", "L", 8)}
    return Radiograph(**(fields | changes))  # type: ignore[arg-type]


def halves(left: int, right: int, *, side: int = 10) -> Radiograph:
    pixels = np.full((side, side), right, np.uint8)
    pixels[:, : side // 2] = left
    return film(pixels)


def result(radiograph: Radiograph, *texts: str, **context: object) -> Pixels:
    given = EditContext(radiograph, **context)  # type: ignore[arg-type]
    return edited(given, [parsed_edit(text) for text in texts]).pixels


def test_black_and_brighten_change_the_region_alone() -> None:
    black = result(halves(100, 200), f"black@{HALF}")
    bright = result(halves(51, 200), f"brighten:amount=0.2@{HALF}")

    assert (black[:, :5] == 0).all()
    assert (black[:, 5:] == 200).all()
    assert (bright[:, :5] == 102).all()
    assert (bright[:, 5:] == 200).all()


def test_mean_is_the_mean_of_the_film() -> None:
    assert result(halves(100, 200), f"mean@{HALF}")[0].tolist() == [150] * 5 + [200] * 5


def test_in_paint_continues_the_surroundings() -> None:
    pixels = np.full((20, 20), 80, np.uint8)
    pixels[:, 10:] = 180
    pixels[4:8, 3:6] = 255

    filled = result(film(pixels), "in-paint@rectangle:0.15,0.2,0.3,0.4")

    assert (filled[4:8, 3:6] == 80).all()
    assert (filled[:, 10:] == 180).all()


def test_blur_keeps_a_flat_region_and_the_mean_of_a_fine_pattern() -> None:
    pixels = np.indices((40, 40)).sum(axis=0) % 2 * 200  # a chessboard of 0 and 200
    blurred = result(film(pixels.astype(np.uint8)), "blur:sigma=0.1@rectangle:0,0,0.5,1")

    assert np.abs(blurred[14:26, 14:20].astype(int) - 100).max() <= 1  # far from the rim, which is repeated outwards
    assert (blurred[:, 20:] == pixels[:, 20:]).all()


def test_opacity_raises_the_middle_of_the_region_to_the_dense_grey_and_never_lowers() -> None:
    pixels = np.full((41, 41), 50, np.uint8)
    pixels[:, 25:] = 200  # the densest quarter and more

    opaque = result(film(pixels), "opacity:strength=1@ellipse:0.1,0.3,0.5,0.7")

    assert opaque.max() == 200
    assert opaque[20, 12] == 200  # the ellipse's centre
    assert (opaque >= pixels).all()
    assert (opaque[:10] == pixels[:10]).all()


def test_move_puts_the_content_elsewhere_and_fills_its_place() -> None:
    pixels = np.full((20, 20), 80, np.uint8)
    pixels[4:8, 4:8] = 240

    moved = result(film(pixels), "move:x=0.5,y=0.25@rectangle:0.2,0.2,0.4,0.4")

    expected = np.full((20, 20), 80, np.uint8)
    expected[9:13, 14:18] = 240
    assert (moved == expected).all()


def test_transplant_takes_the_same_place_of_another_film() -> None:
    donor = film(np.full((30, 30), 4095, np.uint16), name="donor")
    grown = result(halves(0, 100), f"transplant@{HALF}", others={"donor": donor})

    assert grown[0].tolist() == [255] * 5 + [100] * 5


def test_whole_film_edits_move_the_film() -> None:
    pixels = np.zeros((4, 4), np.uint8)
    pixels[0, 0], pixels[1, 2] = 200, 90

    assert (result(film(pixels), "flip") == pixels[:, ::-1]).all()
    assert (result(film(pixels), "flip:axis=up-down") == pixels[::-1]).all()
    assert (result(film(pixels), "rotate:degrees=90") == np.rot90(pixels)).all()  # counter-clockwise
    shifted = np.zeros_like(pixels)
    shifted[1:, 1:] = pixels[:-1, :-1]
    assert (result(film(pixels), "shift:x=0.25,y=0.25") == shifted).all()


def test_crop_enlarges_the_middle() -> None:
    cropped = result(halves(40, 200, side=12), "crop:margin=0.25")

    assert cropped[:, 0].tolist() == [40] * 12
    assert cropped[:, -1].tolist() == [200] * 12
    assert cropped.shape == (12, 12)


def test_exposure_edits_follow_their_formulas() -> None:
    contrast = result(halves(100, 200), "contrast:factor=0.5")[0]
    gamma = result(halves(51, 204), "gamma:gamma=2")[0]
    bits = result(halves(60, 200), "bit-depth:bits=1")[0]

    assert contrast.tolist() == [125] * 5 + [175] * 5
    assert gamma.tolist() == [10] * 5 + [163] * 5  # 255 x 0.04 and 255 x 0.64
    assert bits.tolist() == [0] * 5 + [255] * 5


def test_noise_has_its_deviation_and_is_the_same_again() -> None:
    grey = film(np.full((200, 200), 2048, np.uint16))

    one, other = (result(grey, "noise:deviation=0.05") for _ in range(2))

    assert (one == other).all()
    assert one.astype(float).std() == pytest.approx(0.05 * 4095, rel=0.02)


def test_jpeg_loses_more_at_lower_quality_and_nothing_of_a_flat_block() -> None:
    noisy = film(np.random.default_rng(0).integers(0, 255, (64, 64)).astype(np.uint8))
    losses = [
        np.abs(result(noisy, f"jpeg:quality={quality}").astype(int) - noisy.pixels).mean() for quality in (95, 20)
    ]

    assert 0 < losses[0] < losses[1]
    assert (result(halves(80, 160, side=16), "jpeg:quality=90")[0] == [80] * 8 + [160] * 8).all()


def test_edits_follow_each_other_and_say_so() -> None:
    radiograph = halves(100, 200)
    changes = [parsed_edit(f"black@{HALF}"), parsed_edit("flip")]

    after = edited(EditContext(radiograph), changes)

    assert after.pixels[0].tolist() == [200] * 5 + [0] * 5
    assert after.steps == ("Edited: Black out, rectangle.", "Edited: Flip, whole film.")
    assert after.key != radiograph.key


def test_no_edit_changes_no_pixel_even_beyond_black_and_white() -> None:
    pixels = np.arange(100, dtype=np.uint16).reshape(10, 10) * 40
    narrow = film(pixels, black=1000.0, white=2000.0)

    assert (edited(EditContext(narrow), []).pixels == pixels).all()
    assert (result(narrow, f"black@{HALF}")[:, 5:] == pixels[:, 5:]).all()
    assert (result(narrow, "black@rectangle:0.5,0.5,1,1")[5:, 5:] <= 1000).all()


def test_an_edit_goes_through_the_window_that_is_chosen() -> None:
    pixels = np.arange(100, dtype=np.uint16).reshape(10, 10) * 15
    two = film(pixels, windows=(Window("narrow", 1000.0, 2000.0),))

    after = edited(EditContext(two, Cleaning(window="#2")), [parsed_edit("brighten:amount=0.5@rectangle:0,0,1,0.5")])

    assert (after.black, after.white, after.windows) == (1000.0, 2000.0, ())
    assert after.pixels[0].tolist() == [1500] * 10  # black and below became the middle grey
    assert (after.pixels[5:] == pixels[5:]).all()


def test_the_drawn_truth_stays_with_a_film_that_stays_in_place() -> None:
    truth = Plane("opacity", np.ones((10, 10), bool), is_truth=True)
    drawn = film(halves(10, 200).pixels, planes=(truth, Plane("note", np.ones((10, 10), bool))))

    assert edited(EditContext(drawn), [parsed_edit(f"black@{HALF}")]).planes == (truth,)
    assert edited(EditContext(drawn), [parsed_edit("flip")]).planes == ()


@pytest.mark.parametrize("name", list(edits))
def test_every_edit_is_text_and_back_and_keeps_size_and_depth(name: str) -> None:
    kind = edits[name]
    region = None if kind.scope == "film" else parsed("ellipse:0.2,0.2,0.6,0.7+brush:0.05,0.1,0.1,0.3,0.3")
    numbers = {
        each.name: ((each.low or 0) + each.high) / 3 for each in kind.settings if each.kind is float and each.high
    }
    change = made_edit(name, numbers, region)

    after = edited(EditContext(halves(60, 190, side=40), others={"x": halves(1, 2)}), [change])

    assert parsed_edit(change.text) == change
    assert after.pixels.shape == (40, 40)
    assert after.pixels.dtype == np.uint8
    assert kind.scope in SCOPES
    assert kind.plain.endswith(".")
    assert not kind.swept or kind.swept in [each.name for each in kind.settings]


def test_defaults_are_left_out_of_the_text() -> None:
    assert parsed_edit("blur:sigma=0.07@zone:right lung").text == "blur@zone:right lung"
    assert Edit("rotate", (("degrees", 5.0),)).text == "rotate:degrees=5"


@pytest.mark.parametrize(
    ("text", "pixels"),
    [
        ("rectangle:0.2,0.4,0.5,0.6", 3 * 2),
        ("ellipse:0,0,1,1", 80),  # pixel centres within a circle of radius 5
        ("lasso:0.05,0.05,0.95,0.05,0.95,0.95,0.05,0.95", 100),
        ("brush:0.1,0.05,0.05,0.95,0.05", 10),  # one pixel wide along the first row
        ("rectangle:0,0,0.1,1+rectangle:0,0,1,0.1", 19),
        ("rectangle:-1,-1,0.1,0.1", 1),
    ],
)
def test_a_shape_holds_these_pixels(text: str, pixels: int) -> None:
    region = parsed(text)

    assert region_mask(region, EditContext(halves(0, 9))).sum() == pixels
    assert parsed(region.text) == region


def test_a_dot_of_the_brush_is_a_disc() -> None:
    assert region_mask(parsed("brush:0.4,0.5,0.5"), EditContext(halves(0, 9, side=100))).sum() == pytest.approx(
        np.pi * 20**2, rel=0.05
    )


def test_zones_of_a_phantom_lie_where_they_are_drawn() -> None:
    phantom = draw(seed=2, height=400, width=380)
    context = EditContext(phantom.radiograph)
    masks = {name: region_mask(parsed(f"zone:{name}"), context) for name in ("right lung", "left lung", "both lungs")}
    columns = np.arange(380)

    assert (masks["both lungs"] & phantom.lungs).sum() / phantom.lungs.sum() > 0.9
    assert (masks["right lung"] * columns).sum() / masks["right lung"].sum() < 190  # the patient's right
    assert not (masks["right lung"] & masks["left lung"]).any()
    outside = region_mask(parsed("zone:outside the lungs"), context)
    assert (outside ^ masks["both lungs"]).mean() > 0.99
    assert set(ZONES) < set(zone_names(phantom.radiograph, Cleaning()))
    assert region_mask(parsed("zone:right lower lung"), context).sum() < masks["right lung"].sum()
    assert 0 < region_mask(parsed("zone:markers"), context)[:120, :120].sum() < 120 * 120  # the R at the shoulder


def test_the_hottest_tenth_is_where_the_map_is_hot() -> None:
    radiograph = halves(0, 9, side=100)
    heat = np.zeros((10, 10), np.float32)
    heat[2, 3] = 1
    explanation = Explanation(
        radiograph.key, "c", heat, Placement(0, 0, 100, 100), False, "", "grad-cam", "mass", None, {}, 0.0, (1, 0)
    )

    mask = region_mask(parsed("zone:hottest tenth"), EditContext(radiograph, explanation=explanation))

    assert mask[25, 35]
    assert 0.03 < mask.mean() <= 0.11
    assert not mask[60:].any()


@pytest.mark.parametrize(
    ("text", "error", "sentence"),
    [
        ("black@rectangle:1.5,0,2,1", BadSetting, "holds no pixel of the film"),
        ("black@rectangle:0,0,1,1", BadSetting, "leaves nothing of the film"),
        ("shift:x=1", BadSetting, "leaves nothing of the film"),
        ("crop:margin=0.49", BadSetting, "leaves nothing of the film"),
        ("black", BadSetting, "needs a region"),
        ("flip@rectangle:0,0,1,1", BadSetting, "takes no region"),
        ("in-paint@rectangle:0,0,1,1", BadSetting, "in-paint it from"),
        ("move:x=-1@rectangle:0,0,0.5,1", BadSetting, "leaves the film"),
        ("transplant@rectangle:0,0,0.5,1", BadSetting, "no other film"),
        ("blur:sigma=9", BadSetting, "between 0 and 0.2"),
        ("blur:sigma", BadSetting, "has no value"),
        ("blurr", UnknownName, "Did you mean 'blur'"),
        ("blur:strength=1", UnknownName, "sigma"),
        ("black@square:0,0,1,1", UnknownName, "rectangle"),
        ("black@rectangle:0,0,1", BadSetting, "has 3 numbers"),
        ("black@rectangle:a,0,1,1", BadSetting, "left, upper, right and lower"),
        ("black@rectangle:nan,0,1,1", BadSetting, "far outside"),
        ("black@lasso:0,0,1,1", BadSetting, "three corners"),
        ("black@brush:0,0,1", BadSetting, "wide"),
        ("black@zone:hottest tenth", BadSetting, "There is no map"),
        ("black@zone:right lung", NoLungs, "needs lungs"),
        ("black@zone:markers", BadSetting, "No letter"),
        ("black@zone:left ear", UnknownName, "no zone"),
    ],
)
def test_what_cannot_be_done_gets_one_sentence(text: str, error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        result(halves(0, 9), text)


def test_a_shape_has_a_bounded_number_of_points() -> None:
    with pytest.raises(BadSetting, match="numbers"):
        Shape("brush", (0.1, *([0.5, 0.5] * 3000)))


def test_the_difference_is_orange_where_brighter_blue_where_darker_and_black_where_equal() -> None:
    before, after = halves(100, 100), halves(200, 0)
    after_and_equal = np.concatenate([after.pixels, before.pixels])

    red, _, blue = np.moveaxis(
        grey_difference(film(np.concatenate([before.pixels] * 2)), film(after_and_equal)).astype(int), -1, 0
    )

    assert (red[:10, :5] > 100).all()
    assert (blue[:10, :5] == 0).all()
    assert (blue[:10, 5:] > 100).all()
    assert (red[:10, 5:] < blue[:10, 5:]).all()
    assert not red[10:].any()
    assert not blue[10:].any()
