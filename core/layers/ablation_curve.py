"""How fast a finding's logit falls as units are switched off by rank, compared with a random order."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.errors import BadData, BadSetting
from core.estimate import Estimate
from core.evaluate.intervals import REPEATS, bootstrap
from core.evaluate.manifest import Row, row_radiograph
from core.explain import memory
from core.explain.evidence import Tape
from core.explain.replay import stage_features, stage_relevance
from core.film_stream import film_batches
from core.image.prepare import prepare
from core.layers.activations import known_stage
from core.layers.plan import traced_plan
from core.layers.unit_ablation import Ranking, UnitFill, UsualMeans
from core.models.classifier import Classifier
from core.models.findings import place_of
from core.types import Cleaning, Radiograph, seal
from core.work import Work

RANKINGS: tuple[Ranking, ...] = ("relevance", "activation", "random")
_POINTS = 24  # points of a curve, denser where few units are off


@dataclass(frozen=True, eq=False)
class AblationCurve:
    """The finding's logit while units are switched off in one order.

    order:  (K,) the channels in the order of removal.
    counts: (M,) number of units off, ascending from 0.
    logits: (M,) float32.
    """

    ranking: Ranking
    order: NDArray[np.intp]
    counts: NDArray[np.int64]
    logits: NDArray[np.float32]

    def __post_init__(self) -> None:
        for name in ("order", "counts", "logits"):
            object.__setattr__(self, name, seal(getattr(self, name)))

    @property
    def area(self) -> float:
        """Area under the curve over the share of units that are off: the mean logit along the curve, in logits.

        A smaller area means that the order removes the units that matter earlier.

        Source: Samek et al. 2017, arXiv:1509.06321, for units.
        """
        return float(np.trapezoid(self.logits, self.counts) / self.counts[-1])

    def fall(self, count: int) -> float:
        """The drop of the logit with the first `count` units off. Raises: ValueError if the curve has no such point."""
        if count not in self.counts:
            raise ValueError(f"the curve has no point at {count} units, only at {self.counts.tolist()}")
        return float(self.logits[0] - self.logits[self.counts.tolist().index(count)])


def points(units: int) -> tuple[int, ...]:
    """The numbers of removed units along a curve: 0, 1, 2, 3, ... to all of them."""
    return tuple(sorted({0, units, *np.geomspace(1, units, _POINTS).round().astype(int).tolist()}))


def ablation_curves(
    classifier: Classifier,
    radiograph: Radiograph,
    finding: str,
    *,
    stage: str | None = None,
    at: Sequence[int] = (),
    fill: UnitFill = "zero",
    usual: UsualMeans | None = None,
    seed: int = 0,
    cleaning: Cleaning | None = None,
    work: Work | None = None,
) -> tuple[AblationCurve, ...]:
    """A curve for each of RANKINGS: by activation × gradient, by mean activation, in random order.

    stage:  None for the last one.
    at:     further numbers of removed units, besides those of `points`.
    fill:   as in UnitSwitches.
    usual:  as in `ablation_result`.
    Raises: UnknownName for a finding or stage; BadSetting for more units than there are; Stopped by `work`.
    """
    card, work = classifier.checkpoint, work or Work()
    place = place_of(card.findings, finding)
    with torch.inference_mode(False):
        prepared = prepare(radiograph, card.input, cleaning)
    with torch.inference_mode(False), classifier.alone(work) as network:
        stage = stage or network.last_stage
        known_stage(card, network, stage)
        images = prepared.image[None].to(classifier.device)
        tape = Tape(network, images, grad_from=stage, wanted={place: [stage]})
        maps = stage_features(tape, stage)
        orders = _orders(maps[0], stage_relevance(tape, stage, place)[0].cpu().numpy(), seed)
        off = np.array(sorted({*points(maps.shape[1]), *at}))
        _refuse_more(off[-1], stage, maps.shape[1])
        rest = _rest(maps, stage, fill, usual)
        ranks = {name: np.argsort(order) for name, order in orders.items()}
        masks = np.concatenate([ranks[name] >= off[1:, None] for name in RANKINGS])
        logits = _logits(tape, stage, torch.from_numpy(masks), rest, work)[:, place].cpu().numpy()
        intact = tape.logits[:, place].cpu().numpy()
    parts = np.split(logits, len(RANKINGS))
    return tuple(
        AblationCurve(name, orders[name], off.astype(np.int64), np.concatenate([intact, part]).astype(np.float32))
        for name, part in zip(RANKINGS, parts, strict=True)
    )


def removal_effect(
    classifier: Classifier,
    rows: Sequence[Row],
    *,
    top: int = 20,
    stage: str | None = None,
    fill: UnitFill = "zero",
    usual: UsualMeans | None = None,
    repeats: int = REPEATS,
    seed: int = 0,
    progress: bool = False,
) -> dict[str, Any]:
    """How far the logit of each film's most likely finding drops when the top units of each ranking are off.

    The intervals are over resampled patients; the differences are paired by film.

    Returns: n, patients, top, stage, fill; fall: ranking -> estimate, in logits; less: "relevance - activation" and
             "relevance - random" -> estimate of the paired difference; area: the same for the areas under the curves.
    Raises:  BadData if there is no film; otherwise as `ablation_curves`.
    """
    if not rows:
        raise BadData("There is no film to switch units off for. Choose another split.")
    stage = _stage_with_units(classifier, stage, top)  # checked before any film is read
    falls, areas = [], []
    title = "switching units off" if progress else ""
    for number, (each,) in enumerate(film_batches(rows, row_radiograph, batch=1, progress=title)):
        film = each.read
        finding = classifier.predict(film).likeliest[0]
        curves = ablation_curves(
            classifier, film, finding, stage=stage, at=[top], fill=fill, usual=usual, seed=seed + number
        )
        falls.append([curve.fall(top) for curve in curves])
        areas.append([curve.area for curve in curves])
    patients = np.array([row.patient for row in rows])
    return {
        "n": len(rows),
        "patients": len(set(patients)),
        "top": top,
        "stage": stage,
        "fill": fill,
        "fall": {ranking: _mean(np.array(falls)[:, at], patients, repeats) for at, ranking in enumerate(RANKINGS)},
        "less": _paired(np.array(falls), patients, repeats),
        "area": {ranking: _mean(np.array(areas)[:, at], patients, repeats) for at, ranking in enumerate(RANKINGS)},
        "area_less": _paired(np.array(areas), patients, repeats),
    }


def _stage_with_units(classifier: Classifier, stage: str | None, count: int) -> str:
    """The stage, or the last one. Raises: UnknownName; BadSetting where it has fewer units than `count`."""
    card = classifier.checkpoint
    with classifier.alone() as network:
        stage = stage or network.last_stage
        known_stage(card, network, stage)
        units = traced_plan(network, size=card.input.size, channels=card.input.channels).stage(stage).shape[0]
    _refuse_more(count, stage, units)
    return stage


def _refuse_more(count: int, stage: str, units: int) -> None:
    if count > units:
        raise BadSetting(f"{stage} has {units} units, so {count} cannot be switched off. Choose fewer.")


def _orders(maps: Tensor, relevance: NDArray[np.float32], seed: int) -> dict[Ranking, NDArray[np.intp]]:
    """Each order of removal of the units; maps (K, h, w), relevance (K,)."""
    return {
        "relevance": np.argsort(-relevance, kind="stable"),
        "activation": np.argsort(-maps.mean(dim=(1, 2)).cpu().numpy(), kind="stable"),
        "random": np.random.default_rng(seed).permutation(len(maps)),
    }


def _rest(maps: Tensor, stage: str, fill: UnitFill, usual: UsualMeans | None) -> Tensor:
    """(1, K, 1, 1) the fill of each unit once it is removed; maps (1, K, h, w)."""
    if fill == "zero":
        return torch.zeros_like(maps[:, :, :1, :1])
    if usual is not None and stage in usual:
        return torch.from_numpy(np.array(usual[stage], np.float32)).to(maps)[None, :, None, None]
    return maps.mean(dim=(2, 3), keepdim=True)


def _logits(tape: Tape, stage: str, masks: Tensor, rest: Tensor, work: Work) -> Tensor:
    """(M, F) logits with the units of each mask on and all others off; masks (M, K) bool."""
    maps = tape.features(stage)
    size = memory.batch_size(tape.network, tape.images[0], graph=False)
    work.expect(len(masks))
    batches = []
    for start in range(0, len(masks), size):
        mask = masks[start : start + size].to(maps.device)[:, :, None, None]
        with torch.inference_mode():
            batches.append(tape.run(torch.where(mask, maps, rest), after=stage))
        work.step(len(mask))  # outside inference mode: other threads may compute gradients meanwhile
    return torch.cat(batches)


def _paired(values: NDArray[np.float64], patients: NDArray[np.str_], repeats: int) -> dict[str, Any]:
    """The first ranking minus each of the others, paired by film; values (N, 3)."""
    first = RANKINGS[0]
    return {
        f"{first} - {other}": _mean(values[:, 0] - values[:, at], patients, repeats)
        for at, other in enumerate(RANKINGS[1:], start=1)
    }


def _mean(values: NDArray[np.float64], patients: NDArray[np.str_], repeats: int) -> dict[str, float | int | None]:
    estimate: Estimate = bootstrap(lambda films: float(values[films].mean()), patients, repeats=repeats)
    return estimate.card()
