"""Where planted maps look, and the sentences about them."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.compare.anatomical_regions import AnatomicalRegions, HeatLocation, anatomical_places, locate_heat
from core.compare.grid import whole
from core.compare.sentences import disagreement, headline
from core.errors import BadData
from core.evaluate.manifest import mask, read_manifest, row_radiograph
from core.image.marks import Mark
from core.image.phantom import Phantom, draw
from core.types import Cleaning, Explanation, Origin, Placement, Radiograph
from tests.compare.planted import film, heat_map, spot, tile

FILM = film()
NAMES = ("the right lower lung", "the left lower lung", "the heart and mediastinum", "the film's upper left corner")
SURE = {"pneumonia": 0.81, "covid": 0.19}
ALSO = {"pneumonia": 0.77, "covid": 0.23}
OTHER = {"pneumonia": 0.3, "covid": 0.7}


def ground(*marks: Mark, lungs: bool = True) -> AnatomicalRegions:
    """A film of four quarters: upper left corner, heart; right and left lower lung below."""
    labels = np.zeros((256, 256), np.int64)
    labels[:128, :128], labels[:128, 128:], labels[128:, 128:] = 3, 2, 1
    regions = AnatomicalRegions(
        FILM,
        NAMES,
        labels,
        np.array([lungs, lungs, False, False]),
        np.array([False, False, False, True]),
        "" if lungs else "No lungs found.",
    )
    regions.__dict__["marks"] = marks
    return regions


def quarters(
    right_lung: float, left_lung: float, heart: float, corner: float, *, moved: int = 0, **given: Any
) -> Explanation:
    """A map with so much of its heat in each quarter, on a patch of 8 × 8 px there; all `moved` to the right."""
    heat = np.zeros((256, 256), np.float32)
    corners = {(192, 64): right_lung, (192, 192): left_lung, (64, 192): heart, (64, 64): corner}
    for (row, column), share in corners.items():
        heat[row : row + 8, column + moved : column + moved + 8] = share
    return heat_map(FILM, heat, finding="pneumonia", **given)


def text_of(*tiles: tuple[str, Explanation, Mapping[str, float]], on: AnatomicalRegions | None = None) -> str:
    values = [tile(name, map_, dict(likely)) for name, map_, likely in tiles]
    return disagreement(FILM, values, ground=on or ground()).text


def test_two_networks_that_agree_on_the_finding_and_not_on_the_place() -> None:
    a, b = quarters(0.62, 0.2, 0.18, 0), quarters(0.24, 0.14, 0.14, 0.48, moved=4)

    # Of A's three patches and B's four, halves of three are common: 96 of 192 + 256 - 96 cells.
    assert text_of(("A", a, SURE), ("B", b, ALSO)) == (
        "Both say pneumonia (0.81, 0.77). A looks at the right lower lung (62 % of its heat), B at the film's upper "
        "left corner, outside the lungs (48 %). Their maps share 27 % of the hottest tenth."
    )


def test_gaze_is_the_share_of_heat_in_each_place() -> None:
    location = locate_heat(ground(), quarters(0.1, 0.5, 0.15, 0.25))

    assert [(name, round(share, 4)) for name, share in location.places] == [
        ("the left lower lung", 0.5),
        ("the film's upper left corner", 0.25),
        ("the heart and mediastinum", 0.15),
        ("the right lower lung", 0.1),
    ]
    assert (location.place, round(location.share, 4), round(location.lungs, 4)) == ("the left lower lung", 0.5, 0.6)


def test_what_speaks_against_the_finding_is_no_place_to_look_at() -> None:
    assert locate_heat(ground(), quarters(-5, 1, 0, 0, signed=True)).places == (("the left lower lung", 1.0),)


def test_a_second_place_with_much_of_the_heat_is_reported() -> None:
    text = text_of(("A", quarters(0.55, 0.05, 0.4, 0), SURE))

    assert text == (
        "The network says pneumonia (0.81). A looks at the right lower lung (55 % of its heat) and the heart and "
        "mediastinum (40 %)."
    )


def test_a_place_with_less_than_a_third_of_the_heat_has_merely_the_most() -> None:
    labels = np.full((256, 256), 3)
    labels[192:200, 64:72], labels[192:200, 192:200], labels[64:72, 192:200] = 0, 1, 2
    small = dataclasses.replace(ground(), labels=labels)  # otherwise a map that is equal in all quarters would be even
    a, b = quarters(0.3, 0.24, 0.24, 0.22), quarters(0.8, 0, 0.1, 0.1)
    text = text_of(("A", a, SURE), ("B", b, ALSO), on=small)

    assert "Both look most at the right lower lung (30 % and 80 % of their heat)." in text
    assert text_of(("A", a, SURE), on=small).endswith("A looks most at the right lower lung (30 % of its heat).")


def test_maps_that_agree() -> None:
    a = quarters(0.9, 0.1, 0, 0)

    assert text_of(("plain", a, SURE), ("lungs", dataclasses.replace(a), ALSO)) == (
        "Both say pneumonia (0.81, 0.77). Both look at the right lower lung (90 % and 90 % of their heat). "
        "Their maps agree: they share 100 % of the hottest tenth."
    )


def test_maps_apart_share_nothing() -> None:
    text = text_of(("A", quarters(1, 0, 0, 0), SURE), ("B", quarters(0, 0, 1, 0), ALSO))

    assert text.endswith("B at the heart and mediastinum (100 %). Their maps share nothing of the hottest tenth.")


def test_predictions_that_differ_and_maps_of_what_each_says() -> None:
    a = quarters(1, 0, 0, 0)
    b = dataclasses.replace(a, finding="covid")

    assert text_of(("A", a, SURE), ("B", b, OTHER)).startswith(
        "A says pneumonia (0.81), B says covid (0.70). Both look at the right lower lung (100 % and 100 % of their"
    )


def test_maps_of_something_else_than_the_call_are_named() -> None:
    a = quarters(1, 0, 0, 0)
    covid = dataclasses.replace(a, finding="covid")

    assert "Both say pneumonia (0.81, 0.77). The maps are of covid (0.19, 0.23)." in text_of(
        ("A", covid, SURE), ("B", covid, ALSO)
    )
    assert "Both say pneumonia (0.81, 0.77). A's map is of pneumonia (0.81), B's of covid (0.23)." in text_of(
        ("A", a, SURE), ("B", covid, ALSO)
    )


def test_one_network_is_lyingonce() -> None:
    tiles = [tile(name, quarters(1, 0, 0, 0), SURE, checkpoint="plain") for name in ("A", "B", "C")]

    assert disagreement(FILM, tiles, ground=ground()).text == (
        "The network says pneumonia (0.81). All look at the right lower lung (100 %, 100 % and 100 % of their heat). "
        "Their maps agree: they share 100 % of the hottest tenth."
    )


def test_three_networks_of_which_two_agree() -> None:
    right, left = quarters(1, 0, 0, 0), quarters(0, 1, 0, 0)
    text = text_of(("A", right, SURE), ("B", right, OTHER), ("C", left, {"pneumonia": 0.6, "covid": 0.4}))

    assert text.startswith("A and C say pneumonia (0.81, 0.60), B says covid (0.70). The maps are of pneumonia (0.81,")
    assert "A looks at the right lower lung (100 % of its heat); B at the right lower lung (100 %); C at" in text
    assert text.endswith("Their maps share 0 % (A and C) to 100 % (A and B) of the hottest tenth.")


def test_a_multi_label_network_that_finds_nothing_says_so() -> None:
    likely = {"Mass": 0.2, "Pleural_Thickening": 0.3}
    tiles = [
        tile("A", quarters(1, 0, 0, 0), {"pneumonia": 0.9}, multi_label=True),
        tile("B", dataclasses.replace(quarters(1, 0, 0, 0), finding="Mass"), likely, multi_label=True),
    ]

    assert disagreement(FILM, tiles, ground=ground()).says == (
        "A says pneumonia (0.90), B finds nothing (most likely: pleural thickening 0.30). "
        "A's map is of pneumonia (0.90), B's of mass (0.20)."
    )


def test_a_map_that_shows_nothing_is_lyingand_compared_with_none() -> None:
    void = dataclasses.replace(quarters(1, 0, 0, 0), void=True, caveat="Nothing.")
    flat = heat_map(FILM, np.zeros((7, 7)), finding="pneumonia")
    text = text_of(("A", void, SURE), ("B", quarters(1, 0, 0, 0), ALSO))

    assert text.endswith("A's map shows nothing, B looks at the right lower lung (100 % of its heat).")
    assert text_of(("A", void, SURE), ("B", flat, ALSO)).endswith("A's map shows nothing, B's map shows nothing.")
    assert locate_heat(ground(), void) == locate_heat(ground(), flat) == HeatLocation()


def test_an_even_map_singles_out_no_place() -> None:
    text = text_of(("A", heat_map(FILM, [[4.0, 4.4]], finding="pneumonia"), SURE))

    assert text.endswith("A spreads its heat over the film (26 % of it at the left lower lung).")


def test_a_baseline_looks_at_nothing() -> None:
    edges = quarters(0, 1, 0, 0, method="edge-map")
    text = text_of(("A", quarters(1, 0, 0, 0), SURE), ("B", edges, ALSO))

    assert "B's map, the same for any finding, lies at the left lower lung (100 %)." in text


def test_a_map_of_zones_has_a_place_and_no_shares() -> None:
    heat = np.full((256, 256), 2.0)  # everywhere, and so most of the heat
    heat[100:120, 200:220] = 5
    location = locate_heat(ground(), heat_map(FILM, heat, by_region=True))

    assert location.place == "the heart and mediastinum"
    assert np.isnan([location.share, location.lungs]).all()
    assert text_of(("A", heat_map(FILM, heat, by_region=True, finding="pneumonia"), SURE)).endswith(
        "A looks at the heart and mediastinum."
    )


@pytest.mark.parametrize(("pieces", "what"), [(1, "a letter or mark"), (4, "text")])
def test_what_is_burnt_in_where_the_map_looks_is_reported(pieces: int, what: str) -> None:
    there = Mark(60 / 256, 62 / 256, 70 / 256, 70 / 256, pieces=pieces)
    corner, lung = quarters(0, 0, 0, 1), quarters(1, 0, 0, 0)

    assert locate_heat(ground(there), corner).mark == what
    assert locate_heat(ground(Mark(0.9, 0.9, 0.95, 0.95)), corner).mark == ""
    assert locate_heat(ground(Mark(0.25, 0.75, 0.26, 0.76)), lung).mark == ""  # inside the lungs it is not a marker
    assert (
        f"at the film's upper left corner, outside the lungs, where {what} is burnt in (100 % of its heat)"
        in text_of(("A", corner, SURE), on=ground(there))
    )


def test_a_coarse_map_reaches_a_mark_one_cell_away() -> None:
    near = Mark(0, 0, 0.02, 0.02)
    fine, coarse = quarters(0, 0, 0, 1), heat_map(FILM, [[0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]])

    assert locate_heat(ground(near), fine).mark == ""
    assert locate_heat(ground(Mark(0, 0.3, 0.2, 0.32)), coarse).mark == "a letter or mark"


@pytest.fixture(scope="module")
def chest() -> Phantom:
    return draw(seed=2, height=400, width=320)


@pytest.fixture(scope="module")
def body(chest: Phantom) -> AnatomicalRegions:
    return anatomical_places(chest.radiograph)


def at(body: AnatomicalRegions, x: float, y: float) -> str:
    """The place of a spot there, as fractions of width and height."""
    height, width = body.radiograph.pixels.shape
    row, column = int(y * height), int(x * width)
    map_ = spot(body.radiograph, slice(row - 2, row + 3), slice(column - 2, column + 3))
    return locate_heat(body, map_).place


def test_the_places_of_a_drawn_chest(chest: Phantom, body: AnatomicalRegions) -> None:
    columns = np.flatnonzero(chest.lungs.any(axis=0)) / 320
    rows = np.flatnonzero(chest.lungs.any(axis=1)) / 400
    values = {
        (x, y): at(body, x, y)
        for x, y in [
            (0.3, 0.25),
            (0.28, 0.45),
            (0.7, 0.25),
            (0.7, 0.45),
            (0.5, 0.4),
            (0.02, 0.02),
            (0.98, 0.5),
            (0.5, 0.93),
        ]
    }

    assert values == {
        (0.3, 0.25): "the right upper lung",  # the patient's right is on screen left
        (0.28, 0.45): "the right middle lung",
        (0.7, 0.25): "the left upper lung",
        (0.7, 0.45): "the left middle lung",
        (0.5, 0.4): "the heart and mediastinum",
        (0.02, 0.02): "the film's upper left corner",
        (0.98, 0.5): "the film's right edge",
        (0.5, 0.93): "the film's lower edge",
    }
    assert at(body, 0.5, (rows[-1] + 0.9) / 2) == "the upper abdomen"
    assert at(body, max(0.12, columns[0] - 0.06), 0.2) == "the right shoulder"


def test_a_film_that_lies_on_its_side_has_the_same_places_of_the_body(chest: Phantom) -> None:
    lying = dataclasses.replace(chest.radiograph, pixels=np.rot90(chest.radiograph.pixels, -1))
    map_ = spot(lying, slice(94, 98), slice(300, 304))  # what was at x 0.3, y 0.25
    location = locate_heat(anatomical_places(lying, Cleaning(turn=1)), map_)

    assert location.place == "the right upper lung"


@pytest.mark.parametrize(
    ("orientation", "turn", "side"),
    [(("L", "F"), 0, "right"), (("R", "F"), 0, "left"), (("H", "L"), 1, "right"), (("H", "R"), 1, "left")],
)
def test_right_and_left_are_those_that_the_file_tells(
    chest: Phantom, orientation: tuple[str, str], turn: int, side: str
) -> None:
    stored = np.rot90(chest.radiograph.pixels, -turn)
    lying = dataclasses.replace(chest.radiograph, pixels=stored, orientation=orientation)
    heat = np.zeros((20, 20), np.float32)
    heat[8, 5] = 1  # in the lung on the left of the screen
    map_ = heat_map(lying, np.rot90(heat, -turn))

    assert locate_heat(anatomical_places(lying, Cleaning(turn=turn)), map_).place == f"the {side} middle lung"


def test_without_lungs_the_film_alone_gives_the_places() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (200, 200)).astype(np.uint8)
    strange = Radiograph(noise, "noise", 0, 255, Origin("PNG", "L", 8))
    map_ = spot(strange, slice(10, 20), slice(10, 20), finding="pneumonia")
    text = disagreement(strange, [tile("A", map_, SURE)])

    assert text.looks == "A looks at the film's upper left (100 % of its heat)."
    assert text.notes == "No lungs were found on this film, so places are named by the film alone."
    assert np.isnan(text.locations[0].lungs)


def test_every_cell_has_one_place(body: AnatomicalRegions) -> None:
    canvas = whole(body.radiograph)

    assert body.labels.shape == (canvas.rows, canvas.columns)
    assert sorted(np.unique(body.labels)) == list(range(len(body.names)))
    assert len(set(body.names)) == len(body.names)
    assert body.lungs.sum() == 6


def test_a_map_of_another_film_is_refused() -> None:
    other = heat_map(film(100, 100), np.eye(4), placement=Placement(0, 0, 100, 100))

    with pytest.raises(BadData, match="of another film than planted"):
        locate_heat(ground(), other)
    with pytest.raises(ValueError, match="there is no tile"):
        disagreement(FILM, [])


def test_on_real_films_the_outlined_lungs_are_called_by_the_patients_side(real_films: Path) -> None:
    rows = [row for row in read_manifest(real_films) if row.split == "test" and row.lungs][:40:5]
    called = []
    for row in rows:
        radiograph, lungs = row_radiograph(row), mask(row, "lungs")
        regions = anatomical_places(radiograph)
        assert lungs is not None
        half = lungs.shape[1] // 2
        for side, columns in (("right", slice(0, half)), ("left", slice(half, None))):
            heat = np.zeros(lungs.shape, np.float32)
            heat[:, columns] = lungs[:, columns]
            look = locate_heat(regions, heat_map(radiograph, heat))
            called.append((side in look.place, look.lungs))

    assert len(called) == 16
    assert all(right for right, _ in called)
    assert min(lungs for _, lungs in called) > 0.75


def test_of_many_tiles_the_text_names_who_finds_what_and_two_of_them_are_called_by_name() -> None:
    map_ = quarters(1, 0, 0, 0)
    normal = {"pneumonia": 0.1, "covid": 0.05, "normal": 0.85}
    values = {"A": SURE, "B": ALSO, "C": SURE, "D": ALSO, "E": normal}
    five = [tile(name, map_, dict(likely)) for name, likely in values.items()]

    assert headline(five, explained=five[:2]) == (
        "4 of 5 models call pneumonia (0.77 to 0.81); E calls normal (0.85). The maps are of pneumonia (0.10 to 0.81)."
    )
    assert headline(five[:4], explained=five[:2]) == "All say pneumonia (0.81, 0.77, 0.81, 0.77)."
    six = [*five[:3], tile("F", map_, dict(normal)), five[4], tile("G", map_, dict(SURE))]
    assert headline(six).startswith("4 of 6 models call pneumonia (0.77 to 0.81); 2 call normal (0.85). The ")
    assert headline([*five[:4], six[-1]]) == "All 5 models call pneumonia (0.77 to 0.81)."
    looks = disagreement(FILM, five[:2], ground=ground(), named=True).looks
    assert looks == "A and B look at the right lower lung (100 % and 100 % of their heat)."


def test_of_many_tiles_with_maps_of_what_each_finds_the_text_leaves_out_the_maps() -> None:
    a, e = quarters(1, 0, 0, 0), dataclasses.replace(quarters(1, 0, 0, 0), finding="covid")
    four = [tile(name, a, dict(SURE)) for name in "ABC"] + [tile("E", e, dict(OTHER))]

    assert headline(four, explained=four[:2]) == "A, B and C say pneumonia (0.81, 0.81, 0.81), E says covid (0.70)."
    crossed = [*four[:3], tile("E", e, dict(SURE))]
    assert headline(crossed, explained=crossed[2:]).endswith("C's map is of pneumonia (0.81), E's of covid (0.19).")
