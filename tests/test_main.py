"""The command line as a process: quick help, clean streams, exit codes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from core.__main__ import cli
from core.types import Radiograph

ROOT = Path(__file__).parents[1]


def core(*arguments: str) -> "subprocess.CompletedProcess[str]":
    # PYTHONWARNINGS: what pytest turns into errors here, the child does there.
    return subprocess.run(
        [sys.executable, "-m", "core", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONWARNINGS": "error"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_help_does_not_load_the_heavy_libraries() -> None:
    code = (
        "import sys, core.__main__; print([name for name in ('torch', 'numpy', 'cv2', 'PIL') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"


def test_loading_a_model_and_predicting_does_not_load_the_compiler_of_torch() -> None:
    """It takes longer to import than all of torch."""
    code = (
        "import sys\n"
        "from core.image.phantom import draw\n"
        "from core.models import classifier, library\n"
        "name = 'small-cnn'\n"
        "classifier.load(name, library.place(name)).predict(draw(seed=0, height=64, width=64).radiograph)\n"
        "import torchvision\n"
        "print([name for name in ('torch._dynamo', 'sympy') if name in sys.modules])\n"
        "import torch\n"
        "torch.compile(lambda x: 2 * x, backend='eager')(torch.ones(1))\n"
        "print(sys.modules['torch._dynamo'].__file__ is not None)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert done.stdout.split("\n")[:2] == ["[]", "True"]


@pytest.mark.parametrize("command", sorted(cli.commands))
def test_every_command_explains_itself_with_examples(command: str) -> None:
    result = CliRunner().invoke(cli, [command, "--help"])

    assert result.exit_code == 0
    assert f"  python -m core {command}" in result.stdout.split("Options:")[0]


def test_a_mixed_lot_through_a_pipe_gives_a_line_each_and_exit_code_1(
    weights: Path, phantom: Radiograph, tmp_path: Path
) -> None:
    Image.fromarray(phantom.pixels).save(tmp_path / "1.png")
    (tmp_path / "2.png").write_bytes(b"")
    Image.fromarray((np.asarray(phantom.pixels) // 16).astype(np.uint8)).save(tmp_path / "3.jpg")
    Image.fromarray(phantom.pixels).save(tmp_path / "4.tif")
    (tmp_path / "readme.txt").write_text("not a film")
    done = core("predict", str(tmp_path), "--json", "--weights", str(weights))

    values = [json.loads(line) for line in done.stdout.splitlines()]
    assert [Path(record["path"]).name for record in values] == ["1.png", "2.png", "3.jpg", "4.tif"]
    assert ["error" in record for record in values] == [False, True, False, False]
    assert done.stderr == "Skipped 1 file: not a picture or DICOM.\n"
    assert done.returncode == 1


def test_a_mistake_is_one_sentence_without_a_traceback(tmp_path: Path) -> None:
    done = core("predict", "film.png", "--weights", str(tmp_path))

    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("Error: There is no checkpoint in ")
    assert done.stderr.count("\n") == 1
