"""Two processes train one network."""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import psutil
import torch

from core.models.checkpoints import read_card
from core.train import log
from core.train.recipe import Recipe
from tests.train.drawn import TINY

ROOT = Path(__file__).parents[2]
SECONDS = 120  # the machine may be busy


def _command(folder: Path, *arguments: str) -> list[str]:
    """`torchrun --nproc-per-node 2 -m core train`, and the network of each process in the folder."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command += ["-m", "tests.train.each_rank", str(folder), "train", "--runs", str(folder), "--out", str(folder)]
    return [*command, *arguments]


def _torchrun(folder: Path, *arguments: str) -> None:
    done = subprocess.run(_command(folder, *arguments), cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise ValueError(f"torchrun ended with {done.returncode}: {done.stderr[-3000:]}")


def _killed(folder: Path, *arguments: str, lines: int) -> None:
    """The same, all its processes killed when the log has so many lines."""
    log_file = folder / "two" / "log.jsonl"
    with (folder / "output.txt").open("w") as output:
        run = subprocess.Popen(_command(folder, *arguments), cwd=ROOT, stdout=output, stderr=output)
        until = time.monotonic() + SECONDS
        while len(log.read(log_file)) < lines:
            if run.poll() is not None or time.monotonic() > until:
                raise ValueError(f"the run ended or hangs: {(folder / 'output.txt').read_text()[-3000:]}")
            time.sleep(0.005)
        processes = [psutil.Process(run.pid), *psutil.Process(run.pid).children(recursive=True)]
        for process in processes:  # torchrun's are in sessions of their own
            process.kill()
        psutil.wait_procs(processes, timeout=SECONDS)
        run.wait()


def _recipe(folder: Path, recipe: Recipe, *, epochs: Sequence[int] = (1, 2)) -> list[str]:
    folder.mkdir(exist_ok=True)
    path = folder / "two.toml"
    values = {"architecture": recipe.architecture, "findings": list(recipe.findings), "batch": 5}
    values |= {"sizes": list(recipe.sizes), "epochs": list(epochs), "rate": recipe.rate}
    path.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items()))
    return ["--recipe", str(path)]


def _equal(folder: Path, run: str) -> bool:
    """Whether both processes ended with the same network, weights and statistics."""
    first, second = (torch.load(folder / f"{run}-{rank}.pt", weights_only=True) for rank in (0, 1))
    return all(torch.equal(weights, second[name]) for name, weights in first.items())


def test_two_processes_make_one_checkpoint_and_then_its_folds(data: Path, tmp_path: Path) -> None:
    """Twelve films in batches of five: the last batch of two is left out by both, or one would wait forever."""
    arguments = ["--data", str(data), *_recipe(tmp_path, TINY)]
    _torchrun(tmp_path, *arguments)

    card = read_card("two", tmp_path)
    assert card.metrics.test is not None
    assert card.metrics.test.n == 12
    assert [record.epoch for record in card.trained_on.epochs] == [1, 2, 3]
    assert len((tmp_path / "two" / "log.jsonl").read_text().splitlines()) == 3
    assert _equal(tmp_path, "two")

    _torchrun(tmp_path, *arguments, "--folds", "source", "--patience", "1")
    assert [fold.source for fold in read_card("two", tmp_path).metrics.other_source] == ["a", "b"]
    for source in ("a", "b"):
        assert 1 <= len(log.read(tmp_path / "two" / source / "log.jsonl")) <= 3
        assert _equal(tmp_path, source)


def test_two_processes_killed_at_once_end_with_the_weights_of_an_unbroken_run(data: Path, tmp_path: Path) -> None:
    """By SIGKILL, as the system sends it when memory is short: nothing can be tidied up."""
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    epochs = 12
    arguments = {
        folder: ["--data", str(data), *_recipe(folder, TINY, epochs=(1, epochs - 1))] for folder in (whole, broken)
    }
    _torchrun(whole, *arguments[whole])
    _killed(broken, *arguments[broken], lines=3)
    before = log.read(broken / "two" / "log.jsonl")
    assert 3 <= len(before) < epochs
    assert not (broken / "two.safetensors").exists()

    _torchrun(broken, *arguments[broken])
    lines = (broken / "two" / "log.jsonl").read_text().splitlines()
    assert len(log.read(broken / "two" / "log.jsonl")) == epochs
    assert len(lines) <= epochs + 1, "more than the running epoch was done twice"
    assert _equal(broken, "two")
    stored = [torch.load(folder / "two-0.pt", weights_only=True) for folder in (whole, broken)]
    assert all(torch.equal(weights, stored[1][name]) for name, weights in stored[0].items())
