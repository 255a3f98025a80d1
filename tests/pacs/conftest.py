"""One Orthanc for all tests of this folder, with five drawn studies."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pacs.orthanc import Orthanc, drawn_studies, is_installed, orthanc


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Files of five drawn studies."""
    return drawn_studies(tmp_path_factory.mktemp("drawn"), 5)


@pytest.fixture(scope="session")
def pacs(tmp_path_factory: pytest.TempPathFactory, drawn: list[Path]) -> Iterator[Orthanc]:
    """The server that was sent them."""
    if not is_installed():
        if os.environ.get("CI"):
            pytest.fail("Orthanc is missing; .ci/run installs it")
        pytest.skip("Orthanc is not installed (Debian: orthanc, orthanc-dicomweb, dcmtk)")
    with orthanc(tmp_path_factory.mktemp("orthanc")) as running:
        running.send(drawn)
        yield running
