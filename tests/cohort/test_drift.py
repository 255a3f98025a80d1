"""Two runs compared, where the difference is known."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from core.cohort.drift import drift
from core.cohort.rows import TABLES, VERSION
from core.cohort.run_folder import RunFolder
from core.cohort.table import CohortTable, Selection
from core.commands.drift import drift as command
from core.errors import BadData

CHOSEN = Selection("a", "covid", "grad-cam")
FILMS = 120


def made_run(folder: Path, *, seed: int, older: float = 0.0, view: str = "PA", apart: float = 0.0, digest: str = "one",
             films: int = FILMS) -> Path:  # fmt: skip
    """A run whose films are `older` and whose features lie `apart` along one axis."""
    chance = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    features: list[dict[str, Any]] = []
    for number in range(films):
        rows.append(
            {
                "film": number,
                "path": f"{number}.png",
                "digest": f"{seed} {number}",
                "patient": f"{seed} {number // 2}",
                "checkpoint": "a",
                "finding": "covid",
                "method": "grad-cam",
                "probability": float(chance.random()),
                "called": bool(chance.random() < 0.5),
                "label": number % 4 < 2,
                "age": float(chance.normal(50 + older, 10)),
                "view": view if chance.random() < 0.8 else "AP",
                "film_warnings": ["exposure"] if chance.random() < 0.1 else [],
            }
        )
        values = chance.normal(0, 1, 8).astype(np.float32)
        values[0] += apart
        features.append({"film": number, "digest": "", "checkpoint": "a", "features": values})
    run = RunFolder(folder)
    run.write_manifest(
        {
            "version": VERSION,
            "columns": {"rows": {name: {} for name in TABLES["rows"]}},
            "checkpoints": [{"name": "a", "digest": digest, "findings": ["covid"], "thresholds": {}}],
            "settings": {"methods": ["grad-cam"]},
        }
    )
    run.write_part(0, {"rows": rows, "maps": [], "features": features, "thumbnails": []}, ())
    return folder


def test_what_was_moved_differs_and_nothing_else(tmp_path: Path) -> None:
    first = CohortTable(made_run(tmp_path / "first", seed=1))
    second = CohortTable(made_run(tmp_path / "second", seed=2, older=15, view="AP", apart=3))

    result = drift(first, second, CHOSEN)

    assert result.films == (FILMS // 2, FILMS // 2)  # one per patient
    assert {test.name for test in result.tests if test.differs} == {"age", "view = AP", "view = PA"}
    age = next(test for test in result.tests if test.name == "age")
    assert age.second - age.first == pytest.approx(15, abs=5)
    assert result.separation.low > 0.9
    assert [each.score for each in result.unlike] == sorted((each.score for each in result.unlike), reverse=True)


def test_runs_of_the_same_kind_do_not_differ(tmp_path: Path) -> None:
    first, second = (CohortTable(made_run(tmp_path / str(seed), seed=seed)) for seed in (3, 4))

    result = drift(first, second, CHOSEN)

    assert not [test.name for test in result.tests if test.differs]
    assert result.separation.low < 0.5 < result.separation.high


def test_runs_of_other_weights_or_too_few_films_are_refused(tmp_path: Path) -> None:
    first = CohortTable(made_run(tmp_path / "first", seed=1))

    with pytest.raises(BadData, match="other weights of a"):
        drift(first, CohortTable(made_run(tmp_path / "other", seed=2, digest="two")), CHOSEN)
    with pytest.raises(BadData, match="have 60 and 2 films"):
        drift(first, CohortTable(made_run(tmp_path / "few", seed=2, films=4)), CHOSEN)


def test_the_command_says_what_differs(tmp_path: Path) -> None:
    made_run(tmp_path / "first", seed=1)
    made_run(tmp_path / "second", seed=2, older=15)

    result = CliRunner().invoke(command, [str(tmp_path / "first"), str(tmp_path / "second")])
    refused = CliRunner().invoke(command, [str(tmp_path / "first"), str(tmp_path / "second"), "--finding", "flu"])

    assert result.exit_code == 0, result.output
    assert next(line for line in result.output.splitlines() if line.startswith("age")).endswith("differs")
    assert "has no finding flu. It has covid." in refused.output
