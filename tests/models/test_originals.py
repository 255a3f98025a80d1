"""The contract, over every network that can be imported, and that each equals its authors' code.

Their own module and ours share the weights, so that the largest costs a second; all methods run on a few of them only
(tests/explain/test_originals.py).
"""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from core.errors import UnknownName
from core.models.architecture import Network, architectures, known, originals
from core.models.checkpoints import half, input_card, read_network, write
from core.types import Input
from tests.models.importers.files import filled

SIDE = 80  # px; Inception-V3 takes 75 or more
_ACTIVE = nn.ReLU | nn.ReLU6 | nn.Hardswish | nn.Hardsigmoid | nn.SiLU | nn.GELU | nn.Sigmoid


class InPlace(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's own
    """Notes the operations that write into what they were given."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # as above
        self.operations: list[str] = []

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function._schema.is_mutable:
            self.operations.append(str(function))
        return function(*args, **(kwargs or {}))


@pytest.fixture(scope="module", params=list(originals))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def pair(name: str) -> tuple[Tensor, Network]:
    """What the authors' module says of two images, and ours, which took its layers over.

    VGG's fully connected layers, half a gigabyte, are narrowed: what is held is how they are put together.
    """
    with torch.device("meta"):
        layers: Any = originals[name].make(num_classes=3)
        if "vgg" in name:
            for place, shape in ((0, (512 * 49, 32)), (3, (32, 32)), (6, (32, 3))):
                layers.classifier[place] = nn.Linear(*shape)
    theirs = filled(layers)
    with torch.inference_mode():
        peer = theirs(_images())  # first: wrapping takes the layers apart
    return peer, originals[name].wrap(theirs).eval()


def _images() -> Tensor:
    return torch.randn(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))


@torch.inference_mode()
def test_it_says_what_its_authors_module_says_and_is_head_of_features(pair: tuple[Tensor, Network]) -> None:
    prediction, network = pair
    with InPlace() as mode:
        logits = network(_images())

    assert mode.operations == []
    assert prediction.shape == (2, 3)
    assert (prediction[0] - prediction[1]).abs().max() > 1e-4 * prediction.abs().max()
    assert (logits - prediction).abs().max() <= 1e-5 * prediction.abs().max()
    assert torch.equal(logits, network.head(network.features(_images())))


def test_the_watch_for_operations_in_place_sees_one() -> None:
    with InPlace() as mode:
        nn.ReLU(inplace=True)(torch.zeros(1))

    assert mode.operations == ["aten.relu_.default"]


def test_stages_are_children_in_order_and_the_last_feeds_the_head(pair: tuple[Tensor, Network]) -> None:
    _, network = pair
    children = [child for child, _ in network.features.named_children()]
    places = [children.index(child) for child in network.stages.values()]

    assert places == sorted(set(places))
    assert network.stages[network.last_stage] == children[-1]
    assert not [module for module in network.modules() if getattr(module, "inplace", False)]
    assert isinstance(network.head.get_submodule("linear"), nn.Linear)


@torch.inference_mode()
def test_every_activation_is_a_module_that_runs_once(pair: tuple[Tensor, Network]) -> None:
    _, network = pair
    modules = [module for module in network.modules() if isinstance(module, _ACTIVE)]
    calls: list[nn.Module] = []
    hooks = [module.register_forward_hook(lambda module, _, __: calls.append(module)) for module in modules]
    network(_images()[:1])
    for hook in hooks:
        hook.remove()

    assert modules
    assert sorted(map(id, calls)) == sorted(map(id, modules))


def test_it_is_built_for_one_channel_with_another_first_layer_and_the_same_rest(name: str) -> None:
    with torch.device("meta"):
        one, three = (known(name).build(3, channels).state_dict() for channels in (1, 3))

    assert list(one) == list(three)
    differing = [(one[key].shape, three[key].shape) for key in three if one[key].shape != three[key].shape]
    assert [(first[1], second[1]) for first, second in differing] == [(1, 3)]


@pytest.mark.parametrize("name", sorted(set(architectures) & set(originals)))
def test_what_can_be_imported_and_trained_has_one_set_of_names(name: str) -> None:
    with torch.device("meta"):
        ours, theirs = architectures[name].build(3, 1), originals[name].build(3, 1)

    assert list(ours.state_dict()) == list(theirs.state_dict())


@pytest.mark.parametrize("name", ["mobilenet-v3-small", "efficientnet-b0"])
def test_it_comes_back_from_a_checkpoint_to_the_last_bit(name: str, tmp_path: Path) -> None:
    network = known(name).build(2, 1).eval()
    with torch.no_grad():
        network.features.get_parameter(next(iter(dict(network.features.named_parameters())))).fill_(1e5)
    card = {
        "architecture": name,
        "findings": ["a", "b"],
        "multi_label": True,
        "input": input_card(Input(size=SIDE)),
        "temperature": 1.0,
    }
    again = read_network(write(network, card, "kept", tmp_path, exact=True), tmp_path)

    assert not again.training
    assert all(torch.equal(value, again.state_dict()[key]) for key, value in network.state_dict().items())
    assert not all(value.isfinite().all() for value in half(network).values())  # float16 ends at 65,504


def test_an_unknown_architecture_lists_those_to_train_and_those_to_import() -> None:
    with pytest.raises(UnknownName, match=r"Did you mean 'resnet34'\?.*small-cnn.*convnext-tiny"):
        known("resnet34s")
