"""A stage's maps decomposed into a few parts: where each lies on the film, and its relevance.

Non-negative matrix factorisation writes each cell's activations as a sum of a few patterns of units, with weights of
zero or more; cells that share a pattern form a region.

Source: Olah et al. 2018, doi:10.23915/distill.00010 (The Building Blocks of Interpretability); Collins et al. 2018,
arXiv:1806.10206 (Deep Feature Factorization); Lee and Seung 1999, doi:10.1038/44565.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.decomposition import NMF
from torch import Tensor

from core.errors import BadSetting, Unfit
from core.explain.evidence import Tape
from core.image.prepare import prepare
from core.layers.activations import known_stage, refuse_one_cell
from core.models.classifier import Classifier
from core.models.findings import place_of
from core.types import Checkpoint, Cleaning, Explanation, Placement, Radiograph, seal
from core.work import Work

FEWEST, MOST = 3, 8
USUAL = 5
_STEPS = 2000
_TOLERANCE = 1e-4


@dataclass(frozen=True, eq=False)
class Parts:
    """The parts of a stage on one film, the largest first.

    maps:      (P, h, w) float32, 0 or more: strength of the part in each cell, in the stage's units, since each pattern
               has length 1.
    patterns:  (P, K) float32, 0 or more, of length 1: the units that make the part.
    placement: where the maps lie on the film.
    relevance: finding -> (P,) logits: first-order drop of the logit without the part.
    rest:      finding -> the same for the remainder.
    explained: share of the maps' variance, over the cells of all films, explained by the parts together, 0 to 1.
    clipped:   share of the stage's activation (sum of squares) that lies below zero and was left out, 0 to 1.
    films:     number of films decomposed together.
    """

    radiograph: str
    checkpoint: str
    stage: str
    maps: NDArray[np.float32]
    patterns: NDArray[np.float32]
    placement: Placement
    relevance: Mapping[str, NDArray[np.float32]]
    rest: Mapping[str, float]
    explained: float
    clipped: float
    films: int
    seconds: float
    passes: tuple[int, int]
    cleaning: Cleaning = field(default_factory=Cleaning)

    def __post_init__(self) -> None:
        for name in ("maps", "patterns"):
            object.__setattr__(self, name, seal(getattr(self, name)))
        object.__setattr__(self, "relevance", {name: seal(values) for name, values in self.relevance.items()})

    def __len__(self) -> int:
        return len(self.maps)

    @cached_property
    def strongest(self) -> NDArray[np.intp]:
        """(h, w) the part that each cell shows most."""
        return np.asarray(seal(self.maps.argmax(axis=0)))

    @cached_property
    def areas(self) -> NDArray[np.float64]:
        """(P,) the share of the cells where each part is strongest; cells without any part are left out."""
        covered = self.maps.max(axis=0) > 0
        return np.asarray(seal(np.array([((self.strongest == part) & covered).mean() for part in range(len(self))])))

    def units(self, part: int, count: int = 3) -> tuple[tuple[int, float], ...]:
        """The channels that make the part, the strongest first, each with its share of the pattern's squares."""
        order = np.argsort(-self.patterns[part], kind="stable")[:count]
        return tuple((int(channel), float(self.patterns[part, channel] ** 2)) for channel in order)

    @property
    def sentence(self) -> str:
        """How much of the maps the parts explain, in words."""
        many = f" The parts were fitted to {self.films} films together." if self.films > 1 else ""
        below = (
            f"; {100 * self.clipped:.0f} % of the activation lies below zero and was left out" if self.clipped else ""
        )
        return f"Together the parts explain {100 * self.explained:.0f} % of the maps' variance{below}.{many}"

    def title(self, checkpoint: str) -> str:
        """ "Parts of stage 4 · densenet121-lungs"."""
        return f"Parts of {self.stage} · {checkpoint}"

    def words(self) -> list[str]:
        """One legend entry per part: "part 1: units 12, 7, 3; covid +0.41"."""
        lines = []
        for part in range(len(self)):
            units = ", ".join(str(channel) for channel, _ in self.units(part))
            counts = "".join(
                f"; {each} {values[part]:+.2f}".replace("-", "−") for each, values in self.relevance.items()
            )
            lines.append(f"part {part + 1}: units {units}{counts}")
        return lines

    def record(self) -> dict[str, Any]:
        """As a record for JSON."""
        return {
            "stage": self.stage,
            "explained": self.explained,
            "clipped": self.clipped,
            "films": self.films,
            "parts": [
                {
                    "part": part + 1,
                    "area": float(self.areas[part]),
                    "units": {str(channel): share for channel, share in self.units(part, 5)},
                    "relevance": {each: float(values[part]) for each, values in self.relevance.items()},
                }
                for part in range(len(self))
            ],
            "rest": dict(self.rest),
        }


def stage_parts(
    classifier: Classifier,
    radiograph: Radiograph,
    stage: str,
    *,
    count: int = USUAL,
    findings: Sequence[str] = (),
    others: Sequence[Radiograph] = (),
    seed: int = 0,
    cleaning: Cleaning | None = None,
    work: Work | None = None,
) -> Parts:
    """The maps of the stage on this film as `count` parts; one forward pass per film, one backward pass per finding.

    Negative activations are left out; `clipped` gives their share.

    others: further films decomposed together with this one, so that a part means the same on all of them.
    Raises: BadSetting for a count outside 3 to 8, or more than the stage has; UnknownName for a stage or finding;
            OneCell if the stage has one cell; Unfit if no unit responds; Stopped by `work`.
    """
    start, card, cleaning, work = time.perf_counter(), classifier.checkpoint, cleaning or Cleaning(), work or Work()
    if not FEWEST <= count <= MOST:
        raise BadSetting(f"{count} parts are not possible. Choose {FEWEST} to {MOST}.")
    places = {finding: place_of(card.findings, finding) for finding in findings}
    work.expect(1 + len(others))
    with torch.inference_mode(False):
        prepared = prepare(radiograph, card.input, cleaning)
        further = [prepare(other, card.input).image for other in others if other.key != radiograph.key]
    all_maps, gradients, passes = _recorded(classifier, stage, [prepared.image, *further], places, work)
    maps = all_maps[0]
    cells = np.concatenate([_cells(each) for each in all_maps])  # (all cells, K)
    weights, patterns = _factorised(cells, count, card, stage, seed)
    here = weights[: maps[0].size]
    order = np.argsort(-weights.sum(axis=0), kind="stable")
    placed = np.ascontiguousarray(here.T[order].reshape(count, *maps.shape[1:]), np.float32)
    ordered = np.ascontiguousarray(patterns[order], np.float32)
    relevance = {each: _relevance(ordered, placed, gradient) for each, gradient in gradients.items()}
    return Parts(
        radiograph=radiograph.key,
        checkpoint=card.key,
        stage=stage,
        maps=placed,
        patterns=ordered,
        placement=prepared.placement,
        relevance={each: values.astype(np.float32) for each, values in relevance.items()},
        rest={each: float((maps * gradients[each]).sum() - values.sum()) for each, values in relevance.items()},
        explained=_explained(cells, weights @ patterns),
        clipped=_clipped(all_maps),
        films=len(all_maps),
        seconds=time.perf_counter() - start,
        passes=passes,
        cleaning=cleaning,
    )


def _relevance(
    patterns: NDArray[np.float32], maps: NDArray[np.float32], gradient: NDArray[np.float32]
) -> NDArray[np.float32]:
    """(P,) what each part adds to the logit, to first order.

    patterns: (P, K) units of the parts.
    maps:     (P, h, w).
    gradient: (K, h, w) of the logit.
    """
    cells = maps.reshape(len(maps), -1), gradient.reshape(len(gradient), -1)
    relevance: NDArray[np.float32] = np.einsum("pk,pc,kc->p", patterns, *cells)
    return relevance


def _recorded(
    classifier: Classifier, stage: str, images: Sequence[Tensor], places: Mapping[str, int], work: Work
) -> tuple[list[NDArray[np.float32]], dict[str, NDArray[np.float32]], tuple[int, int]]:
    """The maps (K, h, w) of each image (C, S, S), the gradients for the first image's findings, and the passes.

    places: finding -> its index.
    Raises: as `stage_parts`.
    """
    with torch.inference_mode(False), classifier.alone(work) as network:
        known_stage(classifier.checkpoint, network, stage)
        first = images[0][None].to(classifier.device)
        tape = Tape(network, first, grad_from=stage, wanted={place: [stage] for place in places.values()})
        refuse_one_cell(classifier.checkpoint, stage, tape.features(stage).shape)
        maps = [tape.features(stage)[0].cpu().numpy().copy()]
        gradients = {each: tape.gradient(stage, place)[0].cpu().numpy() for each, place in places.items()}
        passes = tape.forwards + len(images) - 1, tape.backwards
        del tape
        work.step(1)
        for image in images[1:]:
            other = Tape(network, image[None].to(classifier.device), grad_from=network.last_stage)
            maps.append(other.features(stage)[0].cpu().numpy().copy())
            del other
            work.step(1)
    return maps, gradients, passes


def part_explanation(decomposition: Parts, part: int, *, finding: str = "") -> Explanation:
    """One part as a map for the viewer, the overlay and the exports. Raises: BadSetting for an unknown part."""
    if not 0 <= part < len(decomposition):
        raise BadSetting(f"There is no part {part + 1}; there are {len(decomposition)}. Choose one of them.")
    return Explanation(
        radiograph=decomposition.radiograph,
        checkpoint=decomposition.checkpoint,
        heat=decomposition.maps[part].copy(),
        placement=decomposition.placement,
        signed=False,
        unit="activation",
        method="parts",
        finding=finding,
        layer=decomposition.stage,
        settings={"part": part + 1, "parts": len(decomposition)},
        seconds=decomposition.seconds,
        passes=decomposition.passes,
        title=f"Part {part + 1} of {len(decomposition)}",
        cleaning=decomposition.cleaning,
        void=not decomposition.maps[part].any(),
    )


def _cells(maps: NDArray[np.float32]) -> NDArray[np.float64]:
    """(h·w, K) of (K, h, w), clipped at zero; in float64, so that the same film gives the same regions."""
    return np.maximum(maps.reshape(len(maps), -1).T, 0).astype(np.float64)


def _factorised(
    cells: NDArray[np.float64], count: int, card: Checkpoint, stage: str, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(cells, P) weights and (P, K) patterns of length 1."""
    if not cells.any():
        raise Unfit(
            f"No unit of {stage} of {card.name} responds to this film, so there are no parts. Choose another stage."
        )
    if count > min(cells.shape):
        raise BadSetting(
            f"{stage} of {card.name} has {cells.shape[1]} units in {cells.shape[0]} cells, so it has no {count} parts. "
            "Choose fewer, or another stage."
        )
    scale = cells.max()
    model = NMF(count, init="nndsvda", random_state=seed, max_iter=_STEPS, tol=_TOLERANCE)
    weights = model.fit_transform(cells / scale) * scale
    lengths = np.linalg.norm(model.components_, axis=1)
    return weights * lengths, model.components_ / np.maximum(lengths, np.finfo(np.float64).tiny)[:, None]


def _explained(cells: NDArray[np.float64], rebuilt: NDArray[np.float64]) -> float:
    varies = float(((cells - cells.mean(axis=0)) ** 2).sum())
    return 1 - float(((cells - rebuilt) ** 2).sum()) / varies if varies else 1.0


def _clipped(maps: Sequence[NDArray[np.float32]]) -> float:
    whole = sum(float((each.astype(np.float64) ** 2).sum()) for each in maps)
    below = sum(float((np.minimum(each, 0).astype(np.float64) ** 2).sum()) for each in maps)
    return below / whole if whole else 0.0
