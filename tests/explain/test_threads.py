"""Many users of one network at once, and one user for a long time."""

import gc
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import psutil
import pytest
import torch

from core.explain.method import methods
from core.explain.run import Request, explain, explain_many
from core.image.phantom import draw
from core.models.architecture import Network, architectures
from core.models.classifier import Classifier
from core.types import Checkpoint, Input, Radiograph

FINDINGS = ("covid", "pneumonia", "normal")
THREADS, EACH = 16, 50
_MANY_PASSES = {"integrated-gradients": {"steps": 8}, "smoothgrad": {"samples": 4}, "occlusion": {"stride": 32}}


@pytest.fixture(scope="module")
def tiny() -> Classifier:
    """The smallest network, untrained, behind the real door."""
    torch.manual_seed(0)
    network = architectures["small-cnn"].build(len(FINDINGS), 1)
    with torch.no_grad():
        network.train()(torch.randn(8, 1, 64, 64))
    card = Checkpoint("tiny", "small-cnn", FINDINGS, False, Input(size=64), sha256="")
    return Classifier(card, network.eval().requires_grad_(False))


@pytest.fixture(scope="module")
def films() -> list[Radiograph]:
    return [draw(seed=seed, height=96, width=96).radiograph for seed in range(THREADS)]


def _requests(network: Network) -> list[Request]:
    """Methods that share the prediction's passes, those that run the network by rules of their own, some of many."""
    values = []
    for method in methods.values():
        stages: tuple[str | None, ...] = tuple(network.stages) if method.layered else (None,)
        cheap = method.cost in ("shared", "few") and method.family != "baseline"
        if cheap or method.name in _MANY_PASSES:
            values += [
                Request(method.name, finding, stage, _MANY_PASSES.get(method.name, {}))
                for finding, stage in product(FINDINGS, stages)
                if not method.fits(network, stage)
            ]
    return values


def _clean(network: Network) -> bool:
    modules = list(network.modules())
    hooks = [
        m for m in modules if m._forward_hooks or m._forward_pre_hooks or m._backward_hooks or m._backward_pre_hooks
    ]
    return not hooks and not network.training and all(weights.grad is None for weights in network.parameters())


def test_sixteen_people_at_once_get_what_each_would_get_alone(tiny: Classifier, films: list[Radiograph]) -> None:
    """Fifty mixed requests each, on a film of their own: every map equals the serial one to the last bit."""
    with tiny.alone() as network:
        known = _requests(network)
    begin = threading.Barrier(THREADS)

    def mixed(person: int) -> list[Request]:
        """Each begins elsewhere, so that neighbours ask for different things at any moment."""
        return [known[(person * 7 + number * 5) % len(known)] for number in range(EACH)]

    def heats(person: int, *, together: bool) -> list[bytes]:
        if together:
            begin.wait()
        return [
            explain(
                tiny,
                films[person],
                finding=request.finding,
                method=request.method,
                layer=request.layer,
                settings=request.settings,
            ).heat.tobytes()
            for request in mixed(person)
        ]

    alone = [heats(person, together=False) for person in range(THREADS)]
    with ThreadPoolExecutor(THREADS) as pool:
        at_once = list(pool.map(lambda person: heats(person, together=True), range(THREADS)))

    assert {request.method for person in range(THREADS) for request in mixed(person)} == {r.method for r in known}
    assert {"guided-backprop", "deeplift", "grad-cam", "saliency", *_MANY_PASSES} <= {
        request.method for request in known
    }
    for person in range(THREADS):
        for request, expected, result in zip(mixed(person), alone[person], at_once[person], strict=True):
            assert result == expected, (person, request)
    with tiny.alone() as network:
        assert _clean(network)


def test_five_hundred_explanations_leave_no_memory_behind(tiny: Classifier, films: list[Radiograph]) -> None:
    """Resident memory grows by less than 5 % after the first hundred."""
    with tiny.alone() as network:
        known = _requests(network)
    process = psutil.Process()

    def ask(calls: range) -> int:
        for number in calls:
            explain_many(tiny, films[number % THREADS], [known[number % len(known)]])
        gc.collect()
        return int(process.memory_info().rss)

    before = ask(range(100))
    after = ask(range(500))

    assert after < 1.05 * before, f"{before / 1e6:.0f} MB became {after / 1e6:.0f} MB"
    with tiny.alone() as network:
        assert _clean(network)
