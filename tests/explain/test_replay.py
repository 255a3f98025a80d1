"""Captum sees the recorded pass at no extra cost, and nothing of it is left behind, however it ends."""

from collections import OrderedDict
from dataclasses import replace

import numpy as np
import pytest
import torch
from captum.attr import LRP, DeepLift, GradientShap, LayerActivation, LayerGradCam, Saliency
from torch import Tensor, nn

from core.errors import Stopped, Unfit
from core.explain.evidence import Evidence, Tape
from core.explain.method import Method, captum_version, methods
from core.explain.passes import Altered, explained
from core.explain.replay import Replay
from core.explain.run import Request, explain_many
from core.models.architecture import Network
from core.models.classifier import Classifier
from core.types import Checkpoint, Input, Radiograph
from core.work import Work
from tests.explain.precise import built, differ, evidence, image
from tests.explain.quick import quick, stage_for


@pytest.fixture(scope="module")
def tape() -> Tape:
    network = built("small-cnn", 1)
    return Tape(network, image(1), grad_from="images", wanted={1: ["images", *network.stages]})


def test_captum_gets_the_recorded_values_and_gradients_bit_for_bit_and_runs_nothing(tape: Tape) -> None:
    network = tape.network
    before = tape.forwards
    for stage in network.stages:
        replay, module = Replay(tape, stage), network.stage_module(stage)
        assert torch.equal(
            LayerActivation(replay, replay.layer).attribute(tape.images),
            LayerActivation(network, module).attribute(tape.images),
        )
        ours = LayerGradCam(replay, replay.layer).attribute(tape.images, target=1)
        assert differ(ours, LayerGradCam(network, module).attribute(tape.images, target=1)) < 1e-12
    ours = Saliency(replay).attribute(replay.images, target=1)
    assert differ(ours, Saliency(network).attribute(tape.images.clone().requires_grad_(), target=1)) < 1e-12

    assert torch.equal(replay(tape.images), network(tape.images))
    assert (tape.forwards, tape.backwards) == (before, 1)


def test_no_gradient_is_computed_before_one_is_needed() -> None:
    network = built("small-cnn", 1)
    tape = Tape(network, image(1), grad_from="images")
    replay = Replay(tape, "stage 1")

    LayerActivation(replay, replay.layer).attribute(tape.images)
    assert tape.backwards == 0
    LayerGradCam(replay, replay.layer).attribute(tape.images, target=0)
    LayerGradCam(replay, replay.layer).attribute(tape.images, target=0)
    assert tape.backwards == 1


def _untouched(network: Network) -> None:
    assert torch.is_grad_enabled()
    assert not torch.is_inference_mode_enabled()
    for module in network.modules():
        assert not [*module._forward_hooks, *module._forward_pre_hooks]
        assert not [*module._backward_hooks, *module._backward_pre_hooks]
        assert not module.training
    assert not any(weights.requires_grad or weights.grad is not None for weights in network.parameters())


CAPTUMS = [method for method in methods.values() if method.by]


@pytest.mark.parametrize("method", CAPTUMS, ids=lambda method: method.name)
def test_a_cancel_within_captum_leaves_nothing_behind(
    classifier: Classifier, phantom: Radiograph, method: Method
) -> None:
    with classifier.alone() as network:
        stage = stage_for(method.name, network)
    work = Work(tell=lambda done, total: work.cancel())
    requests = [Request(method.name, finding, stage, quick(method.name)) for finding in ("normal", "covid")]

    if method.cost == "shared":
        explain_many(classifier, phantom, requests, work=work)  # it does not ask in between
    else:
        with pytest.raises(Stopped, match="cancelled"):
            explain_many(classifier, phantom, [*requests, Request("occlusion", "covid")], work=work)

    with classifier.alone() as network:
        _untouched(network)


@pytest.mark.parametrize("name", ["guided-backprop", "integrated-gradients", "occlusion", "neuron-gradient"])
def test_an_error_within_captum_leaves_nothing_behind(
    classifier: Classifier, phantom: Radiograph, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> Tensor:
        raise RuntimeError("out of memory")

    with classifier.alone() as network:
        last = list(network.features.children())[-1]
        monkeypatch.setattr(last, "forward", fails if name == "neuron-gradient" else last.forward)
    if name != "neuron-gradient":
        monkeypatch.setattr(Tape, "run", fails)
    with pytest.raises(RuntimeError, match="out of memory"):
        explain_many(classifier, phantom, [Request(name, "normal", settings=quick(name))])

    with classifier.alone() as network:
        _untouched(network)


def test_all_findings_take_one_call_of_captum(tape: Tape) -> None:
    first = replace(evidence(built("small-cnn", 1), image(1), finding=0), together=(0, 1, 2))
    calls = 0

    def attribute(passes: object) -> Tensor:
        nonlocal calls
        calls += 1
        return torch.arange(3.0)

    values = [explained(replace(first, finding=finding), "key", attribute, count=1) for finding in range(3)]

    assert (calls, [float(one) for one in values]) == (1, [0, 1, 2])


def test_altered_films_run_once_for_all_findings_and_the_film_itself_never() -> None:
    seen = evidence(built("small-cnn", 1), image(1), finding=0)
    films = torch.cat([image(1), -image(1)])
    first, second = (Altered(replace(seen, finding=finding), "key", 2) for finding in (0, 2))

    assert torch.equal(first(first.film), seen.tape.logits[:, 0])
    assert seen.tape.forwards == 1
    assert torch.equal(first(films), seen.network(films)[:, 0])
    assert torch.equal(second(films), seen.network(films)[:, 2])
    assert seen.tape.forwards == 3


def test_each_entry_names_what_computes_it() -> None:
    assert methods["grad-cam"].computed_by == "Captum LayerGradCam"
    assert methods["saliency"].computed_by == "Captum Saliency"
    assert methods["layer-activation"].computed_by == "Captum LayerActivation"
    for method in methods.values():
        assert method.computed_by.startswith("Captum " if method.by else "Lightbox: ")
        assert method.by is None or method.by.__module__.startswith("captum.")
    assert captum_version().startswith("0.9")


def test_captums_deeplift_does_not_add_up_where_a_max_pooling_follows_a_relu() -> None:
    """Why DeepLIFT is ours: each of the shipped networks has one."""
    network, film = built("small-cnn", 1), image(1)
    baseline = torch.full_like(film, -1.0)
    difference = float((network(film) - network(baseline))[0, 1])

    with pytest.warns(UserWarning, match="Setting forward, backward hooks"):
        captum = DeepLift(network).attribute(film.clone().requires_grad_(), baseline, target=1).detach()

    assert float(methods["deeplift"].rule(evidence(network, film), baseline="black").sum()) == pytest.approx(difference)
    assert abs(float(captum.sum()) - difference) > 0.05 * abs(difference)


@pytest.mark.parametrize("name", ["small-cnn", "densenet121", "resnet50"])
def test_captums_lrp_has_no_rule_for_layers_of_these_networks(name: str) -> None:
    """Why LRP is ours, in part."""
    network, film = built(name, 1), image(1)

    with pytest.raises(TypeError, match="has no rule defined"):
        LRP(network).attribute(film.clone().requires_grad_(), target=1)
    _untouched(network)


def test_captums_lrp_loses_relevance_at_batch_norms() -> None:
    """Why LRP is ours, for the rest: what arrives is not the score, in a network without any other bias."""
    torch.manual_seed(0)
    norm = nn.BatchNorm2d(4)
    with torch.no_grad():
        norm.bias.uniform_(0.5, 1)
    layers = nn.Sequential(
        nn.Conv2d(1, 4, 3, bias=False),
        norm,
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Conv2d(4, 1, 1, bias=False),
    )
    film = image(1, side=16)
    score = float(layers.double().eval()(film).detach())

    captum = float(LRP(layers).attribute(film.clone().requires_grad_(), target=(0, 0, 0)).detach().sum())
    last = nn.Linear(4, 1, bias=False)
    last.weight = nn.Parameter(layers[4].get_parameter("weight").detach().flatten(1))
    network = Network(
        nn.Sequential(OrderedDict(conv=layers[0], norm=layers[1], relu=layers[2])),
        {"last": "relu"},
        nn.Sequential(layers[3], nn.Flatten(), last),
    )
    ours = methods["lrp"].rule(evidence(network.eval().requires_grad_(False), film, finding=0))

    assert float(ours.sum()) == pytest.approx(score, rel=1e-3)
    assert abs(captum - score) > 0.05 * abs(score)


def test_captums_gradient_shap_cannot_be_repeated_beside_others() -> None:
    """Why GradientSHAP is ours: Captum draws from NumPy's generator, which other threads draw from, too."""
    network, film = built("small-cnn", 1), image(1)
    baselines = torch.cat([torch.zeros_like(film), -torch.ones_like(film)])

    def drawn(others: int) -> Tensor:
        np.random.seed(0)  # noqa: NPY002  # it is the one that Captum draws from
        np.random.rand(others)  # noqa: NPY002
        torch.manual_seed(0)
        tensor: Tensor = GradientShap(network).attribute(
            film.clone().requires_grad_(), baselines, n_samples=4, target=1
        )
        return tensor

    assert torch.equal(drawn(0), drawn(0))
    assert not torch.allclose(drawn(0), drawn(1))
    ours = [methods["gradient-shap"].rule(evidence(network, film), samples=8, seed=0) for _ in range(2)]
    assert torch.equal(*ours)


def test_a_relu_that_is_no_module_is_refused_before_captum_misses_it(phantom: Radiograph) -> None:
    class Functional(nn.Module):
        def forward(self, values: Tensor) -> Tensor:
            return nn.functional.relu(values)

    features = nn.Sequential(OrderedDict(conv=nn.Conv2d(1, 2, 3), relu=Functional()))
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 1))
    network = Network(features, {"last": "relu"}, head).eval().requires_grad_(False)
    small = Classifier(Checkpoint("small", "by hand", ("opacity",), True, Input(size=96), sha256=""), network)

    with pytest.raises(Unfit, match="it applies ReLU 1 times but has 0 ReLU modules"):
        explain_many(small, phantom, [Request("guided-backprop", "opacity")])


def test_evidence_of_several_images_replays_each(tape: Tape) -> None:
    network = built("small-cnn", 1)
    films = torch.cat([image(1), -image(1)])
    seen = Evidence(Tape(network, films, grad_from="images"), 1, network.last_stage, black=-1.0)

    heat = methods["saliency"].rule(seen)

    assert differ(heat[1:], methods["saliency"].rule(evidence(network, -image(1), grad_from="images"))) < 1e-12
