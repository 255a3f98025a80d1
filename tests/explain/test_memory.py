"""How many images fit through a network at once."""

import json
import os
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from torch import nn

from core.explain import memory
from core.explain.memory import batch_size, cost, free, needed
from core.models.architecture import Network

CPU = torch.device("cpu")
MEASURED = """
import contextlib, ctypes, json, pathlib, sys
import torch
from core.bench.fresh_process import resident
from core.bench.untrained import classifier
from core.explain.memory import needed
architecture, images, graph = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "graph"
films = torch.rand(images, 1, 224, 224)
with classifier(architecture).alone() as network:
    with torch.inference_mode():
        network(films[:1])
    estimate = images * needed(network, films[0], graph=graph)  # its first call imports torch's compiler
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)  # what the first pass freed is no part of the starting point
    with contextlib.suppress(OSError):
        pathlib.Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    before = resident("VmRSS")
    for _ in range(2):
        if graph:
            films.requires_grad_()
            logits = network(films)
            for finding in range(3):
                torch.autograd.grad(logits[:, finding].sum(), films, retain_graph=finding < 2)
        else:
            with torch.inference_mode():
                network(films)
after = resident("VmHWM")
print(json.dumps(None if after is None else (after - before) / estimate))
"""


class Doubling(nn.Module):
    """Two layers that keep the same tensor."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        wide = images.exp()  # keeps its result
        return wide * wide  # keeps it twice more


def _network() -> Network:
    features = nn.Sequential(OrderedDict(doubling=Doubling()))
    head = nn.Sequential(nn.Flatten(), nn.Linear(64, 2, bias=False))
    return Network(features, {"only": "doubling"}, head).eval().requires_grad_(False)


def test_what_several_layers_keep_counts_once() -> None:
    """An image of 8 × 8: exp keeps its 64 numbers, the product the same ones; frozen, the last layer only weights."""
    assert cost(_network(), torch.zeros(1, 8, 8)) == (256, 256)


def test_what_is_as_large_as_a_weight_still_counts(network: Network) -> None:
    """At 64 px many activations of DenseNet-121 have as many bytes as one of its weights."""
    saved, largest = cost(network, torch.zeros(1, 64, 64))

    assert largest == 4 * 64 * 32 * 32  # the first convolution's 64 maps of 32 × 32
    assert saved / largest > 40


@pytest.mark.parametrize(("graph", "images"), [(True, 3), (False, 4)])
def test_a_batch_fills_the_budget_and_not_more(graph: bool, images: int, monkeypatch: pytest.MonkeyPatch) -> None:
    network, image = _network(), torch.zeros(1, 8, 8)
    each = needed(network, image, graph=graph)
    monkeypatch.setattr(memory, "free", lambda device: 1e12)

    assert batch_size(network, image, graph=graph, budget=images * each + 1) == images
    assert batch_size(network, image, graph=graph, budget=images * each - 1) == images - 1
    assert batch_size(network, image, graph=graph, budget=0) == 1
    assert batch_size(network, image, graph=graph, budget=1e12) == 8


def test_a_batch_takes_half_of_what_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    network, image = _network(), torch.zeros(1, 8, 8)
    monkeypatch.setattr(memory, "free", lambda device: 10 * needed(network, image, graph=True))

    assert batch_size(network, image, graph=True) == 5


def test_free_memory_is_some() -> None:
    assert 1e6 < free(CPU) < 1e14


@pytest.mark.parametrize(
    ("architecture", "images", "mode"), [("densenet121", 4, "graph"), ("small-cnn", 4, "graph"), ("densenet121", 8, "")]
)
def test_the_peak_of_a_fresh_process_is_what_was_reckoned(architecture: str, images: int, mode: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", MEASURED, architecture, str(images), mode],
        cwd=Path(__file__).parents[2],
        env=os.environ | {"OMP_NUM_THREADS": "1"},  # each thread brings scratch memory of its own
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    share = json.loads(done.stdout)
    assert share is None or 0.6 < share < 1.3  # a small network's peak has room for the allocator: 1.12 once
