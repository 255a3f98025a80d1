"""Probes of stages: they find what a stage holds, no more, and never learn from the patient they are tested on."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from core.errors import BadData, Stopped, UnreadableFile
from core.estimate import Estimate
from core.layers import labelled
from core.layers.labelled import LabelledFilm, LabelledSet
from core.layers.linear_probes import stage_predictions, stage_probes, unit_means
from core.layers.probe_sentences import earliest, turn, verdict_sentences
from core.models.classifier import Classifier
from core.types import Radiograph
from core.work import Work
from tests.layers import planted

_PLACES = ((9, 13), (5, 21), (17, 9), (21, 17))  # of squares that one window of stage 1 holds whole


def _film(number: int, *, square: bool) -> Radiograph:
    return planted.film(number, squares=[_PLACES[number % len(_PLACES)]] if square else [])


def _set(films: int, label: Callable[[int], Sequence[str]], **given: object) -> LabelledSet:
    """Every other film has a square; each is of a patient of its own."""
    items = tuple(
        LabelledFilm(
            f"film {number}",
            lambda number=number: _film(number, square=number % 2 == 0),  # type: ignore[misc]
            tuple(label(number)),
            f"patient {number}",
        )
        for number in range(films)
    )
    return LabelledSet("planted films", tuple(replace(film, **given) for film in items))  # type: ignore[arg-type]


def _true(number: int) -> tuple[str]:
    return ("square",) if number % 2 == 0 else ("nothing",)


def test_a_pattern_that_the_first_stage_holds_is_read_off_there() -> None:
    trained = stage_probes(planted.classifier(), _set(40, _true), repeats=50)

    assert trained.classes == ("square", "nothing")
    assert trained.exclusive
    assert (trained.films, trained.patients, trained.chance, trained.majority) == (40, 40, 0.5, 0.5)
    assert [probe.stage for probe in trained.stages] == ["stage 1", "stage 2"]
    for probe in trained.stages:
        assert (probe.balanced.value, probe.auc.value, probe.units) == (1.0, 1.0, planted.UNITS)
        assert probe.agrees
        assert probe.agrees.value == 1.0
    assert trained.network["balanced"].value == 1.0
    assert earliest(trained) == "stage 1"


def test_what_a_later_stage_has_lost_its_probe_cannot_find() -> None:
    network = planted.network()
    with torch.no_grad():
        network.features.get_submodule("conv2").weight.zero_()  # type: ignore[operator]
    trained = stage_probes(Classifier(planted.classifier().checkpoint, network), _set(40, _true), repeats=50)

    assert trained.probe("stage 1").balanced.value == 1.0
    assert trained.probe("stage 2").balanced.value == trained.probe("stage 2").auc.value == trained.chance
    assert trained.network["balanced"].value == 0.5


def test_of_a_random_label_a_probe_knows_nothing() -> None:
    drawn = np.random.default_rng(1).integers(0, 2, 80)
    trained = stage_probes(planted.classifier(), _set(80, lambda number: ("a", "b")[drawn[number] :][:1]), repeats=300)

    assert trained.classes == ("a", "b")
    assert not trained.network
    for probe in trained.stages:
        assert probe.agrees is None
        assert probe.balanced.low <= trained.chance <= probe.balanced.high
        assert probe.auc.low <= 0.5 <= probe.auc.high


def test_films_of_one_patient_are_never_on_both_sides() -> None:
    """Four copies of each patient's film share its label, which is drawn: who learned from one would know the rest."""
    drawn = np.random.default_rng(5).integers(0, 2, 30)
    films = tuple(
        LabelledFilm(
            f"{patient} {copy}",
            partial(planted.film, patient),  # so many are read in worker processes
            ("a", "b")[drawn[patient] :][:1],
            f"patient {patient}",
        )
        for patient in range(30)
        for copy in range(4)
    )
    trained = stage_probes(planted.classifier(), LabelledSet("copies", films), repeats=100)

    assert (trained.films, trained.patients) == (120, 30)
    for probe in trained.stages:
        assert probe.auc.low <= 0.5 <= probe.auc.high
        assert probe.auc.high - probe.auc.low > 0.2  # of 30 patients, not of 120 films


def test_a_divided_set_learns_from_one_part_and_is_tested_on_the_other() -> None:
    whole = _set(60, _true)
    divided = replace(whole, films=tuple(replace(film, held=place >= 40) for place, film in enumerate(whole.films)))
    trained = stage_probes(planted.classifier(), divided, repeats=20)

    assert trained.divided == "fitted on 40 films, tested on 20 of other patients"
    assert trained.films == 20
    assert len(trained.learned) == 40
    assert _film(3, square=False).key in trained.learned
    assert set(trained.held) == {_film(number, square=number % 2 == 0).key for number in range(40, 60)}


def test_a_film_is_classified_by_the_probe_of_each_stage() -> None:
    network = planted.classifier()
    trained = stage_probes(network, _set(40, _true), repeats=10)
    for film, square in ((_film(100, square=True), True), (_film(101, square=False), False)):
        predictions = stage_predictions(trained, film, unit_means(network, film))

        assert predictions.shape == (2, 2)
        assert predictions.sum(axis=1) == pytest.approx([1, 1])
        assert ((predictions[:, 0] > 0.5) == square).all()
    known = _film(6, square=True)
    assert stage_predictions(trained, known, unit_means(network, known)) is trained.held[known.key]


def test_several_findings_on_a_film_have_a_probe_each() -> None:
    def labels(number: int) -> tuple[str, ...]:
        return (*(["square"] if number % 2 == 0 else []), *(["late"] if number % 3 == 0 else []))

    trained = stage_probes(planted.classifier(), _set(60, labels), repeats=20)

    assert not trained.exclusive
    assert trained.classes == ("square", "late")
    assert trained.chance == 0.5
    film = _film(100, square=True)
    assert stage_predictions(trained, film, unit_means(planted.classifier(), film))[0, 0] > 0.5


def test_phantoms_are_described_as_easy_and_tables_are_divided_as_they_say() -> None:
    drawn = labelled.phantoms(6)

    assert drawn.drawn
    assert [film.labels for film in drawn.films] == [(), ("opacity",)] * 3
    assert {film.held for film in drawn.films} == {None}


def test_the_words_say_where_it_is_decided() -> None:
    trained = stage_probes(planted.classifier(), _set(40, _true), repeats=20)

    first, second, *_ = verdict_sentences(trained)
    assert "40 films of 40 patients" in first
    assert "chance 0.50" in first
    assert second == "40 films are too few to distinguish the stages. Give more."
    assert verdict_sentences(replace(trained, films=400))[1].startswith(
        "From stage 1 on, a probe does as well as at stage 2"
    )


def test_a_stage_that_does_as_well_by_chance_before_one_that_does_not_is_not_the_earliest() -> None:
    trained = stage_probes(planted.classifier(), _set(40, _true), repeats=20)
    first, last = trained.stages
    as_well, worse, unknown = (Estimate(0.1, low, 0.2, 40) for low in (-0.1, 0.05, float("nan")))

    for later, stage in ((as_well, "first"), (worse, "last"), (unknown, "last")):
        stages = (replace(first, stage="first"), replace(first, behind=later), replace(last, stage="last"))
        assert earliest(replace(trained, stages=stages)) == stage


def test_where_the_last_probe_guesses_no_decision_is_reported() -> None:
    trained = stage_probes(planted.classifier(), _set(40, _true), repeats=20)
    guess = Estimate(0.52, 0.4, 0.6, 40)
    first, last = (replace(probe, balanced=guess) for probe in trained.stages)

    assert verdict_sentences(replace(trained, films=400, stages=(first, last)))[1] == (
        "No stage's probe is better than guessing, as far as these 400 films can tell."
    )
    assert verdict_sentences(replace(trained, films=400, stages=(trained.stages[0], last)))[1] == (
        "At stage 2 the probe is no better than guessing, as far as these 400 films can tell; at stage 1 it is "
        "better, and "
        "stage 2 has lost it."
    )


def test_the_words_of_a_film_say_where_the_answer_turns() -> None:
    trained = stage_probes(planted.classifier(), _set(40, _true), repeats=10)
    square, nothing = np.array([0.9, 0.1], np.float32), np.array([0.2, 0.8], np.float32)

    assert turn(np.stack([square, square]), trained) == "On this film every stage's probe says square."
    assert turn(np.stack([nothing, square]), trained) == (
        "On this film the probes say square from stage 2 on; at stage 1 it was nothing."
    )


def test_too_few_films_or_none_that_can_be_read_are_reported() -> None:
    def broken() -> Radiograph:
        raise UnreadableFile("no film")

    with pytest.raises(BadData, match=r"5 films with a finding and 5 without.*square on 4, nothing on 4"):
        stage_probes(planted.classifier(), _set(8, _true))
    with pytest.raises(BadData, match="None of the 20 films"):
        stage_probes(planted.classifier(), _set(20, _true, open=broken))
    some = _set(30, _true)
    mixed = replace(some, films=(*some.films, replace(some.films[0], open=broken)))
    assert stage_probes(planted.classifier(), mixed, repeats=10).skipped == 1
    alone = _set(30, _true, patient="one")
    with pytest.raises(BadData, match="of one patient"):
        stage_probes(planted.classifier(), alone)


def test_it_tells_how_far_it_is_and_can_be_cancelled() -> None:
    steps: list[tuple[int, int]] = []
    stage_probes(planted.classifier(), _set(20, _true), repeats=10, work=Work(tell=lambda *done: steps.append(done)))
    assert steps[-1][0] == steps[-1][1] == 20 + 2 * 5  # films, and a fit for each fold of each stage

    work = Work()
    work.cancel()
    with pytest.raises(Stopped, match="cancelled"):
        stage_probes(planted.classifier(), _set(20, _true), work=work)


def test_too_few_films_are_refused_before_any_is_read() -> None:
    def unread() -> Radiograph:
        raise AssertionError("the film was read")

    few = tuple(LabelledFilm(f"film {number}", unread, _true(number), f"patient {number}") for number in range(6))

    with pytest.raises(BadData, match="A probe needs 5 films"):
        stage_probes(planted.classifier(), LabelledSet("few", few))
