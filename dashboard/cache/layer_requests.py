"""Requests about the stages of a network: activations, relevance, parts, probes and concepts."""

import io
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from PIL import Image

from core.errors import NoLungs
from core.layers import probe_table, reference
from core.layers.activations import Activations, stage_activations
from core.layers.concepts.result import Sensitivity
from core.layers.concepts.synthetic import synthetic_concepts
from core.layers.concepts.tcav import tcav_results
from core.layers.labelled import LabelledSet
from core.layers.linear_probes import Probes, stage_probes, unit_means
from core.layers.parts import Parts, stage_parts
from core.layers.stage_relevance import StageRelevance, relevances_by_stage
from core.overlay import display, regions
from core.types import Checkpoint, Cleaning, Radiograph
from core.work import Work
from dashboard import paths
from dashboard.cache import model_files, networks
from dashboard.cache.keys import KEYS, QUEUE
from dashboard.request_queue import Keyed

REGIONS = 1200  # px, long side of a picture of regions
EXAMPLE = 360  # px, long side of a film with a concept: twice the size on screen
_USUAL = 300_000  # bytes of an answer that counts as one result


@QUEUE.queued(size=lambda result: 1 + result.maps.nbytes // _USUAL)
def unit_activations(
    work: Work, checkpoint: Checkpoint, radiograph: Radiograph, cleaning: Cleaning, stage: str, finding: str
) -> Activations:
    """The map of every unit of the stage, with the relevance for this finding."""
    return stage_activations(
        networks.classifier(checkpoint), radiograph, stage, findings=[finding], cleaning=cleaning, work=work
    )


@QUEUE.queued()
def relevance(
    work: Work, checkpoint: Checkpoint, radiograph: Radiograph, cleaning: Cleaning, stage: str
) -> Mapping[str, NDArray[np.float32]]:
    """Finding -> (K,) the relevance of the stage's units, for all findings."""
    network = networks.classifier(checkpoint)
    findings = checkpoint.findings
    return stage_activations(network, radiograph, stage, findings=findings, cleaning=cleaning, work=work).relevance


@QUEUE.queued()
def relevance_by_stage(
    work: Work, checkpoint: Checkpoint, radiograph: Radiograph, cleaning: Cleaning, finding: str
) -> tuple[tuple[StageRelevance, ...], str]:
    """The relevance that passes through each stage, and, where LRP does not apply, why."""
    return relevances_by_stage(networks.classifier(checkpoint), radiograph, finding, cleaning=cleaning, work=work)


@QUEUE.queued(slow=True)
def linear_probes(work: Work, checkpoint: Checkpoint, films: Keyed[Callable[[], LabelledSet]]) -> Probes:
    """A probe of each stage. Raises: BadData."""
    return stage_probes(networks.classifier(checkpoint), films.value(), work=work)


def probes_in_advance(checkpoint: Checkpoint) -> Probes | None:
    """The pretrained probes stored beside the weights; None if there are none. Raises: BadData."""
    place = model_files.folder(checkpoint.name)
    file = probe_table.file_of(checkpoint, place)
    return _probes_beside(checkpoint, place, paths.changed(file)) if file.is_file() else None


@st.cache_resource(max_entries=16, show_spinner=False, hash_funcs=KEYS)
def _probes_beside(checkpoint: Checkpoint, folder: Path, changed: int) -> Probes | None:
    return probe_table.read_probes(checkpoint, folder)


@QUEUE.queued()
def stage_averages(
    work: Work, checkpoint: Checkpoint, radiograph: Radiograph, cleaning: Cleaning
) -> Mapping[str, NDArray[np.float32]]:
    """Mean activations of a film by stage, the input of the probes."""
    return unit_means(networks.classifier(checkpoint), radiograph, cleaning=cleaning, work=work)


@QUEUE.queued()
def film_parts(
    work: Work, checkpoint: Checkpoint, radiograph: Radiograph, cleaning: Cleaning, stage: str, count: int
) -> tuple[Parts, bytes]:
    """The stage's maps decomposed into parts, for all findings, and a WebP picture of the parts."""
    network, findings = networks.classifier(checkpoint), checkpoint.findings
    parts_of_film = stage_parts(
        network, radiograph, stage, count=count, findings=findings, cleaning=cleaning, work=work
    )
    return parts_of_film, _webp(regions(radiograph, parts_of_film.maps, parts_of_film.placement, longest=REGIONS))


@QUEUE.queued(slow=True)
def concept_sensitivity(
    work: Work,
    checkpoint: Checkpoint,
    films: Keyed[Callable[[], reference.ReferenceSet]],
    examples: Keyed[Callable[[], reference.ReferenceSet]] | None,
    names: tuple[str, ...],
    *,
    stages: tuple[str, ...],
    finding: str,
) -> Sensitivity:
    """Whether the score for the finding depends on the concepts."""
    example_films = examples.value() if examples else None
    network = networks.classifier(checkpoint)
    return tcav_results(
        network, films.value(), names, examples=example_films, stages=stages, findings=(finding,), work=work
    )


@QUEUE.queued()
def with_concept(
    work: Work, radiograph: Radiograph, name: str, seeds: tuple[int, ...]
) -> tuple[tuple[bytes, ...], str]:
    """Pictures of the film with the concept, small WebP files; or none, and the reason."""
    pictures = []
    for seed in seeds:
        try:
            small = Image.fromarray(display(synthetic_concepts[name].on(radiograph, seed=seed)))
        except NoLungs as error:
            return (), str(error)
        small.thumbnail((EXAMPLE, EXAMPLE))
        pictures.append(_webp(np.asarray(small)))
    return tuple(pictures), ""


def _webp(picture: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "WebP", quality=88)
    return file.getvalue()
