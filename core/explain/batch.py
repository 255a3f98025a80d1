"""Maps of many films in one pass: for methods that share the passes of the prediction."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.explain.evidence import Evidence, Tape
from core.explain.method import Method
from core.explain.run import (
    Explained,
    PlannedMap,
    Request,
    alike,
    explanation,
    first_gradient,
    fused,
    planned_maps,
    refuse_one_cell,
    sources_by_finding,
)
from core.models.classifier import Classifier, probabilities
from core.types import Cleaning, Explanation, Placement, Prediction
from core.work import Work

_FAMILIES = ("class activation", "gradient")


@dataclass(frozen=True, eq=False)
class PreparedFilm:
    """A film as one network reads it.

    radiograph: key of the film.
    image:      (C, S, S) float32, normalised as the card says.
    placement:  where that square lies on the film.
    """

    radiograph: str
    image: NDArray[np.float32]
    placement: Placement


@dataclass(frozen=True, eq=False)
class ExplainedFilm:
    """The result of a batch for one of its films.

    features: (K,) float32 output of the last stage, averaged over its cells.
    earlier:  the same of each earlier stage, if requested.
    beside:   (D,) other values read from the pass; empty if there are none.
    """

    explained: Explained
    features: NDArray[np.float32]
    beside: NDArray[np.float32]
    earlier: Mapping[str, NDArray[np.float32]]


def fits_batch(method: Method) -> bool:
    """Whether `explain_batch` serves the method; others look at one film at a time."""
    return method.cost == "shared" and method.family in _FAMILIES


def explain_batch(
    classifier: Classifier,
    films: Sequence[PreparedFilm],
    requests: Sequence[Request],
    *,
    cleaning: Cleaning | None = None,
    work: Work | None = None,
    beside: Callable[[Tape], NDArray[np.float32]] | None = None,
    earlier: bool = False,
) -> list[ExplainedFilm]:
    """Predictions and maps of the films, in one forward and at most one backward per finding for all of them.

    beside:  reads something else, (N, D), from the same pass.
    earlier: whether to give the averaged output of the earlier stages, too.
    Seconds and passes of each map are its share of the batch's.
    Raises:  as `core.explain.run.explain`; ValueError for a method that does not fit a batch.
    """
    start = time.perf_counter()
    images = torch.from_numpy(np.stack([film.image for film in films]))
    with torch.inference_mode(False), classifier.alone(work or Work()) as network:
        plans = planned_maps(requests, classifier, network)
        for plan in plans:
            if not fits_batch(plan.method):
                raise ValueError(f"{plan.method.name} looks at one film at a time; call explain_many")
        tape = Tape(
            network,
            images.to(classifier.device),
            grad_from=first_gradient(plans, network),
            wanted=sources_by_finding(plans, network),
        )
        heats = [_heats(plan, plans, tape, classifier) for plan in plans]
        stages = network.stages if earlier else (network.last_stage,)
        features = {stage: tape.features(stage).mean(dim=(2, 3)).cpu().numpy() for stage in stages}
        last = features.pop(network.last_stage)
        logits = tape.logits.cpu().numpy()
        extra = beside(tape) if beside else np.zeros((len(films), 0), np.float32)
    seconds = (time.perf_counter() - start) / len(films)
    predictions = _predictions(classifier, films, logits, seconds)

    def maps(index: int) -> tuple[Explanation, ...]:
        return tuple(
            explanation(
                plan,
                heat[index],
                predictions[index],
                placement=films[index].placement,
                cleaning=cleaning or Cleaning(),
                seconds=seconds / len(plans),
                passes=(tape.forwards, tape.backwards) if plan is plans[0] else (0, 0),
            )
            for plan, heat in zip(plans, heats, strict=True)
        )

    return [
        ExplainedFilm(
            Explained(prediction, maps(index)),
            last[index],
            extra[index],
            {stage: means[index] for stage, means in features.items()},
        )
        for index, prediction in enumerate(predictions)
    ]


def _heats(plan: PlannedMap, plans: Sequence[PlannedMap], tape: Tape, classifier: Classifier) -> Tensor:
    """(N, h, w) the heat of the plan on every film, on the CPU. Raises: OneCell."""
    stages = []
    for stage in plan.layers or (tape.network.last_stage,):
        refuse_one_cell(plan, tape, stage, classifier.checkpoint)
        evidence = Evidence(tape, plan.finding, stage, black=torch.nan, white=torch.nan, together=alike(plan, plans))
        stages.append(plan.method.rule(evidence, **plan.settings).detach().cpu())
    if len(stages) == 1:
        return stages[0]
    return torch.stack([fused([heats[index] for heats in stages]) for index in range(len(stages[0]))])


def _predictions(
    classifier: Classifier, films: Sequence[PreparedFilm], logits: NDArray[np.float32], seconds: float
) -> list[Prediction]:
    card = classifier.checkpoint
    likely = probabilities(logits, card.temperature, multi_label=card.multi_label)
    return [
        Prediction(film.radiograph, card.key, card.findings, logits[index], likely[index], card.temperature, seconds)
        for index, film in enumerate(films)
    ]
