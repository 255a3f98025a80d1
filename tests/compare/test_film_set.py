"""Networks over a set of films: the answer of each for films with one bright half is known."""

import dataclasses
import json
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from torch import nn

from core.commands.comparison_report import text
from core.compare.film_comparison import FilmComparison
from core.compare.film_set import Case, apart, cases, compare_models, gather, read
from core.compare.panel import answers, panel
from core.compare.set_statistics import without_interval
from core.compare.tile import Tile
from core.errors import BadData, BadSetting, Stopped, Unfit, UnknownName, UnreadableFile
from core.estimate import Estimate
from core.evaluate.manifest import read_manifest
from core.types import Cleaning, Origin, Radiograph
from core.work import Work
from tests.compare import known
from tests.evaluate import drawn

# Both A and B call a film with a bright left half covid: A because of the left half, B because of the whole film.
A = known.classifier("A", {"covid": (9.0, 0.0), "normal": (0.0, 9.0)})
B = known.classifier("B", {"covid": (9.0, 9.0), "normal": (0.0, 0.0)})
C = known.classifier("C", {"covid": (0.0, 9.0), "normal": (9.0, 0.0)})
WHOLE = Cleaning(crop_borders=False)


def film(left: int, right: int) -> Radiograph:
    """A film with halves of these greys."""
    pixels = np.full((64, 64), left, np.uint8)
    pixels[:, 32:] = right
    pixels[:2] = 128  # no film has a single grey
    return Radiograph(pixels, f"{left} {right}", 0, 255, Origin("PNG", "L", 8))


def case(name: str, left: int, right: int, *labels: str, patient: str = "") -> Case:
    return Case(name, lambda: film(left, right), labels or None, patient)


def unreadable() -> Radiograph:
    raise UnreadableFile("It is no picture.")


SET = [
    case("same", 250, 10, "covid"),
    case("flip", 10, 250, "normal"),
    Case("bad", unreadable, ("covid",)),
    case("both", 200, 190, "covid"),
]


def test_films_are_sorted_by_disagreement_and_the_unreadable_one_is_reported() -> None:
    comparison = compare_models([A, B], SET, cleaning=WHOLE, repeats=10)

    assert [row.name for row in comparison.films] == ["flip", "both", "same"]
    assert [(each.name, each.reason) for each in comparison.refused] == [("bad", "It is no picture.")]
    flip = comparison.films[0]
    assert (flip.says, flip.flips, flip.labels) == (("normal", "covid"), True, ("normal",))
    assert (comparison.films[2].says, comparison.films[2].flips) == (("covid", "covid"), False)
    assert comparison.films[2].key == film(250, 10).key


def test_probabilities_and_maps_are_those_of_each_network() -> None:
    members = panel([A, C], cleaning=WHOLE, finding="covid")
    tiles = answers(members, film(250, 10))

    assert [tile.prediction.probability("covid") for tile in tiles] == pytest.approx(
        [each.predict(film(250, 10), cleaning=WHOLE).probability("covid") for each in (A, C)]
    )
    left, right = (tile.explanation.heat for tile in tiles)
    assert left[:, :4].sum() > 0 == left[:, 4:].sum()
    assert right[:, 4:].sum() > 0 == right[:, :4].sum()


def test_the_finding_of_the_maps_is_the_likeliest_on_average() -> None:
    row = read(panel([A, C], cleaning=WHOLE), case("one", 250, 10))
    sure = known.classifier("sure", {"covid": (0.0, 0.0), "normal": (90.0, 0.0)})
    other = read(panel([A, sure], cleaning=WHOLE), case("one", 250, 10))

    assert isinstance(row, FilmComparison)
    assert isinstance(other, FilmComparison)
    likely = np.array(other.probabilities).mean(axis=0)
    assert other.finding == "normal"
    assert likely.argmax() == 1
    members = panel([A, C], cleaning=WHOLE, finding="Covid")
    assert members.finding == "covid"


def test_the_score_is_the_mean_of_flip_distance_and_overlap() -> None:
    comparison = compare_models(
        [A, C], [case("one", 250, 10), case("other", 10, 250)], cleaning=WHOLE, finding="covid", repeats=10
    )

    for row in comparison.films:
        assert row.overlap == 0
        assert row.score == pytest.approx((1 + row.apart + 1) / 3)
    alike = compare_models(
        [A, known.classifier("D", {"covid": (9.0, 0.001), "normal": (0.0, 9.0)})], SET[:1], cleaning=WHOLE, repeats=10
    )
    assert alike.films[0].score == pytest.approx(0, abs=0.02)


def test_a_map_that_shows_nothing_overlaps_with_nothing_and_two_of_them_wholly() -> None:
    blind = known.classifier("blind", {"covid": (-1.0, -1.0), "normal": (0.0, 9.0)})
    also = known.classifier("also blind", {"covid": (-2.0, -1.0), "normal": (0.0, 9.0)})
    one = compare_models([A, blind], SET[:1], finding="covid", cleaning=WHOLE, repeats=10).films[0]
    both = compare_models([blind, also], SET[:1], finding="covid", cleaning=WHOLE, repeats=10).films[0]

    assert math.isnan(one.overlap)
    assert one.score == pytest.approx((one.flips + one.apart + 1) / 3)
    assert both.score == pytest.approx((both.flips + both.apart) / 3)
    assert "shows nothing" in one.agreements[0].notes[0]


def test_apart_is_the_jensen_shannon_distance() -> None:
    from scipy.spatial.distance import jensenshannon

    one, other = np.array([0.7, 0.2, 0.1]), np.array([0.1, 0.3, 0.6])

    assert apart(np.stack([one, other]), one_each=True) == pytest.approx(jensenshannon(one, other, base=2))
    assert apart(np.eye(3), one_each=True) == pytest.approx(1)
    assert apart(np.stack([one, one]), one_each=True) == pytest.approx(0, abs=1e-7)
    halves = [jensenshannon([p, 1 - p], [q, 1 - q], base=2) for p, q in zip(one, other, strict=True)]
    assert apart(np.stack([one, other]), one_each=False) == pytest.approx(np.mean(halves))


def test_only_common_findings_are_compared_and_reported() -> None:
    many = known.classifier(
        "many", {"Mass": (0.0, 1.0), "Covid": (9.0, 0.0), "Pleural_Thickening": (1.0, 1.0)}, multi_label=True
    )
    comparison = compare_models([A, many], [case("one", 250, 10, "COVID", "Mass")], cleaning=WHOLE, repeats=10)

    assert comparison.panel.findings == ("covid",)
    assert comparison.films[0].finding == "covid"
    assert comparison.films[0].labels == ("covid", "Mass")
    assert np.array(comparison.films[0].probabilities).shape == (2, 1)
    assert comparison.notes[:2] == (
        "Compared on covid only; not known to all models: normal of A; mass, pleural thickening of many.",
        "The probabilities of A add up to 1, the others give each finding its own: equal numbers do not mean the same.",
    )
    assert comparison.figures is not None
    assert comparison.figures.pairs[0].kappa is None  # not all of them give each film exactly one finding
    assert any(
        "Labels that not all models know count as none of the compared findings: Mass." in n for n in comparison.notes
    )


def test_nothing_in_common_is_one_sentence() -> None:
    other = known.classifier("other", {"Mass": (1.0, 0.0)})

    with pytest.raises(BadSetting, match=r"no finding in common: A knows covid, normal; other knows mass\. Choose"):
        panel([A, other])


def test_what_cannot_be_had_is_refused_before_a_film_is_read() -> None:
    with pytest.raises(BadSetting, match="two checkpoints or more"):
        panel([A])
    with pytest.raises(BadSetting, match="name each one once"):
        panel([A, A])
    with pytest.raises(UnknownName, match="Did you mean 'grad-cam'"):
        panel([A, B], method="gradcam")
    with pytest.raises(UnknownName, match="finding common to all checkpoints named 'mass'"):
        panel([A, B], finding="mass")
    with pytest.raises(UnknownName, match="Known: halves"):
        panel([A, B], layer="stage 4")
    spread = known.classifier("spread", {"covid": (1.0, 0.0)})
    with spread.alone() as network:
        network.head[0] = nn.AdaptiveMaxPool2d(1)  # type: ignore[operator]
    with pytest.raises(Unfit, match="CAM is not available for spread"):
        panel([A, spread], method="cam")


def test_networks_of_the_same_name_are_distinguished() -> None:
    twin = known.classifier("A", {"covid": (1.0, 0.0), "normal": (0.0, 1.0)})
    names = panel([A, twin, B]).names

    assert len(set(names)) == 3
    assert [name.split()[0] for name in names] == ["A", "A", "B"]


def test_methods_of_the_film_ask_each_network_for_one_map() -> None:
    members = panel([A, B], method="saliency", cleaning=WHOLE)
    tiles = answers(members, film(250, 10))

    assert (members.together, members.passes) == (False, 4)
    assert {tile.explanation.finding for tile in tiles} == {"covid"}
    work = Work(limit=0)
    comparison = compare_models([A, B], SET, method="saliency", cleaning=WHOLE, repeats=10, work=work)
    assert (len(comparison.films), work.done, work.total) == (3, 16, 16)
    assert panel([A, B], method="saliency", finding="covid").passes == 2
    assert panel([A, B]).passes == 2


def test_films_are_read_one_at_a_time_and_progress_reaches_its_end() -> None:
    alive: list[str] = []
    steps: list[tuple[int, int]] = []

    def opened(name: str) -> Radiograph:
        alive.append(name)
        return film(250, 10)

    def seen(radiograph: Radiograph, tiles: tuple[Tile, ...], row: FilmComparison) -> None:
        assert alive == [row.name]
        assert all(tile.explanation.radiograph == radiograph.key for tile in tiles)
        alive.clear()

    names = ["a", "b", "c"]
    work = Work(limit=0, tell=lambda done, total: steps.append((done, total)))
    cohort = [Case(name, lambda name=name: opened(name)) for name in names]  # type: ignore[misc]
    compare_models([A, B], [*cohort, Case("bad", unreadable)], cleaning=WHOLE, seen=seen, repeats=10, work=work)

    assert steps[-1] == (8, 8)
    assert not alive


def test_films_may_come_from_a_generator_and_it_can_be_stopped() -> None:
    work = Work(limit=0)

    def endless() -> Iterator[Case]:
        while True:
            yield SET[0]
            work.cancel()

    with pytest.raises(Stopped, match="cancelled"):
        compare_models([A, B], endless(), work=work)


def test_a_set_of_nothing_readable_has_no_figures() -> None:
    comparison = compare_models([A, B], [Case("bad", unreadable)])

    assert (comparison.films, comparison.figures) == ((), None)
    assert json.loads(json.dumps(comparison.card()))["refused"] == [{"name": "bad", "error": "It is no picture."}]


def test_figures_of_a_pair_are_counted_from_its_films() -> None:
    # A is right on ten covid and ten normal films; B calls everything covid.
    films = [case(f"{n}", 250 - n, 10, "covid") for n in range(10)]
    films += [case(f"{10 + n}", 10, 250 - n, "normal") for n in range(10)]
    figures = compare_models([A, B], films, cleaning=WHOLE, repeats=50).figures

    assert figures is not None
    pair = figures.pairs[0]
    assert (figures.n, figures.patients, figures.labelled, figures.flips.value) == (20, 20, 20, 0.5)
    assert pair.kappa is not None
    assert pair.kappa.value == 0  # 0.5 observed, 0.5 by chance
    assert pair.kappas["covid"].value == 0
    assert pair.right is not None
    assert (pair.right.first_right, pair.right.second_right) == (10, 0)
    assert pair.right.p == pytest.approx(2 / 2**10)
    assert (pair.areas["covid"].first, pair.areas["covid"].positives) == (1, 10)
    assert pair.areas["covid"].second < 0.6
    assert (figures.fleiss, dict(figures.fleisses)) == (None, {})
    assert pair.maps["overlap_10"].n == 20
    assert math.isnan(pair.maps["distance_mm"].value)
    card = json.dumps(figures.card(), allow_nan=False)
    assert json.loads(card)["pairs"][0]["delong_by_finding"]["covid"]["first"] == 1.0


def test_three_networks_have_fleiss_kappa_and_all_their_pairs() -> None:
    films = [case(f"{n}", 250 - n, 10) for n in range(6)] + [case(f"{6 + n}", 10, 250 - n) for n in range(6)]
    figures = compare_models([A, B, C], films, cleaning=WHOLE, repeats=20).figures

    assert figures is not None
    assert [(pair.first, pair.second) for pair in figures.pairs] == [("A", "B"), ("A", "C"), ("B", "C")]
    assert figures.flips.value == 1  # C says the opposite of A
    # Two of three agree on each film: 1/3 of the pairs. A and C together call covid 12 times, B 12 times: 24 of 36.
    assert figures.fleiss is not None
    assert figures.fleiss.value == pytest.approx((1 / 3 - 5 / 9) / (4 / 9))
    assert figures.fleisses["normal"].value == pytest.approx(figures.fleiss.value)
    assert figures.pairs[0].right is None  # no labels


def test_patients_with_several_films_are_reported() -> None:
    films = [case(f"{n}", 250 - n, 10, "covid", patient=f"p{n // 2}") for n in range(4)]
    comparison = compare_models([A, B], films, cleaning=WHOLE, repeats=10)

    assert comparison.figures is not None
    assert (comparison.figures.n, comparison.figures.patients) == (4, 2)
    assert any("Some patients have several films" in note for note in comparison.notes)
    assert any("5 were made" in note for note in comparison.notes)


def test_the_order_of_films_and_the_figures_do_not_hang_on_the_order_given() -> None:
    values, turned = (compare_models([A, B], each, cleaning=WHOLE, repeats=10) for each in (SET, SET[::-1]))

    assert [row.name for row in values.films] == [row.name for row in turned.films]
    assert values.films[0].card(("A", "B"), ("covid", "normal")) == turned.films[0].card(
        ("A", "B"), ("covid", "normal")
    )


def test_a_manifest_gives_films_labels_and_patients(tmp_path: Path) -> None:
    rows = read_manifest(drawn.write(tmp_path, 4))
    result = cases(rows)
    pneumonia = known.classifier("P", {"pneumonia": (2.0, 1.0), "normal": (1.0, 2.0)})
    other = known.classifier("Q", {"pneumonia": (1.0, 3.0), "normal": (1.0, 2.0)})
    rows[1].file.write_bytes(b"no picture any more")
    comparison = compare_models([pneumonia, other], result, sentences=True, repeats=10)

    assert [(each.name, each.labels, each.patient) for each in result[:2]] == [
        ("0-film.png", ("pneumonia",), "p0"),
        ("1-film.png", ("normal",), "p0"),
    ]
    assert len(comparison.films) == 3
    assert comparison.refused[0].name == "1-film.png"
    assert comparison.films[0].words.startswith(("Both say", "P says", "Q says"))


def test_gathering_again_gives_the_same_figures() -> None:
    members = panel([A, B], cleaning=WHOLE)
    rows = [row for each in SET if isinstance(row := read(members, each), FilmComparison)]

    assert gather(members, rows, repeats=20).card() == gather(members, rows[::-1], repeats=20).card()


def test_a_broken_manifest_row_is_refused_and_the_rest_goes_on() -> None:
    def broken() -> Radiograph:
        raise BadData("The box does not lie in the film.")

    comparison = compare_models([A, B], [Case("broken", broken), SET[0]], cleaning=WHOLE, repeats=10)

    assert [each.reason for each in comparison.refused] == ["The box does not lie in the film."]
    assert len(comparison.films) == 1


def test_labels_are_matched_whatever_their_case() -> None:
    row = read(panel([A, B], cleaning=WHOLE), dataclasses.replace(SET[0], labels=("COVID", "other")))

    assert isinstance(row, FilmComparison)
    assert row.labels == ("covid", "other")


def test_networks_that_agree_on_all_films_have_a_kappa_and_no_interval() -> None:
    films = [case(f"{n}", 250 - n, 10) for n in range(6)] + [case(f"{6 + n}", 10, 250 - n) for n in range(6)]
    twin = known.classifier("twin", {"covid": (8.0, 0.0), "normal": (0.0, 8.0)})
    comparison = compare_models([A, twin, C], films, cleaning=WHOLE, repeats=20)

    assert comparison.figures is not None
    same, other, _ = comparison.figures.pairs
    assert same.kappa is not None
    assert (same.kappa.value, without_interval(same.kappa)) == (1, "all agree; no interval available")
    assert same.kappa.card() == {"value": 1.0, "low": None, "high": None, "n": 12}
    assert without_interval(same.kappas["covid"]) == "all agree; no interval available"
    assert {without_interval(same.maps[name]) for name in ("ssim", "overlap_10")} == {
        "all agree; no interval available"
    }
    assert other.kappa is not None
    assert without_interval(other.kappa) == ""  # C says the opposite, but agreement by chance depends on the films
    assert without_interval(Estimate(0, math.nan, math.nan, 12)) == "no interval available"
    assert comparison.figures.fleiss is not None
    [kappa, *_] = [line for line in text(comparison, 0).splitlines() if line.startswith("Cohen's kappa")]
    assert "1.000 (all agree; no interval available)" in kappa
    assert without_interval(Estimate(0.5, 0.2, 0.8, 12)) == ""
