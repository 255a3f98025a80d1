"""Leakage: test films that are in training as the same file, the same picture, or the same patient."""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from core.errors import BadCheckpoint
from core.evaluate.manifest import Row, row_radiograph
from core.film_stream import film_batches
from core.image.prepare import film_box, windowed
from core.types import Heat, Radiograph

_SIDE = 40  # px of the thumbnail
_BLUR = 2.0  # px of the thumbnail: larger shapes, which all chests share, are removed
_FLOOR = 0.02  # of black to white: lower contrast is noise and is not amplified
# Calibrated on 1,200 films of the curated set: of 719,351 pairs of different patients none correlates above 0.73;
# copies do by 0.95 or more (JPEG at quality 40, half the size, gamma 0.7, another window), with burnt-in text by 0.88.
NEAR = 0.80
# Bits, of 64, in which the hashes of two copies may differ: none of those pairs differs in fewer than 7, half of the
# copies differ in at most 3.
BITS = 4
_NAMED = 20  # pairs listed by name; the rest is counted
_CHUNK = 512  # films compared with all others at once


@dataclass(frozen=True, eq=False)
class Looks:
    """Fingerprints of films: sha256 of the files, and (N, 1600) float32 thumbnails of mean 0 and length 1."""

    digests: tuple[str, ...]
    thumbnails: Heat


def leakage(rows: Sequence[Row], others: Sequence[Row] = (), *, trained_on: Sequence[str] = ()) -> dict[str, Any]:
    """Test films that duplicate, exactly or nearly, one another or films of other splits.

    rows:       test films.
    others:     those of the other splits.
    trained_on: the hashes of the card's training films, from `fingerprints`.
    Returns:    films and others: numbers compared; identical and near_duplicates: n pairs, the number across a split,
                and the first pairs by name; patients: n on both sides and the first names; in_training: n films whose
                hash is on the card, and the first names, or None if the card has no hashes.
    Raises:     BadData if a film cannot be read; BadCheckpoint if the hashes are invalid.
    Mirrored films are not found, and only half of the films cut by 2 % on each side.
    """
    every = [*rows, *others]
    fingerprinted = looks(every)
    identical = list(_identical(fingerprinted.digests, len(rows)))
    near = [
        pair
        for pair in _alike(fingerprinted.thumbnails, len(rows))
        if fingerprinted.digests[pair[0]] != fingerprinted.digests[pair[1]]
    ]
    patients = sorted({row.patient for row in rows} & {row.patient for row in others})
    result: dict[str, Any] = {
        "films": len(rows),
        "others": len(others),
        "identical": _pairs(every, [(first, second, 1.0) for first, second in identical], len(rows)),
        "near_duplicates": _pairs(every, near, len(rows)),
        "patients": {"n": len(patients), "names": patients[:_NAMED]},
        "in_training": None,
    }
    if trained_on:
        known = _in_training(hashes(fingerprinted.thumbnails[: len(rows)]), trained_on)
        names = [row.id for row, hit in zip(rows, known, strict=True) if hit]
        result["in_training"] = {"n": len(names), "films": names[:_NAMED]}
    return result


def sentences(result: dict[str, Any]) -> list[str]:
    """Warnings about leakage, or empty."""
    lines = []
    for kind, words in (("identical", "of the same file"), ("near_duplicates", "of nearly the same picture")):
        across = result[kind]["across"]
        inside = result[kind]["n"] - across
        if across:
            lines.append(f"Leakage: pairs {words} on both sides of the split: {across}.")
        if inside:
            lines.append(f"Counted twice: pairs {words} among the films judged: {inside}.")
    if result["patients"]["n"]:
        lines.append(f"Leakage: patients on both sides of the split: {result['patients']['n']}.")
    if result["in_training"] and result["in_training"]["n"]:
        lines.append(f"Leakage: films that look like one of the network's training: {result['in_training']['n']}.")
    return lines


def fingerprints(rows: Sequence[Row]) -> list[str]:
    """A 64-bit perceptual hash of each film, 16 hexadecimal digits.

    A card stores those of its training films, separated by spaces, as `trained_on.digests`.
    """
    return [f"{value:016x}" for value in hashes(looks(rows).thumbnails).tolist()]


def looks(rows: Sequence[Row]) -> Looks:
    """The fingerprints of the films, each read once. Raises: BadData if one cannot be read."""
    digests: list[str] = []
    thumbnails = np.empty((len(rows), _SIDE * _SIDE), np.float32)
    for (film,) in film_batches(rows, _look, batch=1, progress="comparing films"):
        digest, thumbnails[len(digests)] = film.read
        digests.append(digest)
    return Looks(tuple(digests), thumbnails)


def _look(row: Row) -> tuple[str, Heat]:
    """sha256 of the file, and the thumbnail (1600,)."""
    return hashlib.sha256(row.file.read_bytes()).hexdigest(), thumbnail(row_radiograph(row)).ravel()


def thumbnail(film: Radiograph) -> Heat:
    """(40, 40) float32, mean 0, length 1: edges at normalised contrast, without the shapes that all chests share; 0 for
    a blank film.

    Independent of brightness, contrast, window and size; empty margins are cropped first. The product of two
    is their correlation, -1 to 1.
    """
    x0, y0, x1, y1 = film_box(film)
    grey = windowed(film.pixels[y0:y1, x0:x1], film.black, film.white)
    small = cv2.resize(grey, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    edges = small - cv2.GaussianBlur(small, (0, 0), _BLUR)
    even = edges / (np.sqrt(cv2.GaussianBlur(edges * edges, (0, 0), _BLUR)) + _FLOOR)
    even -= even.mean()
    length = float(np.linalg.norm(even))
    return np.asarray(even / length if length > 0 else even, np.float32)


def hashes(thumbnails: Heat) -> NDArray[np.uint64]:
    """(N,) one 64-bit hash per thumbnail (N, 1600): the side of each of 64 fixed planes that it lies on.

    The share of bits in which two differ is the angle between the thumbnails over 180°.
    Source: Charikar 2002, doi:10.1145/509907.509965.
    """
    planes = np.random.Generator(np.random.PCG64(7)).standard_normal(
        (thumbnails.shape[1], 64)
    )  # fixed: cards store the hashes
    sides = thumbnails @ planes.astype(np.float32) > 0
    return np.asarray(np.packbits(sides, axis=1).view(">u8")[:, 0], np.uint64)


def _identical(digests: Sequence[str], judged: int) -> Iterator[tuple[int, int]]:
    """Pairs of films with the same digest, the first of them a test film."""
    films = defaultdict(list)
    for place, digest in enumerate(digests):
        films[digest].append(place)
    for first, *copies in films.values():
        if first < judged:
            yield from ((first, copy) for copy in copies)


def _alike(thumbnails: Heat, judged: int) -> Iterator[tuple[int, int, float]]:
    """Pairs of films whose thumbnails correlate by NEAR or more, the first of them a test film."""
    for start in range(0, judged, _CHUNK):
        stop = min(start + _CHUNK, judged)
        alike = thumbnails[start:stop] @ thumbnails[start:].T
        for first, second in zip(*np.nonzero(alike >= NEAR), strict=True):
            if second > first:
                yield start + int(first), start + int(second), float(alike[first, second])


def _in_training(result: NDArray[np.uint64], trained_on: Sequence[str]) -> NDArray[np.bool_]:
    """(N,) whether a training hash differs from each in at most BITS bits."""
    try:
        known = np.array([int(text, 16) for text in trained_on], np.uint64)
    except (ValueError, TypeError, OverflowError) as error:
        raise BadCheckpoint(
            f"The card's trained_on.digests are not 64-bit hexadecimal numbers ({error}). Restore the card."
        ) from error
    return np.array([bool((np.bitwise_count(known ^ one) <= BITS).any()) for one in result], dtype=np.bool_)


def _pairs(rows: Sequence[Row], pairs: Sequence[tuple[int, int, float]], judged: int) -> dict[str, Any]:
    return {
        "n": len(pairs),
        "across": sum(second >= judged for _, second, _ in pairs),
        "pairs": [
            {"film": rows[first].id, "other": rows[second].id, "split": rows[second].split, "likeness": round(alike, 4)}
            for first, second, alike in sorted(pairs, key=lambda pair: -pair[2])[:_NAMED]
        ],
    }
