"""The bench: that it runs and tells what it should; how fast this machine is is nobody's failure."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from core import bench
from core.__main__ import cli
from core.bench import Case, random_classifier, timed
from core.models.classifier import Classifier
from core.throughput import _rates, throughput


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "FILM_SIDE", 128)
    monkeypatch.setattr(bench, "_WARM_UP", 0)
    monkeypatch.setattr(bench, "_FRESH", 1)


@pytest.mark.usefixtures("small")
def test_the_command_prints_every_figure_as_json(weights: Path) -> None:
    told = CliRunner().invoke(cli, ["bench", "--repeats", "1", "--weights", str(weights)])

    assert told.exit_code == 0, told.output
    found = json.loads(told.stdout)
    assert found["repeats"] == 1
    assert {"cpu", "cores", "threads", "torch", "captum"} <= set(found["environment"])
    assert found["network"]["checkpoint"] == "untrained"
    targets = [case["target"] for case in found["ratios"].values() if "target" in case]
    assert targets == [1.15, 2.2]
    assert sum("Captum" in name for name in found["ratios"]) == 3
    assert all(case["ratio"] > 0 and case["ms"] > 0 for case in found["ratios"].values())
    assert all(case["ms"] > 0 for case in found["whole calls, film to result"].values())
    assert found["preparation, ms"] > 0
    assert found["import core.models.classifier"]["seconds"] > 0


def test_a_ratio_is_the_median_of_pairs_timed_in_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    clock: Iterator[float] = iter([9, 9, 9, 9] * 2 + [1, 2, 1, 5, 2, 6, 2, 2, 4, 4, 4, 8])

    def seconds(call: object) -> float:
        order.append("bare" if call is bare else "case")
        return next(clock)

    def bare() -> None: ...

    monkeypatch.setattr(bench, "_seconds", seconds)
    found = timed(bare, [Case("first", lambda: None, 2.0), Case("second", lambda: None)], repeats=3)

    assert order == ["bare", "case"] * 10
    assert found["cases"]["first"] == {"ratio": 2, "ms": 4000, "quartiles": [1, 3], "target": 2.0, "met": True}
    assert found["cases"]["second"]["ratio"] == 2
    assert found["bare, ms"] == 2000


def test_the_memory_of_a_fresh_import_is_its_own_and_not_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "_FRESH", 1)
    ballast = np.ones(60_000_000)  # 480 MB, more than the import takes
    peak = bench.fresh_import()["peak memory, MB"]

    assert peak is None or 100 < peak < ballast.nbytes / 1e6


def test_a_network_without_weights_stands_in_where_there_is_no_checkpoint(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("core.models.checkpoint.names", list)
    found: Classifier = bench.default_classifier()

    assert found.checkpoint.name == random_classifier().checkpoint.name == "random weights"


@pytest.mark.usefixtures("small")
def test_training_is_timed_against_a_bare_loop_on_the_same_network() -> None:
    found = throughput(repeats=1, size=16, batch=4, architecture="densenet121-s16")

    assert (found["size"], found["batch"]) == (16, 4)
    assert len(found["cases"]) == 2
    for case in found["cases"].values():
        assert case["images/s"] > 0
        assert case["share"] == pytest.approx(case["images/s"] / case["bare images/s"], rel=0.05)
        assert case["met"] == (case["share"] >= case["target"] == 0.85)


def test_a_share_is_the_bare_time_over_the_whole() -> None:
    """32 images in 500 ms, a bare step in 400 ms."""
    assert _rates({"ratio": 1.25, "ms": 500.0}, 32) == {
        "images/s": 64.0,
        "bare images/s": 80.0,
        "share": 0.8,
        "target": 0.85,
        "met": False,
    }
