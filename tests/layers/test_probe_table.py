"""Probes stored beside the weights are read back unchanged."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.errors import BadData
from core.layers.labelled import LabelledFilm, LabelledSet
from core.layers.linear_probes import Probes, stage_probes
from core.layers.probe_sentences import verdict_sentences
from core.layers.probe_table import file_of, read_probes, write_probes
from core.models import checkpoints
from tests.layers import planted


def test_probes_are_read_as_they_were_written(tmp_path: Path) -> None:
    films = tuple(
        LabelledFilm(
            f"film {number}",
            lambda number=number: planted.film(number, squares=[(9, 13)] if number % 2 else []),  # type: ignore[misc]
            (("square", "nothing")[number % 2],),
            f"patient {number}",
        )
        for number in range(20)
    )
    classifier = planted.classifier()
    probes = stage_probes(classifier, LabelledSet("planted films", films), repeats=20)

    write_probes(probes, classifier.checkpoint, tmp_path)
    again = read_probes(classifier.checkpoint, tmp_path)

    assert isinstance(again, Probes)
    assert verdict_sentences(again) == verdict_sentences(probes)
    assert [each.auc for each in again.stages] == [each.auc for each in probes.stages]
    assert again.held.keys() == probes.held.keys()
    for own, read in zip(probes.stages, again.stages, strict=True):
        np.testing.assert_array_equal(own.line.weights, read.line.weights)
    for key, predictions in probes.held.items():
        np.testing.assert_array_equal(again.held[key], predictions)
    assert read_probes(replace(classifier.checkpoint, sha256="0" * 64), tmp_path) is None  # other weights
    with pytest.raises(ValueError, match="the probes are of checkpoint"):
        write_probes(probes, replace(classifier.checkpoint, sha256="0" * 64), tmp_path)
    file_of(classifier.checkpoint, tmp_path).write_bytes(b"no archive")
    with pytest.raises(BadData, match=r"layers probes"):
        read_probes(classifier.checkpoint, tmp_path)


def test_every_shipped_model_has_its_probes() -> None:
    names = checkpoints.names()
    if not names:
        pytest.skip("weights/ is empty")
    for name in names:
        probes = read_probes(checkpoints.read_card(name), checkpoints.SHIPPED)
        assert probes is not None, f"{name} has no probes: python -m core layers probes --checkpoint {name} --data DIR"
        assert not probes.drawn
        assert probes.films >= 50
