"""The figures as people read them."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from core.__main__ import cli
from core.bench import map_costs, run, table
from core.errors import BadData
from core.markdown import replace_section, section

BEGIN, END = "<!-- bench -->", "<!-- /bench -->"
README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def record() -> dict[str, Any]:
    return {
        "ratios": {
            map_costs.LAST: 1.034,
            map_costs.ALL: 3.91,
            map_costs.ALL_BFLOAT16: None,
            "throughput_4_threads": 0.953,
        },
        "peers": {map_costs.LAST: {"captum": 3.0, "torch-cam": 3.2, "pytorch-grad-cam": "not installed"}},
        "machine": {
            "cpu": "a processor",
            "cores": 2,
            "torch": "2.13.0",
            "architecture": "densenet121",
            "input": "1 x 224 x 224",
        },
        "targets": {"at most": run.AT_MOST, "at least": run.AT_LEAST},
        "skipped": {"rise_per_pass": "there is no method rise"},
        "repeats": 15,
        "bare forward, ms": 51.2,
        "memory": {"integrated gradients 200 steps, peak MB": 1375, "budget, MB": 2000, "met": True},
        "threads": {"1": {"slowest answer, s": 0.12}, "16": {"slowest answer, s": 1.34}},
    }


def test_a_row_holds_figure_target_and_other_libraries(record: dict[str, Any]) -> None:
    written = table.markdown(record).splitlines()

    assert written[0] == "| what | Lightbox | target | Captum | torch-cam | pytorch-grad-cam |"
    assert written[2] == "| prediction + Grad-CAM of all findings, last stage | 1.03 | ≤ 1.10 | 3.00 | 3.20 | – |"
    assert "| the same in bfloat16 | – |  | – | – | – |" in written
    assert "| answers a second to 4 threads, over those to one | 0.95 | ≥ 0.90 | – | – | – |" in written
    assert "Integrated gradients 200 steps raise the peak of memory by 1,375 MB (budget 2,000 MB)." in written
    assert "Slowest answer to so many threads at once: 1: 0.1 s, 16: 1.3 s." in written


def test_the_readme_has_what_the_generator_writes() -> None:
    """Whatever the figures were when it was last written."""
    there = _without_figures(README[README.index(BEGIN) : README.index(END)])
    header, *body = (_without_figures(row) for row in _rows())

    assert [line for line in there.splitlines() if line.startswith("|")] == [header, "|#|#|#|#|#|#|", *body]


def test_the_command_writes_the_table_and_nothing_else(
    record: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    readme, measured = tmp_path / "README.md", tmp_path / "bench.json"
    readme.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    measured.write_text(json.dumps(record), encoding="utf-8")
    monkeypatch.setattr("core.commands.bench._README", readme)

    result = CliRunner().invoke(cli, ["bench", "--readme", str(measured)])

    assert result.exit_code == 0, result.output
    assert readme.read_text(encoding="utf-8") == f"before\n{section('bench', table.markdown(record))}\nafter\n"


@pytest.mark.parametrize(
    ("text", "sentence"), [("no JSON", "is not JSON"), ("{}", "lacks machine, memory, peers, ratios, targets, threads")]
)
def test_a_file_that_is_no_bench_is_refused(text: str, sentence: str, tmp_path: Path) -> None:
    measured = tmp_path / "bench.json"
    measured.write_text(text, encoding="utf-8")

    result = CliRunner().invoke(cli, ["bench", "--readme", str(measured)])

    assert result.exit_code == 1
    assert sentence in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize("text", ["nothing", f"{END}\n{BEGIN}", f"{BEGIN}\n{END}\n" * 2])
def test_a_readme_without_a_place_is_left_as_it_is(text: str, record: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(BadData, match=r"README\.md lacks the markers of the table"):
        replace_section(path, "bench", table.markdown(record))
    assert path.read_text(encoding="utf-8") == text


def _rows() -> list[str]:
    blank = {"ratios": {}, "peers": {}, "targets": {"at most": run.AT_MOST, "at least": run.AT_LEAST}}
    return [f"| {' | '.join(cells)} |" for cells in table.rows(blank)]


def _without_figures(text: str) -> str:
    return re.sub(r"\| *([\d.,]+|–|-{3}) *(?=\|)", "|#", text)
