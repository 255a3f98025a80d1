import dataclasses
import itertools

import numpy as np
import pytest
import torch

from core.image.phantom import draw
from core.image.prepare import enlarge, film_box, prepare, windowed
from core.types import Cleaning, Heat, Input, Origin, Pixels, Placement, Radiograph

FITS = ("stretch", "pad", "crop")
PLAIN = Cleaning(crop_borders=False)


def _film(pixels: Pixels, black: float = 0, white: float = 65535) -> Radiograph:
    return Radiograph(pixels=pixels, name="film", black=black, white=white, origin=Origin("PNG", "I;16", 16))


def _padded(pixels: Pixels, widths: tuple[tuple[int, int], tuple[int, int]]) -> Pixels:
    return np.pad(pixels, widths).astype(np.uint16)


def _ramp(height: int, width: int, *, across: bool) -> Radiograph:
    rows, columns = np.mgrid[:height, :width]
    return _film(((columns if across else rows) * 40 + 500).astype(np.uint16))


@pytest.mark.parametrize(
    ("fit", "turn", "shape", "across"),
    list(itertools.product(FITS, range(4), [(300, 520), (410, 280)], [True, False])),
)
def test_what_prepare_does_enlarge_undoes(fit: str, turn: int, shape: tuple[int, int], across: bool) -> None:
    """The network's input, taken as a map, comes to lie on the very pixels it was made of."""
    film = _ramp(*shape, across=across)
    wanted = Input(size=64, fit=fit, mean=(0.0,), std=(1.0,))  # type: ignore[arg-type]

    prepared = prepare(film, wanted, dataclasses.replace(PLAIN, turn=turn))
    placed = enlarge(prepared.image[0].numpy(), prepared.placement, shape)

    original = windowed(film.pixels, film.black, film.white)
    place, cell = prepared.placement, max(shape) / 64
    rows, columns = np.mgrid[: shape[0], : shape[1]] + 0.5
    # beyond the outermost cell centres a map is constant, and padding is mixed into the cells beside it
    inner = (np.abs(columns - (place.x0 + place.x1) / 2) < (place.x1 - place.x0) / 2 - cell) & (
        np.abs(rows - (place.y0 + place.y1) / 2) < (place.y1 - place.y0) / 2 - cell
    )
    inner &= (columns > cell) & (columns < shape[1] - cell) & (rows > cell) & (rows < shape[0] - cell)
    assert inner.mean() > 0.45
    assert np.abs(placed - original)[inner].max() < 40 / 65535  # one pixel of the ramp


@pytest.mark.parametrize("turn", range(4))
def test_a_map_is_nan_outside_its_placement(turn: int) -> None:
    placed = enlarge(np.ones((4, 4), np.float32), Placement(10, 20, 30, 60, turn), (80, 50))

    assert np.isfinite(placed[20:60, 10:30]).all()
    assert np.isfinite(placed).sum() == 40 * 20


def test_a_single_cell_fills_its_placement() -> None:
    assert (enlarge(np.full((1, 1), 3, np.float32), Placement(0, 0, 5, 5), (5, 5)) == 3).all()


def test_cell_centres_keep_their_values() -> None:
    heat: Heat = np.arange(9, dtype=np.float32).reshape(3, 3)

    assert np.array_equal(enlarge(heat, Placement(0, 0, 9, 9), (9, 9))[1::3, 1::3], heat)


def test_a_film_in_a_frame_is_prepared_as_without_it() -> None:
    film = draw(seed=3, height=500, width=400).radiograph
    framed = dataclasses.replace(film, pixels=_padded(film.pixels, ((60, 10), (130, 80))))
    wanted = Input(size=96)

    inside = prepare(framed, wanted)
    alone = prepare(film, wanted)

    place = inside.placement
    assert np.allclose((place.x0, place.y0, place.x1, place.y1), (130, 60, 530, 560), atol=3)
    assert torch.corrcoef(torch.stack([inside.image.ravel(), alone.image.ravel()]))[0, 1] > 0.99


def test_borders_stay_on_request() -> None:
    film = _film(_padded(draw(seed=3, height=200, width=200).radiograph.pixels, ((50, 50), (50, 50))))

    assert prepare(film, Input(size=32), PLAIN).placement == Placement(0, 0, 300, 300)


@pytest.mark.parametrize("value", [0, 700, 65535])
def test_a_blank_film_has_no_frame_and_stays_finite(value: int) -> None:
    film = _film(np.full((100, 120), value, np.uint16))

    assert film_box(film) == (0, 0, 120, 100)
    assert torch.isfinite(prepare(film, Input(size=32)).image).all()


def test_each_film_gets_mean_zero_and_deviation_one() -> None:
    image = prepare(draw(seed=1, height=300, width=300).radiograph, Input(size=64, channels=3)).image

    assert image.shape == (3, 64, 64)
    assert torch.equal(image[0], image[2])
    assert abs(float(image.mean())) < 1e-5
    assert abs(float(image[0].std()) - 1) < 1e-4


def test_the_window_decides_what_is_black_and_white() -> None:
    pixels = np.array([[0, 100, 200, 300]], np.uint16)

    assert windowed(pixels, 100, 300).tolist() == [[0, 0, 0.5, 1]]


def test_cleaning_changes_what_it_says() -> None:
    film = draw(seed=2, height=256, width=256).radiograph
    wanted = Input(size=128, mean=(0.0,), std=(1.0,))
    plain = prepare(film, wanted, PLAIN).image

    assert torch.allclose(prepare(film, wanted, dataclasses.replace(PLAIN, invert=True)).image, 1 - plain)
    for denoise in ("gaussian", "median"):
        smooth = prepare(film, wanted, dataclasses.replace(PLAIN, denoise=denoise)).image
        assert smooth.diff(dim=2).abs().mean() < plain.diff(dim=2).abs().mean()
    clahe = prepare(film, wanted, dataclasses.replace(PLAIN, clahe=True)).image
    assert _local_contrast(clahe) > 1.1 * _local_contrast(plain)


def test_the_picture_shows_the_film_from_black_to_white() -> None:
    film = draw(seed=2, height=256, width=256).radiograph
    grey = prepare(film, Input(size=64, mean=(0.0,), std=(1.0,)), PLAIN).image[0]

    picture = prepare(film, Input(size=64), PLAIN).picture

    assert np.abs(picture / 255 - grey.numpy()).max() < 0.003


def _local_contrast(image: torch.Tensor) -> float:
    return float(image[0].unfold(0, 16, 16).unfold(1, 16, 16).std(dim=(2, 3)).mean())


def test_each_channel_has_its_own_black_and_white() -> None:
    film = draw(seed=1, height=64, width=64).radiograph
    wanted = Input(size=32, channels=3, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))

    prepared = prepare(film, wanted)

    assert prepared.black.flatten().tolist() == pytest.approx([-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225])
    assert prepared.white.flatten().tolist() == pytest.approx([0.515 / 0.229, 0.544 / 0.224, 0.594 / 0.225])
    assert (prepared.image >= prepared.black - 1e-5).all()
