"""May the model be asked? Compares a film's features with those of the model's training films."""

import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from core.errors import BadCheckpoint, UnknownName
from core.explain.evidence import Tape, behind
from core.explain.replay import IMAGES
from core.image.prepare import prepare
from core.models import library
from core.models.architecture import Network
from core.models.classifier import Classifier
from core.trust.measure import Figure, Question, measure, unjudged
from core.types import Checkpoint, Cleaning, Level, Radiograph

ENDING = ".gate.npz"  # of the file beside the weights
WIDTH = 256  # numbers per stage, after `_folded`
NEIGHBOUR = 5  # the distance to the 5th nearest film counts
_TITLE = "Like the training films"
GET_GATE = "Add one from its training films: python -m core gate."
Array = NDArray[np.float32]
Stages = tuple[int, int]
LAST_TWO: Stages = (-2, -1)


@dataclass(frozen=True, eq=False)
class Gate:
    """Statistics of one checkpoint's training films: D numbers of each of two stages, in P principal components.

    stages: places of the two stages among those of the network; -1 is the last.
    arrays: per stage s: mean_s, deviation_s (D,), axes_s (D, P), spread_s (P,), films_s (M, P) of training films;
            kinds (K, 2P + 1): weights of the classifier of views, the first kind is an upright frontal chest;
            centre, scale (4,) of the logarithms of the four distances; weights (6,) of these, the classifier, and 1.
    names:  the K kinds.
    note, refuse: scores from which a film is doubtful, and refused.
    report: how it was fitted and its figures, for the card.
    """

    arrays: dict[str, Array]
    names: tuple[str, ...]
    note: float
    refuse: float
    sha256: str
    report: dict[str, Any]
    stages: Stages = LAST_TWO

    def scores(self, features: Array) -> tuple[Array, Array]:
        """(N,) scores, higher is stranger, and (N, K) probabilities of the kinds; features (N, 2 D)."""
        distances, components = self.distances(features)
        standard = (np.log(distances) - self.arrays["centre"]) / self.arrays["scale"]
        kinds = kind_probabilities(self.arrays["kinds"], components)
        unlike = np.log((1 - kinds[:, 0]).clip(1e-6)) - np.log(kinds[:, 0].clip(1e-6))
        columns = np.column_stack([standard, unlike, np.ones(len(features))])
        return np.asarray(columns @ self.arrays["weights"], np.float32), kinds

    def result(self, name: str, score: float, kind: int) -> "GateResult":
        """The ruling on a film by its score and its likeliest kind. name: of the checkpoint."""
        limits = f"(score {score:.1f}; doubtful from {self.note:.1f}, refused from {self.refuse:.1f})".replace("-", "−")
        like = self.names[kind] if kind else ""
        if score >= self.refuse:
            what = f" It looks like {like}." if like else ""
            return GateResult(
                "refused", score, like, f"The film is unlike those that {name} learned from {limits}.{what}"
            )
        if score >= self.note:
            return GateResult(
                "doubtful", score, like, f"The film is barely like those that {name} learned from {limits}."
            )
        return GateResult("accepted", score, "", f"The film is like those that {name} learned from {limits}.")

    def distances(self, features: Array) -> tuple[Array, Array]:
        """(N, 4) Mahalanobis and nearest-neighbour distance of each stage, and (N, 2 P) whitened components.

        Source: Lee et al. 2018, arXiv:1807.03888; Sun et al. 2022, arXiv:2204.06507 (5th nearest neighbour).
        """
        columns, components = [], []
        for stage, part in enumerate(np.split(features, 2, axis=1)):
            whitened, rest = whiten(self.arrays, stage, part)
            columns.append(np.sqrt((whitened**2).mean(axis=1) + rest))
            films = self.arrays[f"films_{stage}"]
            away = np.sqrt(((whitened[:, None] - films[None]) ** 2).mean(axis=2))
            columns.append(np.sort(away, axis=1)[:, min(NEIGHBOUR, away.shape[1]) - 1])
            components.append(whitened)
        return np.column_stack(columns).clip(1e-6), np.column_stack(components)


@dataclass(frozen=True)
class GateResult:
    """A gate's result for a film.

    score: log odds that the film is outside what the model may judge.
    kind:  what the film looks like, if not like an upright frontal chest, else "".
    """

    ruling: Literal["accepted", "doubtful", "refused"]
    score: float
    kind: str
    sentence: str


_RESULTS: dict[tuple[Gate, str, str, str], GateResult] = {}  # gate, keys of checkpoint and film, cleaning
_MOST_RESULTS = 512


def gate_result(classifier: Classifier, radiograph: Radiograph, cleaning: Cleaning) -> GateResult | None:
    """The result of the checkpoint's gate for the film; None without a gate.

    It costs one pass of the network the first time. The result is kept, since two questions need it: whether an answer
    is shown, and how far to trust it.
    """
    checkpoint = classifier.checkpoint
    gate = read_gate(checkpoint)
    if gate is None:
        return None
    key = gate, checkpoint.key, radiograph.key, repr(replace(cleaning, anyway=False))
    if (known := _RESULTS.get(key)) is None:
        known = _RESULTS[key] = _fresh_result(gate, classifier, radiograph, cleaning)
        while len(_RESULTS) > _MOST_RESULTS:
            _RESULTS.pop(next(iter(_RESULTS)), None)
    return known


def _fresh_result(gate: Gate, classifier: Classifier, radiograph: Radiograph, cleaning: Cleaning) -> GateResult:
    checkpoint = classifier.checkpoint
    image = prepare(radiograph, checkpoint.input, cleaning).image[None].to(classifier.device)
    with classifier.alone() as network:
        scores, kinds = gate.scores(features(network, image, gate.stages))
    return gate.result(checkpoint.name, float(scores[0]), int(kinds[0].argmax()))


@measure("gate", title=_TITLE, aspect="domain")
def gate_figure(question: Question) -> Figure:
    """Whether the network's features of the film are like those of its training films, in two stages, and whether they
    look like an upright frontal chest.

    Value: log odds that the film is outside what the model may judge; the gate's limit is in the sentence.
    """
    checkpoint = question.classifier.checkpoint
    if question.radiograph.drawn:
        sentence = f"A drawn phantom is not compared with the films that {checkpoint.name} learned from."
        return unjudged("gate", _TITLE, sentence)
    result = gate_result(question.classifier, question.radiograph, question.cleaning)
    if result is None:
        return Figure("gate", _TITLE, "note", float("nan"), "", missing_gate(checkpoint))
    level: Level = {"accepted": "ok", "doubtful": "note", "refused": "warning"}[result.ruling]  # type: ignore[assignment]
    return Figure("gate", _TITLE, level, result.score, "log odds", result.sentence)


def missing_gate(checkpoint: Checkpoint) -> str:
    """The message for a checkpoint without a gate, and how to get one if it is the user's own."""
    sentence = f"{checkpoint.name} has no gate for unfamiliar films, so only the film itself was checked."
    return f"{sentence} {GET_GATE}" if checkpoint.imported else sentence


def features(network: Network, images: Tensor, stages: Sequence[int] | None = None) -> Array:
    """(N, S D) of these stages, by default all: means of the four quarters and deviations of each map, folded to D."""
    return responses(network, images, stages)[0]


def responses(network: Network, images: Tensor, stages: Sequence[int] | None = None) -> tuple[Array, Array]:
    """The features (N, S D) and the logits (N, F), in one pass."""
    flow, reached = images, []
    with torch.inference_mode():
        for stage, module in behind(network, IMAGES):
            flow = module(flow)
            if stage is not None:
                reached.append(flow.float())
        logits: Array = network.head(flow).float().cpu().numpy()
    return _of_stages(reached, stages), logits


def tape_features(tape: Tape, stages: Sequence[int]) -> Array:
    """(N, S D) as `features`, from a pass that was recorded for something else."""
    return _of_stages([tape.features(stage) for stage in tape.network.stages], stages)


def _of_stages(maps: Sequence[Tensor], stages: Sequence[int] | None) -> Array:
    """(N, S D) of these stages; a network's only stage stands for the one before it, too."""
    chosen = maps if stages is None else [maps[max(place, -len(maps))] for place in stages]
    return np.column_stack([_folded(_pooled(each).cpu().numpy()) for each in chosen])


def whiten(arrays: dict[str, Array], stage: int, features: Array) -> tuple[Array, Array]:
    """(N, P) components with deviation 1, and (N,) mean square of the remainder; features (N, D)."""
    standard = (features - arrays[f"mean_{stage}"]) / arrays[f"deviation_{stage}"]
    axes = arrays[f"axes_{stage}"]
    components = standard @ axes
    rest = ((standard - components @ axes.T) ** 2).mean(axis=1)
    return np.asarray(components / arrays[f"spread_{stage}"], np.float32), np.asarray(rest, np.float32)


def kind_probabilities(weights: Array, components: Array) -> Array:
    """(N, K) softmax of a linear classifier, whose last column of weights is the intercept."""
    logits = components.clip(-20, 20) @ weights[:, :-1].T + weights[:, -1]
    likely = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(likely / likely.sum(axis=1, keepdims=True), np.float32)


def read_gate(checkpoint: Checkpoint, folder: Path | None = None) -> Gate | None:
    """The gate beside the weights; None if there is none, or it belongs to other weights."""
    try:
        path = (folder or library.place(checkpoint.name)) / f"{checkpoint.name}{ENDING}"
        gate = _read(path, path.stat().st_mtime_ns)
    except (OSError, UnknownName):
        return None
    return gate if gate.sha256 == checkpoint.sha256 else None


def write_gate(gate: Gate, path: Path) -> None:
    """Writes the gate as a small compressed file, numbers in float16."""
    header = {
        "names": list(gate.names),
        "note": gate.note,
        "refuse": gate.refuse,
        "stages": gate.stages,
        "sha256": gate.sha256,
        "report": gate.report,
    }
    arrays: dict[str, Any] = {name: array.astype(np.float16) for name, array in gate.arrays.items()}
    with path.open("wb") as file:
        np.savez_compressed(file, header=np.frombuffer(json.dumps(header).encode(), np.uint8), **arrays)


@lru_cache(maxsize=16)
def _read(path: Path, changed: int) -> Gate:
    """The file's gate. changed: its time, so that a new file is read again."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            header = json.loads(stored["header"].tobytes())
            arrays = {name: stored[name].astype(np.float32) for name in stored.files if name != "header"}
        first, second = header.get("stages", LAST_TWO)  # files before 2026-12 have the last two
        names, report = tuple(header["names"]), header["report"]
        return Gate(arrays, names, header["note"], header["refuse"], header["sha256"], report, (first, second))
    except (ValueError, KeyError, zipfile.BadZipFile) as error:
        raise BadCheckpoint(f"{path.name} is not a gate ({error}). Fit it again: python -m core gate.") from error


def _pooled(maps: Tensor) -> Tensor:
    """(N, 5 K) of maps (N, K, h, w): means of four quarters, and the deviation."""
    quarters = functional.adaptive_avg_pool2d(maps, 2).flatten(1)
    return torch.cat([quarters, maps.flatten(2).std(dim=2, correction=0)], dim=1)


def _folded(numbers: Array) -> Array:
    """(N, WIDTH) sums of signed numbers, always the same ones: keeps distances and makes the file small.

    Source: Charikar et al. 2002 (count sketch).
    """
    index = np.arange(numbers.shape[1], dtype=np.uint64)
    mixed = (index * np.uint64(2654435761)) % np.uint64(2**32)
    bucket, sign = (mixed >> np.uint64(8)) % np.uint64(WIDTH), np.where(mixed >> np.uint64(31), 1.0, -1.0)
    folded = np.zeros((len(numbers), WIDTH), np.float32)
    np.add.at(folded.T, bucket.astype(np.intp), (numbers * sign).T.astype(np.float32))
    return folded
