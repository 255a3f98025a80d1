"""Measures that Quantus has, too, give the same figures: same network, same film, same map, same perturbations.

Quantus: Hedström et al. 2023, JMLR 24(34). Deletion is its PixelFlipping, max-sensitivity its MaxSensitivity, the heat
on a mask its RelevanceMassAccuracy, the hit of the maximum its PointingGame, the similarity of maps its Spearman
correlation. Ours divides infidelity by that of no map, after the best scaling; Quantus has neither, so it gets the
scaled map, and the mean squared effect divides its figure. `make setup` installs it.
"""

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.evaluate.heat import TOLERANCE, hits, inside_ratio
from core.explain.run import explain
from core.image.phantom import Opacity, draw
from core.image.prepare import prepare
from core.lung_network import dilated
from core.models.architecture import architectures
from core.models.classifier import Classifier
from core.trust import captum_metrics
from core.trust.altered import filling, heat_of, likely, prepared, rank_correlation
from core.trust.captum_metrics import RADIUS
from core.trust.deletion_curves import curves
from core.trust.measure import Fill, Question, measures
from core.types import Checkpoint, Cleaning, Input

quantus: Any = pytest.importorskip("quantus", reason="run `make setup`")

SIZE, FINDING = 96, 0
STEPS = 12  # Quantus wants steps of equal size
Arrays = NDArray[np.float32]


class Probabilities(nn.Module):
    """The calibrated probabilities of all findings, which Quantus asks for one image at a time."""

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(self, images: Tensor) -> Tensor:
        logits = torch.from_numpy(self.classifier.logits(images))
        return (logits / self.classifier.checkpoint.temperature).softmax(dim=1)


@pytest.fixture(scope="module")
def question() -> Question:
    """Saliency, which has a value per pixel, of a random network that has seen phantoms."""
    torch.manual_seed(0)
    network = architectures["small-cnn"].build(3, 1)
    films = [draw(seed=seed, height=128, width=128, opacity=Opacity(0.3, 0.45)).radiograph for seed in range(3)]
    with torch.no_grad():
        network.train()(torch.stack([prepare(film, Input(size=SIZE)).image for film in films]))
    card = Checkpoint("random", "small-cnn", ("a", "b", "c"), False, Input(size=SIZE), sha256="0", temperature=0.3)
    classifier = Classifier(card, network.eval().requires_grad_(False))
    cleaning = Cleaning()
    explanation = explain(classifier, films[0], finding="a", method="saliency", cleaning=cleaning)
    return Question(classifier, films[0], explanation, cleaning, fill="mean")


def _of(question: Question, metric: Any, heat: Arrays, **more: object) -> Any:
    """What Quantus's metric gives for the question's film and finding."""
    image = prepared(question).image.numpy()[None]
    result = metric(
        model=Probabilities(question.classifier).eval(),
        x_batch=image,
        y_batch=np.array([FINDING]),
        a_batch=heat.reshape(1, 1, *heat.shape[-2:]),
        channel_first=True,
        softmax=False,
        **more,
    )
    return result[0]


@pytest.mark.parametrize("fill", ["mean", "blur", "noise"])
def test_the_deletion_curve_is_that_of_pixel_flipping(question: Question, fill: Fill) -> None:
    image, saliency = prepared(question).image, question.explanation.heat
    order = saliency.ravel().argsort(kind="stable").argsort()  # no ties, since their order is arbitrary
    heat = order.reshape(saliency.shape).astype(np.float32)
    replacement = filling(image, fill).reshape(1, -1).numpy()

    def filled(arr: Arrays, indices: NDArray[np.intp], **_: object) -> Arrays:
        result = arr.copy()
        np.put_along_axis(result, indices, np.take_along_axis(replacement, indices, axis=1), axis=1)
        return result

    settings = {
        "features_in_step": heat.size // STEPS,
        "normalise": False,
        "perturb_func": filled,
        "disable_warnings": True,
    }
    own = curves(_filled_by(question, fill), [heat], steps=STEPS)[0]

    curve = _of(question, quantus.PixelFlipping(**settings), heat)

    assert curve == pytest.approx(own.deletion.tolist(), abs=1e-5)
    assert np.trapezoid(curve) == pytest.approx(own.deletion_area, abs=1e-4)  # its own calls np.trapz, which is gone


def test_max_sensitivity_is_that_of_quantus(question: Question) -> None:
    ready = prepared(question)
    radius = RADIUS * float((ready.white - ready.black).max())

    def uniform_noise(arr: Arrays, **_: object) -> Arrays:
        noise: Arrays = torch.FloatTensor(ready.image[None].shape).uniform_(-radius, radius).numpy()
        return arr + noise.reshape(arr.shape)

    def maps(inputs: Arrays, **_: object) -> Arrays:
        return np.stack([heat_of(question, torch.from_numpy(image))[None] for image in inputs])

    metric = quantus.MaxSensitivity(
        nr_samples=captum_metrics.MAPS, perturb_func=uniform_noise, disable_warnings=True, normalise=False
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        value = _of(question, metric, heat_of(question, ready.image), explain_func=maps)

    own = measures["max-sensitivity"](question).value
    assert own > 0.01
    assert value == pytest.approx(own, abs=1e-4)


def test_infidelity_is_that_of_quantus_after_the_best_scaling(question: Question) -> None:
    image, heat = prepared(question).image, question.explanation.heat
    changes = captum_metrics.patches(image)
    effects = likely(question, image[None])[0] - likely(question, image - changes)
    sums = (changes.numpy() * heat).sum(axis=(1, 2, 3))
    scale = float((effects * sums).mean() / np.square(sums).mean())

    samples = iter(changes.numpy())
    metric = quantus.Infidelity(
        perturb_patch_sizes=[SIZE],
        n_perturb_samples=len(changes),
        perturb_func=lambda arr, indices, **_: arr - next(samples).reshape(arr.shape),
        disable_warnings=True,
    )
    share = float(_of(question, metric, scale * heat)) / float(np.square(effects).mean())

    own = measures["infidelity"](question).value
    assert 0 < own < 1
    assert share == pytest.approx(own, abs=1e-4)


def test_the_share_of_heat_in_a_mask_and_the_hit_are_those_of_quantus(question: Question) -> None:
    heat = question.explanation.heat.clip(min=0)
    for seed in range(8):
        top, left = np.random.default_rng(seed).integers(0, SIZE // 2, 2)
        mask = np.zeros(heat.shape, bool)
        mask[top : top + SIZE // 2, left : left + SIZE // 2] = True
        near = dilated(mask, TOLERANCE)  # as far as our pointing game reaches

        share = _of(question, quantus.RelevanceMassAccuracy(disable_warnings=True), heat, s_batch=mask[None, None])
        hit = _of(question, quantus.PointingGame(disable_warnings=True), heat, s_batch=near[None, None])

        assert share == pytest.approx(inside_ratio(heat, mask), abs=1e-5)
        assert bool(hit) == hits(heat, mask)


@pytest.mark.parametrize("ties", [False, True])
def test_the_similarity_of_two_maps_is_quantus_rank_correlation(ties: bool) -> None:
    chance = np.random.default_rng(0)
    one, other = chance.random((2, 14, 14), np.float32)
    other += one
    if ties:
        one, other = one.round(1), other.clip(min=1)

    value = quantus.similarity_func.correlation_spearman(a=one.reshape(1, -1), b=other.reshape(1, -1), batched=True)

    assert rank_correlation(one, other) == pytest.approx(value[0], abs=1e-6)


def _filled_by(question: Question, fill: Fill) -> Question:
    return Question(question.classifier, question.radiograph, question.explanation, question.cleaning, fill=fill)
