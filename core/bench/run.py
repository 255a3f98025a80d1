"""The cost of explanations, as multiples of one bare forward pass of the same network in the same run."""

import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import captum
import torch

from core.bench import deletion as deletion_cost
from core.bench import fresh_process, map_costs, passes
from core.bench.map_costs import BenchInput
from core.bench.threads import replicas, threads
from core.bench.timing import TimedCall, Timing, milliseconds, timed
from core.explain.run import Request, explain_many
from core.image.phantom import draw
from core.image.prepare import prepare
from core.lung_network import segment
from core.models.classifier import Classifier
from core.types import Checkpoint, Radiograph

FILM_SIDE = 2000  # px, of the phantom that stands for a film
AT_MOST = {
    map_costs.LAST: 1.10,
    map_costs.ALL: 4.0,
    "integrated_gradients_per_pass": 1.05,
    "smoothgrad_per_pass": 1.05,
    "occlusion_per_pass": 1.05,
    "rise_per_pass": 1.05,
    deletion_cost.KEY: 1.10,
}
AT_LEAST = {"throughput_4_threads": 0.9, "throughput_16_threads": 0.9}


@dataclass(frozen=True)
class Effort:
    """How much is timed: rounds of our maps, of other libraries' maps, of methods with many passes, and so on.

    whole: whether to time the calls from film to result, the import and the replicas as well.
    """

    rounds: int
    peer_rounds: int
    path_rounds: int
    warm_up: int
    paths: tuple[passes.Path, ...]
    memory_steps: int
    calls: int
    whole: bool


QUICK = Effort(
    rounds=3, peer_rounds=1, path_rounds=1, warm_up=1, paths=passes.QUICK, memory_steps=16, calls=12, whole=False
)


def full(repeats: int) -> Effort:
    """All figures as medians of `repeats` rounds, of a fifth as many for methods with dozens to a thousand passes."""
    return Effort(repeats, repeats, max(3, repeats // 5), 2, passes.FULL, 200, 32, True)


def bench(classifier: Classifier, effort: Effort) -> dict[str, Any]:
    """All figures except those of training and the browser.

    ratios:  cost relative to a bare forward pass or, per pass, to bare passes in batches of the same size; and
             `throughput_*_threads`, the throughput of all threads relative to a single one. Medians of pairs timed
             in turns; None where `skipped` says why.
    targets: limits that `ratios` should not exceed or fall below.
    details: their milliseconds and quartiles.
    """
    began = _load()
    film = draw(height=FILM_SIDE, width=FILM_SIDE).radiograph
    prepared = prepare(film, classifier.checkpoint.input)
    with classifier.alone() as network:
        inputs = BenchInput(classifier.checkpoint, network, prepared)
        mine = timed(inputs.forward, map_costs.ours(inputs), repeats=effort.rounds, warm_up=effort.warm_up)
        many, missing = passes.cases(inputs, effort.paths)
        mine |= timed(inputs.forward, many, repeats=effort.path_rounds, warm_up=int(effort.whole))
        others = _peers(inputs, effort)
    # These use the network through the classifier, as pages and command line do.
    mine[deletion_cost.KEY], others[deletion_cost.KEY] = deletion_cost.deletion(
        classifier, film, repeats=effort.path_rounds
    )
    by_threads = threads(classifier, film, calls=effort.calls)
    ratios: dict[str, float | None] = {key: figure.ratio for key, figure in mine.items()} | dict.fromkeys(missing)
    for count in ("4", "16"):
        ratios[f"throughput_{count}_threads"] = by_threads[count]["share of one thread's"]
    figures = {
        "ratios": ratios,
        "peers": others,
        "machine": machine(classifier.checkpoint) | {"load before, 1 min": began},
        "targets": {"at most": AT_MOST, "at least": AT_LEAST},
        "skipped": missing,
        "repeats": effort.rounds,
        "film": f"phantom of {FILM_SIDE} x {FILM_SIDE} px, 12 bits",
        "bare forward, ms": mine[map_costs.LAST].bare_ms,
        "details": {key: figure.card for key, figure in mine.items()},
        "memory": fresh_process.peak_figures(steps=effort.memory_steps),
        "threads": by_threads,
    }
    return figures | (_whole(classifier, film, inputs.forward, effort) if effort.whole else {})


def missed(figures: dict[str, Any]) -> list[str]:
    """The keys of `ratios` and `memory` that miss their targets."""
    over = [key for key, most in figures["targets"]["at most"].items() if (figures["ratios"].get(key) or 0) > most]
    under = [key for key, least in figures["targets"]["at least"].items() if (figures["ratios"].get(key) or 1) < least]
    return over + under + (["memory"] if figures["memory"]["met"] is False else [])


def machine(checkpoint: Checkpoint) -> dict[str, Any]:
    """What the figures depend on besides the code."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "captum": captum.__version__,
        "system": platform.platform(),
        "network": checkpoint.name,
        "architecture": checkpoint.architecture,
        "input": f"{checkpoint.input.channels} x {checkpoint.input.size} x {checkpoint.input.size}",
        "findings": len(checkpoint.findings),
    }


def _peers(inputs: BenchInput, effort: Effort) -> dict[str, dict[str, float | str]]:
    """Key -> library -> its ratio, or why there is none."""
    known = map_costs.peers(inputs)
    cases = [case for libraries in known.values() for case in libraries.values() if isinstance(case, TimedCall)]
    figures = timed(inputs.forward, cases, repeats=effort.peer_rounds, warm_up=int(effort.whole))
    return {
        key: {
            name: figures[case.name].ratio if isinstance(case, TimedCall) else case for name, case in libraries.items()
        }
        for key, libraries in known.items()
    }


def _whole(classifier: Classifier, film: Radiograph, bare: Callable[[], object], effort: Effort) -> dict[str, Any]:
    """The calls of pages and command line: the film at full size in, values out."""
    findings = classifier.checkpoint.findings
    cams = [Request("grad-cam", finding) for finding in findings]
    saliency = [Request("saliency", findings[0])]
    calls = [
        TimedCall("predict", lambda: classifier.predict(film)),
        TimedCall("lungs of one film", lambda: segment(film)),
        TimedCall("explain_many: Grad-CAM of all findings", lambda: explain_many(classifier, film, cams)),
        TimedCall("explain_many: saliency for one finding", lambda: explain_many(classifier, film, saliency)),
    ]
    figures: dict[str, Timing] = timed(bare, calls, repeats=effort.rounds)
    return {
        "whole calls, film to result": {name: figure.card for name, figure in figures.items()},
        "preparation, ms": milliseconds(lambda: prepare(film, classifier.checkpoint.input), effort.rounds),
        "import core.models.classifier": fresh_process.import_figures(),
        "two replicas": replicas(classifier, film, calls=effort.calls),
    }


def _load() -> float | None:
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def _cpu() -> str:
    """The processor's name; the machine type where the system does not report it."""
    table = Path("/proc/cpuinfo")
    if table.exists():
        names = [line.split(":", 1)[1].strip() for line in table.read_text().splitlines() if "model name" in line]
        if names:
            return names[0]
    return platform.processor() or platform.machine()
