"""Where a network runs, and how its weights lie there."""

import copy

import torch

from core.models.architecture import Network
from core.models.classifier import Classifier
from core.models.device import best, settled

CPU = torch.device("cpu")


def test_weights_lie_channels_last_and_say_the_same(network: Network) -> None:
    images = torch.randn(2, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    moved = settled(copy.deepcopy(network), CPU)
    first = moved.features.get_submodule("denseblock1").get_submodule("denselayer1.conv2")
    with torch.inference_mode():
        expected, result = network(images), moved(images)

    assert first.weight.is_contiguous(memory_format=torch.channels_last)  # type: ignore[operator]
    assert not first.weight.is_contiguous()  # type: ignore[operator]
    assert torch.allclose(result, expected, rtol=1e-4, atol=1e-5)


def test_a_loaded_classifier_is_settled_where_it_is_fastest(classifier: Classifier) -> None:
    with classifier.alone() as network:
        layouts = {
            weights.is_contiguous(memory_format=torch.channels_last)
            for weights in network.parameters()
            if weights.dim() == 4
        }

    assert classifier.device.type == best().type
    assert layouts == {classifier.device.type != "mps"}
