"""The tests of an audit on answers made by hand, and on networks that are known to take a shortcut or not to."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet

from core.audit import phantom_probing
from core.audit.audit_test import audit_tests
from core.audit.collection import collected, sampled
from core.audit.map_clusters import cluster_labels
from core.audit.observations import SIDE, AlteredAnswers, Observations, altered_answers
from core.audit.report import AuditReport, audited, read_report, write_report
from core.cohort.alterations import ALTERATIONS
from core.cohort.rows import arrow
from core.errors import BadData
from core.evaluate.manifest import Row
from core.models.classifier import Classifier

N = 60  # films
_TRUTH = np.eye(3, dtype=bool)[np.arange(N) % 3]


def observations(classifier: Classifier, *, films: int = N) -> Observations:
    """Films of three findings that the model tells apart, with or without lungs alike; the heat is in the lungs."""
    chance = np.random.default_rng(0)
    truth = _TRUTH[:films]
    odds = np.where(truth, 2.0, -2.0) + chance.normal(0, 1, truth.shape)
    maps = np.zeros((films, SIDE, SIDE), np.float32)
    maps[:, 4:12, 4:12] = chance.random((films, 8, 8))
    everything = np.ones(films, bool)
    return Observations(
        classifier=classifier,
        ids=np.arange(films).astype(np.str_),
        patients=np.arange(films).astype(np.str_),
        sources=np.array(["a", "b"])[np.arange(films) % 2],
        views=np.array(["AP", "PA"])[np.arange(films) // 3 % 2],
        sexes=np.full(films, ""),
        ages=np.full(films, np.nan),
        truth=truth,
        odds=odds,
        features=chance.normal(0, 1, (films, 4)).astype(np.float32),
        lung_share=np.full(truth.shape, 0.6) + chance.normal(0, 0.02, truth.shape),
        lung_area=np.full(films, 0.4),
        maps=maps / maps.sum(axis=(1, 2), keepdims=True),
        altered={name: AlteredAnswers(everything, everything, odds.copy()) for name in ALTERATIONS},
        unreadable=0,
        repeats=100,
    )


def with_altered(
    known: Observations, name: str, odds: np.ndarray[tuple[int, ...], np.dtype[np.float64]]
) -> Observations:
    return replace(known, altered={**known.altered, name: replace(known.altered[name], odds=odds)})


def test_a_model_that_needs_no_lungs_fails_and_one_that_knows_nothing_without_them_holds(
    classifier: Classifier,
) -> None:
    same = observations(classifier)
    blind = with_altered(same, "lungs-black", np.random.default_rng(1).normal(0, 1, same.odds.shape))

    result = audit_tests["lungs-black"].rule(same)
    assert (result.word, result.figures[0].estimate.value) == ("fails", 1.0)
    assert audit_tests["lungs-black"].rule(blind).word == "holds"


def test_a_model_that_needs_the_marks_fails_and_one_that_does_not_holds(classifier: Classifier) -> None:
    same = observations(classifier)
    lost = with_altered(same, "marks-removed", np.random.default_rng(1).normal(0, 1, same.odds.shape))

    assert audit_tests["marks-removed"].rule(same).word == "holds"
    assert audit_tests["marks-removed"].rule(lost).word == "fails"


def test_a_probe_finds_a_source_in_the_features_only_where_it_is(classifier: Classifier) -> None:
    without = observations(classifier)
    features = without.features.copy()
    features[:, 0] = 3 * (without.sources == "a")

    assert audit_tests["probe-source"].rule(replace(without, features=features)).word == "fails"
    assert audit_tests["probe-source"].rule(without).word in ("holds", "doubtful")


def test_a_probe_is_not_judged_by_what_the_label_tells(classifier: Classifier) -> None:
    known = observations(classifier)
    by_label = np.array(["a", "b", "c"])[known.truth.argmax(axis=1)]

    result = audit_tests["probe-source"].rule(replace(known, sources=by_label, features=known.truth.astype(np.float32)))
    assert (result.word, result.figures[0].estimate.value) == ("holds", 0.0)


def test_heat_that_avoids_the_lungs_fails(classifier: Classifier) -> None:
    known = observations(classifier)

    assert audit_tests["heat-outside"].rule(known).word == "holds"
    assert audit_tests["heat-outside"].rule(replace(known, lung_share=known.lung_share - 0.4)).word == "fails"


def test_maps_of_two_places_make_two_clusters_and_the_one_outside_the_lungs_fails(classifier: Classifier) -> None:
    known = observations(classifier)
    corner = np.arange(N) % 4 == 0
    maps = known.maps.copy()
    maps[corner] = 0
    maps[corner, :2, :2] = 0.25
    share = np.where(corner[:, None], 0.05, known.lung_share)

    result = audit_tests["map-clusters"].rule(replace(known, maps=maps, lung_share=share))

    assert result.word == "fails"
    assert sorted(cluster.films for cluster in result.clusters)[0] == corner.sum()
    assert set(cluster_labels(maps.reshape(N, -1))[corner]) != set(cluster_labels(maps.reshape(N, -1))[~corner])


def test_what_cannot_be_judged_says_why(classifier: Classifier) -> None:
    known = observations(classifier)
    none = replace(known.altered["lungs-black"], known=np.zeros(N, bool))
    one_class = replace(known, truth=np.tile([True, False, False], (N, 1)))
    flat = replace(known, maps=np.full(known.maps.shape, np.nan), lung_share=np.full(known.truth.shape, np.nan))
    cases = [
        ("lungs-black", replace(known, altered={"lungs-black": none}), "Lungs were found on 0 of 60 films"),
        ("lungs-black", one_class, "No finding has 5 films with it and 5 without"),
        ("lungs-black", replace(known, odds=np.zeros(known.odds.shape)), "hardly tells these films apart"),
        ("marks-removed", replace(known, altered={}), "found on 0 of 60 films"),
        ("probe-sex", known, "has no sex"),
        ("probe-age", known, "has no age"),
        ("probe-view", replace(known, views=np.full(N, "PA")), "Two groups of 5 patients are needed"),
        ("heat-outside", flat, "No finding has 10 films with lungs"),
        ("map-clusters", flat, "0 films have lungs and a map"),
        ("phantom-probing", replace(known, odds=np.zeros(known.odds.shape)), "nearly the same score"),
    ]
    for name, given, reason in cases:
        result = audit_tests[name].rule(given)
        assert result.word == "unjudged", name
        assert reason in result.sentence


def test_phantoms_show_what_moves_the_answer(classifier: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    moved = {"": 0.0, "a marker at the upper left": 2.0}
    monkeypatch.setattr(
        phantom_probing, "phantom_odds", lambda _, edit: np.full((phantom_probing.PHANTOMS, 3), moved.get(edit, 0.01))
    )

    result = audit_tests["phantom-probing"].rule(observations(classifier))

    assert result.word == "fails"
    assert "A marker at the upper left moves the score" in result.sentence


def test_an_edited_phantom_differs_only_where_it_was_edited() -> None:
    grey = np.full((320, 320), 0.3, np.float32)

    marked = phantom_probing.EDITS["a marker at the upper left"](grey)
    changed = np.argwhere(marked != grey)

    assert len(changed) > 100
    assert changed.max() < 0.13 * 320


def test_a_sample_keeps_small_groups_whole_and_is_the_start_of_a_larger_one() -> None:
    rows = [Row(Path("x"), "normal", id=str(number), source="large") for number in range(50)]
    rows += [Row(Path("x"), "covid", id=f"s{number}", source="small") for number in range(3)]

    small = sampled(rows, 10)

    assert sum(row.source == "small" for row in small) == 3
    assert sampled(rows, 20)[:10] == small


def test_an_audit_of_few_films_is_refused(classifier: Classifier) -> None:
    with pytest.raises(BadData, match="There are 0 usable films; an audit needs 10"):
        collected([classifier.checkpoint], [])


def test_a_report_is_read_back_as_it_was_and_not_for_other_weights(classifier: Classifier, tmp_path: Path) -> None:
    known, card = observations(classifier), classifier.checkpoint
    results = tuple(audit_tests[name].rule(known) for name in ("lungs-black", "heat-outside", "map-clusters"))
    report = AuditReport(card.sha256, "drawn", "", N, N, 0, 0, 100, "grad-cam", results)

    write_report(report, card, tmp_path)

    stored = read_report(card, tmp_path)
    assert stored is not None
    assert stored.flag == report.flag == pytest.approx(1 / 9)
    assert stored.results[0].sentence == results[0].sentence
    assert stored.results[2].clusters[0].heat == results[2].clusters[0].heat
    assert read_report(replace(card, sha256="other"), tmp_path) is None
    assert json.loads((tmp_path / f"{card.name}.audit.json").read_text())["set"] == "drawn"


def test_every_test_is_in_the_report(classifier: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phantom_probing, "phantom_odds", lambda _, edit: np.zeros((phantom_probing.PHANTOMS, 3)))

    report = audited(observations(classifier), set="drawn", split="test")

    assert [result.name for result in report.results] == list(audit_tests)


def test_each_model_of_a_run_gets_its_own_altered_films(classifier: Classifier, tmp_path: Path) -> None:
    card = classifier.checkpoint
    rows = [
        {"film": 0, "checkpoint": name, "alteration": "lungs-black", "area": 0.4, "logits": logits}
        for name, logits in ((card.name, [3.0, 0.0, 0.0]), ("another", [0.0, 0.0, 3.0]))
    ]
    (tmp_path / "altered").mkdir()
    parquet.write_table(arrow("altered", rows), tmp_path / "altered" / "part-000000.parquet")

    answers = altered_answers(tmp_path, classifier, [0], np.zeros((1, 3)))

    assert answers["lungs-black"].odds[0].argmax() == 0
