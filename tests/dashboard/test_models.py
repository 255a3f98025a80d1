"""The Models page: all checkpoints, one card, two compared, a training in progress."""

import csv
import io
import json
import math
import os
import re
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.audit.audit_test import AuditFigure, AuditResult, MapCluster
from core.audit.report import AuditReport, write_report
from core.card import Metrics, SubsetFigures
from core.estimate import Estimate
from core.models.checkpoints import SHIPPED, input_card, read_card
from core.types import Checkpoint, Input
from dashboard.cache import model_files
from dashboard.models import comparison, export, plots, running_trainings
from dashboard.models.plots import IntervalMark
from tests.dashboard.conftest import SECONDS
from tests.dashboard.full_card import FINDINGS, epochs, full_card

VIEW = Path(__file__).parents[2] / "dashboard" / "views" / "models.py"
BARE = {
    "architecture": "densenet121",
    "findings": list(FINDINGS),
    "multi_label": False,
    "input": input_card(Input(size=64)),
    "temperature": 1.0,
    "sha256": "ab" * 32,
}
LEFT_OUT = " held out *"
AUDIT = AuditReport(
    sha256="ab" * 32,
    set="drawn",
    split="test",
    films=120,
    patients=110,
    without_lungs=3,
    unreadable=0,
    resamples=1000,
    method="grad-cam",
    results=(
        AuditResult(
            "lungs-black",
            "Lungs blacked out",
            "fails",
            "AUC 0.97 becomes 0.80 with the lungs black.",
            (
                AuditFigure("Share of the AUC above chance that remains", Estimate(0.64, 0.6, 0.7, 117)),
                AuditFigure("AUC of the films as they are", Estimate(0.97, 0.95, 0.98, 117), 0.5, "chance"),
                AuditFigure("AUC: lungs blacked out", Estimate(0.8, 0.77, 0.83, 117), 0.5, "chance"),
            ),
        ),
        AuditResult("probe-sex", "Sex from the features", "unjudged", "The films' table has no sex."),
        AuditResult(
            "heat-outside",
            "Heat outside the lungs",
            "holds",
            "Of the heat for covid, 30% lies outside.",
            (AuditFigure("covid: heat outside the lungs", Estimate(0.3, 0.25, 0.35, 40), 0.55, "even map"),),
        ),
        AuditResult(
            "map-clusters",
            "Clusters of maps",
            "doubtful",
            "2 clusters.",
            (),
            (
                MapCluster(
                    40,
                    Estimate(0.4, 0.3, 0.5, 40),
                    0.4,
                    {"covid": 40},
                    {"nih": 38, "rsna": 2},
                    0.9,
                    ("film-7",),
                    ((0, 1), (2, 3)),
                ),
            ),
        ),
    ),
)
PARTS = ("Limitations", "Purpose and data", "Performance", "Training")


@pytest.fixture(scope="module")
def cards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a full card, another full one, and one that says nothing; the weights are never opened here."""
    folder = tmp_path_factory.mktemp("cards")
    for name, card in (
        ("densenet121-plain", full_card(BARE)),
        ("densenet121-lungs", full_card(BARE, skill=1.4, seed=7)),
        ("bare", BARE),
    ):
        (folder / f"{name}.json").write_text(json.dumps(card), "utf-8")
        (folder / f"{name}.safetensors").write_bytes(b"")
    write_report(AUDIT, read_card("densenet121-plain", folder), folder)
    return folder


def estimate(value: float, n: int) -> Estimate:
    return Estimate(value, math.nan, math.nan, n)


class Page:
    """A person on the Models page, alone."""

    def __init__(self, **address: str) -> None:
        self.app = AppTest.from_file(str(VIEW), default_timeout=SECONDS)
        for name, value in address.items():
            self.app.query_params[name] = value
        self.run()

    def run(self) -> "Page":
        self.app.run()
        assert not self.app.exception, self.app.exception
        return self

    @property
    def html(self) -> str:
        return "\n".join(each.value for each in self.app.html)

    @property
    def plots(self) -> list[dict[str, Any]]:
        return [json.loads(each.proto.spec) for each in self.app.get("plotly_chart")]

    @property
    def downloads(self) -> int:
        return len(self.app.get("download_button"))


@pytest.fixture(autouse=True)
def _only_these(cards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_files, "WEIGHTS", cards)
    monkeypatch.setattr(running_trainings, "RUNS", tmp_path)


def test_the_list_puts_inside_and_a_source_left_out_side_by_side_and_compares_plain_with_lungs() -> None:
    page = Page()

    assert page.html.count("<tr data-checkpoint=") == 3
    row = page.html.split('<tr data-checkpoint="bare">')[1].split("</tr>")[0]
    assert row.count("not measured") == 2  # source left out, lungs
    assert "Plain against lungs" in page.html
    assert len(page.plots) == 1
    assert {trace["name"] for trace in page.plots[0]["data"]} == {"densenet121-plain", "densenet121-lungs"}
    assert "With the lungs blacked out" in page.html
    assert page.downloads == 4  # checkpoints, comparison, lesions, audit


def test_every_figure_on_a_held_out_hospital_names_the_other_network() -> None:
    network = "another network, trained without it for 4 epochs at 64 px"
    listed = Page().html
    row, table = listed.split('<tr data-checkpoint="densenet121-plain">')[1].split("</tr>", 1)
    card = Page(checkpoint="densenet121-plain")

    assert network in row
    assert "Held-out hospital: not these weights" in table
    assert f"Held out: {network}" in table  # below the comparison
    assert "source that it never saw" not in listed
    assert card.html.count(network) == 2  # the head, and below the robustness
    rows = [note["text"] for note in card.plots[0]["layout"]["annotations"]]
    assert "nih held out, another network" in rows


def test_the_lesion_table_puts_the_best_method_first_and_baselines_last() -> None:
    page = Page()

    assert page.app.selectbox(key="lesion films").options == ["adults, test: 33 films", "adults, training: 248 films"]
    body = page.html[page.html.index("The last rows never look at the network.") :].split("</table>")[0]
    rows = [re.findall(r">([^<]+)</t[hd]>", row) for row in body.split("<tr>")[2:]]
    cells = "0.45–0.55 (0.50)", "0.16–0.26 (0.21)"
    assert rows == [["Grad-CAM", cells[0], cells[0]], ["Centre Gaussian", cells[1], cells[1]]]


def test_the_address_opens_a_card_and_the_way_back_leads_to_the_list() -> None:
    page = Page(checkpoint="densenet121-plain")
    assert '<h1 class="lb-page">densenet121-plain</h1>' in page.html
    assert "<tr data-checkpoint=" not in page.html

    page.app.button[0].click()
    page.run()

    assert "<tr data-checkpoint=" in page.html
    assert "checkpoint" not in page.app.query_params


def test_a_card_leaves_the_model_of_the_pages_until_its_button_is_pressed() -> None:
    page = Page(checkpoint="densenet121-plain")
    use = next(each for each in page.app.button if each.label == "Use on all pages")
    use.click()
    page.run()

    assert "The model of all pages" in [each.label for each in page.app.button]


def test_only_the_first_warnings_are_in_sight_and_the_others_are_folded_away() -> None:
    page = Page(checkpoint="densenet121-plain")

    assert "Adults" in page.app.warning[0].value
    assert "Bedside" not in page.app.warning[0].value
    assert page.app.expander[0].label == "1 more warning"
    assert "Bedside films: worse." in page.html


def test_an_unknown_name_in_the_address_says_so_and_leaves_a_way_back() -> None:
    page = Page(checkpoint="densenet121-plane")

    assert "Did you mean" in page.app.error[0].value
    assert page.app.button[0].label == "All models"


@pytest.mark.parametrize(
    ("part", "sentences", "drawn"),
    [
        (
            PARTS[0],
            (
                "NIH labels were read",
                "3 near-duplicates",
                "central line",
                "Source nih",
                "CC BY 4.0",
                "ab" * 32,
                "core evaluate",
            ),
            1,
        ),
        (PARTS[1], ("Teaching what a classifier", "1,608 / 201 / 201", "Licence of the films"), 1),
        (PARTS[2], ("Age adults", "Operating point", "n = 120", "Brier"), 4),
        (
            PARTS[3],
            (
                "Started from",
                "teacher",
                "mentor, tutor",
                "7 pneumonia to normal, 2 normal to covid",
                "two cores",
                "64 × 64 px",
            ),
            2,
        ),
    ],
)
def test_each_part_of_a_full_card_draws_its_own_plots_only(part: str, sentences: tuple[str, ...], drawn: int) -> None:
    page = Page(checkpoint="densenet121-plain", part=part)

    for words in sentences:
        assert words in page.html + "".join(each.value for each in page.app.code), words
    assert len(page.plots) == drawn
    assert page.downloads >= 1


@pytest.mark.parametrize("part", PARTS)
def test_a_card_that_says_nothing_has_every_part_and_says_so(part: str) -> None:
    page = Page(checkpoint="bare", part=part)

    assert "has no test figures" in page.app.warning[0].value.replace("\\", "")
    assert page.html.count("not measured") == 4
    assert "does not state" in page.html or "Nothing to show" in page.html
    assert page.plots == []


def test_the_shortcut_audit_has_its_verdicts_figures_and_clusters_on_the_card_and_in_the_list() -> None:
    page = Page(checkpoint="densenet121-plain", part="Shortcuts")

    for words in (
        "120 films of 110 patients of drawn, test, 3 without lungs",
        "AUC 0.97 becomes 0.80",
        "cannot be judged",
        "covid: heat outside the lungs".capitalize(),
        "Typical: film-7",
        "From nih 38, rsna 2",
    ):
        assert words in page.html, words
    assert len(page.plots) == 1
    assert "✗ fails" in Page().html


def test_a_model_that_was_not_audited_says_how() -> None:
    page = Page(checkpoint="bare", part="Shortcuts")

    assert "not audited" in page.html
    assert page.app.code[0].value == "python -m core audit MANIFEST.csv --checkpoint bare"


def test_the_curves_of_a_full_card_mark_changes_of_size_and_the_start() -> None:
    loss = Page(checkpoint="densenet121-plain", part="Training").plots[0]

    assert [note["text"].strip() for note in loss["layout"]["annotations"]] == [
        "64 px",
        "128 px",
        "112 px",
        "224 px",
        "from teacher",
    ]
    assert [shape["x0"] for shape in loss["layout"]["shapes"]] == [1.5, 2.5, 5.5]
    assert loss["data"][0]["y"][:2] == [0.5, 0.25]
    assert loss["data"][0]["x"] == list(range(1, 9))


def test_a_training_is_followed_while_it_runs_and_a_half_written_line_is_passed_over(tmp_path: Path) -> None:
    log = tmp_path / "young" / "log.jsonl"
    log.parent.mkdir()
    lines = "".join(json.dumps(epoch) + "\n" for epoch in epochs(3, of=10))
    log.write_text(lines + '{"epoch": 4, "of"', "utf-8")

    (run,) = running_trainings.runs(tmp_path)

    assert (run.name, len(run.epochs), run.total, run.running) == ("young", 3, 10, True)
    assert running_trainings.state(run) == "Epoch 3 of 10 done, 3 min so far, about 7 min left."
    os.utime(log, (0, 0))
    (old,) = running_trainings.runs(tmp_path)
    assert running_trainings.state(old).startswith("Stopped after epoch 3 of 10")
    log.write_text("".join(json.dumps(epoch) + "\n" for epoch in epochs(10, of=10)), "utf-8")
    assert running_trainings.state(running_trainings.runs(tmp_path)[0]) == "Finished: 10 epochs in 10 min."


def test_unfolded_trainings_draw_the_curves_of_the_latest_run(tmp_path: Path) -> None:
    (tmp_path / "young").mkdir()
    (tmp_path / "young" / "log.jsonl").write_text(
        "".join(json.dumps(each) + "\n" for each in epochs(3, of=10)), "utf-8"
    )
    page = Page()
    assert len(page.plots) == 1  # the comparison; folded curves are not drawn

    page.app.session_state["trainings"] = True
    page.run()

    assert "Epoch 3 of 10 done" in page.html
    assert len(page.plots) == 3


def test_each_row_of_the_comparison_names_one_set_of_films_for_both_sides() -> None:
    def card(name: str, *figures: tuple[str, float, int]) -> Checkpoint:
        others = tuple(SubsetFigures(n, source=source, macro_auc=estimate(value, n)) for source, value, n in figures)
        return Checkpoint(
            name, "densenet121", FINDINGS, False, Input(64), "0" * 64, metrics=Metrics(other_source=others)
        )

    first = card("bare", ("nih", 0.59, 505), ("ieee8023", 0.55, 398), ("one", 0.5, 30), ("grown", 0.7, 40))
    second = card(
        "densenet121-plain", ("grown", 0.6, 41), ("ieee8023", 0.61, 398), ("nih", 0.52, 505), ("two", 0.4, 30)
    )
    names = [
        (name, left.value, right.value, left.n, right.n)
        for name, left, right in comparison.rows(first, second)
        if left and right
    ]

    # The lowest of the first is "one", of the second "two"; "grown" has one film more for the second.
    assert names == [
        ("AUC, nih held out *", 0.59, 0.52, 505, 505),
        ("AUC, ieee8023 held out *", 0.55, 0.61, 398, 398),
    ]
    assert [name for name, *_ in comparison.rows(first, second) if LEFT_OUT in name] == [each[0] for each in names]


def test_the_shipped_twins_are_compared_on_the_same_films(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(model_files, "WEIGHTS", SHIPPED)
    plain, lungs = (read_card(f"densenet121-{name}", SHIPPED) for name in ("plain", "lungs"))
    compared = comparison.rows(plain, lungs)

    assert comparison.same_films(compared)


def test_a_comparison_says_when_not_all_of_it_is_on_the_same_films() -> None:
    heat = ("Grad-CAM inside the lungs", estimate(0.9, 785), estimate(0.9, 782))
    adults = ("AUC, adults", estimate(0.9, 78), None)
    assert comparison.same_films([("AUC, internal test", estimate(0.9, 799), estimate(0.9, 799)), adults, heat])
    assert not comparison.same_films([("AUC, internal test", estimate(0.9, 799), estimate(0.9, 44)), heat])


def test_sentences_compare_two_models_and_name_missing_figures() -> None:
    def figure(value: float) -> Estimate:
        return Estimate(value, value - 0.02, value + 0.02, 100)

    inside, out, only, heat = comparison.summary_sentences(
        "plain",
        {"AUC, internal test": figure(0.97), "AUC, lungs blacked out": figure(0.9)},
        "lungs",
        {"AUC, internal test": figure(0.96), "AUC, lungs blacked out": figure(0.6)},
    )

    assert inside == "Internal test: plain 0.97, lungs 0.96; the intervals overlap."
    assert out.startswith("With the lungs blacked out: plain 0.90, lungs 0.60; the intervals do not overlap.")
    assert only == "With the lungs only: not measured for plain and lungs."
    assert heat == "Share of Grad-CAM inside the lungs: not measured for plain and lungs."


def test_a_plot_of_intervals_writes_each_figure_and_marks_chance() -> None:
    plot = plots.intervals([IntervalMark("a", Estimate(0.8, 0.7, 0.85, 30))], quantity="AUC")

    (trace,) = plot["data"]
    assert trace["x"] == [0.8]
    assert trace["error_x"]["array"] == [pytest.approx(0.05)]
    assert trace["error_x"]["arrayminus"] == [pytest.approx(0.1)]
    assert [note["text"] for note in plot["layout"]["annotations"]] == ["a", "0.70–0.85 (0.80, n = 30)"]
    assert [shape["x0"] for shape in plot["layout"]["shapes"]] == [0, 0.5]


def test_a_confusion_plot_has_counts_and_shares_of_the_row_and_an_empty_row_divides_by_nothing() -> None:
    plot = plots.confusion(["a", "b"], ((3, 1), (0, 0)))

    assert [cell["text"] for cell in plot["layout"]["annotations"]] == [
        "<b>3</b><br>75%",
        "<b>1</b><br>25%",
        "<b>0</b><br>0%",
        "<b>0</b><br>0%",
    ]


def test_a_curve_is_drawn_with_its_band_there_and_back() -> None:
    curve = plots.BandedCurve((0, 1), (0.5, 1), (0.4, 0.9), (0.6, 1))

    band, line = plots.ranking({"covid": curve}, {}, {}, x="", y="", diagonal=False)["data"]
    assert (line["x"], line["y"]) == ((0, 1), (0.5, 1))
    assert (band["x"], band["y"]) == ((0, 1, 1, 0), (0.6, 1, 0.9, 0.4))


def test_the_csv_of_a_part_has_a_column_for_every_field_and_unrounded_figures() -> None:
    rows = [{"group": "a, b", **export.columns(Estimate(0.12345, 0.1, math.nan, 7))}, {"more": 1}]

    read = list(csv.DictReader(io.StringIO(export.text(rows))))

    assert read[0] == {"group": "a, b", "value": "0.12345", "low": "0.1", "high": "", "n": "7", "more": ""}
    assert read[1]["more"] == "1"
