"""The board as a picture and as a table."""

import csv
import dataclasses
import io
import json
import math
from importlib.metadata import version

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from core.compare.board import PANE, board_png
from core.compare.export import COLUMNS, board_csv
from core.compare.map_agreement import TITLES, agreement, difference
from core.compare.sentences import Sentences, disagreement
from core.compare.tile import Tile
from core.errors import BadData
from core.overlay import NOTICE, overlay
from core.types import Explanation
from tests.compare.planted import film, heat_map, spot, tile

FILM = film(PANE, PANE)
LIKELY = {"covid": 0.7, "normal": 0.3}
EDGE = 12  # px around a tile
TITLE = 28  # px, height of its title


def tiles(*maps: Explanation) -> list[Tile]:
    return [tile(name, map_, LIKELY) for name, map_ in zip("ABCDEF", maps, strict=False)]


A = heat_map(FILM, np.arange(16).reshape(4, 4))
B = heat_map(FILM, 10 * np.arange(16)[::-1].reshape(4, 4))


def picture(data: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(data)) as png:
        assert (png.format, png.mode) == ("PNG", "RGB")
        return np.asarray(png)


def pane(board: NDArray[np.uint8], column: int) -> NDArray[np.uint8]:
    """The film of a tile of the first row."""
    left = EDGE + column * (PANE + EDGE)
    return board[EDGE + TITLE : EDGE + TITLE + PANE, left : left + PANE]


def test_each_tile_shows_its_map_over_the_film_and_the_difference_comes_last() -> None:
    between = difference(FILM, A, B)
    board = picture(board_png(FILM, tiles(A, B), difference=between, words="They differ."))

    assert board.shape[1] == 3 * (PANE + EDGE) + EDGE
    for column, map_ in enumerate((A, B, between)):
        assert np.array_equal(pane(board, column), overlay(FILM, map_, legend=False))


def test_on_a_common_scale_the_weaker_map_is_weaker() -> None:
    own, common = (picture(board_png(FILM, tiles(A, B), common=each)) for each in (False, True))

    assert np.array_equal(pane(own, 1), pane(common, 1))
    assert np.array_equal(pane(common, 0), overlay(FILM, A, scale=150, legend=False))
    assert not np.array_equal(pane(own, 0), pane(common, 0))


def test_signed_and_rectified_maps_of_one_unit_share_a_common_scale() -> None:
    signed = dataclasses.replace(B, signed=True)
    board = picture(board_png(FILM, tiles(A, signed), common=True))

    assert np.array_equal(pane(board, 0), overlay(FILM, A, scale=150, legend=False))


def test_maps_in_other_units_keep_scales_of_their_own() -> None:
    other = dataclasses.replace(B, unit="activation")
    board = picture(board_png(FILM, tiles(A, other), common=True))

    assert np.array_equal(pane(board, 0), overlay(FILM, A, legend=False))


def test_tiles_stand_in_rows() -> None:
    four = picture(board_png(FILM, tiles(A, B, A, B)))
    one_row = picture(board_png(FILM, tiles(A, B, A, B), columns=4))

    assert four.shape[1] == 2 * (PANE + EDGE) + EDGE
    assert one_row.shape[1] == 4 * (PANE + EDGE) + EDGE
    assert four.shape[0] > one_row.shape[0] > PANE


def test_films_of_any_shape_fit_a_tile() -> None:
    for height, width in ((100, 900), (2000, 300), (64, 64)):
        radiograph = film(height, width)
        board = picture(board_png(radiograph, [tile("A", heat_map(radiograph, np.eye(4)), LIKELY)]))
        assert board.shape[1] == PANE + 2 * EDGE
        assert board.shape[0] < 2.2 * PANE


def test_a_map_that_must_not_be_drawn_is_the_bare_film_and_says_why() -> None:
    void = dataclasses.replace(A, void=True, caveat="Nothing in this map supports covid.")
    board = picture(board_png(FILM, tiles(void)))

    assert pane(board, 0).max() == 0
    assert board[EDGE + TITLE + PANE :].max() > 200  # the sentence


def test_the_file_says_what_it_shows() -> None:
    with Image.open(io.BytesIO(board_png(FILM, tiles(A, B), difference=difference(FILM, A, B)))) as png:
        text = png.text  # type: ignore[attr-defined]

    assert NOTICE in text["Description"]
    record = json.loads(text["Lightbox"])
    assert record["radiograph_key"] == FILM.key
    assert [each["name"] for each in record["tiles"]] == ["A", "B"]
    assert record["difference"] == "A − B"


def test_maps_of_another_film_are_refused() -> None:
    other = film(100, 100)
    with pytest.raises(BadData, match="of another film"):
        board_png(FILM, tiles(A, heat_map(other, np.eye(4))))
    with pytest.raises(ValueError, match="no tile"):
        board_png(FILM, [])


def rows(words: Sentences | None = None) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(board_csv(FILM, tiles(A, B), words=words))))


def test_the_table_holds_probabilities_peaks_and_the_figures_of_each_pair() -> None:
    result = rows()
    expected = agreement(FILM, A, B).figures()

    assert list(result[0]) == list(COLUMNS)
    assert [(row["first"], row["figure"], row["value"]) for row in result[:3]] == [
        ("A", "probability of covid", "0.7"),
        ("A", "probability of normal", "0.3"),
        ("A", "peak of the map", "15"),
    ]
    assert {row["captum"] for row in result} == {version("captum")}
    pair = {row["figure"]: row for row in result if row["second"] == "B"}
    assert set(pair) == set(TITLES.values())
    for name, value in expected.items():
        cell = pair[TITLES[name]]["value"]
        assert (not cell) if math.isnan(value) else float(cell) == pytest.approx(value, rel=1e-5)
    assert "The file has no pixel size" in pair[TITLES["distance_mm"]]["note"]


def test_the_table_holds_where_each_map_looks_and_its_caveat() -> None:
    radiograph = film(300, 300)
    corner = dataclasses.replace(spot(radiograph, slice(0, 9), slice(0, 9)), caveat="It is saturated.")
    both = [tile("A", corner, LIKELY), tile("B", spot(radiograph, slice(0, 9), slice(0, 9)), LIKELY)]
    words = disagreement(radiograph, both)
    items = list(csv.DictReader(io.StringIO(board_csv(radiograph, both, words=words))))

    looks = {row["figure"]: row for row in items if row["first"] == "A" and not row["second"]}
    assert looks["share of the heat at the film's upper left"]["value"] == "1"
    assert looks["share of the heat in the lungs"]["value"] == ""
    assert looks["share of the heat in the lungs"]["note"].startswith("No lungs were found")
    assert looks["caveat"]["note"] == "It is saturated."
