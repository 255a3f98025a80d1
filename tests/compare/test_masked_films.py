"""A film without its lungs, and the lungs alone."""

import numpy as np
import pytest

from core.compare.masked_films import lung_share, masked_films
from core.image import phantom
from core.image.prepare import film_box
from core.types import Explanation, Placement


def test_each_pixel_is_black_in_one_of_the_two_films_and_untouched_in_the_other() -> None:
    drawn = phantom.draw(height=400, width=400)
    film = masked_films(drawn.radiograph)

    black = round(film.whole.black)
    assert (film.lungs_out.pixels[film.lungs] == black).all()
    assert (film.lungs_only.pixels[~film.lungs] == black).all()
    assert (film.lungs_out.pixels[~film.lungs] == film.whole.pixels[~film.lungs]).all()
    assert (film.lungs_only.pixels[film.lungs] == film.whole.pixels[film.lungs]).all()
    x0, y0, x1, y1 = film_box(drawn.radiograph)
    assert film.lungs[drawn.lungs[y0:y1, x0:x1]].mean() > 0.95
    assert len({film.whole.key, film.lungs_out.key, film.lungs_only.key}) == 3


def test_an_even_map_has_the_share_that_the_lungs_cover() -> None:
    film = masked_films(phantom.draw(height=400, width=400).radiograph)
    height, width = film.whole.pixels.shape
    heat = np.ones((4, 4), np.float32)
    even = Explanation(
        heat=heat,
        placement=Placement(0, 0, width, height),
        signed=False,
        method="grad-cam",
        finding="covid",
        layer=None,
        settings={},
        unit="",
        seconds=0.0,
        passes=(1, 0),
        radiograph=film.whole.key,
        checkpoint="",
    )

    assert lung_share(even, film) == pytest.approx(film.lungs.mean(), abs=1e-3)
