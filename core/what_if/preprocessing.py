"""Preprocessing sensitivity: the same file, read as other programs read it, by choice or by accident."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, cast

import cv2
import numpy as np

from core.image.arrangement import DATA, FULL, through
from core.image.prepare import film_box, prepare, read_box
from core.models.classifier import Classifier, prediction
from core.registry import Registry
from core.trust.altered import batched_logits
from core.types import Checkpoint, Cleaning, Input, Pixels, Prediction, Radiograph
from core.what_if.answer import answer_words, refuse_single_class, turned
from core.work import Work

_FILTERS: tuple[Literal["area", "bilinear", "bicubic", "lanczos"], ...] = ("area", "bilinear", "bicubic", "lanczos")
_FITS: tuple[Literal["stretch", "pad", "crop"], ...] = ("stretch", "pad", "crop")
LABELS = "Labels"
_BYTE = 255
_BYTES = 100  # a card's white above this is in 8-bit grey levels, not a share


@dataclass(frozen=True, eq=False)
class Reading:
    """One way to bring a film to the network.

    reversed_labels: whether the outputs are named in reverse order.
    """

    radiograph: Radiograph
    input: Input
    cleaning: Cleaning
    reversed_labels: bool = False


@dataclass(frozen=True, eq=False)
class VariantAnswer:
    """The answer for one variant.

    group:      what is varied: "Resize filter".
    title:      the variant: "nearest neighbour".
    prediction: None if the variant does not apply.
    reason:     why it does not apply; empty if it does.
    shift:      largest change of a probability, 0 to 1; NaN without a prediction.
    turned:     whether the answer differs.
    """

    group: str
    title: str
    prediction: Prediction | None
    reason: str
    shift: float
    turned: bool

    @property
    def name(self) -> str:
        """ "Resize filter: nearest neighbour"."""
        return f"{self.group}: {self.title}"


VariantRule = Callable[[Reading], Iterator[tuple[str, Reading | str]]]
variants: Registry[VariantRule] = Registry("preprocessing variant")


def variant(group: str) -> Callable[[VariantRule], VariantRule]:
    """Registers a function from the card's reading to (title, other reading, or why there is none)."""

    def register(rule: VariantRule) -> VariantRule:
        variants.add(group, rule)
        return rule

    return register


@variant("Resize filter")
def _filters(reading: Reading) -> Iterator[tuple[str, Reading | str]]:
    for name in _FILTERS:
        if name != reading.input.filter:
            yield name, replace(reading, input=replace(reading.input, filter=name))
    yield "nearest neighbour", _resampled(reading, cv2.INTER_NEAREST)
    yield "bilinear without antialiasing", _resampled(reading, cv2.INTER_LINEAR)


@variant("Scale of grey")
def _scale(reading: Reading) -> Iterator[tuple[str, Reading | str]]:
    low, high = reading.input.low, reading.input.high
    if reading.input.mean == "film" and reading.input.std == "film":
        yield "1/255 forgotten", "The model standardises each film, so a constant factor cannot matter."
    elif high - low >= _BYTES:
        yield (
            "divided by 255 once too often",
            replace(reading, input=replace(reading.input, low=low / _BYTE, high=high / _BYTE)),
        )
    else:
        yield (
            "1/255 forgotten",
            replace(reading, input=replace(reading.input, low=low * _BYTE, high=low * _BYTE + (high - low) * _BYTE)),
        )


@variant("Bit depth")
def _depth(reading: Reading) -> Iterator[tuple[str, Reading | str]]:
    film = through(reading.radiograph, reading.cleaning.window)
    if film.pixels.dtype == np.uint8:
        yield "8 instead of 16 bit", "The film has 8 bits per pixel."
        return
    unwindowed = replace(reading.cleaning, window="")
    yield (
        "8 bit, through the window",
        replace(
            reading, radiograph=replace(_plain(film), pixels=film.grey, black=0.0, white=255.0), cleaning=unwindowed
        ),
    )
    upper: Pixels = (film.pixels >> 8).astype(np.uint8)
    black = film.black / 256
    yield (
        "8 bit, upper byte only",
        replace(
            reading,
            radiograph=replace(_plain(film), pixels=upper, black=black, white=max(film.white / 256, black + 1)),
            cleaning=unwindowed,
        ),
    )


@variant("Window")
def _windows(reading: Reading) -> Iterator[tuple[str, Reading | str]]:
    names = {"black and white from the data": DATA, "all stored values": FULL}
    names |= {f"the file's {window.name}": f"#{place}" for place, window in enumerate(reading.radiograph.windows, 2)}
    for title, window in names.items():
        if window != reading.cleaning.window:
            yield title, replace(reading, cleaning=replace(reading.cleaning, window=window))


@variant("Grey scale")
def _inverted(reading: Reading) -> Iterator[tuple[str, Reading | str]]:
    yield "inverted", replace(reading, cleaning=replace(reading.cleaning, invert=not reading.cleaning.invert))


@variant("Channels")
def _channels(reading: Reading) -> Iterator[tuple[str, Reading | str]]:
    mean, std = reading.input.mean, reading.input.std
    if reading.input.channels == 1:
        yield "in reverse order", "The model reads one channel."
    elif isinstance(mean, str) or isinstance(std, str) or (len(set(mean)) < 2 and len(set(std)) < 2):
        yield "in reverse order", "The three channels are equal, so their order cannot matter."
    else:
        yield "in reverse order", replace(reading, input=replace(reading.input, mean=mean[::-1], std=std[::-1]))


@variant("Borders")
def _borders(reading: Reading) -> Iterator[tuple[str, Reading | str]]:
    film = through(reading.radiograph, reading.cleaning.window)
    height, width = film.pixels.shape
    if film_box(film) == (0, 0, width, height):
        yield "cropped or not", "The film has no flat borders."
        return
    crop = not reading.cleaning.crop_borders
    yield "cropped" if crop else "not cropped", replace(reading, cleaning=replace(reading.cleaning, crop_borders=crop))


@variant("Shape")
def _fit(reading: Reading) -> Iterator[tuple[str, Reading | str]]:
    film = through(reading.radiograph, reading.cleaning.window)
    x0, y0, x1, y1 = read_box(film, reading.cleaning)
    titles = {"stretch": "stretched to a square", "pad": "padded to a square", "crop": "cropped to a square"}
    if x1 - x0 == y1 - y0:
        yield "other fit to a square", "The film is square."
        return
    for name in _FITS:
        if name != reading.input.fit:
            yield titles[name], replace(reading, input=replace(reading.input, fit=name))


@variant(LABELS)
def _labels(reading: Reading) -> Iterator[tuple[str, Reading | str]]:
    yield "in reverse order", replace(reading, reversed_labels=True)


def preprocessing_answers(
    classifier: Classifier,
    radiograph: Radiograph,
    *,
    finding: str,
    before: Prediction,
    cleaning: Cleaning | None = None,
    work: Work | None = None,
) -> tuple[VariantAnswer, ...]:
    """The answer for every variant, in one batch.

    before: the answer with the card's preprocessing.
    Raises: Unfit for a model of a single class; Stopped by `work`.
    """
    checkpoint = classifier.checkpoint
    refuse_single_class(checkpoint)
    usual = Reading(radiograph, checkpoint.input, cleaning or Cleaning())
    listed = [(group, title, made) for group, rule in variants.items() for title, made in rule(usual)]
    readings = [made for _, _, made in listed if isinstance(made, Reading)]
    images = [prepare(made.radiograph, made.input, made.cleaning).image for made in readings]
    logits = iter(zip(readings, batched_logits(classifier, images, work or Work()), strict=True))
    answers = []
    for group, title, made in listed:
        if isinstance(made, str):
            answers.append(VariantAnswer(group, title, None, made, math.nan, False))
            continue
        reading, row = next(logits)
        answer = prediction(checkpoint, radiograph, row[::-1].copy() if reading.reversed_labels else row, 0.0)
        shift = float(np.abs(answer.probabilities - before.probabilities).max())
        answers.append(VariantAnswer(group, title, answer, "", shift, turned(answer, checkpoint, finding, before)))
    return tuple(answers)


def preprocessing_warning(answers: Sequence[VariantAnswer], checkpoint: Checkpoint, finding: str) -> str:
    """The result in a sentence or two: which variants change the answer, and how far the others move it.

    Labels in reverse order are left out: they change nearly every answer, whatever the film.
    """
    tried = [each for each in answers if each.prediction is not None and each.group != LABELS]
    flips = [each for each in tried if each.turned]
    rest = max((each for each in tried if not each.turned), key=lambda each: each.shift, default=None)
    moved = f"Largest change otherwise: {rest.shift:.2f} ({rest.name})." if rest else ""
    if not flips:
        return f"The answer holds under all {len(tried)} variants. {moved.replace(' otherwise', '')}".strip()
    named = "; ".join(
        f"{each.name} ({answer_words(each.prediction, checkpoint, finding)})" for each in flips if each.prediction
    )
    return f"The answer changes under {len(flips)} of {len(tried)} variants: {named}. {moved}".strip()


def _plain(film: Radiograph) -> Radiograph:
    """The film without further windows, which belong to its own depth."""
    return replace(film, linear=None, windows=(), planes=())


def _resampled(reading: Reading, interpolation: int) -> Reading:
    """The film resized by OpenCV, without antialiasing, to the size that `prepare` would give it."""
    film = through(reading.radiograph, reading.cleaning.window)
    x0, y0, x1, y1 = read_box(film, reading.cleaning)
    side, width, height = reading.input.size, x1 - x0, y1 - y0
    if reading.input.fit == "stretch":
        size = side, side
    else:
        scale = side / (max(width, height) if reading.input.fit == "pad" else min(width, height))
        size = max(1, round(width * scale)), max(1, round(height * scale))
    pixels = cast(Pixels, cv2.resize(film.pixels[y0:y1, x0:x1], size, interpolation=interpolation))
    cleaning = replace(reading.cleaning, window="", crop_borders=False)
    return replace(reading, radiograph=replace(_plain(film), pixels=pixels), cleaning=cleaning)
