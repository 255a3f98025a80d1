import io
import json

import captum
import numpy as np
from PIL import Image

from core.explain.export import map_npz, overlay_png, source_line
from core.explain.run import explain
from core.image.prepare import enlarge
from core.models.classifier import Classifier
from core.types import Cleaning, Placement, Radiograph


def test_a_map_can_be_laid_over_the_film_again_from_its_file_alone(classifier: Classifier, phantom: Radiograph) -> None:
    cleaning = Cleaning(turn=1)
    explanation = explain(classifier, phantom, finding="covid", layer="stage 2", cleaning=cleaning)
    prediction = classifier.predict(phantom, cleaning=cleaning)
    data = map_npz(phantom, explanation, classifier.checkpoint, prediction)
    stored = np.load(io.BytesIO(data))

    x0, y0, x1, y1 = map(float, stored["box"])
    height, width = map(int, stored["film"])
    placed = enlarge(stored["heat"], Placement(x0, y0, x1, y1, int(stored["turn"])), (height, width))

    np.testing.assert_array_equal(placed, enlarge(explanation.heat, explanation.placement, phantom.pixels.shape))
    assert str(stored["checkpoint_key"]) == classifier.checkpoint.key
    assert str(stored["radiograph_key"]) == phantom.key
    assert str(stored["unit"]) == explanation.unit
    assert float(stored["probability"]) == prediction.probability("covid")
    assert str(stored["computed_by"]) == "Captum LayerGradCam"
    assert str(stored["captum"]) == captum.__version__
    assert "Not for diagnosis" in str(stored["notice"])
    assert map_npz(phantom, explanation, classifier.checkpoint, prediction) == data


def test_the_overlay_is_as_large_as_the_film_and_has_a_legend_below(
    classifier: Classifier, phantom: Radiograph
) -> None:
    explanation = explain(classifier, phantom, finding="covid")
    prediction = classifier.predict(phantom)
    source = source_line(classifier.checkpoint, prediction, "covid")
    bare = Image.open(io.BytesIO(overlay_png(phantom, explanation)))
    picture = Image.open(io.BytesIO(overlay_png(phantom, explanation, source=source)))

    assert source.startswith(f"{classifier.checkpoint.name}, weights {classifier.checkpoint.sha256[:8]} · covid 0.")
    assert json.loads(picture.text["Lightbox"])["source"] == source  # type: ignore[attr-defined]
    assert picture.height > bare.height  # a line more
    assert picture.format == "PNG"
    assert picture.width >= phantom.pixels.shape[1]
    assert picture.height > phantom.pixels.shape[0]
