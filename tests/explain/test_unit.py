"""Conductance, influence and the gradient of one unit: equal to Captum, and true to their definitions."""

import numpy as np
import pytest
import torch
from captum.attr import InternalInfluence, LayerConductance, NeuronGradient

from core.errors import BadSetting, Unfit
from core.explain.method import methods
from core.explain.run import Request, explain, explain_many
from core.models.architecture import architectures
from core.models.classifier import Classifier
from core.types import Radiograph
from tests.explain.double import FINDING, KINDS, evidence, image, precise, relative

BLACK = -1.0


@pytest.mark.parametrize(("architecture", "channels"), KINDS)
def test_layer_conductance_equals_captum(architecture: str, channels: int) -> None:
    network = precise(architecture, channels)
    for stage in ("stage 2", network.last_stage):
        heat = methods["layer-conductance"].rule(evidence(network, stage), steps=11, baseline="black", channel=-1)

        reference = LayerConductance(network, network.stage_module(stage))
        expected = reference.attribute(image(channels), baselines=BLACK, target=FINDING, n_steps=11)
        assert relative(heat, expected.sum(dim=1)) < 1e-5


@pytest.mark.parametrize(("architecture", "channels"), KINDS)
def test_internal_influence_equals_captum(architecture: str, channels: int) -> None:
    network = precise(architecture, channels)
    heat = methods["internal-influence"].rule(evidence(network, "stage 2"), steps=11, baseline="black", channel=5)

    reference = InternalInfluence(network, network.stage_module("stage 2"))
    expected = reference.attribute(image(channels), baselines=BLACK, target=FINDING, n_steps=11)
    assert relative(heat, expected[:, 5]) < 1e-5


@pytest.mark.parametrize(("architecture", "channels"), KINDS)
def test_neuron_gradient_equals_captum(architecture: str, channels: int) -> None:
    network = precise(architecture, channels)
    seen = evidence(network, "stage 3")
    active = int(seen.features[0, :, 1, 2].argmax())
    heat = methods["neuron-gradient"].rule(seen, channel=-1, row=1, column=2)

    reference = NeuronGradient(network, network.stage_module("stage 3"))
    expected = reference.attribute(image(channels).requires_grad_(), neuron_selector=(active, 1, 2))
    assert relative(heat, expected.sum(dim=1)) < 1e-5


def test_the_unit_that_is_not_named_is_the_most_active_one() -> None:
    seen = evidence(precise("densenet121", 1), "stage 3")
    features = seen.features[0]
    channel, place = divmod(int(features.argmax()), features[0].numel())
    row, column = divmod(place, features.shape[-1])

    heat = methods["neuron-gradient"].rule(seen, channel=-1, row=-1, column=-1)

    assert torch.equal(heat, methods["neuron-gradient"].rule(seen, channel=channel, row=row, column=column))


def test_the_conductance_of_all_cells_adds_up_to_the_gain_along_the_path() -> None:
    """Exactly at the last stage, from which a linear head leads on; the path's ends are Captum's first and last."""
    network, steps = precise("densenet121", 1), 10
    first, last = ((1 + np.polynomial.legendre.leggauss(steps + 1)[0]) / 2)[[0, -1]]
    ends = torch.cat([BLACK + share * (image(1) - BLACK) for share in (first, last)])
    start, stop = network(ends)[:, FINDING]

    heat = methods["layer-conductance"].rule(evidence(network), steps=steps, baseline="black", channel=-1)

    assert float(heat.sum()) == pytest.approx(float(stop - start), rel=1e-9)


def test_conductance_is_the_same_in_batches_of_any_size() -> None:
    network = precise("densenet121", 1)
    whole = evidence(network, "stage 3")
    single = evidence(network, "stage 3")
    object.__setattr__(single, "budget", 1.0)
    assert (whole.batch(graph=True), single.batch(graph=True)) == (8, 1)

    settings = {"steps": 10, "baseline": "mean", "channel": -1}
    heat = methods["layer-conductance"].rule(whole, **settings)

    assert relative(methods["layer-conductance"].rule(single, **settings), heat) < 1e-9


def test_the_findings_share_the_forward_passes_and_pay_one_backward_a_step_each(
    classifier: Classifier, phantom: Radiograph
) -> None:
    for name, forwards in (("layer-conductance", 9), ("internal-influence", 8)):
        requests = [Request(name, finding, "stage 3", {"steps": 8}) for finding in ("covid", "normal")]
        _, maps = explain_many(classifier, phantom, requests)

        assert [each.passes for each in maps] == [(1 + forwards, 2 * forwards), (0, 0)], name
        assert not (maps[0].heat == maps[1].heat).all()


def test_a_unit_that_is_not_there_is_named_with_those_that_are(classifier: Classifier, phantom: Radiograph) -> None:
    for name, settings, sentence in (
        ("neuron-gradient", {"row": 9}, "row is 9; stage 3 has rows 0 to 3"),
        ("neuron-gradient", {"channel": 4000}, "channel is 4000; stage 3 has channels 0 to 1023"),
        ("layer-conductance", {"channel": 4000, "steps": 8}, "channel is 4000; stage 3 has feature maps 0 to 1023"),
    ):
        with pytest.raises(BadSetting, match=sentence):
            explain(classifier, phantom, finding="covid", method=name, layer="stage 3", settings=settings)


def test_influence_is_refused_where_the_head_averages_all_cells(classifier: Classifier, phantom: Radiograph) -> None:
    with pytest.raises(Unfit, match=r"at stage 4: what follows averages all its cells.* Choose an earlier layer"):
        explain(classifier, phantom, finding="covid", method="internal-influence")
    small = architectures["small-cnn"].build(3, 1)  # its head sees 4 x 4 cells
    assert methods["internal-influence"].fits(small, small.last_stage) == ""
