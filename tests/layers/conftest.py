"""Networks for the tests of layers."""

from dataclasses import replace

import pytest

from core.models.architecture import Network
from core.models.classifier import Classifier
from core.types import Input


@pytest.fixture(scope="session")
def one_cell(classifier: Classifier, network: Network) -> Classifier:
    """The untrained network for films of 32 px, of which its last stage leaves one cell."""
    return Classifier(replace(classifier.checkpoint, input=Input(size=32)), network)
