"""What the README says is there, and what it shows runs."""

import re
import subprocess
import sys
from pathlib import Path

from core.explain.method import methods
from core.models.architecture import architectures

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_python_example_runs() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)

    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", example],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "pneumonia" in done.stdout
    assert "(12, 12) -> (1024, 1024) logits a cell passes: (1, 1)" in done.stdout


def test_every_method_has_its_row() -> None:
    for method in methods.values():
        assert f"| `{method.name}` | {method.plain} | {method.source} |" in README


def test_every_architecture_has_its_row() -> None:
    for entry in architectures.values():
        assert f"| `{entry.name}` | {entry.title} | {entry.source} |" in README


def test_every_make_target_named_is_there() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))

    assert set(re.findall(r"`make ([a-z]+)`", README)) <= targets


def test_every_command_named_is_there() -> None:
    from core.__main__ import cli

    named = set(re.findall(r"-m core ([a-z]+)", README))

    assert {"predict", "explain", "models"} <= named
    assert named <= set(cli.commands)
