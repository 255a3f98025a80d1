"""The gradient family as a whole: equal to Captum, right on networks known by hand, one forward for all findings."""

import pytest
import torch
from captum.attr import InputXGradient, Saliency
from torch import Tensor

from core.explain.method import methods
from core.explain.run import Request, explain, explain_many
from core.models.classifier import Classifier
from core.types import Radiograph
from tests.explain.precise import REFERENCES, TINY, built, detector, differ, evidence, image, linear

FEW = {
    "smoothgrad": {"samples": 8},
    "smoothgrad-squared": {"samples": 8},
    "vargrad": {"samples": 8},
    "integrated-gradients": {"steps": 8},
    "gradient-shap": {"samples": 8},
}
GRADIENT = [name for name, method in methods.items() if method.family == "gradient"]
COMPARED = ("gradient-shap", "deeplift-shap")  # also with a white film, which is brighter than everything
PLACED = tuple(name for name in GRADIENT if name not in (*COMPARED, "deconvolution"))


@pytest.mark.parametrize(("name", "channels"), REFERENCES)
def test_saliency_and_input_x_gradient_equal_captum(name: str, channels: int) -> None:
    network, film = built(name, channels), image(channels)
    seen = evidence(network, film, grad_from="images")

    expected = Saliency(network).attribute(film.clone().requires_grad_(), target=1).amax(dim=1)
    assert differ(methods["saliency"].rule(seen), expected) < TINY
    expected = InputXGradient(network).attribute(film.clone().requires_grad_(), target=1).sum(dim=1)
    assert differ(methods["input-x-gradient"].rule(seen), expected) < TINY


def test_of_a_linear_network_every_map_is_known() -> None:
    """The gradient is the weights; what accounts for a difference is the weights times the difference."""
    weights = torch.randn(16, 16, generator=torch.Generator().manual_seed(2)).double()
    film = torch.rand(1, 1, 16, 16, generator=torch.Generator().manual_seed(3)).double()
    seen = evidence(linear(weights), film, finding=0, grad_from="images")

    def heat(name: str, **settings: object) -> Tensor:
        return methods[name].rule(seen, **settings)[0]

    blank = film[0, 0] + 1  # brightness of the film above black
    expected = {
        "saliency": weights.abs(),
        "input-x-gradient": weights * film[0, 0],
        "smoothgrad": weights.abs(),
        "smoothgrad-squared": weights**2,
        "vargrad": torch.zeros_like(weights),
        "integrated-gradients": weights * blank,
        "deeplift": weights * blank,
        "guided-backprop": weights,
        "deconvolution": weights,
    }
    for name, known in expected.items():
        assert torch.allclose(heat(name), known, atol=1e-6), name
    assert torch.allclose(heat("smoothgrad", signed=True), weights, atol=1e-6)
    assert torch.allclose(heat("integrated-gradients", baseline="white"), weights * (film[0, 0] - 2), atol=1e-6)
    assert torch.allclose(heat("deeplift", baseline="mean"), weights * (film - film.mean())[0, 0], atol=1e-6)
    assert torch.allclose(heat("gradient-shap", samples=64), heat("deeplift-shap"), atol=1e-6)


def _planted() -> tuple[Tensor, Tensor]:
    """A dark film with a square a little brighter than the detector's threshold; and where it is."""
    film = torch.zeros(1, 1, 32, 32, dtype=torch.float64)
    film[:, :, 8:16, 16:24] = 0.6
    return film, film[0, 0] > 0


@pytest.mark.parametrize("name", [*PLACED, *COMPARED])
def test_a_planted_square_comes_out_hot_where_it_was_planted(name: str) -> None:
    film, square = _planted()
    settings = {"noise": 0.25} if name in ("smoothgrad", "smoothgrad-squared", "vargrad") else {}

    heat = methods[name].rule(evidence(detector(), film, finding=0, grad_from="images"), **settings)[0]

    assert heat.shape == (32, 32)
    assert square.flatten()[heat.argmax()]
    assert heat[square].mean() > heat[~square].max()
    if name in PLACED:
        assert heat[square].sum() > 0.9 * heat.abs().sum() > 0


@pytest.mark.parametrize("name", [*(name for name in PLACED if methods[name].signed), *COMPARED])
def test_the_same_square_speaks_against_a_finding_that_it_lowers(name: str) -> None:
    film, square = _planted()
    heat = methods[name].rule(evidence(detector(), film, finding=1, grad_from="images"))[0]

    if name.startswith("guided"):  # they keep only what speaks for a finding
        assert not heat.any()
    else:
        assert heat[square].max() < heat[~square].min()
        assert name in COMPARED or heat[square].sum() < -0.9 * heat.abs().sum()


def test_deconvolution_does_not_see_which_units_a_film_excites() -> None:
    film, _ = _planted()
    heat = methods["deconvolution"].rule(evidence(detector(), film, finding=0))[0]

    assert torch.allclose(heat, heat[0, 0])
    assert heat[0, 0] > 0
    assert not methods["deconvolution"].rule(evidence(detector(), film, finding=1)).any()


@pytest.mark.parametrize("name", GRADIENT)
def test_all_findings_share_the_forward_passes(classifier: Classifier, phantom: Radiograph, name: str) -> None:
    settings = FEW.get(name, {})
    alone = explain(classifier, phantom, finding="normal", method=name, settings=settings)
    requests = [Request(name, finding, settings=settings) for finding in ("covid", "pneumonia", "normal")]

    _, together = explain_many(classifier, phantom, requests)

    assert sum(one.passes[0] for one in together) == alone.passes[0]
    # Grad-CAM at the last stage costs no backward pass; everything else costs each finding the same.
    assert sum(one.passes[1] for one in together) == 3 * alone.passes[1]
    assert abs(together[2].heat - alone.heat).max() <= 1e-5 * alone.peak


@pytest.mark.parametrize("name", ["smoothgrad", "gradient-shap", "deeplift-shap"])
def test_a_seed_gives_the_same_bits_and_another_seed_another_map(
    classifier: Classifier, phantom: Radiograph, name: str
) -> None:
    def heat(seed: int) -> bytes:
        settings = {**FEW.get(name, {}), "seed": seed}
        return explain(classifier, phantom, finding="covid", method=name, settings=settings).heat.tobytes()

    assert heat(3) == heat(3)
    assert heat(3) != heat(4)
