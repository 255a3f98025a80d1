"""Queries on the rows of a run, compared with answers computed film by film."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pytest
from numpy.typing import NDArray
from pyarrow import parquet
from sklearn.metrics import average_precision_score, roc_auc_score

from core.cohort import score_figures
from core.cohort.mean_heat import SIDE, lung_template, template_difference
from core.cohort.rows import VERSION, arrow
from core.cohort.run_folder import RunFolder
from core.cohort.table import BINS, CohortTable, ScoreCounts, Selection
from core.compare.significance import delong
from core.errors import BadData, BadSetting

FILMS = 400
CHOSEN = Selection("a", "covid", "grad-cam")


def _made() -> list[dict[str, Any]]:
    chance = np.random.default_rng(0)
    labels = chance.random(FILMS) < 0.4
    likely = np.floor(BINS * 1 / (1 + np.exp(-chance.normal(0, 1, FILMS) - np.where(labels, 1, -1)))) / BINS
    return [
        {
            "film": number,
            "path": f"{number}.png",
            "checkpoint": "a",
            "finding": "covid",
            "method": "grad-cam",
            "probability": float(likely[number]),
            "label": bool(labels[number]),
            "sex": "F" if number % 2 else "M",
            "age": float(number % 90),
            "lung_share": number / FILMS,
        }
        for number in range(FILMS)
    ] + [{"film": FILMS, "path": "bad.png", "error": "bad.png is no film."}]


ROWS = _made()


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> CohortTable:
    folder = RunFolder(tmp_path_factory.mktemp("run"))
    folder.write_manifest({"version": 1, "checkpoints": [{"name": "a"}]})
    none: list[dict[str, Any]] = []
    folder.write_part(0, {"rows": ROWS, "maps": none, "features": none, "thumbnails": none}, ())
    return CohortTable(folder.path)


def _arrays() -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    good = ROWS[:FILMS]
    return np.array([row["probability"] for row in good]), np.array([row["label"] for row in good])


def test_a_filter_leaves_the_films_that_fulfil_it(table: CohortTable) -> None:
    wanted = [row for row in ROWS[:FILMS] if row["age"] > 60 and row["sex"] == "F" and row["probability"] <= 0.5]
    chosen = Selection("a", "covid", "grad-cam", text="age > 60 AND sex = 'F'", high=0.5)

    assert table.count(chosen) == len(wanted) > 0
    assert sorted(table.numbers(chosen, order="Most likely first")) == [row["film"] for row in wanted]


def test_the_cells_of_the_confusion_matrix_hold_their_films(table: CohortTable) -> None:
    likely, label = _arrays()
    for outcome, wanted in (
        ("true positive", label & (likely >= 0.3)),
        ("false positive", ~label & (likely >= 0.3)),
        ("false negative", label & (likely < 0.3)),
        ("true negative", ~label & (likely < 0.3)),
    ):
        chosen = Selection("a", "covid", "grad-cam", outcome, threshold=0.3)  # type: ignore[arg-type]
        assert sorted(table.numbers(chosen, order="In the order of the input")) == np.flatnonzero(wanted).tolist()


def test_the_figures_are_those_of_scikit_learn_and_of_delong(table: CohortTable) -> None:
    likely, label = _arrays()
    counts = table.scores(CHOSEN)[""]

    area = score_figures.auc(counts)
    reference = delong(likely, np.zeros(FILMS), label)
    assert area.value == pytest.approx(roc_auc_score(label, likely), abs=1e-9)
    assert area.high - area.low == pytest.approx(reference.high - reference.low, rel=0.02)
    assert score_figures.average_precision(counts) == pytest.approx(average_precision_score(label, likely), abs=1e-9)


def test_without_a_film_with_the_finding_there_is_no_average_precision() -> None:
    counts = ScoreCounts(np.zeros(BINS, np.int64), np.ones(BINS, np.int64), np.zeros(BINS))

    assert np.isnan(score_figures.average_precision(counts))
    assert np.isnan(score_figures.auc(counts).value)


def test_the_operating_point_counts_films_and_follows_the_prevalence() -> None:
    counts = ScoreCounts(np.zeros(BINS, np.int64), np.zeros(BINS, np.int64), np.zeros(BINS))
    counts.positives[[200, 800]] = 20, 80
    counts.negatives[[200, 800]] = 90, 10

    own = score_figures.operating_point(counts, 0.5)
    rare = score_figures.operating_point(counts, 0.5, prevalence=0.01)

    assert (own.true_positives, own.false_negatives, own.false_positives, own.true_negatives) == (80, 20, 10, 90)
    assert (own.sensitivity.value, own.specificity.value) == (0.8, 0.9)
    assert own.positive_predictive_value.value == pytest.approx(80 / 90)
    assert rare.positive_predictive_value.value == pytest.approx(0.008 / (0.008 + 0.099))
    model, everyone = score_figures.net_benefit(score_figures.rates(counts), 0.5)
    assert model[500] == pytest.approx(0.8 * 0.5 - 0.1 * 0.5)
    assert everyone[500] == pytest.approx(0)


def test_subgroups_have_their_own_counts(table: CohortTable) -> None:
    groups = table.scores(CHOSEN, group="age group")

    assert list(groups) == ["18 to 39", "40 to 64", "65 and over", "under 18"]
    assert sum(int((each.positives + each.negatives).sum()) for each in groups.values()) == FILMS


@pytest.mark.parametrize("text", ["1 = 1); DROP TABLE rows; --", "nonsense > 3", "1 = (SELECT", "TRUE; SELECT 1"])
def test_a_filter_that_is_no_condition_is_refused_and_harms_nothing(text: str, table: CohortTable) -> None:
    with pytest.raises(BadSetting, match=r"^The filter "):
        table.count(Selection("a", "covid", "grad-cam", text=text))
    assert table.count(CHOSEN) == FILMS


def test_a_filter_cannot_read_files(table: CohortTable) -> None:
    with pytest.raises(BadSetting, match="cannot be used"):
        table.count(Selection("a", "covid", "grad-cam", text="(SELECT count(*) FROM read_text('/etc/hostname')) > 0"))


def test_unreadable_films_are_listed(table: CohortTable) -> None:
    assert table.totals == {"films": FILMS + 1, "unreadable": 1, "withheld": 0}
    assert table.errors() == [{"path": "bad.png", "sentence": "bad.png is no film."}]


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="holds no run"):
        CohortTable(tmp_path)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"PAR1 no more", "cannot be read .* Restore them"),
        ({"film": [1], "path": ["1.png"]}, "by another version of Lightbox: they lack the column digest"),
    ],
)
def test_tables_that_are_not_of_a_run_are_refused(content: Any, sentence: str, tmp_path: Path) -> None:
    RunFolder(tmp_path).write_manifest({"version": VERSION, "checkpoints": [{"name": "a"}]})
    file = tmp_path / "rows" / "part-000000.parquet"
    file.parent.mkdir()
    if isinstance(content, bytes):
        file.write_bytes(content)
    else:
        parquet.write_table(pyarrow.table(content), file)

    with pytest.raises(BadData, match=sentence):
        CohortTable(tmp_path)


def test_a_plan_or_manifest_of_another_kind_is_refused(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    (tmp_path / "manifest.json").write_text("[1, 2]")
    with pytest.raises(BadData, match="another version of Lightbox"):
        folder.manifest()

    (tmp_path / "films.parquet").write_bytes(b"PAR1")
    with pytest.raises(BadData, match=r"films\.parquet is damaged"):
        folder.films  # noqa: B018
    parquet.write_table(pyarrow.table({"name": ["1.png"]}), tmp_path / "films.parquet")
    with pytest.raises(BadData, match="its columns are name"):
        folder.films  # noqa: B018


def test_the_template_lays_maps_over_each_other_by_their_lungs() -> None:
    # Two films whose lungs differ in place and size; the heat is in the upper left corner of the lungs of both.
    rows, maps = [], {}
    for number, (x0, y0, x1, y1) in enumerate([(0.2, 0.2, 0.8, 0.8), (0.4, 0.5, 0.9, 1.0)]):
        heat = np.zeros((20, 20), np.float32)
        heat[round(20 * y0) + 1, round(20 * x0) + 1] = number + 1.0
        rows.append(
            {"film": number, "width": 100, "height": 100, "lung_x0": x0, "lung_y0": y0, "lung_x1": x1, "lung_y1": y1}
        )
        maps[number] = {"heat": heat, "x0": 0.0, "y0": 0.0, "x1": 100.0, "y1": 100.0, "turn": 0}

    mean = lung_template(rows, maps, {})

    assert mean is not None
    assert mean.films == 2
    down, across = np.unravel_index(int(mean.heat.argmax()), (SIDE, SIDE))
    corner = SIDE * 0.3 / 1.6
    assert abs(down - corner) < 10
    assert abs(across - corner) < 10
    assert float(mean.heat.mean()) == pytest.approx(1, abs=0.01)


def test_an_arrow_table_has_the_documented_columns() -> None:
    assert arrow("rows", [], ("edge",)).column_names[-2:] == ["measure_edge", "measure_edge_level"]


def test_the_disagreement_of_models_is_the_range_of_their_probabilities(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.write_manifest({"version": 1, "checkpoints": [{"name": "a"}, {"name": "b"}]})
    rows = [
        {"film": film, "checkpoint": name, "finding": "covid", "method": "grad-cam", "probability": probability}
        for film, both in enumerate([(0.1, 0.2), (0.9, 0.1), (0.5, 0.5)])
        for name, probability in zip("ab", both, strict=True)
    ]
    folder.write_part(0, {"rows": rows, "maps": [], "features": [], "thumbnails": []}, ())
    table = CohortTable(tmp_path)

    assert table.has("disagreement")
    assert table.numbers(CHOSEN, order="Models disagree most first") == [1, 0, 2]
    assert table.count(Selection("a", "covid", "grad-cam", text="disagreement > 0.5")) == 1


def test_two_models_differ_where_their_heat_does() -> None:
    chance = np.random.default_rng(0)
    rows: list[dict[str, Any]] = []
    first: dict[int, dict[str, Any]] = {}
    second: dict[int, dict[str, Any]] = {}
    for number in range(30):
        rows.append(
            {
                "film": number,
                "width": 100,
                "height": 100,
                "lung_x0": 0.2,
                "lung_y0": 0.2,
                "lung_x1": 0.8,
                "lung_y1": 0.8,
            }
        )
        heats = chance.random((2, 20, 20)).astype(np.float32)
        heats[0, 5:8, 5:8] += 3  # the first model looks there, the second does not
        for maps, heat in zip((first, second), heats, strict=True):
            maps[number] = {"heat": heat, "x0": 0.0, "y0": 0.0, "x1": 100.0, "y1": 100.0, "turn": 0}

    there = template_difference(rows, first, second)
    nowhere = template_difference(rows, second, {key: second[(key + 1) % 30] for key in second})

    assert there is not None
    assert nowhere is not None
    assert there.films == 30
    down, across = np.unravel_index(int(there.mean.argmax()), (SIDE, SIDE))
    assert there.differs[down, across]
    assert there.differs[there.mean > 0].sum() < SIDE * SIDE / 8
    assert nowhere.differs.mean() < 0.01
    assert template_difference(rows[:5], first, second) is None
