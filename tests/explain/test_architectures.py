"""Every method on every architecture: what it gives, that it equals Captum, and that it leaves nothing behind."""

import copy

import numpy as np
import pytest
import torch
from captum.attr import InputXGradient, LayerActivation, LayerGradCam, Saliency
from torch import Tensor

from core.explain.evidence import Evidence, Tape
from core.explain.method import methods
from core.explain.run import Request, explain_many
from core.models.architecture import Network, architectures
from core.models.classifier import Classifier
from core.types import Checkpoint, Input, Radiograph
from tests.explain.quick import FILM_SIZED, quick

SIDES = {"inception-v3": 112}  # px; at less its last maps are 1 x 1
SIDE = 64  # px, of the others: their last maps are 2 x 2


@pytest.fixture(scope="module", params=list(architectures))
def classifier(request: pytest.FixtureRequest) -> Classifier:
    """Untrained, but with batch norms that have seen noise and a last layer that speaks for every finding."""
    torch.manual_seed(0)
    fresh = architectures[request.param].build(3, 1)
    side = SIDES.get(request.param, SIDE)
    with torch.no_grad():
        fresh.head.get_submodule("linear").get_parameter("weight").abs_()
        fresh.train()(torch.randn(8, 1, side, side))
    card = Checkpoint(
        name="fresh",
        architecture=request.param,
        findings=("covid", "pneumonia", "normal"),
        multi_label=False,
        input=Input(size=side),
        sha256="",
    )
    return Classifier(card, fresh.eval().requires_grad_(False))


@pytest.fixture(scope="module")
def network(classifier: Classifier) -> Network:
    """The same in double precision: in single, near ties of ReLU and max pooling flip with the batch size."""
    with classifier.alone() as network:
        return copy.deepcopy(network).double()


@pytest.fixture
def images(classifier: Classifier) -> Tensor:
    """(1, 1, S, S) noise of the network's input size."""
    side = classifier.checkpoint.input.size
    return torch.randn(1, 1, side, side, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def _evidence(network: Network, images: Tensor, grad_from: str, stage: str) -> Evidence:
    return Evidence(Tape(network, images, grad_from=grad_from), 1, stage, black=-1.0)


def _equal(tensor: Tensor, expected: Tensor) -> bool:
    """To 1e-5 of the largest value."""
    tensor, expected = tensor.detach().double(), expected.detach()
    return torch.allclose(tensor, expected, rtol=0, atol=1e-5 * float(expected.abs().max()))


def test_every_fitting_method_gives_a_finite_map_of_the_right_shape_and_leaves_nothing_behind(
    classifier: Classifier, images: Tensor, phantom: Radiograph
) -> None:
    with classifier.alone() as network, torch.no_grad():
        fitting = [name for name, method in methods.items() if not method.fits(network, network.last_stage)]
        side = network.features(images.float()).shape[-1]
        before = {name: value.clone() for name, value in network.state_dict().items()}
    requests = [Request(name, "normal", settings=quick(name)) for name in fitting]

    result, maps = explain_many(classifier, phantom, requests)

    assert np.array_equal(result.logits, classifier.predict(phantom).logits)
    for map_ in maps:
        method = methods[map_.method]
        coarse = method.layered and map_.method not in FILM_SIZED
        assert map_.heat.shape == ((side, side) if coarse else images.shape[2:]), map_.method
        assert np.isfinite(map_.heat).all(), map_.method
        assert map_.signed or map_.heat.min() >= 0, map_.method
    with classifier.alone() as network:
        for module in network.modules():
            assert not [*module._forward_hooks, *module._forward_pre_hooks, *module._backward_hooks]
            assert not module.training
        assert not any(weights.requires_grad or weights.grad is not None for weights in network.parameters())
        assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_every_relu_is_a_module_that_runs_once(network: Network, images: Tensor) -> None:
    """Or guided backprop, DeepLIFT and hooks would miss some or read the wrong call."""
    modules = [module for module in network.modules() if isinstance(module, torch.nn.ReLU)]
    calls: list[torch.nn.Module] = []
    hooks = [module.register_forward_hook(lambda module, _, __: calls.append(module)) for module in modules]
    logits = network(images.requires_grad_())
    for hook in hooks:
        hook.remove()

    assert sorted(map(id, calls)) == sorted(map(id, modules))
    assert _count(logits, "ReluBackward0") == len(modules)


def _count(result: Tensor, kind: str) -> int:
    """How often the graph of the result holds an operation of this kind."""
    seen, waiting = set(), [result.grad_fn]
    while waiting:
        step = waiting.pop()
        if step is not None and step not in seen:
            seen.add(step)
            waiting += [before for before, _ in step.next_functions]
    return sum(step.name() == kind for step in seen)


def test_grad_cam_and_layer_activation_equal_captum_at_every_stage(network: Network, images: Tensor) -> None:
    for stage in network.stages:
        module = network.stage_module(stage)
        evidence = _evidence(network, images, "images", stage)
        heat = methods["grad-cam"].rule(evidence)
        expected = LayerGradCam(network, module).attribute(images, target=1, relu_attributions=True)[:, 0]
        assert _equal(heat, expected), stage
        activation = LayerActivation(network, module).attribute(images)
        assert torch.equal(methods["layer-activation"].rule(evidence), activation.mean(dim=1)), stage
    assert heat.any()  # the last stage; at an earlier one nothing may speak for the finding
    assert _equal(
        methods["grad-cam"].rule(_evidence(network, images, network.last_stage, network.last_stage)), expected
    )


def test_saliency_and_input_x_gradient_equal_captum(network: Network, images: Tensor) -> None:
    evidence = _evidence(network, images, "images", network.last_stage)
    images.requires_grad_()

    expected = Saliency(network).attribute(images, target=1)[:, 0]
    assert expected.any()
    assert _equal(methods["saliency"].rule(evidence), expected)
    expected = InputXGradient(network).attribute(images, target=1)[:, 0]
    assert _equal(methods["input-x-gradient"].rule(evidence), expected)
