"""Guided backprop, deconvolution and guided Grad-CAM equal Captum, without its hooks."""

from collections import OrderedDict

import pytest
import torch
from captum.attr import Deconvolution, GuidedBackprop, GuidedGradCam
from torch import nn

from core.errors import Unfit
from core.explain.method import methods
from core.explain.run import explain
from core.models.architecture import Network
from core.models.classifier import Classifier
from core.types import Checkpoint, Input, Radiograph
from tests.explain.precise import REFERENCES, TINY, built, differ, evidence, image

# Captum warns of the hooks that it sets.
pytestmark = pytest.mark.filterwarnings("ignore:Setting backward hooks on ReLU")


@pytest.mark.parametrize(("name", "channels"), REFERENCES)
def test_guided_backprop_and_deconvolution_equal_captum(name: str, channels: int) -> None:
    network, film = built(name, channels), image(channels)

    for method, reference in (("guided-backprop", GuidedBackprop), ("deconvolution", Deconvolution)):
        expected = reference(network).attribute(film.clone().requires_grad_(), target=1)
        assert differ(methods[method].rule(evidence(network, film)), expected.sum(dim=1)) < TINY, method


@pytest.mark.parametrize(("name", "channels"), REFERENCES)
@pytest.mark.parametrize("stage", ["stage 2", "stage 4"])
def test_guided_grad_cam_equals_captum_enlarged_as_in_the_paper(name: str, channels: int, stage: str) -> None:
    network, film = built(name, channels), image(channels)
    heat = methods["guided-grad-cam"].rule(evidence(network, film, stage=stage, grad_from=stage))

    reference = GuidedGradCam(network, network.stage_module(stage))
    expected = reference.attribute(film.clone().requires_grad_(), target=1, interpolate_mode="bilinear")
    assert differ(heat, expected.sum(dim=1)) < TINY


def test_several_films_at_once_are_served_alike() -> None:
    network, film = built("densenet121", 1), torch.cat([image(1), -image(1)])
    both = methods["guided-backprop"].rule(evidence(network, film))

    assert torch.allclose(both[1:], methods["guided-backprop"].rule(evidence(network, -image(1))), rtol=1e-9)


def _classifier(*layers: nn.Module) -> Classifier:
    """A network of these layers, each working on one map, and a linear layer of 64 × 64 pixels or of their mean."""
    features = nn.Sequential(OrderedDict((str(number), layer) for number, layer in enumerate(layers)))
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1, 1))
    network = Network(features, {"last": str(len(layers) - 1)}, head).eval().requires_grad_(False)
    return Classifier(Checkpoint("small", "by hand", ("opacity",), True, Input(size=64), sha256=""), network)


@pytest.mark.parametrize("method", ["guided-backprop", "deconvolution", "guided-grad-cam", "deeplift", "lrp"])
def test_a_network_with_an_activation_without_a_rule_is_refused_in_one_sentence(
    phantom: Radiograph, method: str
) -> None:
    sentence = r"is not available for small.*: the network uses gelu, for which the method has no rule\. Choose "
    with pytest.raises(Unfit, match=sentence):
        explain(_classifier(nn.Conv2d(1, 1, 3), nn.GELU()), phantom, finding="opacity", method=method)


def test_a_network_without_convolution_is_refused(phantom: Radiograph) -> None:
    with pytest.raises(Unfit, match="it has no convolution"):
        explain(_classifier(nn.ReLU(), nn.AvgPool2d(2)), phantom, finding="opacity", method="deeplift")


def test_a_network_that_takes_one_size_only_is_refused(phantom: Radiograph) -> None:
    classifier = _classifier(nn.Conv2d(1, 1, 3, padding=1), nn.ReLU())
    with classifier.alone() as network:
        network.head = nn.Sequential(nn.Flatten(), nn.Linear(64 * 64, 1))
    with pytest.raises(Unfit, match="it takes no film of 96 px"):
        explain(classifier, phantom, finding="opacity", method="deeplift")
