"""From a file to the inputs that the networks of a run need; runs in worker processes."""

import io
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.cohort.alterations import AlteredFilm, altered_films
from core.cohort.films import CohortFilm
from core.cohort.settings import Settings
from core.compare.anatomical_regions import anatomical_places
from core.compare.grid import Area, whole
from core.errors import BadData, BadSetting, UnreadableFile
from core.evaluate.manifest import Row, row_radiograph
from core.explain.batch import PreparedFilm, fits_batch
from core.explain.method import methods
from core.image import files
from core.image.arrangement import through
from core.image.film_checks import Check, withheld
from core.image.prepare import prepare, windowed
from core.lung_network import inspect_film
from core.types import Input, Radiograph

THUMBNAIL = 128  # px, long side


@dataclass(frozen=True, eq=False)
class FilmRegions:
    """The anatomical regions of one film on a grid.

    names:  (n,) of the regions; labels: (h, w) index of each cell's region.
    lungs:  (n,) whether the region is part of the lungs with a rim around them; area: their share of the film.
    box:    x0, y0, x1, y1 of these parts, as shares of the film's width and height; None without lungs.
    grid:   the cells on the film.
    """

    names: tuple[str, ...]
    labels: NDArray[np.uint8]
    lungs: NDArray[np.bool_]
    area: float
    box: tuple[float, float, float, float] | None
    grid: Area


@dataclass(frozen=True, eq=False)
class DecodedFilm:
    """One film, read and prepared; or why it could not be read.

    error:      a sentence; then the rest is empty.
    digest:     of the film's content.
    size:       height and width in pixels.
    age, view:  from the file, if it has them.
    inputs:     one per network of the run.
    withheld:   why the predictions mean nothing, a sentence, or empty.
    drawn:      whether it is a drawn phantom, which no gate refuses.
    checks:     of the film; empty if the run leaves them out.
    regions:    None if the run leaves them out.
    thumbnail:  JPEG, or empty.
    altered:    the film with each alteration of the run that it allows.
    radiograph: the film itself, where a method or measure needs it.
    seconds:    spent on reading and preparation.
    """

    film: CohortFilm
    error: str = ""
    digest: str = ""
    size: tuple[int, int] = (0, 0)
    age: float | None = None
    view: str | None = None
    inputs: tuple[PreparedFilm, ...] = ()
    withheld: str = ""
    drawn: bool = False
    checks: tuple[Check, ...] = ()
    regions: FilmRegions | None = None
    thumbnail: bytes = b""
    altered: tuple[AlteredFilm, ...] = ()
    radiograph: Radiograph | None = field(default=None, repr=False)
    seconds: float = 0.0


def decode(root: Path, film: CohortFilm, settings: Settings, inputs: Sequence[Input]) -> DecodedFilm:
    """Reads and prepares one film. A file that cannot be read gives an `error`.

    inputs: the preprocessing of each network.
    """
    start = time.perf_counter()
    try:
        radiograph = read_film(root, film)
        checks = inspect_film(radiograph, settings.cleaning) if settings.checks else ()
        prepared = [prepare(radiograph, each, settings.cleaning) for each in inputs]
    except (UnreadableFile, BadData, BadSetting) as error:
        return DecodedFilm(film, error=_within(root, str(error)), seconds=time.perf_counter() - start)
    answer = DecodedFilm(
        film,
        digest=radiograph.key,
        size=(radiograph.pixels.shape[0], radiograph.pixels.shape[1]),
        age=radiograph.age,
        view=radiograph.view,
        inputs=tuple(PreparedFilm(radiograph.key, each.image.numpy(), each.placement) for each in prepared),
        withheld="" if settings.cleaning.anyway else withheld(checks),
        drawn=radiograph.drawn,
        checks=checks,
        regions=_regions(radiograph, settings) if settings.lungs else None,
        thumbnail=_thumbnail(radiograph, settings) if settings.thumbnails else b"",
        altered=altered_films(radiograph, settings.alterations, inputs) if settings.alterations else (),
        radiograph=radiograph if needs_film(settings) else None,
    )
    return replace(answer, seconds=time.perf_counter() - start)


def needs_film(settings: Settings) -> bool:
    """Whether a method or measure of the run reads the film itself, not only the network's input."""
    return bool(settings.measures) or not all(fits_batch(methods[name]) for name in settings.methods)


def read_film(root: Path, film: CohortFilm) -> Radiograph:
    """The film, cropped to its box. Raises: UnreadableFile, BadData."""
    if film.box:
        return row_radiograph(Row(root / film.path, label="", id=film.path, box=film.box))
    return files.read_file(str(root / film.path))


def _within(root: Path, sentence: str) -> str:
    """The sentence without the folder above the input."""
    return sentence.replace(f"{root}{os.sep}", "")


def _regions(radiograph: Radiograph, settings: Settings) -> FilmRegions:
    places = anatomical_places(radiograph, settings.cleaning)
    lungs = places.lungs[places.labels]
    box = None
    if lungs.any():
        rows, columns = np.flatnonzero(lungs.any(axis=1)), np.flatnonzero(lungs.any(axis=0))
        down, across = lungs.shape
        box = columns[0] / across, rows[0] / down, (columns[-1] + 1) / across, (rows[-1] + 1) / down
    return FilmRegions(
        places.names,
        places.labels.astype(np.uint8),
        places.lungs,
        float(lungs.mean()),
        tuple(map(float, box)) if box else None,  # type: ignore[arg-type]
        whole(radiograph),
    )


def _thumbnail(radiograph: Radiograph, settings: Settings) -> bytes:
    """The film as it is stored, through the window of the run, as a small JPEG."""
    film = through(radiograph, settings.cleaning.window)
    step = max(1, max(film.pixels.shape) // (4 * THUMBNAIL))
    grey = windowed(film.pixels[::step, ::step], film.black, film.white)
    picture = Image.fromarray((grey * 255).round().astype(np.uint8))
    picture.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX)
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=85)
    return file.getvalue()
