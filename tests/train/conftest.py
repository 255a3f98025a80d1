"""Films to train on: drawn once a session."""

from pathlib import Path

import pytest

from core.train.data import STORED_SIDE, Films, load_films, table
from core.types import Input
from tests.train import drawn
from tests.train.drawn import TINY


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drawn.write(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="session")
def train_films(data: Path) -> Films:
    return load_films(table(data), "train", TINY.findings, Input(size=STORED_SIDE), lungs=True)


@pytest.fixture(scope="session")
def val_films(data: Path) -> Films:
    return load_films(table(data), "val", TINY.findings, Input(size=STORED_SIDE), lungs=True)
