import dataclasses

import numpy as np
import pytest

from core.types import Explanation, Origin, Placement, Radiograph, digest


def _radiograph(pixels: np.ndarray, **changes: object) -> Radiograph:
    film = Radiograph(pixels=pixels, name="film", black=0, white=255, origin=Origin("PNG", "L", 8))
    return dataclasses.replace(film, **changes)  # type: ignore[arg-type]


def test_pixels_are_sealed() -> None:
    film = _radiograph(np.zeros((20, 30), np.uint8))

    with pytest.raises(ValueError, match="read-only"):
        film.pixels[0, 0] = 1


def test_key_is_of_content_and_not_of_the_name() -> None:
    pixels = np.arange(600, dtype=np.uint16).reshape(20, 30)
    film = _radiograph(pixels)

    assert film.key == _radiograph(pixels.copy(), name="other").key
    assert film.key != _radiograph(pixels + np.uint16(1)).key
    assert film.key != _radiograph(pixels.reshape(30, 20)).key
    assert film.key != _radiograph(pixels, white=254).key


def test_digest_tells_dtypes_and_boundaries_apart() -> None:
    assert digest("ab", "c") != digest("a", "bc")
    assert digest(np.zeros(2, np.uint16)) != digest(np.zeros(4, np.uint8))


@pytest.mark.parametrize("pixels", [np.zeros((2, 2, 3), np.uint8), np.zeros((2, 2), np.float32)])
def test_pixels_of_another_kind_are_refused(pixels: np.ndarray) -> None:
    with pytest.raises(ValueError, match="expected"):
        _radiograph(pixels)


def test_peak_of_a_map_with_nan_is_nan() -> None:
    heat = np.full((2, 2), np.nan, np.float32)
    explanation = Explanation("r", "c", heat, Placement(0, 0, 1, 1), False, "logits", "m", "f", None, {}, 0.0, (1, 0))

    assert np.isnan(explanation.peak)
