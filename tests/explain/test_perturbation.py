"""Occlusion, RISE, feature ablation, KernelSHAP, LIME: equal to Captum, and right where the answer is known by hand."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from captum._utils.models.linear_model import SkLearnLinearRegression, SkLearnRidge
from captum.attr import FeatureAblation, KernelShap, LimeBase, Occlusion
from torch import Tensor, nn
from torch.nn import functional

from core.errors import BadSetting
from core.explain.evidence import Evidence, Tape
from core.explain.method import methods
from core.explain.reference import ReferenceKind, reference
from core.explain.regions import Regions, superpixels
from core.explain.rise import RandomMasks
from core.explain.run import Request, explain, explain_many
from core.explain.surrogates import coalitions, nearness
from core.models.architecture import Network
from core.models.classifier import Classifier
from core.types import Radiograph
from tests.explain.double import FINDING, KINDS, SIDE, evidence, image, precise, relative

FILLS: tuple[ReferenceKind, ...] = ("black", "white", "blurred", "mean")
FOR, AGAINST = (slice(8, 20), slice(8, 20)), (slice(40, 52), slice(36, 48))  # rows and columns of two planted places
QUADRANTS = np.kron(np.arange(4).reshape(2, 2), np.ones((SIDE // 2, SIDE // 2), int)).astype(np.int64)
# The first finding is how bright FOR is less half of how bright AGAINST is, both 0 or 1 here; the others are whether
# both are bright, and whether one of them is.
PLANTED, BOTH, EITHER = range(3)


class _Head(nn.Module):
    def forward(self, features: Tensor) -> Tensor:
        first, second = features[:, 0, *FOR].mean(dim=(1, 2)), features[:, 0, *AGAINST].mean(dim=(1, 2))
        return torch.stack([first - second / 2, (first + second - 1).clamp(min=0), torch.maximum(first, second)], dim=1)


def _planted() -> Evidence:
    """A black film with two white places, seen by a network whose every answer is known."""
    film = torch.zeros(1, 1, SIDE, SIDE, dtype=torch.float64)
    film[:, :, *FOR] = film[:, :, *AGAINST] = 1.0
    network = Network(nn.Sequential(OrderedDict(same=nn.Identity())), {"pixels": "same"}, _Head()).eval()
    return Evidence(Tape(network, film, grad_from="pixels"), PLANTED, "pixels", black=0.0)


def _of(result: Evidence, finding: int) -> Evidence:
    return Evidence(result.tape, finding, result.stage, result.black)


def _map(name: str, seen: Evidence, **settings: Any) -> Tensor:
    tensor: Tensor = methods[name].rule(seen, **methods[name].parse(settings))
    return tensor


def _with_quadrants(seen: Evidence) -> Evidence:
    """Four squares in the place of superpixels: FOR lies in the first, AGAINST in the last."""
    seen.tape.remember(("superpixels", 4), lambda: Regions(("a", "b", "c", "d"), QUADRANTS))
    return seen


def _regions(seen: Evidence, number: int) -> Regions:
    grey = (seen.image.mean(dim=0) - seen.black) / (seen.white - seen.black)
    return superpixels(grey.float().numpy(), number)


def _captum(seen: Evidence, regions: Regions, tensor: Tensor, near: Callable[..., Tensor], fit: Any) -> Tensor:
    """Captum's own regression, and its own way from a row of `shown` to a map, on films that we choose."""
    labels, cover = torch.from_numpy(regions.labels), reference(seen, "mean")
    rows: Iterator[Tensor] = iter(tensor.long())

    def film(sample: Tensor, original: Tensor, **_: Any) -> Tensor:
        return torch.where(sample[0].bool()[labels], original, cover)

    captum = LimeBase(seen.network, fit, near, lambda _, **__: next(rows)[None], True, film, None)
    values: Tensor = captum.attribute(
        seen.images,
        target=seen.finding,
        n_samples=len(tensor),
        perturbations_per_eval=8,
        num_interp_features=len(regions),
    )
    return values.double().flatten()[labels][None]


def _quadrants(tensor: Tensor) -> list[float]:
    return [float(tensor[0, row, column]) for row in (0, -1) for column in (0, -1)]


@pytest.mark.parametrize(("architecture", "channels"), KINDS)
def test_occlusion_equals_captum(architecture: str, channels: int) -> None:
    """With a stride that doesn't divide the film, so that the last windows are cut."""
    network = precise(architecture, channels)
    for fill in FILLS if channels == 1 else FILLS[-1:]:
        seen = evidence(network)
        map_ = _map("occlusion", seen, window=28, stride=20, fill=fill)

        expected = Occlusion(network).attribute(
            image(channels),
            sliding_window_shapes=(channels, 28, 28),
            strides=(channels, 20, 20),
            baselines=reference(seen, fill)[None],
            target=FINDING,
            perturbations_per_eval=9,
        )
        assert relative(map_, expected.mean(dim=1)) < 1e-5
        assert seen.tape.forwards == 1 + 9


def test_occlusion_finds_what_speaks_for_the_finding_and_what_against() -> None:
    heat = _map("occlusion", _planted(), window=8, stride=4, fill="black")[0]

    assert heat[FOR].min() > 0
    assert heat[AGAINST].max() < 0
    assert float(heat[FOR].max()) == pytest.approx(64 / 144)  # 8 x 8 of the 12 x 12 px that make one logit
    far = functional.max_pool2d((_planted().image != 0).double(), 15, stride=1, padding=7)[0] == 0
    assert not heat[far].any()


def test_a_window_that_does_not_fit_or_leaves_gaps_is_refused(classifier: Classifier, phantom: Radiograph) -> None:
    for settings, sentence in (
        ({"window": 80}, "window is 80 px, but the network sees 64 × 64 px. Choose 64 px or less"),
        ({"window": 8, "stride": 9}, "stride is 9 px, but the window is 8 px: what lies between would never be hidden"),
    ):
        with pytest.raises(BadSetting, match=sentence):
            explain(classifier, phantom, finding="covid", method="occlusion", settings=settings)


@pytest.mark.parametrize(
    ("name", "settings", "passes"),
    [
        ("occlusion", {}, 9),
        ("rise", {"masks": 100}, 100),
        ("kernel-shap", {"regions": "superpixels", "superpixels": 16, "films": 64}, 64),
    ],
)
def test_all_findings_share_the_passes(
    classifier: Classifier, phantom: Radiograph, name: str, settings: dict[str, Any], passes: int
) -> None:
    requests = [Request(name, finding, settings=settings) for finding in ("covid", "normal")]
    _, maps = explain_many(classifier, phantom, requests)

    assert [each.passes for each in maps] == [(1 + passes, 0), (0, 0)]
    assert not np.array_equal(maps[0].heat, maps[1].heat)


def test_rise_masks_are_grids_enlarged_and_shifted_as_in_the_paper() -> None:
    cells, cell, number = 5, 13, 20  # 13 px is the least that covers 64 px in 5 cells
    drawn = RandomMasks(number, cells, 0.3, 7, image(1)[0])(0, number)

    chance = torch.Generator().manual_seed(7)
    grids = (torch.rand(number, cells, cells, generator=chance) < 0.3).double()
    down, across = torch.randint(0, cell, (2, number), generator=chance)
    large = functional.interpolate(grids[:, None], size=6 * cell, mode="bilinear", align_corners=False)[:, 0]
    cut = [mask[y : y + SIDE, x : x + SIDE] for mask, y, x in zip(large, down, across, strict=True)]
    assert torch.allclose(drawn, torch.stack(cut), atol=1e-6)


def test_rise_masks_are_the_same_in_batches_of_any_size() -> None:
    drawn = RandomMasks(10, 7, 0.5, 0, image(1)[0])

    assert torch.equal(torch.cat([drawn(0, 3), drawn(3, 10)]), drawn(0, 10))
    assert not torch.equal(drawn(0, 10), RandomMasks(10, 7, 0.5, 1, image(1)[0])(0, 10))


def test_rise_is_the_papers_map_of_scores_less_their_mean() -> None:
    seen = _planted()
    map_ = _map("rise", seen, masks=100, cells=4, probability=0.4, fill="black", seed=3)

    drawn = RandomMasks(100, 4, 0.4, 3, seen.image)(0, 100)
    scores = seen.network(seen.images * drawn[:, None])[:, PLANTED]
    expected = torch.einsum("n,nhw->hw", scores - scores.mean(), drawn) / (100 * 0.4)
    assert relative(map_[0], expected) < 1e-6  # the enlarging matrices are float32


def test_rise_finds_both_parts_of_a_finding_and_their_signs() -> None:
    heat = _map("rise", _planted(), masks=2000, cells=8, fill="black")[0]

    elsewhere = heat[:, 56:]
    assert float(heat[FOR].mean()) == pytest.approx(2 * -float(heat[AGAINST].mean()), rel=0.15)
    assert heat[FOR].min() > 4 * elsewhere.abs().max()
    assert heat[AGAINST].max() < -2 * elsewhere.abs().max()
    peak = np.unravel_index(int(heat.argmax()), heat.shape)
    assert all(start.start <= at < start.stop for at, start in zip(peak, FOR, strict=True))


def test_the_same_request_gives_the_same_bits_and_another_seed_another_map() -> None:
    sampled: dict[str, Any] = {"regions": "superpixels", "superpixels": 16, "films": 64}
    for name, settings in (("rise", {"masks": 100}), ("kernel-shap", sampled), ("lime", sampled)):
        first, again, other = (
            _map(name, evidence(precise("small-cnn", 1)), **settings, seed=seed) for seed in (1, 1, 2)
        )
        assert torch.equal(first, again), name
        assert not torch.equal(first, other), name


@pytest.mark.parametrize(("architecture", "channels"), KINDS)
def test_feature_ablation_equals_captum(architecture: str, channels: int) -> None:
    network = precise(architecture, channels)
    seen = evidence(network)
    map_ = _map("feature-ablation", seen, regions="superpixels", superpixels=9, fill="blurred")

    labels = torch.from_numpy(_regions(seen, 9).labels)
    expected = FeatureAblation(network).attribute(
        image(channels), baselines=reference(seen, "blurred")[None], target=FINDING, feature_mask=labels[None, None]
    )
    assert relative(map_, expected[:, 0]) < 1e-5


def test_feature_ablation_knows_only_what_hiding_one_region_does() -> None:
    seen = _with_quadrants(_planted())
    settings: dict[str, Any] = {"regions": "superpixels", "superpixels": 4, "fill": "black"}

    assert _quadrants(_map("feature-ablation", seen, **settings)) == [1.0, 0.0, 0.0, -0.5]
    assert _quadrants(_map("feature-ablation", _of(seen, BOTH), **settings)) == [1.0, 0.0, 0.0, 1.0]
    assert _quadrants(_map("feature-ablation", _of(seen, EITHER), **settings)) == [0.0, 0.0, 0.0, 0.0]


def test_kernel_shap_shares_out_what_two_regions_do_together() -> None:
    """Shapley values by hand: what both are needed for, or either is enough for, is halved."""
    seen = _with_quadrants(_planted())
    settings: dict[str, Any] = {"regions": "superpixels", "superpixels": 4, "fill": "black"}

    assert _quadrants(_map("kernel-shap", seen, **settings)) == pytest.approx([1.0, 0.0, 0.0, -0.5], abs=1e-9)
    for finding in (BOTH, EITHER):
        map_ = _map("kernel-shap", _of(seen, finding), **settings)
        assert _quadrants(map_) == pytest.approx([0.5, 0.0, 0.0, 0.5], abs=1e-9)
    assert seen.tape.forwards == 1 + 2**4


def test_captums_kernel_shap_comes_to_the_exact_shares() -> None:
    seen = _of(_with_quadrants(_planted()), BOTH)
    exact = _map("kernel-shap", seen, regions="superpixels", superpixels=4, fill="black")

    torch.manual_seed(0)
    sampled = KernelShap(seen.network).attribute(
        seen.images,
        target=BOTH,
        baselines=0.0,
        feature_mask=torch.from_numpy(QUADRANTS)[None, None],
        n_samples=3000,
        perturbations_per_eval=500,
    )
    assert relative(sampled[:, 0].double(), exact) < 0.05


@pytest.mark.parametrize(("count", "every"), [(6, True), (16, False)])
def test_kernel_shap_adds_up_to_the_score_less_that_of_the_hidden_film(count: int, every: bool) -> None:
    seen = evidence(precise("small-cnn", 1))
    map_ = _map("kernel-shap", seen, regions="superpixels", superpixels=count, films=64)

    cut = _regions(seen, count)
    assert (2 ** len(cut) <= 64) == every
    shares = [float(map_[0][torch.from_numpy(cut.labels == index)][0]) for index in range(len(cut))]
    hidden = seen.network(reference(seen, "mean")[None])
    fall = float((seen.tape.logits - hidden)[0, FINDING])
    assert sum(shares) == pytest.approx(fall, abs=2e-7 * float(hidden.abs().max()))  # Captum keeps logits in float32


def test_kernel_shap_of_a_sample_equals_captum_on_the_same_films() -> None:
    seen = evidence(precise("small-cnn", 1))
    cut = _regions(seen, 16)
    map_ = _map("kernel-shap", seen, regions="superpixels", superpixels=16, films=64, seed=5)

    def near(_: Tensor, __: Tensor, sample: Tensor, **___: Any) -> Tensor:
        return torch.tensor([1.0 if 0 < sample.sum() < len(cut) else 1e6])

    visible, every = coalitions(len(cut), 64, 5, by_kernel=True)
    assert not every
    expected = _captum(seen, cut, visible, near, SkLearnLinearRegression())
    assert relative(map_, expected) < 1e-5


def test_lime_equals_captum_on_the_same_films() -> None:
    seen = evidence(precise("small-cnn", 1))
    cut = _regions(seen, 16)
    map_ = _map("lime", seen, regions="superpixels", superpixels=16, films=64, seed=5, width=0.4, penalty=0.5)

    def near(_: Tensor, __: Tensor, sample: Tensor, **___: Any) -> Tensor:
        return torch.from_numpy(nearness(sample.bool().numpy(), 0.4))

    visible, _ = coalitions(len(cut), 64, 5, by_kernel=False)
    expected = _captum(seen, cut, visible, near, SkLearnRidge(alpha=0.5))
    assert relative(map_, expected) < 1e-5


def test_lime_finds_what_speaks_for_the_finding_and_what_against() -> None:
    seen = _with_quadrants(_planted())
    settings: dict[str, Any] = {"regions": "superpixels", "superpixels": 4, "fill": "black"}

    straight = _map("lime", seen, **settings, penalty=0)
    assert _quadrants(straight) == pytest.approx([1.0, 0.0, 0.0, -0.5], abs=1e-9)
    shrunk = _quadrants(_map("lime", seen, **settings, penalty=1))
    assert 0 < shrunk[0] < 1
    assert -0.5 < shrunk[3] < 0


def test_lime_weighs_films_as_its_authors_do() -> None:
    array = np.array([[True] * 4, [True, False, False, False], [False] * 4])

    weights = nearness(array, 0.5)

    assert weights.tolist() == pytest.approx([1.0, np.exp(-(0.5**2) / 0.5**2 / 2), np.exp(-(1 / 0.5**2) / 2)])


def test_too_few_films_for_the_regions_are_refused(classifier: Classifier, phantom: Radiograph) -> None:
    settings = {"regions": "superpixels", "superpixels": 100, "films": 64}
    with pytest.raises(BadSetting, match=r"films is 64; \d+ regions need \d+ or more"):
        explain(classifier, phantom, finding="covid", method="kernel-shap", settings=settings)
