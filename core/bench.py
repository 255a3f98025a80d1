"""What explaining costs, as multiples of one bare forward pass of the same network in the same run."""

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import captum
import torch
from captum.attr import LayerGradCam, Saliency
from torch import Tensor
from tqdm import tqdm

from core.explain.evidence import Evidence, Tape
from core.explain.method import methods
from core.explain.run import Request, explain_many
from core.image.phantom import draw
from core.image.prepare import Prepared, prepare
from core.lungs import segment
from core.models import checkpoint as checkpoints
from core.models.architecture import Network, architectures
from core.models.classifier import Classifier, load, probabilities
from core.types import Checkpoint, Input, Radiograph

FILM_SIDE = 2000  # px, of the phantom that stands for a film
_WARM_UP = 2  # rounds that do not count
_FRESH = 3  # fresh processes for the import

# Linux's ru_maxrss would be no less than the memory of the process that started this one; VmHWM starts anew.
_IMPORT = """
import json, pathlib, time
start = time.perf_counter()
import core.models.classifier
seconds = time.perf_counter() - start
status = pathlib.Path("/proc/self/status")
lines = status.read_text().splitlines() if status.exists() else []
peaks = [1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM")]
print(json.dumps({"seconds": seconds, "peak": peaks[0] if peaks else None}))
"""


@dataclass(frozen=True)
class Case:
    """One thing that is timed. target: the ratio it shall not exceed, where one was set."""

    name: str
    run: Callable[[], object]
    target: float | None = None


def bench(classifier: Classifier, *, repeats: int = 15) -> dict[str, Any]:
    """All figures but the browser's.

    Each case is timed right after a bare forward pass, round after round, so that what else the machine does falls
    on both; `ratio` is the median of these pairs, `quartiles` their spread.
    """
    film = draw(height=FILM_SIDE, width=FILM_SIDE).radiograph
    prepared = prepare(film, classifier.checkpoint.input)
    with classifier.alone() as network:

        def bare() -> Tensor:
            with torch.inference_mode():
                logits: Tensor = network(prepared.image[None])
            return logits

        measured = timed(bare, _cases(classifier, network, prepared), repeats=repeats)
    # These take the network through its door, as pages and command line do.
    whole = timed(bare, _whole_calls(classifier, film, network.last_stage), repeats=repeats)
    return {
        "environment": environment(),
        "network": _named(classifier.checkpoint),
        "repeats": repeats,
        "film": f"phantom of {FILM_SIDE} x {FILM_SIDE} px, 12 bits",
        "ratios": measured["cases"],
        "whole calls, film to result": whole["cases"],
        "bare forward, ms": measured["bare, ms"],
        "preparation, ms": _milliseconds(lambda: prepare(film, classifier.checkpoint.input), repeats),
        "import core.models.classifier": fresh_import(),
    }


def random_classifier(architecture: str = "densenet121") -> Classifier:
    """A network that was never trained: it costs what a trained one costs."""
    input = Input(size=224)
    findings = ("covid", "pneumonia", "normal")
    network = architectures[architecture].build(len(findings), input.channels).eval().requires_grad_(False)
    return Classifier(Checkpoint("random weights", architecture, findings, False, input, sha256=""), network)


def default_classifier() -> Classifier:
    """The first checkpoint that is there, else random weights."""
    names = checkpoints.names()
    return load(names[0]) if names else random_classifier()


def environment() -> dict[str, Any]:
    """What the figures depend on besides the code."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "load before, 1 min": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "captum": captum.__version__,
        "system": platform.platform(),
    }


def timed(bare: Callable[[], object], cases: Sequence[Case], *, repeats: int) -> dict[str, Any]:
    """Each case as a multiple of `bare`, timed in turns."""
    pairs: dict[str, list[tuple[float, float]]] = {case.name: [] for case in cases}
    for _ in tqdm(range(_WARM_UP + repeats), desc="timing", unit="round", disable=None):
        for case in cases:
            pairs[case.name].append((_seconds(bare), _seconds(case.run)))
    counted = {name: found[_WARM_UP:] for name, found in pairs.items()}
    return {
        "bare, ms": round(1000 * statistics.median(first for found in counted.values() for first, _ in found), 1),
        "cases": {case.name: _figures(counted[case.name], case.target) for case in cases},
    }


def fresh_import() -> dict[str, Any]:
    """Seconds and peak memory of `import core.models.classifier` in a new process, median of three."""
    root = Path(__file__).parents[1]
    found = []
    for _ in range(_FRESH):
        done = subprocess.run([sys.executable, "-c", _IMPORT], cwd=root, capture_output=True, text=True, check=True)
        found.append(json.loads(done.stdout))
    peaks = [run["peak"] for run in found if run["peak"] is not None]
    return {
        "seconds": round(statistics.median(run["seconds"] for run in found), 2),
        "peak memory, MB": round(statistics.median(peaks) / 1e6) if peaks else None,
    }


def _cases(classifier: Classifier, network: Network, prepared: Prepared) -> list[Case]:
    """From the prepared input to maps, ours and Captum's of the same."""
    images = prepared.image[None]
    count, last = len(classifier.checkpoint.findings), network.last_stage
    findings, stages = range(count), list(network.stages)

    def said(logits: Tensor) -> object:
        return probabilities(
            logits[0].numpy(), classifier.checkpoint.temperature, multi_label=classifier.checkpoint.multi_label
        )

    def ours(method: str, chosen: Sequence[int], at: Sequence[str], tape: Tape) -> list[Tensor]:
        rule = methods[method].rule
        return [rule(Evidence(tape, finding, stage, prepared.black)) for finding in chosen for stage in at]

    def grad_cam_last() -> object:
        tape = Tape(network, images, grad_from=last)
        return said(tape.logits), ours("grad-cam", findings, [last], tape)

    def grad_cam_all_stages() -> object:
        tape = Tape(network, images, grad_from=stages[0])
        return said(tape.logits), ours("grad-cam", findings, stages, tape)

    def saliency() -> object:
        tape = Tape(network, images, grad_from="images")
        return said(tape.logits), ours("saliency", [0], [last], tape)

    def everything() -> object:
        tape = Tape(network, images, grad_from="images")
        maps = ours("grad-cam", findings, stages, tape) + ours("saliency", findings, [last], tape)
        return said(tape.logits), maps

    def answer() -> object:
        with torch.inference_mode():
            return said(network(images))

    def captum_cam(at: Sequence[str]) -> list[Tensor]:
        return [
            LayerGradCam(network, network.stage_module(stage)).attribute(images, target=finding, relu_attributions=True)
            for stage in at
            for finding in findings
        ]

    def captum_saliency(chosen: Sequence[int]) -> list[Tensor]:
        # A fresh leaf each time, or Captum's gradient would gather in ours.
        return [Saliency(network).attribute(images.clone().requires_grad_(), target=finding) for finding in chosen]

    maps = f"{len(stages)} stages x {count} findings"
    return [
        Case(f"prediction + Grad-CAM of {count} findings at the last stage", grad_cam_last, 1.15),
        Case("the same from Captum", lambda: (answer(), captum_cam([last]))),
        Case("prediction + saliency for one finding", saliency, 2.2),
        Case("saliency alone from Captum", lambda: captum_saliency([0])),
        Case(f"prediction + Grad-CAM of {maps}", grad_cam_all_stages),
        Case(f"Grad-CAM of {maps} from Captum", lambda: (answer(), captum_cam(stages))),
        Case(f"prediction + Grad-CAM of {maps} + saliency for {count}", everything),
    ]


def _whole_calls(classifier: Classifier, film: Radiograph, last: str) -> list[Case]:
    """What pages and command line call: the film at full size in, values out."""
    findings = classifier.checkpoint.findings
    cams = [Request("grad-cam", finding, last) for finding in findings]
    saliency = [Request("saliency", findings[0])]
    return [
        Case("predict", lambda: classifier.predict(film)),
        Case("lungs of one film", lambda: segment(film)),
        Case("explain_many: Grad-CAM of all findings", lambda: explain_many(classifier, film, cams)),
        Case("explain_many: saliency for one finding", lambda: explain_many(classifier, film, saliency)),
    ]


def _figures(pairs: Sequence[tuple[float, float]], target: float | None) -> dict[str, Any]:
    ratios = [second / first for first, second in pairs]
    figures: dict[str, Any] = {
        "ratio": round(statistics.median(ratios), 3),
        "ms": round(1000 * statistics.median(second for _, second in pairs), 1),
    }
    if len(ratios) > 1:
        low, _, high = statistics.quantiles(ratios, n=4)
        figures["quartiles"] = [round(low, 3), round(high, 3)]
    if target is not None:
        figures |= {"target": target, "met": figures["ratio"] <= target}
    return figures


def _milliseconds(call: Callable[[], object], repeats: int) -> float:
    return round(1000 * statistics.median(_seconds(call) for _ in range(repeats)), 1)


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _named(checkpoint: Checkpoint) -> Mapping[str, Any]:
    return {
        "checkpoint": checkpoint.name,
        "architecture": checkpoint.architecture,
        "input": f"{checkpoint.input.channels} x {checkpoint.input.size} x {checkpoint.input.size}",
        "findings": len(checkpoint.findings),
    }


def _cpu() -> str:
    """The processor's name; the machine type where the system does not tell."""
    table = Path("/proc/cpuinfo")
    if table.exists():
        names = [line.split(":", 1)[1].strip() for line in table.read_text().splitlines() if "model name" in line]
        if names:
            return names[0]
    return platform.processor() or platform.machine()
