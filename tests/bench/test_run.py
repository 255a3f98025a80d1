"""The benchmark runs and reports what it should; no test depends on the speed of this machine."""

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from core.__main__ import cli
from core.bench import fresh_process, map_costs, passes, run, timing, untrained
from core.bench.timing import TimedCall, Timing, timed
from core.bench.training import _rates, throughput
from core.explain.evidence import Tape
from core.explain.method import methods
from core.image.prepare import prepare
from core.models.classifier import Classifier
from core.types import Radiograph


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "FILM_SIDE", 128)
    monkeypatch.setattr(run, "QUICK", replace(run.QUICK, rounds=1, warm_up=0, memory_steps=8, calls=1))


@pytest.mark.usefixtures("small")
def test_the_command_prints_every_figure_as_json(weights: Path) -> None:
    result = CliRunner().invoke(cli, ["bench", "--quick", "--json", "--weights", str(weights)])

    assert result.exit_code == 0, result.output
    record: dict[str, Any] = json.loads(result.stdout)
    assert {*run.AT_MOST, *run.AT_LEAST, map_costs.ALL_BFLOAT16} == set(record["ratios"])
    assert record["skipped"] == {}
    assert all(
        math.isfinite(ratio) for ratio in record["ratios"].values()
    )  # from one round on a busy machine: any number
    assert record["ratios"][map_costs.LAST] > 0
    assert all(record["details"][key]["ms"] > 0 for key in run.AT_MOST)
    assert all(ratio > 0 for ratio in record["peers"][map_costs.LAST].values())
    assert set(record["peers"][map_costs.LAST]) == {"captum", "torch-cam", "pytorch-grad-cam"}
    assert {"cpu", "cores", "threads", "torch", "captum"} <= set(record["machine"])
    assert record["machine"]["network"] == "untrained"
    assert list(record["threads"]) == ["1", "4", "16"]
    assert record["threads"]["16"]["slowest answer, s"] > 0
    assert record["memory"]["integrated gradients 8 steps, peak MB"] is None or record["memory"]["met"]


def test_a_ratio_is_the_median_of_pairs_timed_in_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    # Two warm-up rounds, then three: bare, first, its own bare (of which one run stands for two), second.
    clock: Iterator[float] = iter([9, 9, 9, 9] * 2 + [1, 2, 1, 5, 2, 6, 2, 2, 4, 4, 4, 16])

    def seconds(call: object) -> float:
        order.append({bare: "bare", other: "other"}.get(call, "case"))  # type: ignore[call-overload]
        return next(clock)

    def bare() -> None: ...

    def other() -> None: ...

    monkeypatch.setattr(timing, "seconds", seconds)
    result = timed(bare, [TimedCall("first", lambda: None), TimedCall("second", lambda: None, other, 2.0)], repeats=3)

    assert order == ["bare", "case", "other", "case"] * 5
    assert result["first"] == Timing(ratio=2, quartiles=(1, 3), ms=4000, bare_ms=2000)
    assert result["second"] == Timing(ratio=2, quartiles=(0.5, 2.5), ms=5000, bare_ms=4000)


@pytest.mark.parametrize("path", passes.QUICK, ids=lambda path: path.method)
def test_the_passes_that_are_compared_are_those_that_the_method_runs(
    classifier: Classifier, phantom: Radiograph, path: passes.Path
) -> None:
    prepared = prepare(phantom, classifier.checkpoint.input)
    with classifier.alone() as network:
        question = map_costs.BenchInput(classifier.checkpoint, network, prepared)
        tape = Tape(network, question.images, grad_from=network.last_stage)
        method = methods[path.method]
        method.rule(question.evidence(tape, 0, network.last_stage), **method.parse(path.settings))

    count = path.count(classifier.checkpoint.input.size)
    assert (tape.forwards, tape.backwards) == (1 + count, count if path.graph else 0)


def test_a_method_that_is_not_there_is_skipped_with_a_word(classifier: Classifier, phantom: Radiograph) -> None:
    prepared = prepare(phantom, classifier.checkpoint.input)
    with classifier.alone() as network:
        question = map_costs.BenchInput(classifier.checkpoint, network, prepared)
        cases = passes.cases(question, (passes.Path("future", "crystal-ball", {"looks": 3}, False),))

    assert cases == ([], {"future": "there is no method crystal-ball"})


def test_a_library_that_is_not_there_is_reported(
    classifier: Classifier, phantom: Radiograph, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(map_costs, "find_spec", lambda name: None)
    prepared = prepare(phantom, classifier.checkpoint.input)
    with classifier.alone() as network:
        peers = map_costs.peers(map_costs.BenchInput(classifier.checkpoint, network, prepared))

    assert peers[map_costs.LAST]["torch-cam"] == peers[map_costs.LAST]["pytorch-grad-cam"] == "not installed"
    assert isinstance(peers[map_costs.LAST]["captum"], TimedCall)


def test_the_memory_of_a_fresh_process_is_its_own_and_not_this_process() -> None:
    ballast = np.ones(60_000_000)  # 480 MB, more than the import takes
    peak = fresh_process.import_figures(processes=1)["peak memory, MB"]

    assert peak is None or 100 < peak < ballast.nbytes / 1e6


def test_a_network_without_weights_stands_in_where_there_is_no_checkpoint(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("core.models.checkpoints.names", list)

    assert untrained.or_shipped().checkpoint.name == "random weights"


@pytest.mark.parametrize(
    ("ratios", "memory", "missed"),
    [
        ({map_costs.LAST: 1.1, map_costs.ALL: None, "throughput_4_threads": 0.9}, True, []),
        (
            {map_costs.LAST: 1.11, map_costs.ALL: 3.9, "throughput_4_threads": 0.89},
            False,
            [map_costs.LAST, "throughput_4_threads", "memory"],
        ),
    ],
)
def test_what_misses_its_target_is_named(ratios: dict[str, float], memory: bool, missed: list[str]) -> None:
    values = {
        "ratios": ratios,
        "targets": {"at most": run.AT_MOST, "at least": run.AT_LEAST},
        "memory": {"met": memory},
    }

    assert run.missed(values) == missed


def test_training_is_timed_against_a_bare_loop_on_the_same_network() -> None:
    figures = throughput(repeats=1, size=16, batch=4, architecture="densenet121-s16")

    assert (figures["size"], figures["batch"]) == (16, 4)
    assert len(figures["cases"]) == 2
    for case in figures["cases"].values():
        assert case["images/s"] > 0
        assert case["share"] == pytest.approx(case["images/s"] / case["bare images/s"], rel=0.05)
        assert case["met"] == (case["share"] >= case["target"] == 0.85)


def test_a_share_is_the_bare_time_over_the_whole() -> None:
    """32 images in 500 ms, a bare step in 400 ms."""
    assert _rates(Timing(ratio=1.25, quartiles=None, ms=500.0, bare_ms=400.0), 32) == {
        "images/s": 64.0,
        "bare images/s": 80.0,
        "share": 0.8,
        "target": 0.85,
        "met": False,
    }
