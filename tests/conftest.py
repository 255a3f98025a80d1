"""Shared by many tests: a small real network behind the real door, and the folder of real radiographs."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from core.image.phantom import draw
from core.models.architecture import Network, architectures
from core.models.checkpoints import input_card, write
from core.models.classifier import Classifier, load
from core.types import Input, Radiograph

FINDINGS = ("covid", "pneumonia", "normal")


@pytest.fixture(scope="session", autouse=True)
def _nobody_at_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests neither read nor write the user's own data on this machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIGHTBOX_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(autouse=True)
def _same_main_module() -> Iterator[None]:
    """Streamlit's AppTest leaves the page as `__main__`; a worker process of a later test would run that page."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main


@pytest.fixture(scope="session")
def network() -> Network:
    """An untrained DenseNet-121 whose batch norms have seen phantoms, so that its answers differ."""
    torch.manual_seed(0)
    fresh = architectures["densenet121"].build(len(FINDINGS), 1)
    with torch.no_grad():
        fresh.train()(torch.randn(8, 1, 64, 64))
    return fresh.eval().requires_grad_(False)


@pytest.fixture(scope="session")
def weights(network: Network, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with that network as the checkpoint "untrained"."""
    folder = tmp_path_factory.mktemp("weights")
    card = {
        "architecture": "densenet121",
        "findings": list(FINDINGS),
        "multi_label": False,
        "input": input_card(Input(size=64)),
        "temperature": 1.5,
        "thresholds": {"covid": 0.3},
    }
    write(network, card, "untrained", folder)
    return folder


@pytest.fixture(scope="session")
def classifier(weights: Path) -> Classifier:
    return load("untrained", weights)


@pytest.fixture(scope="session")
def phantom() -> Radiograph:
    return draw(seed=1, height=320, width=260).radiograph


@pytest.fixture(scope="session")
def real_films() -> Path:
    """The folder LIGHTBOX_DATA names; tests that need it are skipped where it is unset."""
    folder = os.environ.get("LIGHTBOX_DATA")
    if not folder:
        pytest.skip("LIGHTBOX_DATA is not set: it names the folder of real radiographs")
    return Path(folder)
