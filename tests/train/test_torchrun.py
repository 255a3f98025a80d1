"""Two processes train one network."""

import json
import subprocess
import sys
from pathlib import Path

import torch

from core.models.checkpoint import read_card
from core.train import log
from core.train.recipe import Recipe
from tests.train.drawn import TINY

ROOT = Path(__file__).parents[2]


def _torchrun(folder: Path, *arguments: str) -> None:
    """`torchrun --nproc-per-node 2 -m core train`, and the network of each process in the folder."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command += ["-m", "tests.train.each_rank", str(folder), "train", "--runs", str(folder), "--out", str(folder)]
    done = subprocess.run([*command, *arguments], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise ValueError(f"torchrun ended with {done.returncode}: {done.stderr[-3000:]}")


def _recipe(folder: Path, recipe: Recipe) -> list[str]:
    path = folder / "two.toml"
    told = {"architecture": recipe.architecture, "findings": list(recipe.findings), "batch": 5}
    told |= {"sizes": list(recipe.sizes), "epochs": [1, 2], "rate": recipe.rate}
    path.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in told.items()))
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
    assert card.metrics["test"]["n"] == 12
    assert [record["epoch"] for record in card.trained_on["epochs"]] == [1, 2, 3]
    assert len((tmp_path / "two" / "log.jsonl").read_text().splitlines()) == 3
    assert _equal(tmp_path, "two")

    _torchrun(tmp_path, *arguments, "--folds", "source", "--patience", "1")
    assert [fold["source"] for fold in read_card("two", tmp_path).metrics["other_source"]] == ["a", "b"]
    for source in ("a", "b"):
        assert 1 <= len(log.read(tmp_path / "two" / source / "log.jsonl")) <= 3
        assert _equal(tmp_path, source)
