"""How a film, a map and a case appear in a notebook."""

import io
from dataclasses import replace

import numpy as np
from PIL import Image

from core.explain.run import Request
from core.models.classifier import Classifier
from core.overlay import display
from core.report.case import make_case
from core.trust.measure import CHEAP
from core.types import Radiograph


def picture(png: bytes) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
    with Image.open(io.BytesIO(png)) as image:
        return np.asarray(image)


def test_a_film_shows_itself_through_its_own_window(phantom: Radiograph) -> None:
    assert np.array_equal(picture(phantom._repr_png_()), display(phantom))
    assert max(picture(replace(phantom, pixels=np.zeros((10, 2000), np.uint16))._repr_png_()).shape) == 512


def test_a_map_shows_one_square_per_value_and_a_case_its_report(classifier: Classifier, phantom: Radiograph) -> None:
    case = make_case(classifier, phantom, [Request("grad-cam", "covid")], costs=CHEAP)
    heat = np.array([[0.0, 1.0], [0.5, np.nan]], np.float32)

    shown = picture(replace(case.map, heat=heat)._repr_png_())
    assert shown.shape == (512, 512, 3)
    assert shown[0, 0].tolist() == shown[-1, -1].tolist() == [0, 0, 4]  # inferno's dark end, for zero and for NaN
    assert shown[0, -1].sum() > 500
    assert len(np.unique(shown[:256, :256].reshape(-1, 3), axis=0)) == 1  # one colour per square
    assert case._repr_html_().startswith("<iframe srcdoc=")
    assert "What the model says about this X-ray" in case._repr_html_()
