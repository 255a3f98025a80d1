"""Film patches that excite a unit of an atlas, cut from pictures stored beside it."""

import hashlib
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.errors import BadData
from core.film_stream import film_batches
from core.image.prepare import prepare
from core.layers.atlases import Atlas, TopFilm
from core.layers.reference import ReferenceFilm, ReferenceSet
from core.types import Checkpoint, Input
from core.work import Work

FOLDER = "pictures"
_QUALITY = 85  # WebP quality, of 100: a film of 224 px takes 5 KB


def store(
    atlas: Atlas,
    films: ReferenceSet,
    checkpoint: Checkpoint,
    *,
    work: Work | None = None,
    progress: bool = False,
) -> int:
    """Stores a picture of each film that the atlas names, as the network sees it; returns their number.

    Existing pictures stay. For patient films these are patient pixels: store them only where the films may be stored.
    Raises: Stopped by `work`; pictures that are already stored stay.
    """
    work = work or Work(limit=0)
    folder = atlas.folder / FOLDER
    folder.mkdir(exist_ok=True)
    named = {seen.film for seen in _all(atlas)}
    wanted = [film for film in films.films if film.name in named and not picture_file(atlas.folder, film.name).exists()]
    work.expect(len(wanted))
    read, title = partial(_picture, checkpoint.input), "pictures" if progress else ""
    for (film,) in film_batches(wanted, read, batch=1, progress=title, pause=work.step):
        if film.value is None:  # deleted since the pass; its patches stay empty
            continue
        file = picture_file(atlas.folder, film.item.name)
        Image.fromarray(film.value).save(file.with_suffix(".part"), "WebP", quality=_QUALITY)
        file.with_suffix(".part").replace(file)
    return sum(picture_file(atlas.folder, name).exists() for name in named)


def _picture(input: Input, film: ReferenceFilm) -> NDArray[np.uint8]:
    """(S, S) the film as the network sees it."""
    return prepare(film.open(), input).picture


def patch(atlas: Atlas, stage: str, seen: TopFilm) -> NDArray[np.uint8] | None:
    """(h, w) uint8, the cell's receptive field on the film, cut at its edge; None without a picture.

    Upright only where the network saw the film upright. A field as large as the film gives the whole film.
    Raises: UnknownName for a stage; BadData if the picture cannot be read.
    """
    file, field, size = picture_file(atlas.folder, seen.film), atlas.field(stage), int(atlas.metadata["size"])
    if not file.exists() or field is None:
        return None
    try:
        with Image.open(file) as opened:
            whole = np.asarray(opened.convert("L"))
    except OSError as error:
        raise BadData(f"{file} cannot be read ({error}). Remove it; --pictures recreates it.") from error
    x0, y0, x1, y1 = (round(edge) for edge in field.box(seen.row, seen.column, size))
    crop: NDArray[np.uint8] = whole[y0:y1, x0:x1]
    return crop


def spot(atlas: Atlas, stage: str, seen: TopFilm) -> tuple[float, float]:
    """The middle of the cell's field in its patch, as shares of width and height, 0 to 1.

    Raises: UnknownName for a stage.
    """
    field, size = atlas.field(stage), int(atlas.metadata["size"])
    if field is None:
        return 0.5, 0.5
    x0, y0, x1, y1 = field.box(seen.row, seen.column, size)
    across = (field.columns.centre(seen.column) - x0) / (x1 - x0)
    down = (field.rows.centre(seen.row) - y0) / (y1 - y0)
    return min(max(across, 0.0), 1.0), min(max(down, 0.0), 1.0)


def picture_file(folder: Path, film: str) -> Path:
    """The path of the film's picture: a safe form of its name, and a digest that makes it unique."""
    safe = re.sub(r"[^A-Za-z0-9-]+", "-", film)[:40].strip("-")
    return folder / FOLDER / f"{safe}-{hashlib.sha256(film.encode()).hexdigest()[:8]}.webp"


def _all(atlas: Atlas) -> Iterator[TopFilm]:
    for name in ("exciting", "relevant"):
        for films in atlas.table.column(name).to_pylist():
            yield from (TopFilm(**each) for each in films)
