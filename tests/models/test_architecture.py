"""The contract, over every registered architecture."""

import pytest
import torch

from core.models.architecture import Network, architectures


@pytest.fixture(params=[(name, channels) for name in architectures for channels in (1, 3)], ids=str)
def network(request: pytest.FixtureRequest) -> Network:
    name, channels = request.param
    torch.manual_seed(0)
    return architectures[name].build(3, channels).eval()


def _images(network: Network) -> torch.Tensor:
    first = next(network.parameters())
    return torch.randn(2, first.shape[1], 224, 224, generator=torch.Generator().manual_seed(1))


@torch.inference_mode()
def test_forward_is_head_of_features(network: Network) -> None:
    images = _images(network)

    assert network(images).shape == (2, 3)
    assert torch.equal(network(images), network.head(network.features(images)))


@torch.inference_mode()
def test_stages_are_children_in_order_and_the_last_feeds_the_head(network: Network) -> None:
    children = [name for name, _ in network.features.named_children()]
    places = [children.index(child) for child in network.stages.values()]

    assert places == sorted(places)
    assert network.stages[network.last_stage] == children[-1]


def test_nothing_works_in_place(network: Network) -> None:
    assert not [name for name, module in network.named_modules() if getattr(module, "inplace", False)]


@torch.inference_mode()
def test_densenet_equals_torchvision() -> None:
    from core.models.operators import torchvision

    torch.manual_seed(0)
    reference = torchvision.models.densenet121(num_classes=3).eval()
    ours = architectures["densenet121"].build(3, 3).eval()
    state = {name: value for name, value in reference.state_dict().items() if name.startswith("features")}
    linear = reference.classifier.state_dict()
    ours.load_state_dict({**state, **{f"head.linear.{name}": value for name, value in linear.items()}})
    images = _images(ours)

    assert torch.allclose(ours(images), reference(images), atol=1e-6)
