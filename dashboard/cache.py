"""What is computed once and shared by all sessions; the only file with st.cache_*.

Values are sealed, so they are kept as they are (`cache_resource`): a hit costs a tenth of a millisecond, not a copy.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st
import torch
from PIL import Image

from core.explain.evidence import Tape
from core.explain.method import Value
from core.explain.run import Request, explain_many
from core.image import phantom
from core.image.prepare import prepare
from core.image.quality import Check, inspect
from core.models import checkpoint as checkpoints
from core.models.classifier import Classifier, load
from core.overlay import display
from core.trust.measure import Figure, assess
from core.types import Checkpoint, Cleaning, Explanation, Origin, Prediction, Radiograph

_KEYS: dict[str | type[Any], Callable[[Any], Any]] = {
    Radiograph: lambda radiograph: radiograph.key,
    Checkpoint: lambda checkpoint: checkpoint.key,
    Explanation: lambda explanation: explanation.key,
    Cleaning: repr,
}
_LAST_STAGE = "grad-cam"  # the map that costs no backward pass at the last stage
WEIGHTS = checkpoints.SHIPPED  # the folder
# Streamlit runs each script in a new thread, and a forward pass in a new thread takes twice as long (70 against 34 ms
# on two cores): torch builds its team of workers anew. All networks therefore run in this one, in order of arrival.
_NETWORKS = ThreadPoolExecutor(max_workers=1, thread_name_prefix="networks")
THUMBNAIL = 112  # px, the long side: twice what is shown, for dense screens

Settings = tuple[tuple[str, Value], ...]


def names() -> list[str]:
    """The checkpoints that are there, by name."""
    return checkpoints.names(WEIGHTS)


def card(name: str) -> Checkpoint:
    """The card of the checkpoint as the file is now. Raises: UnknownName, BadCheckpoint."""
    path = WEIGHTS / f"{name}.json"
    return _card(name, WEIGHTS, path.stat().st_mtime_ns if path.exists() else 0)


@st.cache_resource(max_entries=64, show_spinner=False)
def _card(name: str, folder: Path, changed: int) -> Checkpoint:
    return checkpoints.read_card(name, folder)


def classifier(checkpoint: Checkpoint) -> Classifier:
    """The network behind its door, loaded once. Raises: BadCheckpoint."""
    return _loaded(checkpoint.name, WEIGHTS, checkpoint.key)[0]


def stage_sizes(checkpoint: Checkpoint) -> Mapping[str, tuple[int, int]]:
    """Stage name -> (h, w) of its maps, the last stage last."""
    return _loaded(checkpoint.name, WEIGHTS, checkpoint.key)[1]


@st.cache_resource(max_entries=4, show_spinner=False)
def _loaded(name: str, folder: Path, key: str) -> tuple[Classifier, Mapping[str, tuple[int, int]]]:
    found = load(name, folder)
    sizes = _NETWORKS.submit(_sizes, found).result()
    _NETWORKS.submit(_warm_up, found)
    return found, sizes


def _sizes(classifier: Classifier) -> Mapping[str, tuple[int, int]]:
    wanted = classifier.checkpoint.input
    with classifier.alone() as network:
        tape = Tape(network, torch.zeros(1, wanted.channels, wanted.size, wanted.size), grad_from=network.last_stage)
        sizes = {stage: tape.features(stage).shape[-2:] for stage in network.stages}
    return {stage: (size[0], size[1]) for stage, size in sizes.items()}


def _warm_up(classifier: Classifier) -> None:
    """Does once, on noise, what the Read page will ask for, so that the first person need not wait for the imports."""
    noise = np.random.default_rng(0).integers(0, 255, (256, 256)).astype(np.uint8)
    film = Radiograph(pixels=noise, name="noise", black=0, white=255, origin=Origin("drawn", "L", 8))
    requests = [Request(_LAST_STAGE, classifier.checkpoint.findings[0], stage) for stage in _sizes(classifier)]
    _, maps = explain_many(classifier, film, requests)
    assess(classifier, film, maps[-1])
    inspect(film)


def predict(checkpoint: Checkpoint, radiograph: Radiograph, cleaning: Cleaning) -> Prediction:
    """What the network says; from the same pass as the first maps."""
    return _first(checkpoint, radiograph, cleaning)[0]


def explain(
    checkpoint: Checkpoint,
    radiograph: Radiograph,
    cleaning: Cleaning,
    *,
    finding: str,
    method: str,
    layer: str | None,
    settings: Settings = (),
) -> tuple[Explanation, tuple[int, int], int]:
    """The map, with the seconds of all that shared its passes; these passes, (forward, backward); how many shared.

    layer: None for methods that explain the input.
    """
    if method == _LAST_STAGE and layer == list(stage_sizes(checkpoint))[-1]:
        shared = _first(checkpoint, radiograph, cleaning)[1]
        found = shared[checkpoint.findings.index(finding)]
    elif layer is not None and settings:  # a setting that fits one stage need not fit the others
        shared = _many(checkpoint, radiograph, cleaning, (finding,), method, (layer,), settings)[1]
        found = shared[0]
    elif layer is not None:
        shared = stages(checkpoint, radiograph, cleaning, finding=finding, method=method, settings=settings)
        found = next(each for each in shared if each.layer == layer)
    else:
        shared = _many(checkpoint, radiograph, cleaning, (finding,), method, (None,), settings)[1]
        found = shared[0]
    return replace(found, seconds=sum(each.seconds for each in shared)), _total(shared), len(shared)


def stages(
    checkpoint: Checkpoint,
    radiograph: Radiograph,
    cleaning: Cleaning,
    *,
    finding: str,
    method: str,
    settings: Settings = (),
) -> tuple[Explanation, ...]:
    """One map a stage, from one forward and at most one backward pass."""
    layers = tuple(stage_sizes(checkpoint))
    return _many(checkpoint, radiograph, cleaning, (finding,), method, layers, settings)[1]


def _first(
    checkpoint: Checkpoint, radiograph: Radiograph, cleaning: Cleaning
) -> tuple[Prediction, tuple[Explanation, ...]]:
    """One forward pass: the prediction and the last stage's map for every finding; what the first look needs."""
    return _many(checkpoint, radiograph, cleaning, checkpoint.findings, _LAST_STAGE, (None,), ())


@st.cache_resource(max_entries=1024, show_spinner=False, hash_funcs=_KEYS)
def _many(
    checkpoint: Checkpoint,
    radiograph: Radiograph,
    cleaning: Cleaning,
    findings: tuple[str, ...],
    method: str,
    layers: tuple[str | None, ...],
    settings: Settings,
) -> tuple[Prediction, tuple[Explanation, ...]]:
    requests = [Request(method, finding, layer, dict(settings)) for finding in findings for layer in layers]
    here = classifier(checkpoint)
    return _NETWORKS.submit(explain_many, here, radiograph, requests, cleaning=cleaning).result()


def _total(explanations: tuple[Explanation, ...]) -> tuple[int, int]:
    return sum(each.passes[0] for each in explanations), sum(each.passes[1] for each in explanations)


@st.cache_resource(max_entries=512, show_spinner=False, hash_funcs=_KEYS)
def trust(
    checkpoint: Checkpoint, radiograph: Radiograph, explanation: Explanation, cleaning: Cleaning
) -> tuple[Figure, ...]:
    """How far the map can be believed, one figure a measure."""
    here = classifier(checkpoint)
    return _NETWORKS.submit(assess, here, radiograph, explanation, cleaning=cleaning).result()


@st.cache_resource(max_entries=512, show_spinner=False, hash_funcs=_KEYS)
def quality(radiograph: Radiograph) -> tuple[Check, ...]:
    """What the checks found on the film."""
    return inspect(radiograph)


@st.cache_resource(max_entries=512, show_spinner=False, hash_funcs=_KEYS)
def thumbnail(radiograph: Radiograph) -> Image.Image:
    """The whole film, small, through its own black and white."""
    height, width = radiograph.pixels.shape
    small = Image.fromarray(display(radiograph))
    share = THUMBNAIL / max(height, width)
    size = max(1, round(width * share)), max(1, round(height * share))
    return small.resize(size, Image.Resampling.BOX)


@st.cache_resource(max_entries=128, show_spinner=False, hash_funcs=_KEYS)
def received(checkpoint: Checkpoint, radiograph: Radiograph, cleaning: Cleaning) -> Image.Image:
    """What the network receives, as a person can look at it."""
    return Image.fromarray(prepare(radiograph, checkpoint.input, cleaning).picture)


@st.cache_resource(max_entries=4, show_spinner=False)
def drawn(seed: int) -> Radiograph:
    """The phantom with an opacity in the right lung (screen left)."""
    return phantom.draw(seed=seed, opacity=phantom.Opacity(x=0.28, y=0.56, radius=0.07)).radiograph


def weights_path(checkpoint: Checkpoint) -> Path:
    """Where the weights of the checkpoint lie."""
    return WEIGHTS / f"{checkpoint.name}.safetensors"
