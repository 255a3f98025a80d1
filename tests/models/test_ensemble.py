"""Several models as one: means of probabilities and of maps."""

from copy import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from core.errors import BadSetting
from core.evaluate.run import logits
from core.explain.ensemble import explain_any
from core.explain.run import Request, explain_many
from core.models.architecture import architectures
from core.models.classifier import Classifier, probabilities
from core.models.ensemble import Ensemble
from core.types import Checkpoint, Input, Radiograph

FINDINGS = ("covid", "pneumonia", "normal")


def _member(name: str, *, size: int = 64, multi_label: bool = False, temperature: float = 1.0) -> Classifier:
    torch.manual_seed(len(name))
    network = architectures["small-cnn"].build(3, 1).eval().requires_grad_(False)
    network.head.get_submodule("linear").get_parameter("weight").mul_(20)
    card = Checkpoint(
        name, "small-cnn", FINDINGS, multi_label, Input(size=size), sha256=name, temperature=temperature, thresholds={}
    )
    return Classifier(card, network)


@pytest.mark.parametrize("multi_label", [False, True])
def test_probabilities_are_the_mean_of_the_members(phantom: Radiograph, multi_label: bool) -> None:
    members = (
        _member("a", multi_label=multi_label),
        _member("bb", size=96, multi_label=multi_label, temperature=2.0),
    )
    ensemble = Ensemble(members)
    each = [member.predict(phantom).probabilities for member in members]
    expected = np.mean(each, axis=0)
    prediction = ensemble.predict(phantom)
    scores = logits(ensemble, [phantom, phantom], copy)

    assert np.abs(each[0] - each[1]).max() > 0.01
    assert np.allclose(prediction.probabilities, expected, atol=1e-5)
    assert np.allclose(probabilities(scores, 1.0, multi_label=multi_label), expected, atol=1e-5)
    assert (ensemble.checkpoint.name, prediction.checkpoint) == ("a+bb", ensemble.checkpoint.key)
    assert scores.shape == (2, 3)


def test_maps_are_the_mean_of_the_members_shares_at_the_finest_size(phantom: Radiograph) -> None:
    members = (_member("a", size=64), _member("bb", size=128))
    requests = [Request("grad-cam", "normal"), Request("layer-cam", "covid")]
    prediction, maps = explain_any(Ensemble(members), phantom, requests)
    first, second = (explain_many(member, phantom, requests)[1][0].heat for member in members)

    assert [each.method for each in maps] == ["grad-cam", "layer-cam"]
    assert maps[0].heat.shape == second.shape
    assert maps[0].heat.shape[0] > first.shape[0]
    wide = torch.nn.functional.interpolate(
        torch.from_numpy(first / first.max())[None, None], size=second.shape, mode="bilinear"
    )
    assert np.allclose(maps[0].heat, (wide[0, 0].numpy() + second / second.max()) / 2, atol=1e-6)
    assert maps[0].checkpoint == prediction.checkpoint
    assert maps[0].unit == "share of each model's peak"


def test_an_ensemble_names_no_layer(phantom: Radiograph) -> None:
    with pytest.raises(BadSetting, match=r"do not share the layer 'stage 1'. Leave the layer out"):
        explain_any(Ensemble((_member("a"), _member("bb"))), phantom, [Request("grad-cam", "normal", "stage 1")])


def test_members_that_do_not_fit_each_other_are_refused() -> None:
    first, second = _member("a"), _member("bb")
    with pytest.raises(BadSetting, match=r"The ensemble a\+a names a model twice"):
        Ensemble((first, first))
    other = Classifier(replace(second.checkpoint, findings=FINDINGS[::-1]), second._network)
    with pytest.raises(BadSetting, match=r"bb normal, pneumonia, covid. An ensemble needs models with the same"):
        Ensemble((first, other))
    padded = Classifier(replace(second.checkpoint, input=Input(size=64, fit="pad")), second._network)
    with pytest.raises(BadSetting, match="a sees the film by 'stretch', bb by 'pad'"):
        Ensemble((first, padded))
