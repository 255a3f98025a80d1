"""Comparisons as CSV tables: the figures of a board, and one row per film of a set."""

import csv
import io
import math
from collections.abc import Sequence
from itertools import combinations

from core.compare.film_set import Comparison
from core.compare.map_agreement import TITLES, Agreement, agreement_matrix
from core.compare.sentences import Sentences
from core.compare.tile import Tile
from core.explain.method import captum_version
from core.types import Radiograph

COLUMNS = (
    "film",
    "first",
    "second",
    "checkpoint",
    "method",
    "finding",
    "layer",
    "figure",
    "value",
    "note",
    "by",
    "captum",
)


def board_csv(radiograph: Radiograph, tiles: Sequence[Tile], *, words: Sentences | None = None) -> str:
    """The figures of the board, one per line, with the COLUMNS.

    Of a tile (first) its probabilities, the peak of its map, what computed it, and where it looks, if `words` has that;
    of a pair of tiles (first, second) the figures of their agreement. Every line has Captum's version. A value that is
    not available is empty, and the note says why.

    Raises: BadData if a map is not of this film.
    """
    matrix = agreement_matrix(radiograph, [tile.explanation for tile in tiles], names=[tile.name for tile in tiles])
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(COLUMNS)
    for index, tile in enumerate(tiles):
        map_ = tile.explanation
        own = [tile.checkpoint.name, map_.method, map_.finding, map_.layer or ""]
        for figure, value, note in _of_tile(tile, words, index):
            table.writerow(
                [radiograph.name, tile.name, "", *own, figure, _cell(value), note, map_.computed_by, captum_version()]
            )
    for i, j in combinations(range(len(tiles)), 2):
        for figure, value, note in _of_pair(matrix[i][j]):
            pair = [tiles[i].name, tiles[j].name, "", "", "", ""]
            table.writerow([radiograph.name, *pair, figure, _cell(value), note, "", captum_version()])
    return out.getvalue()


def _of_tile(tile: Tile, words: Sentences | None, index: int) -> list[tuple[str, float, str]]:
    map_ = tile.explanation
    rows = [
        (f"probability of {name}", float(value), "")
        for name, value in zip(tile.prediction.findings, tile.prediction.probabilities, strict=True)
    ]
    rows.append(("peak of the map", map_.peak, f"in {map_.unit}"))
    if map_.caveat:
        rows.append(("caveat", math.nan, map_.caveat))
    if words:
        location = words.locations[index]
        rows += [(f"share of the heat at {name}", share, "") for name, share in location.places]
        rows.append(("share of the heat in the lungs", location.lungs, words.notes))
    return rows


def _of_pair(agreement: Agreement) -> list[tuple[str, float, str]]:
    reason = " ".join(agreement.notes)
    return [(TITLES[name], value, reason if math.isnan(value) else "") for name, value in agreement.figures().items()]


def films_csv(comparison: Comparison) -> str:
    """One row per film: the prediction and all probabilities of each model, all agreement figures of each pair."""
    panel = comparison.panel
    pairs = list(combinations(panel.names, 2))
    figures = list(Agreement().figures())
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(
        ["film", "patient", "labels", "disagreement", "flips", "apart", "finding"]
        + [f"{name} says" for name in panel.names]
        + [f"{name} {finding}" for name in panel.names for finding in panel.findings]
        + [f"{first} | {second} {figure}" for first, second in pairs for figure in figures]
        + ["words", "captum"]
    )
    for row in comparison.films:
        table.writerow(
            [row.name, row.patient, "|".join(row.labels or ()), f"{row.score:.4f}", int(row.flips), f"{row.apart:.4f}"]
            + [row.finding, *row.says]
            + [f"{value:.6f}" for likely in row.probabilities for value in likely]
            + [_cell(value) for each in row.agreements for value in each.figures().values()]
            + [row.words, captum_version()]
        )
    return out.getvalue()


def _cell(value: float) -> str:
    return "" if value != value else f"{value:.6g}"
