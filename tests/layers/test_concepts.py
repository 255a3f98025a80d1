"""Concepts made on the spot, and whether a network's score depends on them."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from captum.attr import LayerGradientXActivation
from captum.concept import TCAV, Classifier, Concept
from numpy.typing import NDArray

from core.errors import BadData, BadSetting, Stopped, UnknownName
from core.estimate import Estimate
from core.explain.evidence import Tape
from core.image.phantom import draw
from core.image.prepare import prepare, windowed
from core.layers.concepts.activations import ConceptActivations, collect_activations
from core.layers.concepts.directions import chance_of, concept_direction, dealt_anew, share_above_zero, slope, swapped
from core.layers.concepts.result import ConceptResult, Sensitivity
from core.layers.concepts.synthetic import SyntheticConcept, synthetic_concepts
from core.layers.concepts.tcav import ConceptFilms, concept_results, tcav_results
from core.layers.reference import ReferenceFilm, ReferenceSet, from_data, one_each, some
from core.lung_network import segment
from core.models.classifier import load
from core.types import Heat, Origin, Radiograph
from core.work import Work
from tests.layers import planted

FILM = draw(seed=3, height=300, width=260).radiograph


def _films(count: int, *, squares: int = 0, every: int = 0) -> ReferenceSet:
    """Noise with so many squares in each film, and one in each `every`-th."""

    def drawn(number: int) -> Radiograph:
        chance = np.random.default_rng([7, number])
        many = squares + (every > 0 and number % every == 0)
        return planted.film(
            number + 1000 * (squares > 0), squares=[tuple(chance.integers(4, 26, 2)) for _ in range(many)]
        )

    return ReferenceSet("noise", tuple(ReferenceFilm(f"film {n}", partial(drawn, n)) for n in range(count)))


def _square(film: Radiograph, chance: np.random.Generator) -> Heat:
    """A white square is drawn in."""
    grey = windowed(film.pixels, film.black, film.white)
    y, x = chance.integers(4, 26, 2)
    grey[y : y + 4, x : x + 4] = 1
    return grey


def _edge(film: Radiograph, chance: np.random.Generator) -> Heat:
    """The upper edge is dark, where no square ever lies."""
    grey = windowed(film.pixels, film.black, film.white)
    grey[:3] = 0.08  # not black, or it would be cut away as an empty margin
    return grey


def _nothing(film: Radiograph, chance: np.random.Generator) -> Heat:
    """Nothing is changed."""
    return windowed(film.pixels, film.black, film.white)


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Concepts that the planted network knows or not."""
    values = {
        name: SyntheticConcept(name, name.title(), "", change)
        for name, change in {"square": _square, "edge": _edge, "nothing": _nothing}.items()
    }
    assert len(synthetic_concepts)  # all modules are imported
    monkeypatch.setattr(synthetic_concepts, "_registered", values)


@pytest.mark.parametrize("name", list(synthetic_concepts))
def test_a_concept_is_drawn_as_deep_as_the_film_and_the_same_each_time(name: str) -> None:
    small = replace(FILM, pixels=(FILM.pixels >> 4).astype(np.uint8), white=255, origin=Origin("PNG", "L", 8))
    for film in (FILM, small):
        changed = synthetic_concepts[name].on(film)
        assert (changed.pixels.dtype, changed.pixels.shape) == (film.pixels.dtype, film.pixels.shape)
        assert (changed.black, changed.white, changed.spacing, changed.view) == (
            film.black,
            film.white,
            film.spacing,
            film.view,
        )
        assert changed.drawn == film.drawn
        assert not changed.pixels.flags.writeable
        assert changed.pixels.max() <= max(film.white, film.pixels.max())
        assert synthetic_concepts[name].on(film).key == changed.key != film.key
        assert synthetic_concepts[name].on(film, seed=1).key != changed.key
        assert synthetic_concepts[name].title in changed.name
    assert synthetic_concepts[name].plain.endswith(".")


@pytest.mark.parametrize("name", ["side-marker", "burnt-in-text", "pacemaker", "opacity"])
def test_what_is_drawn_in_leaves_the_rest_of_the_film_as_it_was(name: str) -> None:
    changed = synthetic_concepts[name].on(FILM).pixels != FILM.pixels

    assert 0.0005 < changed.mean() < 0.2


def test_an_opacity_lies_in_a_lung_and_brightens_it() -> None:
    inside = segment(FILM)
    for seed in range(4):
        rise = synthetic_concepts["opacity"].on(FILM, seed=seed).pixels.astype(int) - FILM.pixels
        assert rise.min() >= 0
        assert rise[inside].sum() > 0.9 * rise.sum()


def test_a_marker_stands_at_the_side_that_it_names() -> None:
    sides = set()
    for seed in range(8):
        rows, columns = np.nonzero(synthetic_concepts["side-marker"].on(FILM, seed=seed).pixels != FILM.pixels)
        assert rows.max() < 0.25 * FILM.pixels.shape[0]
        sides.add(columns.mean() < FILM.pixels.shape[1] / 2)
    assert sides == {True, False}


def test_values_beyond_the_window_stay_where_nothing_is_drawn() -> None:
    film = replace(FILM, black=1000.0, white=3000.0)
    changed = synthetic_concepts["side-marker"].on(film)

    assert changed.pixels.min() == film.pixels.min() < 1000


@pytest.mark.usefixtures("known")
def test_the_planted_concept_is_detected_and_others_are_not() -> None:
    results = tcav_results(planted.classifier(), _films(40), ["square", "edge", "nothing"])
    by = {(each.concept, each.finding, each.stage): each for each in results.answers}

    square = by["square", "square", "stage 2"]
    assert square.verdict == "sensitive"
    assert square.p < 0.01
    assert square.accuracy == 1.0
    assert square.score == 1.0
    assert square.effect
    assert square.effect.low > 1
    assert square.rise == pytest.approx(square.effect.value, rel=0.25)
    assert square.sentence.startswith("Sensitive at stage 2: towards “square”")
    assert f"Measured logit change when drawn in: {square.moved}." in square.sentence
    assert (square.slight, square.contradicted) == (False, False)
    # the ReLU before stage 2 is shut where a film has no square: to first order nothing gets through
    assert by["square", "square", "stage 1"].verdict == "not shown"
    for stage in ("stage 1", "stage 2"):
        edge = by["edge", "square", stage]
        assert edge.separable
        assert edge.p > 0.5
        assert edge.score == 0.5  # the unit that matters does not respond to it, up or down
        nothing = by["nothing", "square", stage]
        assert nothing.verdict == "no direction"
        assert "cannot be separated" in nothing.sentence
        assert not by["square", "nothing", stage].significant
    assert (results.films, results.description, len(results.answers)) == (40, "noise", 3 * 2 * 2)
    assert {each.tests for each in results.answers} == {12}


@pytest.mark.usefixtures("known")
def test_a_folder_of_examples_is_a_concept_too() -> None:
    results = tcav_results(planted.classifier(), _films(40), examples=_films(24, squares=2), findings=["square"])

    assert [each.verdict for each in results.answers] == ["not shown", "sensitive"]
    assert {(each.synthetic, each.effect, each.films) for each in results.answers} == {(False, None, 24)}


def test_examples_that_are_like_all_others_have_no_direction() -> None:
    both = _films(80, every=2).films
    first, second = ReferenceSet("some", both[:40]), ReferenceSet("like them", both[40:])
    results = tcav_results(planted.classifier(), first, examples=second, findings=["square"])

    assert [each.verdict for each in results.answers] == ["no direction"] * 2


class _Given(Classifier):  # type: ignore[misc]
    """Captum's classifier with a direction that is known already."""

    def __init__(self, direction: NDArray[np.float64], cells: int) -> None:
        self._weights = torch.from_numpy(np.repeat(direction, cells)).float()

    def train_and_eval(self, dataloader: Any, **kwargs: Any) -> dict[str, float]:
        self.seen = sum(len(labels) for _, labels in dataloader)
        return {"accs": 1.0}

    def weights(self) -> torch.Tensor:
        return torch.stack([self._weights, -self._weights])

    def classes(self) -> list[int]:
        return [0, 1]


def _given(film: Radiograph) -> Radiograph:
    return film


def _batches(images: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    return [image[None] for image in images]


def test_captum_gives_the_same_scores_for_the_same_directions(classifier: Any, tmp_path: Path) -> None:
    stage = "stage 3"
    films = [draw(seed=seed, height=128, width=128).radiograph for seed in range(12)]
    drawn = ReferenceSet("drawn", tuple(ReferenceFilm(film.name, partial(_given, film)) for film in films))
    collected = collect_activations(classifier, drawn, ["over-exposed"], stages=[stage], findings=["pneumonia"])
    towards = concept_direction(collected.changed["over-exposed"].means[stage], collected.plain.means[stage]).direction
    pushes = collected.plain.pushes[stage, "pneumonia"]
    images = [prepare(film, classifier.checkpoint.input).image for film in films]
    mean = pushes.mean(axis=0).astype(np.float64)
    mixed = pushes[0] - mean * (pushes[0] @ mean) / (mean @ mean)  # for some films, against others
    for direction in (towards, mixed):
        with classifier.alone() as network:
            cells = Tape(network, images[0][None], grad_from=network.last_stage).features(stage)[0, 0].numel()
            given = _Given(direction, cells)
            name = f"features.{network.stages[stage]}"
            gradient = LayerGradientXActivation(network, None, multiply_by_inputs=False)
            theirs = TCAV(network, [name], classifier=given, layer_attr_method=gradient, save_path=str(tmp_path))
            sets = [[Concept(0, "with", _batches(images[:4])), Concept(1, "without", _batches(images[4:8]))]]
            scores = theirs.interpret(torch.stack(images), sets, target=1)["0-1"][name]
        assert given.seen == 8
        assert scores["sign_count"][0].item() == pytest.approx(share_above_zero(pushes @ direction))
        assert scores["magnitude"][0].item() == pytest.approx((pushes @ direction).mean(), rel=1e-3, abs=1e-6)
        for saved in tmp_path.rglob("*.pkl"):
            saved.unlink()  # otherwise it would read the direction from there
    assert 0 < scores["sign_count"][0].item() < 1  # or the comparison would say little


@pytest.mark.usefixtures("known")
def test_what_really_happens_is_held_against_the_test() -> None:
    (answer,) = tcav_results(
        planted.classifier(), _films(20), ["square"], findings=["square"], stages=["stage 2"]
    ).answers
    little = replace(answer, effect=Estimate(-0.003, -0.004, -0.002, 20))
    unknown = replace(answer, effect=None)

    against = replace(answer, effect=Estimate(-0.3, -0.4, -0.2, 20))
    undecided = replace(answer, effect=Estimate(0.3, -0.4, 1.0, 20))

    assert (answer.verdict, little.verdict, unknown.verdict) == ("sensitive", "hardly", "sensitive")
    assert (against.verdict, undecided.verdict) == ("not confirmed", "not confirmed")
    assert answer.plain == f"raises {answer.finding}"
    assert little.plain == f"hardly moves {answer.finding}"
    assert against.plain == undecided.plain == "unclear: test and measurement differ"
    assert [each.contradicted for each in (answer, little, unknown, against, undecided)] == [
        False,
        True,
        False,
        True,
        False,
    ]
    assert little.sentence.endswith(": −0.003 logits (−0.004 to −0.002), negligible, the opposite direction.")
    assert against.sentence.startswith("Not confirmed at stage 2: ")
    assert undecided.sentence.endswith(": +0.30 logits (−0.40 to +1.00), possibly zero.")
    assert unknown.moved == ""
    assert answer.record()["verdict"] == "sensitive"


@pytest.mark.usefixtures("known")
def test_a_concept_that_half_of_the_films_show_already_is_detected_though_no_steeper_than_their_differences() -> None:
    (answer,) = tcav_results(
        planted.classifier(), _films(40, every=2), ["square"], findings=["square"], stages=["stage 2"]
    ).answers

    assert (answer.score, answer.verdict) == (1.0, "sensitive")
    assert answer.steeper < 0.95


def _shifted(seed: int, *, along: float, varied: float) -> ConceptResult:
    """Forty films of 128 units, each with a shift plain to see: across the mean gradient, and partly along it."""
    chance, still = np.random.default_rng([5, seed]), np.zeros((40, 1), np.float32)
    means, gradient, shift = chance.normal(size=(40, 128)), chance.normal(size=128), chance.normal(size=128)
    push = (gradient + varied * chance.normal(size=(40, 128))).astype(np.float32)
    mean = push.mean(axis=0, dtype=np.float64)
    shift -= mean * (shift @ mean) / (mean @ mean)
    other = means + (shift + along * gradient) / 4 + 0.3 * chance.normal(size=(40, 128))
    plain = ConceptActivations({"head": means.astype(np.float32)}, still, {("head", "it"): push}, np.arange(40))
    changed = ConceptActivations({"head": other.astype(np.float32)}, still, {}, np.arange(40))
    (answer,) = concept_results(
        plain, [ConceptFilms("shift", "Shift", changed, synthetic=True)], ["head"], ["it"], ["it"], seed=seed
    )
    return answer


@pytest.mark.parametrize("varied", [0.0, 2.0])
def test_what_is_seen_but_does_not_count_is_seldom_detected(varied: float) -> None:
    values = [_shifted(seed, along=0, varied=varied) for seed in range(200)]

    assert all(each.separable for each in values)
    assert np.mean([each.significant for each in values]) < 0.12
    assert np.mean([each.p < 0.5 for each in values]) == pytest.approx(0.5, abs=0.12)


def test_what_counts_is_detected() -> None:
    assert all(_shifted(seed, along=1, varied=2).p < 0.01 for seed in range(5))


def test_chance_goes_as_far_as_swapping_and_dealing_can() -> None:
    chance = np.random.default_rng(1)
    changes = np.array([1.0, 2.0, 4.0])  # eight ways to swap: 7, 5, 3 and 1 thirds, up and down
    far = swapped(changes, 4000, chance)
    assert sorted(set(np.round(3 * far).astype(int))) == [1, 3, 5, 7]
    assert np.mean(far > 2) == pytest.approx(0.25, abs=0.03)

    apart = dealt_anew(np.array([4.0]), np.array([1.0, 1.0, 1.0]), 4000, chance)
    assert sorted(set(np.round(apart, 6))) == [1.0, 3.0]
    assert np.mean(apart > 2) == pytest.approx(0.25, abs=0.03)


def test_one_film_a_patient_is_used() -> None:
    films = tuple(
        ReferenceFilm(str(place), partial(_given, FILM), patient=patient)
        for place, patient in enumerate(("a", "b", "a", "", ""))
    )

    assert [film.name for film in one_each(ReferenceSet("some", films)).films] == ["0", "1", "3", "4"]


def test_how_steep_a_way_is_does_not_hang_on_its_length() -> None:
    ways = np.array([[3.0, 4.0], [-30.0, -40.0], [0.0, 0.0]])

    assert slope(np.array([5.0, 0.0]), ways).tolist() == pytest.approx([3, 3, 0])
    assert chance_of(2.0, np.array([1.0, 2.0, 3.0])) == 0.75
    assert chance_of(4.0, np.zeros(9)) == 0.1


def test_what_is_neither_for_nor_against_counts_half() -> None:
    assert share_above_zero(np.array([1.0, 0.0, -1.0, 2.0])) == 0.625


@pytest.mark.usefixtures("known")
def test_bad_questions_are_reported_in_one_sentence() -> None:
    here = planted.classifier()
    with pytest.raises(BadData, match="noise: 19 films, but the test needs 20 or more"):
        tcav_results(here, _films(19), ["square"])
    with pytest.raises(BadData, match="9 examples, but the test needs 10"):
        tcav_results(here, _films(20), examples=_films(9))
    with pytest.raises(UnknownName, match=r"no concept named 'squares'. Did you mean 'square'"):
        tcav_results(here, _films(20), ["squares"])
    with pytest.raises(UnknownName, match="no layer of by hand named 'stage 9'"):
        tcav_results(here, _films(20), ["square"], stages=["stage 9"])
    with pytest.raises(UnknownName, match="no finding named 'squre'"):
        tcav_results(here, _films(20), ["square"], findings=["squre"])
    with pytest.raises(BadSetting, match="No concept was given"):
        tcav_results(here, _films(20))
    with pytest.raises(BadSetting, match="two runs or more, not 1"):
        tcav_results(here, _films(20), ["square"], runs=1)


@pytest.mark.usefixtures("known")
def test_it_tells_how_far_it_is_and_can_be_cancelled() -> None:
    steps: list[tuple[int, int]] = []
    work = Work(tell=lambda done, total: steps.append((done, total)))
    tcav_results(planted.classifier(), _films(20), ["square"], work=work)
    assert steps[-1] == (40, 40)

    work.cancel()
    with pytest.raises(Stopped, match="cancelled"):
        tcav_results(planted.classifier(), _films(20), ["square"], work=work)


@pytest.mark.usefixtures("known")
def test_films_that_cannot_be_read_are_reported_and_left_out() -> None:
    def broken() -> Radiograph:
        raise BadData("It is broken.")

    films = ReferenceSet("noise", (ReferenceFilm("bad", broken), *_films(20).films))
    results = tcav_results(planted.classifier(), films, ["square"], findings=["square"], stages=["stage 2"])

    assert (results.films, results.skipped) == (20, (("bad", "It is broken."),))
    assert results.answers[0].verdict == "sensitive"


def test_on_real_films_every_stage_notices_a_pacemaker(real_films: Path) -> None:
    films = some(from_data(real_films, split="test"), 20)
    results: Sensitivity = tcav_results(load("small-cnn"), films, ["pacemaker"], findings=["covid"])

    assert all(each.separable for each in results.answers)
