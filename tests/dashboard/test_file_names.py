from core.explain.run import explain
from core.models.classifier import Classifier
from core.types import Radiograph
from dashboard.file_names import file_name


def test_a_file_name_is_safe_and_describes_the_content(classifier: Classifier, phantom: Radiograph) -> None:
    film = Radiograph(phantom.pixels, "../pat:ient 1.dcm", 0, 4095, phantom.origin)
    explanation = explain(classifier, phantom, finding="covid", method="saliency")

    assert file_name(film, explanation, "png") == "pat_ient_1-covid-saliency.png"
