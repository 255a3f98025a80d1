"""KernelSHAP and LIME: an additive model of the network, fitted to films with some regions hidden."""

from collections.abc import Callable, Iterable, Sequence
from typing import Annotated

import numpy as np
import torch
from captum.attr import KernelShap, Lime
from numpy.typing import NDArray
from scipy.special import comb
from torch import Tensor

from core.errors import BadSetting
from core.explain.evidence import Evidence
from core.explain.method import Bounds, method
from core.explain.occlusion import Cover
from core.explain.passes import Altered
from core.explain.reference import ReferenceKind, like, reference
from core.explain.regions import RegionCount, RegionKind, Regions, painted, regions_of

Doubles = NDArray[np.float64]
Fitting = Callable[[Doubles, Doubles, Doubles], Doubles]  # regions shown (M, n), logits (M,), weights (M,) -> (n,)
CoalitionCount = Annotated[int, Bounds(16, 4096, "films with some regions hidden; all of them if there are no more")]
SampleSeed = Annotated[int, Bounds(0, 2**31 - 1, "random seed for choosing films where there are more combinations")]


@method(
    "kernel-shap",
    title="KernelSHAP",
    family="perturbation",
    needs="none",
    layered=False,
    signed=True,
    unit="logits per zone",
    by_region=True,
    misleads="It averages over films on which nearly everything is hidden, where the network's output is unreliable; "
    "and a large zone outweighs a small one.",
    source="Lundberg and Lee 2017, arXiv:1705.07874; pairs: Covert and Lee 2021, arXiv:2012.01536",
    by=KernelShap,
    cost="hundreds",
)
def kernel_shap(
    evidence: Evidence,
    *,
    regions: RegionKind = "zones",
    superpixels: RegionCount = 32,
    films: CoalitionCount = 512,
    fill: Cover = "mean",
    seed: SampleSeed = 0,
) -> Tensor:
    """How the score is shared among the zones of the film; the shares add up to the drop when all zones are hidden.

    The shares are Shapley values: exact where all 2^n films can be run (8 zones: 256), otherwise estimated from films
    drawn by the Shapley kernel, each with its complement.

    Returns: (1, S, S), signed, constant over a zone; the zones add up to logit(film) - logit(all hidden).
    Raises:  NoLungs as feature ablation; BadSetting for fewer films than twice the regions.
    """
    cut = regions_of(evidence, regions, superpixels)
    visible, every = coalitions(len(cut), films, seed, by_kernel=True)
    weights = torch.ones(len(visible))
    if every:
        sizes = visible.sum(dim=1).numpy()
        weights = torch.from_numpy(1 / np.maximum(comb(len(cut), sizes) * sizes * (len(cut) - sizes), 1))
    key = ("all" if every else ("by kernel", films, seed), regions, superpixels, fill)
    return _fitted(evidence, KernelShap(Altered(evidence, key, len(visible))), cut, visible, weights, fill, _shares)


@method(
    "lime",
    title="LIME",
    family="perturbation",
    needs="none",
    layered=False,
    signed=True,
    unit="logits per zone",
    by_region=True,
    misleads="It fits a linear model to a nonlinear response: kernel width and penalty change it, and zones that only "
    "count together share the effect.",
    source="Ribeiro et al. 2016, arXiv:1602.04938",
    by=Lime,
    cost="hundreds",
    bfloat16=True,
)
def lime(
    evidence: Evidence,
    *,
    regions: RegionKind = "zones",
    superpixels: RegionCount = 32,
    films: CoalitionCount = 512,
    width: Annotated[float, Bounds(0.05, 10, "kernel width; a smaller one favours films with little hidden")] = 0.25,
    penalty: Annotated[float, Bounds(0, 1000, "ridge penalty on large weights")] = 1.0,
    fill: Cover = "mean",
    seed: SampleSeed = 0,
) -> Tensor:
    """What each zone of the film adds to the score, by a linear model fitted to films with some zones hidden.

    Each region is hidden with probability 0.5; all 2^n films are run where they are no more than `films`. As in
    the authors' code for images, a film with k of n regions visible lies at the cosine distance
    d = 1 - sqrt(k / n), weighs sqrt(exp(-d² / width²)), and the line is fitted by ridge regression with an intercept.

    Returns: (1, S, S), signed: the line's weight, constant over a zone.
    Raises:  as KernelSHAP.
    """
    cut = regions_of(evidence, regions, superpixels)
    visible, every = coalitions(len(cut), films, seed, by_kernel=False)
    key = ("all" if every else ("by coin", films, seed), regions, superpixels, fill)

    def line(visible: Doubles, logits: Doubles, weights: Doubles) -> Doubles:
        from sklearn.linear_model import Ridge  # a second to import, and only this method needs it

        slopes: Doubles = Ridge(alpha=penalty).fit(visible, logits, sample_weight=weights).coef_
        return slopes

    weights = torch.from_numpy(nearness(visible.numpy(), width))
    return _fitted(evidence, Lime(Altered(evidence, key, len(visible))), cut, visible, weights, fill, line)


def _fitted(
    evidence: Evidence, captum: Lime, cut: Regions, visible: Tensor, weights: Tensor, fill: ReferenceKind, fit: Fitting
) -> Tensor:
    """(1, S, S) the additive model that Captum fits to films with only some regions shown.

    We choose the films: Captum would draw them from the generator that all threads share.

    shown:   (M, n) bool, one film per row.
    weights: (M,) of the films.
    """
    rows, altered = iter(zip(visible.long(), weights, strict=True)), captum.forward_func
    weight = torch.zeros(1)

    def next_row(*_: object, **__: object) -> Tensor:
        nonlocal weight
        row, weight = next(rows)
        return row[None].to(altered.film.device)

    captum.perturb_func, captum.similarity_func = next_row, lambda *_, **__: weight.reshape(1)
    captum.interpretable_model = _Additive(fit)
    values = captum.attribute(
        altered.film,
        reference(evidence, fill)[None],
        feature_mask=cut.mask(altered.film.device),
        n_samples=len(visible),
        perturbations_per_eval=altered.size,
        return_input_shape=False,
    )
    return painted(cut, like(values, evidence.images))


class _Additive:
    """An additive model with Captum's interface, fitted in double precision; Captum's own models use single."""

    def __init__(self, fit: Fitting) -> None:
        self._fit = fit

    def fit(self, films: Iterable[Sequence[Tensor]]) -> None:
        """films: one batch of regions shown (M, n), logits (M,) and weights (M,)."""
        ((visible, logits, weights),) = ([each.double().cpu().numpy() for each in batch] for batch in films)
        # Without finite logits there is no model; the caveat says so.
        self._values = self._fit(visible, logits, weights) if np.isfinite(logits).all() else visible[0] * np.nan

    def representation(self) -> Tensor:
        """(n,)"""
        return torch.from_numpy(self._values)


def nearness(visible: NDArray[np.bool_], width: float) -> Doubles:
    """(M,) LIME's weight of each film, 0 to 1; visible (M, n)."""
    distance = 1 - np.sqrt(visible.mean(axis=1))
    weights: Doubles = np.sqrt(np.exp(-((distance / width) ** 2)))
    return weights


def coalitions(count: int, most: int, seed: int, *, by_kernel: bool) -> tuple[Tensor, bool]:
    """(M, n) bool, the regions that each film shows (all and none included), and whether these are all combinations.

    by_kernel: draw sizes by the Shapley kernel, each film with its complement; otherwise each region with p = 0.5.
    """
    if 2**count <= most:
        return (torch.arange(2**count)[:, None] >> torch.arange(count) & 1).bool(), True
    if most < 2 * count:
        raise BadSetting(f"films is {most}; {count} regions need {2 * count} or more. Use that many, or fewer regions.")
    chance = torch.Generator().manual_seed(seed)
    ends = torch.tensor([[False], [True]]).expand(2, count)
    if not by_kernel:
        return torch.cat([ends, torch.rand(most - 2, count, generator=chance) < 0.5]), False
    sizes = torch.arange(1, count)
    likely = 1 / (sizes * (count - sizes)).double()
    half = (most - 2) // 2
    drawn = sizes[torch.multinomial(likely, half, replacement=True, generator=chance)]
    ranks = torch.rand(half, count, generator=chance).argsort(dim=1).argsort(dim=1)
    some = ranks < drawn[:, None]
    return torch.cat([ends, torch.stack([some, ~some], dim=1).flatten(0, 1)]), False


def _shares(visible: Doubles, logits: Doubles, weights: Doubles) -> Doubles:
    """(n,) the values that fit best among those that add up to the whole difference."""
    nothing, everything = logits[~visible.any(axis=1)][0], logits[visible.all(axis=1)][0]
    count = visible.shape[1]
    inner = (visible.sum(axis=1) > 0) & (visible.sum(axis=1) < count)
    some = visible[inner]
    weighted = some * (weights[inner] / weights[inner].sum())[:, None]
    # The condition enters by a Lagrange multiplier: one more row and column.
    system = np.ones((count + 1, count + 1))
    system[:count, :count] = weighted.T @ some
    system[count, count] = 0
    right = np.append(weighted.T @ (logits[inner] - nothing), everything - nothing)
    solved: Doubles = np.linalg.lstsq(system, right, rcond=None)[0]
    return solved[:count]
