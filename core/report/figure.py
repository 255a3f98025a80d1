"""A panel for a paper: vector PDF, PNG of 300 dpi, and the text of its caption."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from core.compare.board import common_ends
from core.compare.tile import Tile
from core.lung_network import inspect_film
from core.models.findings import words
from core.overlay import DRAWN, NOTICE, absence, caption
from core.report.annotation_svg import annotation_labels, annotation_svg
from core.report.case import CaseRecord
from core.report.film_picture import FilmPicture, film_picture
from core.report.pdf import typeset
from core.types import Explanation, Radiograph

DPI = 300
_LONGEST = 1000  # px: a third of a page's width at 300 dpi is 670
_COLUMNS = {1: 1, 2: 2, 3: 3, 4: 2, 5: 3, 6: 3}


@dataclass(frozen=True, eq=False)
class FigurePanel:
    """Pictures with their letters, side by side."""

    films: tuple[FilmPicture, ...]
    letters: tuple[str, ...]
    columns: int
    title: str


@dataclass(frozen=True)
class FigureFiles:
    """pdf: vector but for the films; png: 300 dpi; caption: text."""

    pdf: bytes
    png: bytes
    caption: str


def case_figure(case: CaseRecord) -> FigureFiles:
    """The film, then each of its maps."""
    entries: list[tuple[Explanation | None, str, float | None]] = [(None, "the radiograph", None)]
    for each in case.maps:
        sure = case.prediction.probability(each.finding)
        text = f"{caption(each)}; {case.checkpoint.name}, probability of {words(each.finding)} {sure:.2f}"
        entries.append((each, text, None))
    return _figure(
        case.radiograph,
        case.maps[0],
        entries,
        annotations=annotation_svg(case),
        measurements=annotation_labels(case),
    )


def board_figure(
    radiograph: Radiograph, tiles: Sequence[Tile], *, difference: Explanation | None = None, common: bool = False
) -> FigureFiles:
    """The maps of a comparison, and the difference of two of them.

    common: colours up to the largest value of all maps in one unit, as in `core.compare.board.board_png`.
    """
    ends = common_ends([tile.explanation for tile in tiles]) if common else {}
    entries: list[tuple[Explanation | None, str, float | None]] = []
    for tile in tiles:
        map_ = tile.explanation
        sure = tile.prediction.probability(map_.finding)
        text = f"{tile.checkpoint.name}, {caption(map_)}; probability of {words(map_.finding)} {sure:.2f}"
        entries.append((map_, text, ends.get(map_.unit)))
    if difference is not None:
        entries.append((difference, f"difference: {difference.title}", None))
    return _figure(radiograph, tiles[0].explanation, entries)


def _figure(
    radiograph: Radiograph,
    first: Explanation,
    entries: Sequence[tuple[Explanation | None, str, float | None]],
    *,
    annotations: bytes = b"",
    measurements: Sequence[str] = (),
) -> FigureFiles:
    checks = inspect_film(radiograph, first.cleaning)
    films = tuple(
        film_picture(
            radiograph,
            map_,
            cleaning=first.cleaning,
            checks=checks,
            caption=text,
            scale=scale,
            longest=_LONGEST,
            lossless=True,
            annotations=annotations,
        )
        for map_, text, scale in entries
    )
    letters = tuple(chr(ord("a") + place) for place in range(len(films)))
    text = _caption(radiograph, entries, films, letters, measurements)
    panel = FigurePanel(films, letters, _COLUMNS.get(len(films), 4), text)
    return FigureFiles(
        pdf=typeset("figure.typ", panel),
        png=_with_resolution(typeset("figure.typ", panel, format="png", ppi=float(DPI))),
        caption=text,
    )


def _with_resolution(png: bytes) -> bytes:
    """The PNG with its resolution, so that programs place it at its size."""
    file = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").save(file, "PNG", dpi=(DPI, DPI), compress_level=6)
    return file.getvalue()


def _caption(
    radiograph: Radiograph,
    entries: Sequence[tuple[Explanation | None, str, float | None]],
    films: Sequence[FilmPicture],
    letters: Sequence[str],
    measurements: Sequence[str],
) -> str:
    parts = [f"({letter}) {text}" for letter, (_, text, _) in zip(letters, entries, strict=True)]
    sentences = [f"{'; '.join(parts)}."]
    maps = [map_ for map_, _, _ in entries if map_ is not None and not absence(map_)]
    if maps:
        sentences.append(f"Heat in {' and '.join(dict.fromkeys(map_.unit for map_ in maps))}; colour bars as given.")
    scale, side = films[0].scale, films[0].sides[0]
    sentences.append(f"Scale bar: {scale.text}." if scale else "No scale bar: the file gives no plausible pixel size.")
    if side.startswith("("):
        sentences.append("Sides in brackets: as frontal films are hung; the file does not say.")
    sentences += [f"Measurements: {'; '.join(measurements)}."] if measurements else []
    sentences += [map_.caveat for map_ in maps if map_.caveat]
    sentences += [DRAWN] if radiograph.drawn else []
    return " ".join([*sentences, NOTICE])
