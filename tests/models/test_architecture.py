"""The contract, over every registered architecture."""

import pytest
import torch
from torch import nn

from core.models.architecture import Network, architectures
from core.models.checkpoints import half
from core.models.operators import torchvision


@pytest.fixture(params=[(name, channels) for name in architectures for channels in (1, 3)], ids=str)
def network(request: pytest.FixtureRequest) -> Network:
    name, channels = request.param
    torch.manual_seed(0)
    return architectures[name].build(3, channels).eval()


def _images(network: Network) -> torch.Tensor:
    first = next(network.parameters())
    return torch.randn(2, first.shape[1], 96, 96, generator=torch.Generator().manual_seed(1))


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
    torch.manual_seed(0)
    reference = torchvision.models.densenet121(num_classes=3).eval()
    ours = architectures["densenet121"].build(3, 3).eval()
    state = {name: value for name, value in reference.state_dict().items() if name.startswith("features")}
    linear = reference.classifier.state_dict()
    ours.load_state_dict({**state, **{f"head.linear.{name}": value for name, value in linear.items()}})
    images = _images(ours)

    assert torch.allclose(ours(images), reference(images), atol=1e-6)


@torch.inference_mode()
def test_inception_equals_torchvision() -> None:
    """Both name their layers differently and hold them in the same order."""
    torch.manual_seed(0)
    ours = architectures["inception-v3"].build(3, 3).eval()
    reference = torchvision.models.inception_v3(aux_logits=False, init_weights=False, num_classes=3).eval()
    state = zip(reference.state_dict(), ours.state_dict().values(), strict=True)
    reference.load_state_dict(dict(state))
    images = torch.randn(2, 3, 96, 96)

    logits = ours(images)
    assert (logits[0] - logits[1]).abs().max() > 0.01
    assert torch.allclose(logits, reference(images), atol=1e-6)


@torch.inference_mode()
def test_vgg_convolutions_equal_torchvision_before_its_fifth_pooling() -> None:
    torch.manual_seed(0)
    ours = architectures["vgg16"].build(3, 3).eval()
    reference = torchvision.models.vgg.make_layers(torchvision.models.vgg.cfgs["D"], batch_norm=True).eval()
    state = zip(reference.state_dict(), ours.features.state_dict().values(), strict=True)
    reference.load_state_dict(dict(state))
    images = torch.randn(2, 3, 64, 64)

    features = ours.features(images)
    assert features.shape == (2, 512, 4, 4)
    assert torch.allclose(nn.functional.max_pool2d(features, 2), reference(images), atol=1e-6)


@torch.inference_mode()
def test_resnet_equals_torchvision() -> None:
    torch.manual_seed(0)
    ours = architectures["resnet50"].build(3, 3).eval()
    reference = torchvision.models.resnet50(num_classes=3).eval()
    values = {name: value for name, value in reference.state_dict().items() if not name.startswith("fc")}
    state = zip(ours.features.state_dict(), values.values(), strict=True)
    ours.features.load_state_dict(dict(state))
    ours.head.load_state_dict({f"linear.{name}": value for name, value in reference.fc.state_dict().items()})
    images = torch.randn(2, 3, 64, 64)

    assert torch.allclose(ours(images), reference(images), atol=1e-5)


@torch.inference_mode()
def test_densenet_with_stride_16_has_the_same_weights_and_finer_maps() -> None:
    plain = architectures["densenet121"].build(3, 1).eval()
    finer = architectures["densenet121-s16"].build(3, 1).eval()
    finer.load_state_dict(plain.state_dict())
    images = torch.randn(1, 1, 64, 64)

    assert plain.features(images).shape == (1, 1024, 2, 2)
    assert finer.features(images).shape == (1, 1024, 4, 4)


@pytest.mark.parametrize(("name", "size"), [("vgg16", 30e6), ("inception-v3", 44e6), ("small-cnn", 2e6)])
def test_stored_weights_stay_small(name: str, size: float) -> None:
    stored = half(architectures[name].build(15, 1))

    assert sum(tensor.numel() * tensor.element_size() for tensor in stored.values()) < size
