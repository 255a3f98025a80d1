"""Edits of exposure and storage: contrast, gamma, noise, JPEG, bit depth."""

import io
from typing import Annotated

import numpy as np
from PIL import Image

from core.explain.method import Bounds
from core.types import Grey
from core.what_if.edit import EditInput, edit


@edit("contrast", title="Contrast", scope="either", swept="factor", neutral=1.0, span=(0.4, 2.0))
def contrast(
    film: EditInput, *, factor: Annotated[float, Bounds(0, 5, "factor about the mean grey; 1 changes nothing")] = 1.5
) -> Grey:
    """Raises or lowers the contrast around the mean grey."""
    middle = film.grey[film.region].mean()
    return film.blended(np.clip(middle + np.float32(factor) * (film.grey - middle), 0, 1))


@edit("gamma", title="Gamma", scope="either", swept="gamma", neutral=1.0, span=(0.4, 2.5))
def gamma(
    film: EditInput, *, gamma: Annotated[float, Bounds(0.1, 10, "exponent; above 1 darkens, 1 changes nothing")] = 1.5
) -> Grey:
    """Darkens or brightens the middle greys and keeps black and white."""
    return film.blended(film.grey ** np.float32(gamma))


@edit("noise", title="Noise", scope="either", swept="deviation", span=(0.0, 0.2))
def noise(
    film: EditInput, *, deviation: Annotated[float, Bounds(0, 1, "deviation; 1 is black to white")] = 0.05
) -> Grey:
    """Adds normal noise to each pixel, the same on every call."""
    grain = np.random.default_rng(0).standard_normal(film.grey.shape, dtype=np.float32)
    return film.blended(np.clip(film.grey + np.float32(deviation) * grain, 0, 1))


@edit("jpeg", title="JPEG", scope="film", swept="quality", neutral=100.0, span=(5.0, 100.0))
def jpeg(film: EditInput, *, quality: Annotated[int, Bounds(1, 100, "quality; 100 is best")] = 30) -> Grey:
    """Compresses the film as JPEG with 256 greys."""
    file = io.BytesIO()
    Image.fromarray(np.rint(film.grey * 255).astype(np.uint8)).save(file, "JPEG", quality=quality)
    return np.asarray(np.asarray(Image.open(file)) / np.float32(255), np.float32)


@edit("bit-depth", title="Bit depth", scope="film", swept="bits", neutral=16.0, span=(1.0, 8.0))
def bit_depth(film: EditInput, *, bits: Annotated[int, Bounds(1, 16, "bits per pixel")] = 4) -> Grey:
    """Stores the film with fewer greys."""
    most = np.float32(2**bits - 1)
    return np.asarray(np.rint(film.grey * most) / most, np.float32)
