"""Everything that README and guide name exists, and their examples run."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from core.__main__ import cli
from core.errors import BadData
from core.explain.method import methods
from core.markdown import replace_section
from core.models.architecture import architectures

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
GUIDE = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "dashboard" / "guide").glob("*.md"))]
DOCUMENTATION = "\n".join([README, *GUIDE])


def test_the_python_example_runs() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", DOCUMENTATION, re.DOTALL)

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
    assert "(12, 12) -> (1024, 1024) logits per cell passes: (1, 1)" in done.stdout
    assert "13 maps, passes: (1, 3)" in done.stdout
    assert "logits from an even grey to this film, passes: (9, 8)" in done.stdout
    assert "May the model be asked?" in done.stdout
    assert "True (a) the radiograph; (b) pneumonia" in done.stdout


def test_every_generated_table_is_up_to_date() -> None:
    """Where one is not: python -m core readme."""
    check = CliRunner().invoke(cli, ["readme", "--check"])

    assert check.exit_code == 0, check.stdout


def test_the_documentation_has_every_method_and_architecture() -> None:
    assert all(f"| `{method.name}` | {method.plain} |" in DOCUMENTATION for method in methods.values())
    assert all(f"| `{each.name}` | {each.title} | {each.source} |" in DOCUMENTATION for each in architectures.values())


def test_a_section_is_replaced_between_its_markers_and_nowhere_else(tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_text("before\n<!-- methods -->\nold\n<!-- /methods -->\nafter\n", encoding="utf-8")
    replace_section(path, "methods", "new")
    assert path.read_text(encoding="utf-8") == "before\n<!-- methods -->\n\nnew\n\n<!-- /methods -->\nafter\n"

    path.write_text("no place", encoding="utf-8")
    with pytest.raises(BadData, match=r"README\.md lacks the markers of the table"):
        replace_section(path, "methods", "new")


def test_the_readme_is_a_front_door() -> None:
    assert len(README.splitlines()) <= 250
    assert all((ROOT / path).is_file() for path in re.findall(r"\]\((dashboard/[^)#]+)\)", README))


def test_every_make_target_named_is_there() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))

    assert set(re.findall(r"`make ([a-z]+)`", DOCUMENTATION)) <= targets


def test_the_way_without_make_installs_what_make_installs() -> None:
    """Everything but the Makefile's switches that only make it quiet."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    setup = makefile.partition("\n.venv/ready:")[2]  # `make weights` installs more, to train with
    wanted = re.findall(r"pip install --quiet --disable-pip-version-check (.+)", setup)

    assert len(wanted) == 2
    assert re.findall(r"pip install (.+)", (ROOT / "dashboard" / "guide" / "setup.md").read_text("utf-8"))[:2] == wanted


def test_every_command_named_is_there() -> None:
    named = set(re.findall(r"-m core ([a-z]+)", DOCUMENTATION))

    assert {"predict", "explain", "models"} <= named
    assert named <= set(cli.commands)
