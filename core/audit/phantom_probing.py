"""Phantoms in which one thing changes at a time: a marker, text, a pacemaker, the exposure."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import replace

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from core.audit.audit_test import AuditFigure, AuditResult, audit_test, below, judged, unjudged
from core.audit.observations import Observations
from core.estimate import Estimate
from core.evaluate.figures import FEWEST
from core.evaluate.intervals import bands
from core.image.phantom import WHITE, Opacity, draw
from core.image.prepare import prepare
from core.models.classifier import Classifier, log_odds
from core.trust.verdicts import Word
from core.types import Grey, Radiograph

PHANTOMS = 16
LIMIT = 0.2  # share of the distance from films without the finding to films with it
_SIDE = 320  # px
_LEAST_GAP = 0.2  # log odds between films with and without the finding; a smaller gap gives no scale
_OPACITY = "a drawn opacity (what it should react to)"

PhantomEdit = Callable[[Grey], Grey]


@audit_test("phantom-probing", title="Phantoms, one change at a time")
def phantom_probing(observations: Observations) -> AuditResult:
    """Paired change of the log odds when a drawn chest gets a marker, text, a pacemaker or another exposure; in units
    of the distance between films with and without the finding. Phantoms are new to the model: read this with the rest.
    """
    gaps = _gaps(observations)
    if not gaps:
        reason = "The model gives films with and without its findings nearly the same score, so there is no scale."
        return unjudged("phantom-probing", reason)
    places = list(gaps)
    before = phantom_odds(observations.classifier, "")[:, places]
    scale = np.array([gaps[place] for place in places])
    moved = {
        name: (phantom_odds(observations.classifier, name)[:, places] - before) / scale for name in (*EDITS, _OPACITY)
    }
    patients = np.arange(PHANTOMS).astype(np.str_)
    names = [observations.findings[place] for place in places]
    figures = [_figure(name, change, names, patients, observations.repeats) for name, change in moved.items()]
    opacity, rest = figures[-1], sorted(figures[:-1], key=lambda each: -abs(each.estimate.value))
    words = [below(_magnitude(each.estimate), LIMIT) for each in rest]
    word: Word = "fails" if "fails" in words else "doubtful" if "doubtful" in words else "holds"
    first = rest[words.index(word)]
    what, _, finding = first.label.rpartition(", ")
    share = first.estimate
    meaning = {
        "holds": "No marker, text, device or exposure moves it far.",
        "doubtful": "That may matter.",
        "fails": "It is not a finding, yet it moves the answer.",
    }
    sentence = (
        f"{what[0].upper()}{what[1:]} moves the score for {finding} by {share.value:+.0%} ({share.low:+.0%} to "
        f"{share.high:+.0%}) of the difference between films with that label and films without. {meaning[word]}"
    )
    return judged("phantom-probing", word, sentence, (first, *(each for each in rest if each is not first), opacity))


def phantom_odds(classifier: Classifier, edit: str) -> NDArray[np.float64]:
    """(PHANTOMS, F) log odds for the phantoms with one of the edits, or "" for none."""
    card = classifier.checkpoint
    images = torch.stack([prepare(film, card.input).image for film in _films(edit, PHANTOMS)])
    logits = classifier.logits(images)
    return log_odds(logits, card.temperature, multi_label=card.multi_label).astype(np.float64)


def _gaps(observations: Observations) -> dict[int, float]:
    """Index of each finding -> median log odds of films with it minus that of films without, where there is a gap."""
    gaps = {}
    for place in range(len(observations.findings)):
        own, odds = observations.truth[:, place], observations.odds[:, place]
        if min(own.sum(), (~own).sum()) >= FEWEST:
            gap = float(np.median(odds[own]) - np.median(odds[~own]))
            if gap >= _LEAST_GAP:
                gaps[place] = gap
    return gaps


def _figure(
    name: str, change: NDArray[np.float64], findings: list[str], patients: NDArray[np.str_], repeats: int
) -> AuditFigure:
    """The mean change of the finding whose log odds change most; change (PHANTOMS, F')."""
    place = int(np.abs(change.mean(axis=0)).argmax())
    value, low, high = bands(lambda films: change[films].mean(axis=0), patients, repeats=repeats)
    estimate = Estimate(float(value[place]), float(low[place]), float(high[place]), len(change))
    return AuditFigure(f"{name}, {findings[place]}", estimate)


def _magnitude(estimate: Estimate) -> Estimate:
    if estimate.value >= 0:
        return estimate
    return Estimate(-estimate.value, -estimate.high, -estimate.low, estimate.n)


@functools.cache
def _films(edit: str, count: int) -> tuple[Radiograph, ...]:
    if edit in ("", _OPACITY):
        opacity = Opacity(0.3, 0.45, radius=0.08) if edit else None
        return tuple(draw(seed=seed, height=_SIDE, width=_SIDE, opacity=opacity).radiograph for seed in range(count))
    return tuple(_edited(film, EDITS[edit]) for film in _films("", count))


def _edited(film: Radiograph, edit: PhantomEdit) -> Radiograph:
    grey = edit(film.pixels.astype(np.float32) / np.float32(WHITE))
    return replace(film, pixels=(grey.clip(0, 1) * WHITE).round().astype(np.uint16))


def _marker(grey: Grey, *, x: float, y: float) -> Grey:
    """A white plate with a letter cut out, its centre at these fractions of width and height."""
    side = len(grey)
    plate = np.zeros(grey.shape, np.uint8)
    half = round(0.035 * side)
    centre = round(x * side), round(y * side)
    cv2.rectangle(plate, (centre[0] - half, centre[1] - half), (centre[0] + half, centre[1] + half), (255,), -1)
    at = centre[0] - round(0.017 * side), centre[1] + round(0.02 * side)
    cv2.putText(plate, "L", at, cv2.FONT_HERSHEY_SIMPLEX, side / 550, (0,), max(1, side // 160), cv2.LINE_AA)
    return np.maximum(grey, plate.astype(np.float32) / 255)


def _text(grey: Grey) -> Grey:
    """Two lines as a mobile unit burns them in."""
    side = len(grey)
    letters = np.zeros(grey.shape, np.uint8)
    for line, words in enumerate(("PORTABLE", "AP ERECT")):
        at = round(0.62 * side), round((0.06 + 0.05 * line) * side)
        cv2.putText(letters, words, at, cv2.FONT_HERSHEY_SIMPLEX, side / 800, (255,), max(1, side // 320), cv2.LINE_AA)
    return np.maximum(grey, letters.astype(np.float32) / 255)


def _pacemaker(grey: Grey) -> Grey:
    """A metal can below the left collar bone and a lead to the heart."""
    side = len(grey)
    metal = np.zeros(grey.shape, np.uint8)
    cv2.ellipse(metal, (round(0.77 * side), round(0.24 * side)), (side // 18, side // 22), 0, 0, 360, (255,), -1)
    way = np.array([[0.74, 0.26], [0.62, 0.22], [0.54, 0.30], [0.53, 0.45], [0.56, 0.60], [0.62, 0.68]])
    cv2.polylines(metal, [np.round(way * side).astype(np.int32)], False, (235,), max(2, side // 120), cv2.LINE_AA)
    return np.maximum(grey, cv2.GaussianBlur(metal, (0, 0), side / 500).astype(np.float32) / 255)


EDITS: Mapping[str, PhantomEdit] = {
    "a marker at the upper left": functools.partial(_marker, x=0.07, y=0.07),
    "a marker at the upper right": functools.partial(_marker, x=0.93, y=0.07),
    "a marker at the lower left": functools.partial(_marker, x=0.07, y=0.93),
    "a marker at the lower right": functools.partial(_marker, x=0.93, y=0.93),
    "burnt-in text": _text,
    "a pacemaker": _pacemaker,
    "a darker exposure": lambda grey: np.asarray(grey ** np.float32(1.4)),
    "a lighter exposure": lambda grey: np.asarray(grey ** np.float32(0.7)),
}
