"""One place decides whether an answer is shown: the film checks and the gate."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from core.__main__ import cli
from core.errors import Withheld
from core.image.phantom import draw
from core.models.classifier import Classifier
from core.trust import gate as gates
from core.trust.admission import admission, refuse_meaningless
from core.trust.gate import Gate, write_gate
from core.trust.gate_fit import stratified
from core.types import Cleaning, Origin, Radiograph


@pytest.fixture(scope="module")
def film() -> Radiograph:
    """A film that the checks accept and that is not marked as drawn."""
    drawn = draw(seed=3, height=400, width=400).radiograph
    return replace(drawn, origin=Origin("PNG", "L", 8), planes=())


@pytest.fixture
def guarded(weights: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of `untrained`, for whose gate every film is strange unless the limit is raised."""
    monkeypatch.setattr("core.models.library.place", lambda name: weights)
    return weights


def _write(folder: Path, classifier: Classifier, made: Gate, refuse: float = -1e6) -> None:
    own = replace(made, refuse=refuse, note=refuse, sha256=classifier.checkpoint.sha256)
    write_gate(own, folder / f"untrained{gates.ENDING}")


def test_a_film_that_the_gate_refuses_is_withheld_unless_it_is_wanted_anyway(
    guarded: Path, classifier: Classifier, film: Radiograph, gate: Gate
) -> None:
    _write(guarded, classifier, gate)
    try:
        result = admission([classifier], film, Cleaning())

        assert result.by_gate
        assert result.rulings == {"untrained": "refused"}
        assert "unlike those that untrained learned from" in result.reason
        with pytest.raises(Withheld, match="unlike those"):
            refuse_meaningless(film, Cleaning(), [classifier])
        assert refuse_meaningless(film, Cleaning(anyway=True), [classifier]).anyway
    finally:
        (guarded / f"untrained{gates.ENDING}").unlink()


def test_a_drawn_film_is_never_refused_and_a_model_without_a_gate_refuses_nothing(
    guarded: Path, classifier: Classifier, film: Radiograph, gate: Gate
) -> None:
    assert admission([classifier], film, Cleaning()).rulings == {"untrained": "no gate"}
    _write(guarded, classifier, gate)
    try:
        drawn = draw(seed=3, height=400, width=400).radiograph

        assert admission([classifier], drawn, Cleaning()).rulings == {"untrained": "drawn"}
        assert admission([classifier], drawn, Cleaning()).reason == ""
    finally:
        (guarded / f"untrained{gates.ENDING}").unlink()


def test_the_film_checks_decide_before_any_gate(classifier: Classifier, film: Radiograph) -> None:
    result = admission([classifier], film, Cleaning(turn=2))

    assert "upside-down" in result.reason
    assert not result.by_gate


def test_commands_withhold_what_the_gate_refuses(
    guarded: Path, classifier: Classifier, film: Radiograph, gate: Gate, tmp_path: Path
) -> None:
    path = tmp_path / "film.png"
    Image.fromarray((film.pixels / 16).astype(np.uint8)).save(path)
    runner, common = CliRunner(), ["--weights", str(guarded), "--json", str(path)]
    _write(guarded, classifier, gate)
    try:
        predicted = json.loads(runner.invoke(cli, ["predict", *common]).stdout)
        explained = json.loads(runner.invoke(cli, ["explain", "--out", str(tmp_path), *common]).stdout.splitlines()[0])
        anyway = json.loads(runner.invoke(cli, ["predict", "--anyway", *common]).stdout)
        judged = json.loads(runner.invoke(cli, ["trust", "--quick", *common]).stdout)
    finally:
        (guarded / f"untrained{gates.ENDING}").unlink()

    assert "unlike those that untrained learned from" in predicted["withheld"]
    assert "probabilities" not in predicted
    assert predicted["gate"]["untrained"]["ruling"] == "refused"
    assert "unlike those" in explained["withheld"]
    assert anyway["probabilities"]
    assert anyway["cleaning"]["anyway"]
    assert judged["verdicts"]["domain"]["verdict"] == "fails"
    assert judged["verdicts"]["certainty"]["verdict"] == "unjudged"


def test_a_sample_holds_small_sources_too() -> None:
    from core.evaluate.manifest import Row

    rows = [Row(file=Path(f"{n}.png"), label="normal", source="small" if n < 16 else "large") for n in range(1616)]

    sample = stratified(rows, 110, seed=0)

    assert len(sample) == 110
    assert sum(row.source == "small" for row in sample) == 10  # 4 of 4 + 40 parts
    assert len({row.file for row in stratified(rows, 5000, seed=0)}) == 1616
