"""Loaded networks: their stages, and the methods each of them supports."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import streamlit as st

from core.explain import compatibility
from core.explain.compatibility import unplaced
from core.explain.run import Request, explain_many
from core.explain.sharing import FIRST_LOOK
from core.image.film_checks import inspect
from core.layers.plan import NetworkPlan, traced_plan
from core.models.classifier import Classifier, load
from core.trust.measure import assess
from core.types import Checkpoint, Origin, Radiograph
from core.work import Work
from dashboard import memory
from dashboard.cache import model_files
from dashboard.cache.keys import QUEUE

Misfits = Mapping[str, Mapping[str | None, str]]  # method -> stage -> why the network does not support it


def classifier(checkpoint: Checkpoint) -> Classifier:
    """The network as a classifier, loaded once. Raises: BadCheckpoint."""
    return _loaded(checkpoint.name, model_files.folder(checkpoint.name), checkpoint.key)


@st.cache_resource(max_entries=10, show_spinner=False)  # a board of nine models, and one more for the sidebar
def _loaded(name: str, folder: Path, key: str) -> Classifier:
    classifier = load(name, folder)
    _warm_up(classifier.checkpoint)
    return classifier


@QUEUE.queued()
def _warm_up(work: Work, checkpoint: Checkpoint) -> None:
    """Runs once, on noise, what the Read page needs, so that the first person need not wait for the imports."""
    noise = np.random.default_rng(0).integers(0, 255, (256, 256)).astype(np.uint8)
    film = Radiograph(pixels=noise, name="noise", black=0, white=255, origin=Origin("drawn", "L", 8))
    network = classifier(checkpoint)
    stages = [stage for stage, size in compatibility.stage_sizes(network).items() if not unplaced(size)]
    explained = explain_many(network, film, [Request(FIRST_LOOK, checkpoint.findings[0], stage) for stage in stages])
    assess(network, film, explained.maps[-1])
    inspect(film)
    memory.freeze_once(checkpoint.key)


@QUEUE.queued()
def sizes(work: Work, checkpoint: Checkpoint) -> Mapping[str, tuple[int, int]]:
    """Stage name -> (h, w) of its maps, the last stage last. Loads the network. Raises: BadCheckpoint."""
    return compatibility.stage_sizes(classifier(checkpoint), work)


@QUEUE.queued(later=True)
def unsupported(work: Work, checkpoint: Checkpoint) -> Misfits:
    """Methods that the network does not support; for some this takes a trial run."""
    return compatibility.incompatibilities(classifier(checkpoint), work)


@QUEUE.queued()
def network_plan(work: Work, checkpoint: Checkpoint) -> NetworkPlan:
    """The network's stages and layers. Raises: BadCheckpoint."""
    with classifier(checkpoint).alone(work) as network:
        return traced_plan(network, size=checkpoint.input.size, channels=checkpoint.input.channels)


def stage_sizes(checkpoint: Checkpoint) -> Mapping[str, tuple[int, int]]:
    """Waits for `sizes`. Raises: BadCheckpoint."""
    return sizes(checkpoint).result()


def incompatibilities(checkpoint: Checkpoint, method: str) -> Mapping[str | None, str]:
    """Stage (None for methods of the input) -> why this network does not support the method there; "" if it does."""
    if method == FIRST_LOOK:  # works on every network, so the first view need not wait
        return {stage: unplaced(size) for stage, size in stage_sizes(checkpoint).items()}
    return unsupported(checkpoint).result()[method]


def all_unfit(checkpoint: Checkpoint) -> Misfits:
    """`incompatibilities` of every method; empty until they are known."""
    trial = unsupported(checkpoint)  # never cancelled, so that the trial runs exactly once
    return trial.answer() if trial.wait(0) else {}


def fitting(checkpoint: Checkpoint, method: str) -> list[str]:
    """The stages at which the network supports the method, the last stage last."""
    return [stage for stage, reason in incompatibilities(checkpoint, method).items() if stage and not reason]
