"""One map of several stages, asked for as "stage 3+stage 4"."""

import numpy as np
import pytest
import torch

from core.errors import BadSetting, Unfit, UnknownName
from core.explain.method import methods
from core.explain.run import Request, explain, explain_many, fused
from core.models.classifier import Classifier
from core.types import Radiograph


def test_each_stage_counts_as_a_share_of_its_own_peak_however_large_its_values() -> None:
    fine = torch.tensor([[8.0, 0.0], [0.0, 4.0]])
    other = torch.tensor([[0.0, 0.1], [0.0, 0.05]])

    assert torch.allclose(fused([fine, other]), torch.tensor([[0.5, 0.5], [0.0, 0.5]]))


def test_a_coarse_stage_is_enlarged_to_the_finest_between_cell_centres() -> None:
    """Of two cells side by side, the four columns lie at 0, a quarter, three quarters and 1 of the way."""
    coarse = torch.tensor([[0.0, 4.0], [0.0, 4.0]])
    fine = torch.zeros(4, 4)
    fine[3, 0] = 7.0
    expected = torch.tensor([0.0, 0.25, 0.75, 1.0]).repeat(4, 1) / 2
    expected[3, 0] = 0.5

    assert torch.allclose(fused([coarse, fine]), expected)
    assert torch.allclose(fused([fine, coarse]), expected)


def test_signed_stages_keep_their_sign_and_cancel_where_they_disagree() -> None:
    """The peak is the largest value on either side of zero."""
    first = torch.tensor([[2.0, -4.0], [1.0, 0.0]])
    second = torch.tensor([[3.0, 3.0], [-1.5, 0.0]])

    assert torch.allclose(fused([first, second]), torch.tensor([[0.75, 0.0], [-0.125, 0.0]]))


def test_a_stage_in_which_nothing_speaks_halves_the_other() -> None:
    assert torch.equal(fused([torch.zeros(2, 2), torch.eye(2)]), torch.eye(2) / 2)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("name", ["grad-cam", "grad-cam-plus-plus", "hires-cam", "xgrad-cam", "layer-cam", "eigen-cam"])
def test_layers_fused_in_one_request_equal_those_fused_from_single_requests(
    classifier: Classifier, phantom: Radiograph, name: str, signed: bool
) -> None:
    requests = [
        Request(name, "normal", layer, {"signed": signed}) for layer in ("stage 3", "stage 4", "stage 3+stage 4")
    ]

    _, (third, fourth, both) = explain_many(classifier, phantom, requests)

    expected = fused([torch.from_numpy(each.heat.copy()) for each in (third, fourth)]).numpy()
    assert np.allclose(both.heat, expected, rtol=0, atol=1e-6)
    assert both.heat.shape == third.heat.shape == (4, 4)
    assert (both.layer, both.signed, both.unit) == ("stage 3+stage 4", signed, "share of each stage's peak")
    assert both.passes == (0, 0)  # the two stages were there already


def test_masking_and_ablating_methods_fuse_stages_without_mixing_their_answers(
    classifier: Classifier, phantom: Radiograph
) -> None:
    settings = {"channels": 4, "signed": True}
    requests = [Request("score-cam", "normal", layer, settings) for layer in ("stage 3+stage 4", "stage 3", "stage 4")]

    _, (both, third, fourth) = explain_many(classifier, phantom, requests)

    assert np.allclose(both.heat, fused([torch.from_numpy(each.heat.copy()) for each in (third, fourth)]), atol=1e-6)
    assert not np.allclose(third.heat[:2, :2], fourth.heat)
    assert [each.passes for each in (both, third, fourth)] == [(9, 0), (0, 0), (0, 0)]


def test_a_method_of_the_last_stage_alone_is_not_fused(classifier: Classifier, phantom: Radiograph) -> None:
    assert methods["cam"].layered
    with pytest.raises(Unfit, match="CAM is not available for untrained at stage 3"):
        explain(classifier, phantom, finding="normal", method="cam", layer="stage 3+stage 4")


def test_a_stage_named_twice_or_unknown_is_refused_by_name(classifier: Classifier, phantom: Radiograph) -> None:
    with pytest.raises(BadSetting, match=r"'stage 4\+stage 4'. Name each one once"):
        explain(classifier, phantom, finding="normal", layer="stage 4+stage 4")
    with pytest.raises(UnknownName, match="layer of densenet121"):
        explain(classifier, phantom, finding="normal", layer="stage 3+stage 9")
