"""`--checkpoint a+b`: for predict, evaluate and explain, and refused elsewhere."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from core.__main__ import cli
from core.types import Radiograph


@pytest.fixture
def two(weights: Path, tmp_path: Path) -> Path:
    """A folder with "untrained" and, at another temperature, "second"."""
    folder = tmp_path / "two"
    folder.mkdir()
    for name in ("untrained", "second"):
        shutil.copy(weights / "untrained.safetensors", folder / f"{name}.safetensors")
        card = json.loads((weights / "untrained.json").read_text()) | {"name": name}
        (folder / f"{name}.json").write_text(json.dumps(card | ({"temperature": 3.0} if name == "second" else {})))
    return folder


@pytest.fixture
def film(phantom: Radiograph, tmp_path: Path) -> Path:
    Image.fromarray(phantom.pixels).save(tmp_path / "film.png")
    return tmp_path / "film.png"


def test_predict_averages_probabilities_and_explain_maps(two: Path, film: Path, tmp_path: Path) -> None:
    records = {}
    for name in ("untrained", "second", "untrained+second"):
        run = CliRunner().invoke(cli, ["predict", "--weights", str(two), str(film), "--checkpoint", name, "--json"])
        assert run.exit_code == 0, run.output
        records[name] = json.loads(run.stdout)["probabilities"]
    out = ["--out", str(tmp_path / "maps"), "--finding", "covid", "--layer", "all", "--json"]
    names = ["--weights", str(two), "--checkpoint", "untrained+second"]
    refused = CliRunner().invoke(cli, ["explain", *names, str(film), *out])
    explained = CliRunner().invoke(cli, ["explain", *names, str(film), *out[:4], "--json"])

    for finding, likely in records["untrained+second"].items():
        assert likely == pytest.approx((records["untrained"][finding] + records["second"][finding]) / 2, abs=2e-6)
    assert explained.exit_code == 0, explained.output
    assert json.loads(explained.stdout)["checkpoint"] == "untrained+second"
    assert refused.exit_code == 1
    assert "do not share the layer 'all'" in refused.stderr


def test_evaluate_gives_the_figures_of_the_ensemble(two: Path, film: Path, tmp_path: Path) -> None:
    rows = [f"{film.name},{('covid', 'normal')[index % 2]},p{index}" for index in range(4)]
    (tmp_path / "films.csv").write_text("\n".join(["file,label,patient", *rows]) + "\n")
    command = ["evaluate", str(tmp_path / "films.csv"), "--weights", str(two), "--checkpoint", "second+untrained"]
    run = CliRunner().invoke(cli, [*command, "--resamples", "10", "--json"])

    assert run.exit_code == 0, run.output
    assert json.loads(run.stdout)["checkpoint"] == "second+untrained"


def test_other_commands_take_one_model(two: Path, film: Path) -> None:
    run = CliRunner().invoke(cli, ["layers", "plan", "--weights", str(two), "--checkpoint", "second+untrained"])

    assert run.exit_code == 1
    assert "is an ensemble, which only predict, evaluate and explain accept. Give one model." in run.stderr
