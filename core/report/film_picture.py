"""The film as reports draw it: picture, side letters, scale bar and colour bar, each a separate element."""

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.image.arrangement import OPPOSITE, arranged, turned
from core.image.film_checks import LATERAL, Check
from core.image.prepare import enlarge
from core.overlay import absence, alphas, display, end, figure, levels, overlay, palette, table
from core.types import Cleaning, Explanation, Radiograph

LONGEST = 1100  # px, long side of a film in a report: 300 dpi on 93 mm
_LENGTHS = (200, 100, 50, 20, 10, 5, 2, 1)  # mm
_MOST = 0.35  # largest share of the film's width for a scale bar


@dataclass(frozen=True)
class ScaleBar:
    """A length of the film. share: of the film's width, 0 to 1; text: "50 mm"."""

    share: float
    text: str


@dataclass(frozen=True, eq=False)
class ColourBar:
    """The colours of a map. strip: PNG, 256 x 1 px; ends: two numbers, or three for a signed map."""

    strip: bytes
    ends: tuple[str, ...]
    unit: str


@dataclass(frozen=True, eq=False)
class FilmPicture:
    """A film, with or without heat over it.

    data:  JPEG or PNG, as displayed: windowed, mirrored, turned, inverted.
    sides: letters at the left and right edge; empty if unknown. In brackets: assumed, as frontal films are hung.
    scale: None if the file gives no plausible pixel spacing.
    bar:   None for a bare film.
    annotations: SVG in the picture's aspect ratio; empty without annotations.
    """

    data: bytes
    width: int
    height: int
    alt: str
    caption: str
    sides: tuple[str, str] = ("", "")
    scale: ScaleBar | None = None
    bar: ColourBar | None = None
    annotations: bytes = b""

    @property
    def suffix(self) -> str:
        """The file's ending: "png" or "jpg"."""
        return "png" if self.data[:4] == b"\x89PNG" else "jpg"


def film_picture(
    radiograph: Radiograph,
    explanation: Explanation | None,
    *,
    cleaning: Cleaning,
    checks: tuple[Check, ...],
    caption: str,
    scale: float | None = None,
    longest: int = LONGEST,
    lossless: bool = False,
    annotations: bytes = b"",
) -> FilmPicture:
    """The film at `longest` px or less, with the map over it unless it is None or void.

    scale:    as in `core.overlay.overlay`.
    lossless: PNG instead of JPEG.
    annotations: SVG to lay over the film.
    """
    shown = None if explanation is None or absence(explanation) else explanation
    rgb = overlay(radiograph, shown, scale=scale, legend=False) if shown else bare(radiograph, cleaning)
    picture = shrunk(rgb, longest)
    film = arranged(radiograph, cleaning)
    return FilmPicture(
        data=_file(picture, lossless=lossless),
        width=picture.width,
        height=picture.height,
        alt=caption,
        caption=caption,
        sides=sides(radiograph, cleaning, checks),
        scale=scale_bar(film, checks),
        bar=colour_bar(shown, scale) if shown else None,
        annotations=annotations,
    )


def bare(radiograph: Radiograph, cleaning: Cleaning) -> NDArray[np.uint8]:
    """(H, W, 3) the film as displayed, without heat."""
    return np.repeat(display(arranged(radiograph, cleaning))[:, :, None], 3, axis=2)


def heat_png(radiograph: Radiograph, explanation: Explanation, *, longest: int = LONGEST) -> bytes:
    """The heat alone as a transparent PNG of the displayed film's shape; at full opacity, which a slider lowers.

    Laid over the film at opacity p it gives the picture of `core.overlay.overlay` with opacity p.
    """
    height, width = radiograph.pixels.shape
    shrink = min(1.0, longest / max(height, width))
    small = max(1, round(height * shrink)), max(1, round(width * shrink))
    box = explanation.placement
    across, down = small[1] / width, small[0] / height
    there = type(box)(box.x0 * across, box.y0 * down, box.x1 * across, box.y1 * down, box.turn)
    heat = enlarge(explanation.heat, there, small)
    level = levels(heat, signed=explanation.signed, scale=end(explanation))
    alpha = alphas(signed=explanation.signed, opacity=1.0, threshold=0.0)
    rgba = np.dstack([table(palette(None, signed=explanation.signed))[level], np.rint(255 * alpha[level])])
    file = io.BytesIO()
    Image.fromarray(turned(rgba.astype(np.uint8), explanation.cleaning), "RGBA").save(file, "PNG", optimize=False)
    return file.getvalue()


def sides(radiograph: Radiograph, cleaning: Cleaning, checks: tuple[Check, ...]) -> tuple[str, str]:
    """The patient's side at the left and right edge of the displayed film.

    From the file. If the file does not give them, as frontal films are hung, in brackets; "" for lateral films and for
    films that, by the film checks, are not an upright frontal chest.
    """
    film = arranged(radiograph, cleaning)
    if film.orientation is not None:
        across = film.orientation[0]
        return (OPPOSITE[across], across) if across in "RLAP" else ("", "")
    unusual = any(check.withholds for check in checks if check.name in ("frontal", "turned"))
    if radiograph.view in LATERAL or cleaning.mirror or unusual:
        return "", ""
    return "(R)", "(L)"


def scale_bar(film: Radiograph, checks: tuple[Check, ...]) -> ScaleBar | None:
    """The longest round length within a third of the displayed film's width; None without plausible millimetres."""
    distrusted = any(check.level == "warning" for check in checks if check.name == "spacing")
    if film.spacing is None or distrusted:
        return None
    width = film.pixels.shape[1] * film.spacing[1]
    fitting = [length for length in _LENGTHS if length <= _MOST * width]
    if not fitting:
        return None
    return ScaleBar(fitting[0] / width, f"{fitting[0]} mm" + (" at the detector" if film.at_detector else ""))


def colour_bar(explanation: Explanation, scale: float | None = None) -> ColourBar:
    """The colours of the map from end to end, with their numbers and unit."""
    scale = scale or end(explanation)
    colours = np.array(table(palette(None, signed=explanation.signed)))
    if explanation.signed:
        colours[0] = colours[1]
    ends = (figure(-scale), "0", figure(scale)) if explanation.signed else ("0", figure(scale))
    return ColourBar(_file(Image.fromarray(colours[None]), lossless=True), ends, explanation.unit)


def shrunk(rgb: NDArray[np.uint8], longest: int) -> Image.Image:
    """The picture with its long side at most `longest` px."""
    picture = Image.fromarray(rgb)
    shrink = min(1.0, longest / max(picture.size))
    size = max(1, round(picture.width * shrink)), max(1, round(picture.height * shrink))
    return picture.resize(size, Image.Resampling.BOX) if shrink < 1 else picture


def _file(picture: Image.Image, *, lossless: bool) -> bytes:
    file = io.BytesIO()
    if lossless:
        picture.save(file, "PNG", compress_level=6)
    else:
        picture.save(file, "JPEG", quality=88, subsampling=0)
    return file.getvalue()
