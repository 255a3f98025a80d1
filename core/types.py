"""The values that travel between parts: frozen, arrays read-only, compared by their key."""

import hashlib
import io
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from core.card import ImportRecord, Metrics, Text, TrainedOn
from core.codec import raw

Pixels = NDArray[np.uint8] | NDArray[np.uint16]
Heat = NDArray[np.float32]
Grey = NDArray[np.float32]  # 0 black to 1 white
Level = Literal["ok", "note", "warning"]  # of a film check or a trust measure
_NOTEBOOK = 512  # px, the long side of a picture in a notebook
MANUFACTURER = "Lightbox"  # in the DICOM objects that we write
FUSED = "+"  # between the names of the stages of a fused map


def seal(array: NDArray[Any]) -> NDArray[Any]:
    """The same array, C-contiguous and read-only, so that shared values cannot change."""
    array = np.ascontiguousarray(array)
    if array.flags.writeable:
        array.flags.writeable = False
    return array


def digest(*parts: object) -> str:
    """A short hexadecimal digest of content: arrays by dtype, shape and bytes, the rest by repr."""
    sha = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            sha.update(f"{part.dtype.str}{part.shape}".encode())
            sha.update(np.ascontiguousarray(part).tobytes())
        else:
            sha.update(repr(part).encode())
        sha.update(b"\0")
    return sha.hexdigest()[:16]


def content_digest(value: Any, *, but: tuple[str, ...] = ()) -> str:
    """`digest` of all fields of a dataclass, nested ones too; fields added later are included.

    but: names of fields to leave out.
    """

    def parts(value: object) -> Iterator[object]:
        if is_dataclass(value):
            for each in fields(value):
                if each.name not in but:
                    yield each.name
                    yield from parts(getattr(value, each.name))
        elif isinstance(value, tuple):
            yield len(value)
            for part in value:
                yield from parts(part)
        else:
            yield value

    return digest(*parts(value))


def _notebook_png(picture: NDArray[np.uint8]) -> bytes:
    """The picture, (H, W) or (H, W, 3), as a PNG file no larger than a notebook needs."""
    from PIL import Image  # late: not everything that uses these values draws pictures

    small = Image.fromarray(picture)
    small.thumbnail((_NOTEBOOK, _NOTEBOOK), Image.Resampling.BOX)
    file = io.BytesIO()
    small.save(file, "PNG")
    return file.getvalue()


@dataclass(frozen=True, eq=False)
class Origin:
    """Properties of the file before it became grey pixels; the film checks read them.

    format: "PNG", "JPEG", "JPEG 2000", "TIFF", "WebP", "AVIF", "BMP", "DICOM" or "drawn" (the phantom).
    mode:   pixel layout in the file's own words: "L", "RGB", "RGBA", "P", "CMYK", "I;16", "MONOCHROME1", ...
    bits:   meaningful bits per sample.
    lossy:  True if the pixels went through lossy compression (JPEG, lossy WebP, lossy JPEG 2000, DICOM's own flag).
    chroma: (h, w) uint8, long side at most 256: the largest difference between the colour channels in each
            cell, 0 where grey; None where the file has no colour channels.
    transparent: share of pixels, 0 to 1, that the dropped alpha channel made at least partly transparent.
    """

    format: str
    mode: str
    bits: int
    lossy: bool = False
    chroma: NDArray[np.uint8] | None = None
    transparent: float = 0.0

    def __post_init__(self) -> None:
        if self.chroma is not None:
            object.__setattr__(self, "chroma", seal(self.chroma))


@dataclass(frozen=True, eq=False)
class Window:
    """A further window or lookup table of the file.

    black, white: in values of the pixels before any curve; after the curve, where there is one.
    curve:        (2**bits,) uint8 or uint16, output of a lookup table or a sigmoid per value; None for a linear window.
    """

    name: str
    black: float
    white: float
    curve: Pixels | None = None

    def __post_init__(self) -> None:
        if self.curve is not None:
            object.__setattr__(self, "curve", seal(self.curve))


@dataclass(frozen=True, eq=False)
class Plane:
    """An overlay that the file stores beside the pixels (DICOM group 60xx), or the truth of a drawn film.

    shape:    (H, W) bool, True where it is drawn.
    is_truth: whether it is where a finding was drawn; maps are compared with it, and its outline is shown.
    """

    name: str
    shape: NDArray[np.bool_]
    is_truth: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", seal(self.shape))


@dataclass(frozen=True, eq=False)
class Radiograph:
    """One film at full depth and full resolution.

    pixels:  (H, W) uint8 or uint16, square, bone bright (MONOCHROME1 is inverted), read-only.
    black, white: the stored values shown as black and as white (DICOM's window if there is one).
    spacing: mm per pixel, (row, column); None if the file has none, or an impossible one.
    at_detector: True if `spacing` is measured at the detector, so that lengths in the patient are shorter.
    view:    "PA", "AP", "LL", ... from the file, or None.
    orientation: directions of rows and columns, as DICOM's letters ("L" left, "F" feet, ...), or None.
    laterality, body_part, age: "R" or "L", "CHEST", years, from the file, or None.
    windows: further windows and lookup tables that the file offers.
    linear:  (H, W) the pixels before the lookup table or curve that gave `pixels`; None without one.
    units:   (slope, intercept) from a value of `linear` (or else `pixels`) to the unit of the file's windows.
    planes:  overlays that the file stores beside the pixels.
    header:  further facts of the file, name and value, that do not identify the patient: sex, device, exposure.
    steps:   changes made while reading, one sentence each ("Turned by 90° as the EXIF tag says.").
    key:     digest of all of these but the name and the header.
    """

    pixels: Pixels
    name: str
    black: float
    white: float
    origin: Origin
    spacing: tuple[float, float] | None = None
    view: str | None = None
    steps: tuple[str, ...] = ()
    orientation: tuple[str, str] | None = None
    windows: tuple[Window, ...] = ()
    at_detector: bool = False
    laterality: str | None = None
    body_part: str | None = None
    age: float | None = None
    linear: Pixels | None = None
    units: tuple[float, float] = (1.0, 0.0)
    planes: tuple[Plane, ...] = ()
    header: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if self.pixels.ndim != 2 or self.pixels.dtype not in (np.uint8, np.uint16):
            raise ValueError(f"pixels are {self.pixels.dtype} {self.pixels.shape}, expected (H, W) uint8 or uint16")
        if not self.black < self.white:
            raise ValueError(f"black {self.black} is not below white {self.white}")
        object.__setattr__(self, "pixels", seal(self.pixels))
        if self.linear is not None:
            object.__setattr__(self, "linear", seal(self.linear))

    @cached_property
    def key(self) -> str:
        return content_digest(self, but=("name", "header"))

    @property
    def grey(self) -> NDArray[np.uint8]:
        """(H, W) the film through its own black and white levels."""
        share = (np.arange(np.iinfo(self.pixels.dtype).max + 1) - self.black) / (self.white - self.black)
        window = np.floor(0.5 + 255 * np.clip(share, 0, 1)).astype(np.uint8)
        grey: NDArray[np.uint8] = window[self.pixels]
        return grey

    def _repr_png_(self) -> bytes:
        """The film in a notebook."""
        return _notebook_png(self.grey)

    @property
    def drawn(self) -> bool:
        """Whether this is the phantom and not a patient's film; every picture of it says so."""
        return self.origin.format == "drawn"


@dataclass(frozen=True)
class Input:
    """The preprocessing of a network; stored in its card only.

    size:     px a side, after `fit`.
    channels: 1, or 3 equal ones.
    filter:   resize filter: "area", "bilinear", "bicubic" or "lanczos" (all antialiased).
    fit:      how the film is made square: "stretch" (aspect ratio lost), "pad" (black bars), "crop" (middle).
    low, high: the film's black and white before normalisation.
    mean, std: then (x - mean) / std; or "film" for both: each film's own mean and deviation.
    """

    size: int
    channels: Literal[1, 3] = 1
    filter: Literal["area", "bilinear", "bicubic", "lanczos"] = "area"
    fit: Literal["stretch", "pad", "crop"] = "stretch"
    low: float = 0.0
    high: float = 1.0
    mean: tuple[float, ...] | Literal["film"] = "film"
    std: tuple[float, ...] | Literal["film"] = "film"


@dataclass(frozen=True)
class Cleaning:
    """Changes to a film before the network reads it, besides the card's preprocessing.

    Window, mirror, turn and inversion also change the film on screen (core.image.arrangement); the stored pixels stay.
    crop_borders: cut flat black or white margins away.
    mirror:       mirrored left to right, for films stored so; before any turn.
    turn:         quarter turns counter-clockwise, 0 to 3, for films stored lying or upside-down.
    invert:       grey scale inverted, for films stored with bone dark.
    window:       "" for the film's own black and white, or what `core.image.arrangement.through` reads.
    denoise:      at the network's input size: "none", "gaussian" (sigma 1 px) or "median" (3 x 3 px).
    anyway:       show the prediction although the film checks or the gate withhold it. It changes no pixel; it is here
                  so that every link and export includes it.
    clahe:        contrast-limited adaptive histogram equalisation, 8 x 8 tiles, clip limit 2.
    """

    crop_borders: bool = True
    turn: int = 0
    invert: bool = False
    denoise: Literal["none", "gaussian", "median"] = "none"
    clahe: bool = False
    mirror: bool = False
    window: str = ""
    anyway: bool = False


@dataclass(frozen=True)
class Placement:
    """Where the network's square input lies on the radiograph.

    x0, y0, x1, y1: edges in radiograph pixels (pixel i spans i to i+1); beyond the film where it was padded. The first
                    column of the square lies at x0, the last at x1: x0 is the larger where the film was mirrored.
    turn:           quarter turns counter-clockwise that were applied after cutting the box out (and mirroring it).
    """

    x0: float
    y0: float
    x1: float
    y1: float
    turn: int = 0


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A trained network without its weights: the JSON card beside the safetensors file.

    findings:    (F,) names in the order of the logits.
    multi_label: True for independent sigmoids, False for one softmax.
    temperature: logits are divided by it before softmax or sigmoid.
    thresholds:  finding -> operating point (probability from which it counts as present); empty if none was set.
    sha256:      of the weights file.
    trained_on, metrics: films, recipe and figures.
    intended_use, licence, known_failures: one sentence or several.
    date:        of the training.
    imported:    of a checkpoint that others trained.
    raw:         the stored card, including fields without a type (core.codec).
    """

    name: str
    architecture: str
    findings: tuple[str, ...]
    multi_label: bool
    input: Input
    sha256: str
    temperature: float = 1.0
    thresholds: Mapping[str, float] = field(default_factory=dict)
    trained_on: TrainedOn = field(default_factory=TrainedOn)
    metrics: Metrics = field(default_factory=Metrics)
    intended_use: Text = ()
    licence: Text = ()
    known_failures: Text = ()
    date: str = ""
    imported: ImportRecord | None = None
    raw: Mapping[str, Any] = raw()

    @cached_property
    def key(self) -> str:
        return digest(self.sha256, self.architecture, self.findings, self.multi_label, self.input, self.temperature)


@dataclass(frozen=True, eq=False)
class Prediction:
    """The output of one network for one radiograph.

    logits, probabilities: (F,) float32 in the order of `findings`; probabilities after temperature.
    seconds: wall clock of preparation and forward pass.
    """

    radiograph: str
    checkpoint: str
    findings: tuple[str, ...]
    logits: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    temperature: float
    seconds: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "logits", seal(self.logits))
        object.__setattr__(self, "probabilities", seal(self.probabilities))

    @property
    def likeliest(self) -> tuple[str, float]:
        """The finding with the highest probability, and that probability."""
        best = int(self.probabilities.argmax())
        return self.findings[best], float(self.probabilities[best])

    def probability(self, finding: str) -> float:
        """Raises: ValueError if the network does not know the finding."""
        return float(self.probabilities[self.findings.index(finding)])


@dataclass(frozen=True, eq=False)
class Explanation:
    """One attribution map, at its own small size, with its place on the radiograph.

    heat:     (h, w) float32 in `unit`, read-only; raw values, never rescaled.
    signed:   True if values below zero speak against the finding.
    method, finding, layer, settings: how it was computed; layer is None for maps of the input.
    title:    the method's name as the field writes it ("Grad-CAM").
    computed_by: "Captum LayerGradCam", or "Lightbox: " and why not Captum.
    cleaning: changes to the film before the network read it.
    seconds, passes: its cost: wall clock, and (forward, backward) passes of the network.
    bfloat16: whether the network computed in bfloat16 instead of float32.
    caveat:   a warning about the map in one sentence, or empty.
    changed:  the settings that differ from the method's default.
    by_region: True if each value stands for a whole region (a zone of the lungs, a superpixel).
    void:     True if it shows nothing (flat or not finite); then it is never drawn.
    """

    radiograph: str
    checkpoint: str
    heat: Heat
    placement: Placement
    signed: bool
    unit: str
    method: str
    finding: str
    layer: str | None
    settings: Mapping[str, Any]
    seconds: float
    passes: tuple[int, int]
    title: str = ""
    cleaning: Cleaning = Cleaning()
    bfloat16: bool = False
    caveat: str = ""
    void: bool = False
    changed: Mapping[str, Any] = field(default_factory=dict)
    by_region: bool = False
    computed_by: str = ""

    def __post_init__(self) -> None:
        if self.heat.ndim != 2 or self.heat.dtype != np.float32:
            raise ValueError(f"heat is {self.heat.dtype} {self.heat.shape}, expected (h, w) float32")
        object.__setattr__(self, "heat", seal(self.heat))

    @cached_property
    def key(self) -> str:
        return digest(
            self.radiograph,
            self.checkpoint,
            self.heat,
            self.placement,
            self.method,
            self.finding,
            self.layer,
            sorted(self.settings.items()),
        )

    def _repr_png_(self) -> bytes:
        """The heat alone in a notebook, one square per value; core.overlay.overlay lays it over the film."""
        from matplotlib import colormaps  # late: it is slow to import

        heat = np.nan_to_num(self.heat, nan=0.0, posinf=0.0, neginf=0.0)
        share = heat / (np.abs(heat).max(initial=0.0) or 1.0)
        colours = colormaps["managua_r"](0.5 + share / 2) if self.signed else colormaps["inferno"](share)
        repeat = max(1, _NOTEBOOK // max(self.heat.shape))
        rgb = np.rint(255 * colours[..., :3]).astype(np.uint8)
        return _notebook_png(rgb.repeat(repeat, axis=0).repeat(repeat, axis=1))

    @property
    def regions(self) -> int:
        """The number of regions of a map with one value per region; 0 for other maps."""
        return len(np.unique(self.heat)) if self.by_region else 0

    @property
    def peak(self) -> float:
        """The largest absolute value of the map, in `unit`; 0 for a flat or empty map."""
        top = float(np.abs(self.heat).max(initial=0.0))
        return top if math.isfinite(top) else math.nan
