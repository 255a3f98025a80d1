"""A new head on features computed once."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from core.errors import BadSetting
from core.models.architecture import Network, architectures
from core.train import frozen, log
from core.train.data import Films
from core.train.frozen import fit_head
from tests.train.drawn import TINY

RECIPE = replace(
    TINY, architecture="densenet121", start="untrained", frozen=True, sizes=(32,), epochs=(20,), cycles=(20,), rate=0.02
)


@pytest.fixture(scope="module")
def first(
    network: Network, train_films: Films, val_films: Films, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Network, Path]:
    """The network with its new head, and the folder of its run."""
    folder = tmp_path_factory.mktemp("frozen")
    return fit_head(RECIPE, train_films, val_films, folder, network), folder


def test_the_head_learns_and_the_features_stay_to_the_last_bit(network: Network, first: tuple[Network, Path]) -> None:
    value, folder = first
    losses = [record["loss"] for record in log.read(folder / "log.jsonl")]

    assert len(losses) == 20
    assert losses[-1] < 0.9 * losses[0]
    for name, weights in network.features.state_dict().items():
        assert torch.equal(weights, value.features.state_dict()[name]), name
    assert value.head.get_submodule("linear").out_features == 2


def test_a_second_run_reads_the_features_and_ends_alike(
    network: Network,
    first: tuple[Network, Path],
    train_films: Films,
    val_films: Films,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    value, folder = first
    shutil.copy(folder / "features.pt", tmp_path)
    monkeypatch.setattr(frozen, "resized", None)  # nothing can be computed anew
    again = fit_head(RECIPE, train_films, val_films, tmp_path, network)

    for name, weights in value.state_dict().items():
        assert torch.equal(weights, again.state_dict()[name]), name
    with pytest.raises(TypeError):  # other films have other features
        fit_head(RECIPE, val_films, train_films, tmp_path / "other", network)


def test_a_head_without_average_pooling_is_refused() -> None:
    plain = architectures["small-cnn"].build(2, 1)
    plain.head = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 2))

    with pytest.raises(BadSetting, match="begins with average pooling"):
        frozen._after_pooling(plain)
