from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

from core.explain.run import explain
from core.image.phantom import draw
from core.image.prepare import prepare
from core.models.classifier import Classifier, log_odds, probabilities
from core.types import Radiograph


def test_probabilities_are_calibrated_softmax(classifier: Classifier, phantom: Radiograph) -> None:
    prediction = classifier.predict(phantom)

    assert prediction.temperature == 1.5
    expected = torch.from_numpy(prediction.logits.copy()).div(1.5).softmax(0).numpy()
    assert np.allclose(prediction.probabilities, expected)
    assert prediction.likeliest == (prediction.findings[int(expected.argmax())], float(prediction.probabilities.max()))


def test_independent_findings_get_a_sigmoid_each() -> None:
    assert np.allclose(probabilities([0.0, 2.0], 2.0, multi_label=True), [0.5, 1 / (1 + np.exp(-1))])


def test_log_odds_are_those_of_the_probabilities() -> None:
    logits = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    for multi_label in (True, False):
        likely = probabilities(logits, 1.5, multi_label=multi_label)
        assert np.allclose(log_odds(logits, 1.5, multi_label=multi_label), np.log(likely / (1 - likely)), atol=1e-5)


def test_the_network_gets_what_prepare_makes(classifier: Classifier, phantom: Radiograph) -> None:
    image = prepare(phantom, classifier.checkpoint.input).image
    with classifier.alone() as network, torch.inference_mode():
        logits = network(image[None])[0].numpy()

    assert np.array_equal(classifier.predict(phantom).logits, logits)


def test_people_at_the_same_time_get_their_own_answers(classifier: Classifier) -> None:
    """Eight threads, hooks and gradients included: every map equals the serial one to the last bit."""
    films = [draw(seed=seed, height=160, width=160).radiograph for seed in range(4)]
    jobs = [
        (film, method)
        for film in films
        for method in ("grad-cam", "saliency", "layer-activation", "guided-backprop", "input-x-gradient")
    ] * 3

    def heat(job: tuple[Radiograph, str]) -> bytes:
        return explain(classifier, job[0], finding="covid", method=job[1]).heat.tobytes()

    alone = [heat(job) for job in jobs]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(heat, jobs))

    assert together == alone
    assert len(set(alone)) == 20
    with classifier.alone() as network:
        hooks = [m for m in network.modules() if m._forward_hooks or m._forward_pre_hooks or m._backward_hooks]
        assert not hooks
        assert all(weights.grad is None for weights in network.parameters())
        assert not network.training
