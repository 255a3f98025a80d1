"""Film checks: what a radiologist wants to know about a film before trusting a model's output for it.

Each check is one small function with a figure and a sentence; `inspect` runs them all. The thresholds were set on
the training films of shared/cxr, and the rates that a test holds were measured on its test films.
"""

import math
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from core.image.arrangement import DATA, TURNS
from core.image.grey import levels
from core.image.marks import Mark, marks
from core.image.side_marker import side_markers
from core.image.small_film import Look, block_step
from core.registry import Registry
from core.types import Level, Radiograph


@dataclass(frozen=True)
class Check:
    """The result of one check.

    title:     two or three words for the screen.
    level:     "ok", "note" (worth knowing) or "warning" (do not trust the model until this is resolved).
    figure:    the measured number, in `unit`; NaN if there is none.
    sentence:  the observation, why it matters, what to do.
    mend:      the switches of `Cleaning` that fix it; empty if none does.
    withholds: whether the prediction is meaningless until it is fixed.
    measured:  what the figure measures, if several checks show the same one, else empty.
    """

    name: str
    title: str
    level: Level
    figure: float
    unit: str
    sentence: str
    mend: Mapping[str, Any] = field(default_factory=dict)
    withholds: bool = False
    measured: str = ""


@dataclass(frozen=True)
class Finding:
    """The return value of a check; the registry adds its name, title and unit."""

    level: Level
    figure: float
    sentence: str
    mend: Mapping[str, Any] = field(default_factory=dict)
    withholds: bool = False


@dataclass(frozen=True)
class Entry:
    """One line of the table: a check and its name on screen."""

    name: str
    title: str
    unit: str
    measured: str
    look: Callable[[Look], Finding]

    def __call__(self, look: Look) -> Check:
        finding = self.look(look)
        return Check(
            self.name,
            self.title,
            finding.level,
            finding.figure,
            self.unit,
            finding.sentence,
            finding.mend,
            finding.withholds,
            self.measured,
        )


checks: Registry[Entry] = Registry("quality check")
_BLANK = 8  # % of black to white: of the 799 test films none has less than 14.9 in its middle
LATERAL = ("LL", "RL", "LLD", "RLD", "LAT", "LATERAL")  # DICOM's view positions, and what makers write
# Words in the name of a body part, as scanners write them in several languages, without accents. Any other name says
# nothing that can be relied on.
_CHEST = ("CHEST", "THORA", "TORAX", "TORACE", "LUNG", "PULMO", "POUMON", "RIB", "STERNUM", "WHOLEBODY", "TRUNK", "CXR",
          "PORT CH")  # fmt: skip
_OTHER_PARTS = (
    "HAND", "FINGER", "THUMB", "WRIST", "ARM", "ELBOW", "HUMERUS", "RADIUS", "ULNA", "SHOULDER", "CLAVICLE", "SCAPULA",
    "FOOT", "TOE", "ANKLE", "HEEL", "CALCANEUS", "LEG", "TIBIA", "FIBULA", "KNEE", "PATELLA", "THIGH", "FEMUR", "HIP",
    "EXTREMITY", "PELVI", "ABDOM", "KUB", "SKULL", "HEAD", "FACE", "JAW", "MANDIBLE", "TEETH", "DENTAL", "SINUS",
    "ORBIT", "NOSE", "NECK", "SPINE", "SACRUM", "COCCYX", "BREAST", "HEART", "STOMACH", "COLON", "BLADDER", "KIDNEY",
)  # fmt: skip


def check(
    name: str, *, title: str, unit: str, measured: str = ""
) -> Callable[[Callable[[Look], Finding]], Callable[[Look], Finding]]:
    """Adds a function to the table that pages, command line and tests read; measured: as in `Check`."""

    def enter(function: Callable[[Look], Finding]) -> Callable[[Look], Finding]:
        checks.add(name, Entry(name, title, unit, measured, function))
        return function

    return enter


def inspect(radiograph: Radiograph) -> tuple[Check, ...]:
    """Every check of the table on one radiograph, in the table's order."""
    look = Look(radiograph)
    return tuple(entry(look) for entry in checks.values())


def withheld(checks: Sequence[Check]) -> str:
    """Why the prediction is meaningless, in the checks' own sentences; empty if it is not."""
    return " ".join(check.sentence for check in checks if check.withholds)


@check("frontal", title="Frontal chest", unit="log odds", measured="clarity")
def frontal(look: Look) -> Finding:
    """Whether the film shows a frontal chest, in any orientation."""
    clarity = look.fit.clarity
    if clarity < 0:
        return Finding(
            "warning",
            clarity,
            "This does not look like a frontal chest radiograph: a lateral view, a CT slice, a part of a film, a "
            "photo or a figure, perhaps. The model knows frontal chests only and would answer anyway. Use a PA "
            "or AP film.",
        )
    if clarity < 0.7:
        return Finding(
            "note",
            clarity,
            "Hard to recognise as a frontal chest: very dense lungs, a tight crop or strong rotation look like this. "
            "Check that it is a PA or AP film before you trust the model.",
        )
    return Finding("ok", clarity, "A frontal chest radiograph, by its broad pattern.")


@check("turned", title="Orientation", unit="°")
def turned(look: Look) -> Finding:
    """Whether the film is turned by 90, 180 or 270°."""
    fit = look.fit
    if fit.clarity < 1 or fit.turn == 0:
        return Finding("ok", 0, "Upright: no sign of a turned film.")
    how = {1: "on its side", 2: "upside-down", 3: "on its side"}[fit.turn]
    return Finding(
        "warning",
        90.0 * fit.turn,
        f"The film lies {how}. The model learned upright films only, and left and right are lost on it: turn it "
        f"by {TURNS[fit.turn]}.",
        {"turn": fit.turn},
        withholds=True,
    )


@check("inverted", title="Grey scale", unit="log odds", measured="clarity")
def inverted(look: Look) -> Finding:
    """Whether bone is dark."""
    fit = look.fit
    if fit.clarity < 1 or not fit.inverted:
        return Finding("ok", fit.clarity, "Bone is bright and air is dark.")
    return Finding(
        "warning",
        fit.clarity,
        "The grey scale is inverted: lungs are bright, bone is dark. The model learned the opposite: invert the film.",
        {"invert": True},
        withholds=True,
    )


@check("header", title="Header", unit="")
def header(look: Look) -> Finding:
    """Whether the file itself says that it is a lateral view, another part of the body, or one side of it."""
    film = look.radiograph
    part = film.body_part or ""
    side = {"L": "left", "R": "right"}.get(film.laterality or "", "")
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", part) if not unicodedata.combining(letter))
    chest = any(word in plain for word in _CHEST)
    if not chest and any(word in plain for word in _OTHER_PARTS):
        return Finding(
            "warning",
            math.nan,
            f"The file says that it shows the {f'{side} {part.lower()}'.strip()}, not the chest. The model knows "
            "frontal chests only; choose the chest film.",
            withholds=True,
        )
    if film.view in LATERAL:
        return Finding(
            "warning",
            math.nan,
            f"The file says that it is a lateral view ({film.view}). The model knows frontal films only; choose the PA "
            "or AP film.",
            withholds=True,
        )
    if part and not chest:
        return Finding(
            "note",
            math.nan,
            f"The file calls the body part {part.lower()}, which is not a known name of the chest. Check "
            "that it is a frontal chest film.",
        )
    if side:
        return Finding(
            "note",
            math.nan,
            f"The file says that it shows the {side} side only; a frontal chest film shows both. It does not "
            "say where left and right are on the film.",
        )
    part_and_view = " and ".join(word for word in (part.lower(), film.view) if word)
    return Finding(
        "ok", math.nan, f"The file says: {part_and_view}." if part_and_view else "The file does not say what it shows."
    )


@check("too-small", title="Size", unit="px")
def too_small(look: Look) -> Finding:
    """The shorter side of the film without margins."""
    x0, y0, x1, y1 = look.box
    side = min(x1 - x0, y1 - y0)
    if side < 200:
        return Finding(
            "warning",
            side,
            f"The film is only {side} px on its shorter side; the model reads 224 px or more and would see it blurred. "
            "Use the original, not a thumbnail.",
        )
    if side < 512:
        return Finding(
            "note",
            side,
            f"The film is {side} px on its shorter side: enough for the model, too coarse to judge fine lines or small "
            "nodules by eye. Use the original where there is one.",
        )
    return Finding("ok", side, f"{side} px on the shorter side.")


@check("contrast", title="Contrast", unit="%")
def contrast(look: Look) -> Finding:
    """The share of the grey scale that the middle of the film uses, from its 5th to its 95th percentile."""
    low, high = np.percentile(look.middle, (5, 95))
    spread = 100 * float(high - low)
    if spread < 16 and _window_hides(look):
        return Finding(
            "warning",
            spread,
            f"Through its window the middle of the film uses {spread:.0f} % of black to white: nearly blank. The film "
            "holds more: choose another window, such as the one from the data.",
            {"window": DATA},
            withholds=spread < _BLANK,
        )
    if spread < 16:
        return Finding(
            "warning",
            spread,
            f"The middle of the film uses {spread:.0f} % of black to white: nearly blank. Do not trust any prediction "
            "for it; look for another export.",
            withholds=spread < _BLANK,
        )
    if spread < 24:
        return Finding(
            "note",
            spread,
            f"Low contrast: the middle of the film uses {spread:.0f} % of black to white. Narrow the window to read "
            "it; the model evens out contrast, but noise grows with it.",
        )
    return Finding("ok", spread, f"The middle of the film uses {spread:.0f} % of black to white.")


@check("clipped", title="Exposure", unit="%")
def clipped(look: Look) -> Finding:
    """The share of the film's middle that is pure black or pure white."""
    white = 100 * float((look.middle >= 0.995).mean())
    black = 100 * float((look.middle <= 0.005).mean())
    share, what = max((white, "white"), (black, "black"))
    if share < 3:
        return Finding("ok", share, "Little in the middle of the film is clipped to black or white.")
    if share >= 12 and _window_hides(look):
        return Finding(
            "warning",
            share,
            f"{share:.0f} % of the film's middle is pure {what} through its window, for you and for the model. The "
            "film holds more: choose another window, such as the one from the data.",
            {"window": DATA},
        )
    return Finding(
        "warning" if share >= 12 else "note",
        share,
        f"{share:.0f} % of the film's middle is pure {what}: this detail is lost, for you and for the model. "
        "Export it again with a wider window.",
    )


@check("borders", title="Borders", unit="%")
def borders(look: Look) -> Finding:
    """The share of the picture that is empty black or white margin."""
    height, width = look.radiograph.pixels.shape
    x0, y0, x1, y1 = look.box
    share = 100 * (1 - (y1 - y0) * (x1 - x0) / (height * width))
    margins = {"left": x0 / width, "top": y0 / height, "right": 1 - x1 / width, "bottom": 1 - y1 / height}
    where = ", ".join(side for side, part in margins.items() if part >= 0.02)
    if share < 12:
        return Finding("ok", share, "No large margins.")
    if share >= 65:  # of the test films none has more than 47 %
        return Finding(
            "warning",
            share,
            f"The film fills only {100 - share:.0f} % of the picture ({where} empty): too little of it is left to "
            "read. Export the film by itself.",
            withholds=True,
        )
    return Finding(
        "warning" if share >= 35 else "note",
        share,
        f"{share:.0f} % of the picture is empty margin ({where}). It wastes what little the model sees, and its shape "
        "can reveal the hospital: keep border cropping on.",
        {"crop_borders": True},
    )


@check("tint", title="Colour", unit="of 255")
def tint(look: Look) -> Finding:
    """How much the colour channels differ over the whole film."""
    chroma = look.radiograph.origin.chroma
    cast = 0.0 if chroma is None else float(np.median(chroma))
    if cast < 4:
        return Finding("ok", cast, "Grey, as a radiograph should be.")
    return Finding(
        "warning" if cast >= 40 else "note",
        cast,
        "The whole film is tinted: a screenshot, a photo or a journal figure. The colour was dropped; its greys may be "
        "off. Use the original where there is one.",
    )


@check("coloured-marks", title="Coloured marks", unit="% of film")
def coloured_marks(look: Look) -> Finding:
    """Places much more colourful than the rest of the film: arrows, outlines, overlays."""
    chroma = look.radiograph.origin.chroma
    if chroma is None:
        return Finding("ok", 0, "No colour in the file.")
    loud = (chroma.astype(np.float32) > np.median(chroma) + 48).astype(np.uint8)
    share = 100 * float(loud.mean())
    if share < 0.02:
        return Finding("ok", share, "No coloured marks.")
    y, x = (float(np.median(axis)) for axis in np.nonzero(loud))
    where = place(x / loud.shape[1], y / loud.shape[0])
    return Finding(
        "warning",
        share,
        f"Coloured marks at {where}. In grey they look like anatomy, and they often point at the finding: use the "
        "film without them.",
    )


@check("burnt-in", title="Burnt-in marks", unit="found")
def burnt_in(look: Look) -> Finding:
    """Letters, text and arrows in the pixels; a single letter at the rim is normal."""
    all_marks = marks(look.whole)
    text = [mark for mark in all_marks if mark.pieces >= 3]
    arrows = [mark for mark in all_marks if mark.crisp and mark.pieces < 3 and _lies_inside(mark)]
    if text or arrows:
        phrases = [
            f"{what} at {_places(group)}"
            for what, group in (("burnt-in text", text), ("an arrow or mark inside the chest", arrows))
            if group
        ]
        return Finding(
            "warning",
            len(all_marks),
            f"There is {' and '.join(phrases)}. A model can infer the hospital or the label from it: check that the "
            "heat does not lie there, or cover it.",
        )
    if all_marks:
        return Finding(
            "note",
            len(all_marks),
            f"A letter or small mark at {_places(all_marks)}; a side marker is normal. Check that the heat does not "
            "lie there.",
        )
    return Finding("ok", 0, "No burnt-in text or arrows found.")


@check("side-marker", title="Side marker", unit="fit")
def side_marker(look: Look) -> Finding:
    """Whether an R or L on an upright film is on the wrong side, by the header or by how films are hung.

    The header's PatientOrientation counts. Its laterality does not: it names the side of a paired part that the film
    shows (PS3.3 C.7.6.1, C.8.11.2), not where on the film that side lies.
    """
    fit = look.fit
    if fit.clarity < 1 or fit.turn or fit.inverted:
        return Finding("ok", 0, "Side markers are searched for on upright frontal films only.")
    markers = side_markers(look.film)
    if not markers:
        return Finding("ok", 0, "No side marker found.")
    across = look.radiograph.orientation[0] if look.radiograph.orientation else ""
    right = "R" if across == "R" else "L"  # the patient's side on the right of the screen
    wrong = [marker for marker in markers if (marker.letter == right) != (marker.x > 0.5)]
    marker = markers[0]
    if len(wrong) < len(markers):  # contradictory markers are ignored, and so is one seen from behind on its own side
        return Finding("ok", marker.fit, f"A marker {marker.letter} was found, on the expected side.")
    where, side = place(marker.x, marker.y), "left" if marker.letter == "R" else "right"
    why = (
        f"the file says that this is the patient's {side}"
        if across in ("R", "L")
        else f"films are hung with the patient's {side} there"
    )
    if marker.mirrored:
        return Finding(
            "warning",
            marker.fit,
            f"A marker {marker.letter} is at {where} and is mirrored, but {why}. The film is mirrored: left and "
            "right are exchanged. Mirror it.",
            {"mirror": True},
        )
    return Finding(
        "warning",
        marker.fit,
        f"A marker {marker.letter} is at {where}, but {why}. The film may be mirrored or the marker wrong: do not "
        "trust left and right until you know which.",
    )


@check("blocking", title="Compression", unit="× inside")
def blocking(look: Look) -> Finding:
    """How much larger the steps across the edges of 8-pixel blocks are than the steps within them."""
    ratio = block_step(look.radiograph)
    if ratio >= 1.5:
        return Finding(
            "warning" if ratio >= 2 else "note",
            ratio,
            f"Visible compression: steps at the edges of 8-pixel blocks are {ratio:.1f} times those inside. Fine "
            "texture is lost, and the blocks can look like it: use the original.",
        )
    lossy = " It is stored with loss, but no blocks are visible." if look.radiograph.origin.lossy else ""
    return Finding("ok", ratio, "No compression blocks." + lossy)


@check("spacing", title="Pixel size", unit="mm")
def spacing(look: Look) -> Finding:
    """Millimetres per pixel, if the file has them."""
    given = look.radiograph.spacing
    if given is None:
        return Finding(
            "note",
            math.nan,
            "The file has no pixel size: lengths are in pixels only. DICOM files usually have it.",
        )
    return Finding("ok", given[0], f"A pixel is {given[0]:.3g} mm high.")


def _window_hides(look: Look) -> bool:
    """Whether the window shows less than half of the range of values that the data have."""
    film = look.radiograph
    low, high = levels(film.pixels)
    return min(film.white, high) - max(film.black, low) < 0.5 * (high - low)


def place(x: float, y: float) -> str:
    """Where on the screen, in words: "upper left", "the middle"; x and y as fractions of width and height."""
    vertical = "upper" if y < 1 / 3 else "lower" if y > 2 / 3 else ""
    across = "left" if x < 1 / 3 else "right" if x > 2 / 3 else ""
    if not vertical and not across:
        return "the middle"
    return f"{vertical or 'middle'} {across or 'middle'}"


def _places(group: list[Mark]) -> str:
    return ", ".join(dict.fromkeys(place(*mark.centre) for mark in group[:12]))


def _lies_inside(mark: Mark) -> bool:
    x, y = mark.centre
    return 0.15 < x < 0.85 and 0.2 < y < 0.85 and max(mark.x1 - mark.x0, mark.y1 - mark.y0) >= 0.02
