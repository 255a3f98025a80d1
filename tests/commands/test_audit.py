"""`audit`: a small drawn set through a real network; the report beside the weights."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from core.__main__ import cli
from core.audit import phantom_probing
from core.audit.audit_test import audit_tests
from core.audit.report import read_report
from core.models.checkpoints import read_card
from tests.evaluate import drawn


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drawn.write(tmp_path_factory.mktemp("drawn"), 16)


def _audit(weights: Path, *given: object) -> Result:
    return CliRunner().invoke(cli, ["audit", *map(str, given), "--weights", str(weights), "--resamples", "10"])


def test_each_test_has_a_verdict_and_the_report_lies_beside_the_weights(
    weights: Path, manifest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(phantom_probing, "PHANTOMS", 2)

    result = _audit(weights, manifest, "--json")

    assert result.exit_code == 0, result.output
    record = json.loads(result.stdout)
    assert [each["name"] for each in record["results"]] == list(audit_tests)
    assert {each["word"] for each in record["results"]} <= {"holds", "doubtful", "fails", "unjudged"}
    assert all(each["sentence"] for each in record["results"])
    assert (record["films"], record["split"]) == (12, "test")
    stored = read_report(read_card("untrained", weights), weights)
    assert stored is not None
    assert [each.sentence for each in stored.results] == [each["sentence"] for each in record["results"]]


def test_few_films_are_refused_with_a_sentence(weights: Path, manifest: Path) -> None:
    result = _audit(weights, manifest, "--limit", 6)

    assert result.exit_code == 1
    assert "There are 6 usable films; an audit needs 10 or more." in result.stderr
