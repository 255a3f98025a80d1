"""Annotations on a film: lengths, regions, angles, arrows and texts, from the viewer or from its table (CSV)."""

import csv
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from core.errors import BadData, BadSetting
from core.types import Radiograph

AnnotationKind = Literal["length", "ellipse", "rectangle", "angle", "diameter", "arrow", "text", "lasso", "brush"]
Point = tuple[float, float]
POINTS: Mapping[str, int] = {  # points of a complete annotation
    "length": 2,
    "ellipse": 2,
    "rectangle": 2,
    "angle": 4,
    "diameter": 4,
    "arrow": 2,
    "text": 1,
}
_FORMULA = "=+-@\t\r"  # a text that starts with one of these is a formula in spreadsheets: the viewer puts ' before it
_MOST = 500  # annotations per film
_MOST_POINTS = 50_000  # per film
_LONGEST = 2_000  # letters of a text
_NEEDED = ("kind", "points")


@dataclass(frozen=True)
class Annotation:
    """One shape on a film.

    kind:   "lasso" and "brush" are regions of the what-if bench: they are not measured.
    points: (x, y) in pixels of the stored film. Ellipse, rectangle: opposite corners of the box; angle: two lines;
            diameter: the long, then the short axis; arrow: its tip is the second.
    text:   of arrows and texts.
    """

    kind: AnnotationKind
    points: tuple[Point, ...]
    text: str = ""

    @property
    def is_complete(self) -> bool:
        """Whether it has all its points and belongs in a report."""
        return len(self.points) == POINTS.get(self.kind, -1)

    @property
    def title(self) -> str:
        """Its kind in words."""
        return "Two-way diameter" if self.kind == "diameter" else self.kind.capitalize()


@dataclass(frozen=True)
class FilmAnnotations:
    """All annotations of one film.

    calibration: mm per pixel, from a length that the user knows; None for the file's own.
    film:        key of the radiograph; empty if unknown.
    """

    items: tuple[Annotation, ...] = ()
    calibration: float | None = None
    film: str = ""

    @property
    def complete(self) -> tuple[Annotation, ...]:
        """The annotations that belong in a report."""
        return tuple(each for each in self.items if each.is_complete)

    def refuse_other(self, radiograph: Radiograph) -> None:
        """Raises: BadData if they name another film; if they name none, for a point outside this film."""
        if self.film and self.film != radiograph.key:
            raise BadData(
                f"The measurements are of the film with digest {self.film}, but {radiograph.name} has digest "
                f"{radiograph.key}. Give the film on which they were drawn."
            )
        height, width = radiograph.pixels.shape
        for each in self.items:
            beyond = next(((x, y) for x, y in each.points if not (0 <= x <= width and 0 <= y <= height)), None)
            if beyond and not self.film:
                raise BadData(
                    f"{each.title} {self.items.index(each) + 1} reaches to {beyond[0]:g}, {beyond[1]:g}, but the film "
                    f"has {width} × {height} pixels. Give points that lie on it."
                )


def annotations_of(value: Any, film: str) -> FilmAnnotations:
    """The annotations that the viewer sends: {"shapes": [{kind, points, text}], "calibration": mm or None}.

    Raises: BadData if it is anything else, or too large.
    """
    try:
        items = tuple(
            _annotation(str(each["kind"]), [(x, y) for x, y in each["points"]], str(each["text"]))
            for each in value["shapes"]
        )
        calibration = value["calibration"]
        result = FilmAnnotations(items, None if calibration is None else _calibration(calibration), film)
    except (KeyError, TypeError, ValueError) as error:
        raise BadData(
            f"The measurements of a film are not kept: {error}. Remove what was drawn last, or reload."
        ) from error
    if len(items) > _MOST or sum(len(each.points) for each in items) > _MOST_POINTS:
        raise BadData(
            f"More than {_MOST} shapes or {_MOST_POINTS:,} points on a film are not kept: they are lost with a reload. "
            "Remove some."
        )
    return result


def read_measurements(data: bytes, *, name: str) -> FilmAnnotations:
    """The annotations in a table that the viewer saved.

    Raises: BadData naming the first row that is wrong.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadData(f"{name} is not a text file. Give the CSV that the viewer saves as measurements.") from error
    reader = csv.DictReader(io.StringIO(text, newline=""))
    columns = reader.fieldnames or []
    missing = [each for each in _NEEDED if each not in columns]
    if missing:
        raise BadData(
            f"{name} has no column {' and no column '.join(missing)}. Give the CSV that the viewer saves as "
            "measurements."
        )
    items, calibrations, films = [], set(), set()
    try:
        for row in reader:
            items.append(_annotation(row["kind"], _points(row["points"] or ""), _text(row.get("text") or "")))
            calibrations.add(_calibration(row["mm_per_px"]) if row.get("mm_per_px") else None)
            films.add(row.get("film") or "")
    except (ValueError, csv.Error) as error:
        raise BadData(f"{name}, line {reader.line_num}: {error}. Save the table again in the viewer.") from error
    if len(calibrations) > 1 or len(films) > 1:
        raise BadData(f"{name} holds rows of several films or calibrations. Give the table of one film.")
    return FilmAnnotations(tuple(items), next(iter(calibrations), None), next(iter(films), ""))


def length_of(text: str) -> Annotation:
    """The length in "x0,y0,x1,y1". Raises: BadSetting for anything else."""
    try:
        x0, y0, x1, y1 = map(float, text.split(","))
    except ValueError as error:
        raise BadSetting(f"A length is {text!r}; give the pixels of its two ends, as in 100,200,340,200.") from error
    return Annotation("length", ((x0, y0), (x1, y1)))


def _annotation(kind: str, points: list[Point], text: str) -> Annotation:
    known = get_args(AnnotationKind)
    if kind not in known:
        raise ValueError(f"{kind!r} is no kind of measurement; there are {', '.join(known)}")
    whole = POINTS.get(kind, len(points))
    if not points or len(points) not in (whole, min(2, whole)):  # an angle's second line comes later
        raise ValueError(f"{len(points)} points are no {kind}")
    numbers = tuple((float(x), float(y)) for x, y in points)
    if not all(math.isfinite(number) and abs(number) < 1e6 for point in numbers for number in point):
        raise ValueError("a point is not on a film")
    if len(text) > _LONGEST:
        raise ValueError(f"a text has {len(text)} letters, the most is {_LONGEST}")
    return Annotation(kind, numbers, text)  # type: ignore[arg-type]


def _calibration(value: Any) -> float:
    number = float(value)
    if not 0 < number < 1000:
        raise ValueError(f"{value} mm is not a pixel size")
    return number


def _points(text: str) -> list[Point]:
    """ "x y; x y" """
    points = []
    for pair in text.split(";"):
        numbers = pair.split()
        if len(numbers) != 2:
            raise ValueError(f"points are {text!r}; expected x y; x y")
        points.append((float(numbers[0]), float(numbers[1])))
    return points


def _text(cell: str) -> str:
    return cell[1:] if cell[:1] == "'" and cell[1:2] and cell[1] in _FORMULA else cell


def without_texts(annotations: FilmAnnotations) -> FilmAnnotations:
    """The annotations without their texts, which may name the patient; those that are only a text are removed."""
    items = tuple(replace(each, text="") for each in annotations.items if each.kind != "text")
    return replace(annotations, items=items)
