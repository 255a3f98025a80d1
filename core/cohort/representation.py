"""The representations behind a map of cases: features of a stage, of an untrained network, or raw pixels."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.cohort.projection import ProjectionName, neighbour_purity, projection
from core.cohort.rows import UNTRAINED
from core.cohort.table import CohortTable, Selection
from core.errors import BadSetting

LAST, PIXELS = "last stage", "raw pixels"
_SIDE = 32  # px of a film as raw pixels
FEWEST = 10  # films


@dataclass(frozen=True)
class MapFigures:
    """How well a map of cases preserves neighbours, and how pure they are; shares, 0 to 1. chance: purity by chance."""

    representation: str
    films: int
    trustworthiness: float
    purity: float
    chance: float


def representations(table: CohortTable, checkpoint: str) -> list[str]:
    """The representations that the run holds: last stage, earlier stages, untrained network, pixels of thumbnails."""
    stages = [stage or LAST for stage in table.stages(checkpoint)]
    pixels = [PIXELS] if (table.folder.path / "thumbnails").is_dir() else []
    return stages + pixels


def represented(
    table: CohortTable, selection: Selection, films: Sequence[int], name: str
) -> tuple[list[int], NDArray[np.float32]]:
    """Numbers of the films that the run holds in this representation, and (N, K) their features.

    name:   one of `representations`.
    Raises: BadSetting if the run does not hold it.
    """
    known = representations(table, selection.checkpoint)
    if name not in known:
        further = "Make a run with --earlier-stages or --untrained for more." if name not in (LAST, PIXELS) else ""
        raise BadSetting(
            f"The run does not hold {name}. It holds {', '.join(known) or 'no features'}. {further}".strip()
        )
    if name != PIXELS:
        return table.features(selection, films, stage="" if name == LAST else name)
    pictures = table.thumbnails(films)
    return list(pictures), np.array([_pixels(jpeg) for jpeg in pictures.values()], np.float32).reshape(-1, _SIDE**2)


def compared_maps(
    table: CohortTable, selection: Selection, name: ProjectionName, *, column: str, most: int
) -> list[MapFigures]:
    """The figures of the map by each representation that the run holds, over the same films.

    column: whose values the neighbours should share; films without one are left out.
    most:   maximum number of films, always the same ones.
    Raises: BadSetting for fewer than ten films with a value.
    """
    values = {row[0]: row[3] for row in table.sample(selection, column, most) if row[3] not in (None, "")}
    results = []
    for each in representations(table, selection.checkpoint):
        numbers, features = represented(table, selection, list(values), each)
        if len(numbers) < FEWEST:
            raise BadSetting(
                f"A map needs {FEWEST} films with a {column}; there are {len(numbers)}. Choose more films."
            )
        laid_out = projection(features, name)
        purity, chance = neighbour_purity(laid_out.points, np.array([str(values[number]) for number in numbers]))
        results.append(MapFigures(each, len(numbers), laid_out.trustworthiness, purity, chance))
    return results


def representation_text(name: str) -> str:
    """The representation in words."""
    return "last stage of the untrained network" if name == UNTRAINED else name


def _pixels(jpeg: bytes) -> NDArray[np.float32]:
    """(1024,) the film's grey values, 0 to 1, resized to a square."""
    with Image.open(io.BytesIO(jpeg)) as picture:
        small = picture.convert("L").resize((_SIDE, _SIDE), Image.Resampling.BOX)
    return (np.asarray(small, np.float32) / np.float32(255)).ravel()
