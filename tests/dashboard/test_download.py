import io

import numpy as np
from PIL import Image

from core.explain.run import explain
from core.image.prepare import enlarge
from core.models.classifier import Classifier
from core.types import Cleaning, Placement, Radiograph
from dashboard.download import file_name, map_bytes, overlay_bytes


def test_a_map_can_be_laid_over_the_film_again_from_its_file_alone(classifier: Classifier, phantom: Radiograph) -> None:
    explanation = explain(classifier, phantom, finding="covid", layer="stage 2", cleaning=Cleaning(turn=1))
    stored = np.load(io.BytesIO(map_bytes(phantom, explanation, classifier.checkpoint)))

    x0, y0, x1, y1 = map(float, stored["box"])
    height, width = map(int, stored["film"])
    placed = enlarge(stored["heat"], Placement(x0, y0, x1, y1, int(stored["turn"])), (height, width))

    np.testing.assert_array_equal(placed, enlarge(explanation.heat, explanation.placement, phantom.pixels.shape))
    assert str(stored["checkpoint_key"]) == classifier.checkpoint.key
    assert str(stored["radiograph_key"]) == phantom.key
    assert str(stored["unit"]) == explanation.unit
    assert "Not for diagnosis" in str(stored["notice"])


def test_the_overlay_is_as_large_as_the_film_and_has_a_legend_below(
    classifier: Classifier, phantom: Radiograph
) -> None:
    explanation = explain(classifier, phantom, finding="covid")
    picture = Image.open(io.BytesIO(overlay_bytes(phantom, explanation)))

    assert picture.format == "PNG"
    assert picture.width >= phantom.pixels.shape[1]
    assert picture.height > phantom.pixels.shape[0]


def test_a_file_name_is_safe_and_says_what_is_in_the_file(classifier: Classifier, phantom: Radiograph) -> None:
    film = Radiograph(phantom.pixels, "../pat:ient 1.dcm", 0, 4095, phantom.origin)
    explanation = explain(classifier, phantom, finding="covid", method="saliency")

    assert file_name(film, explanation, "png") == "pat_ient_1-covid-saliency.png"
