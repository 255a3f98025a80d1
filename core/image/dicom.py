"""DICOM to Radiograph: the header is checked before the pixels are decoded."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import FileDataset
from pydicom.encaps import encapsulate, get_frame
from pydicom.pixels.processing import apply_color_lut
from pydicom.pixels.utils import pixel_array
from pydicom.uid import UID, RLELossless

from core.errors import UnreadableFile
from core.image import header
from core.image.dicom_content import UNSPECIFIC, check_content, parsed, undecodable
from core.image.dicom_facts import age, listed_elements, orientation, pixel_aspect, pixel_spacing
from core.image.elements import BROKEN, number, text
from core.image.encoding import checked_stream, checked_syntax
from core.image.grey import choose_frame, grey_of, levels, levels_step, size_step, square
from core.image.overlay_planes import overlay_planes
from core.image.voi import Film, film
from core.types import Origin, Radiograph

# pydicom warns about every element that violates the standard, and real files often do. Set once:
# changing filters around each call is not safe among threads.
warnings.filterwarnings("ignore", module=r"pydicom\.")

_LOSSY = {
    "1.2.840.10008.1.2.4.50",  # JPEG Baseline
    "1.2.840.10008.1.2.4.51",  # JPEG Extended
    "1.2.840.10008.1.2.4.81",  # JPEG-LS Near-lossless
    "1.2.840.10008.1.2.4.91",  # JPEG 2000, lossy unless the file says otherwise
    "1.2.840.10008.1.2.4.203",  # High-Throughput JPEG 2000
}


def read_dicom(data: bytes, *, name: str, frame: int | None = None) -> Radiograph:
    """The radiograph in a DICOM file, with or without its 128-byte preamble.

    frame:  from 1; needed where the file holds several.
    Raises: UnreadableFile.
    """
    dataset = parsed(data, name)
    check_content(dataset, data, name)
    syntax, syntax_steps = checked_syntax(dataset, name)
    several_steps = header.single_frame(dataset, plain=not syntax.is_encapsulated)
    place, frame_step = choose_frame(int(number(dataset, "NumberOfFrames") or 1), frame, "a DICOM file", name=name)
    steps = [
        *several_steps,
        *frame_step,
        *syntax_steps,
        *header.complete(dataset, _stream(dataset, syntax, place, name)),
    ]
    stored, embedded, bit_steps = _decoded(dataset, syntax, place, name)
    steps += bit_steps

    mode, bits, chroma = str(dataset.PhotometricInterpretation), int(dataset.BitsStored), None
    if mode in header.GREY:
        film_values = film(dataset, stored)
    else:
        film_values, chroma = _colour_film(dataset, stored, mode, name)
    steps += film_values.steps
    if text(dataset, "Modality") in UNSPECIFIC:
        steps.append("The file does not say that it is a radiograph; it was read as one.")
    spacing, at_detector, spacing_steps = pixel_spacing(dataset)
    ratio, ratio_steps = pixel_aspect(dataset, spacing)
    resized = [None if each is None else square(each, ratio) for each in (film_values.pixels, film_values.linear)]
    if spacing is not None and ratio != 1:
        spacing = (min(spacing), min(spacing))
    spacing, size_steps = size_step(spacing, stored.shape[:2] if ratio == 1 else resized[0].shape, "The file's")  # type: ignore[union-attr]
    flag = text(dataset, "LossyImageCompression")
    return Radiograph(
        pixels=resized[0],  # type: ignore[arg-type]
        name=name,
        black=float(film_values.black or 0),
        white=float(film_values.white or 1),
        origin=Origin("DICOM", mode, bits, flag == "01" or (syntax in _LOSSY and flag != "00"), chroma),
        spacing=spacing,
        at_detector=at_detector and spacing is not None,
        view=text(dataset, "ViewPosition"),
        orientation=orientation(dataset),
        laterality=text(dataset, "ImageLaterality") or text(dataset, "Laterality"),
        body_part=text(dataset, "BodyPartExamined"),
        age=age(dataset),
        header=listed_elements(dataset),
        windows=tuple(film_values.windows),
        linear=resized[1],
        units=(film_values.slope, film_values.intercept),
        planes=overlay_planes(dataset, stored.shape[:2], resized[0].shape, embedded),  # type: ignore[union-attr]
        steps=(*steps, *ratio_steps, *spacing_steps, *size_steps),
    )


def _stream(dataset: FileDataset, syntax: UID, place: int, name: str) -> bytes | None:
    """The compressed frame; None for uncompressed pixels. Raises: UnreadableFile."""
    if not syntax.is_encapsulated:
        return None
    frames = int(number(dataset, "NumberOfFrames") or 1)
    offsets: Any = None
    if "ExtendedOffsetTable" in dataset and "ExtendedOffsetTableLengths" in dataset:
        offsets = (dataset.ExtendedOffsetTable, dataset.ExtendedOffsetTableLengths)
    try:
        frame: bytes = get_frame(dataset.PixelData, place, number_of_frames=frames, extended_offsets=offsets)
    except BROKEN as error:
        raise undecodable(name, error) from error
    return frame


def _decoded(
    dataset: FileDataset, syntax: UID, place: int, name: str
) -> tuple[NDArray[Any], dict[int, NDArray[np.bool_]], list[str]]:
    """(H, W) or (H, W, 3) stored values, colour as RGB; overlays in unused bits, by group; and the steps taken.

    Raises: UnreadableFile if the pixel data cannot be decoded or do not have the size in the header.
    """
    size = int(dataset.Columns), int(dataset.Rows)
    bits, high, signed = int(dataset.BitsStored), int(dataset.HighBit), dataset.PixelRepresentation == 1
    steps: list[str] = []
    embedded: dict[int, NDArray[np.bool_]] = {}
    frame = _stream(dataset, syntax, place, name)
    if frame is None:
        _refuse_too_few_bytes(dataset, size, name)
    try:
        if frame is not None and syntax != RLELossless:
            frame, steps = checked_stream(frame, size)
            dataset.PixelData = encapsulate([frame])
            dataset.NumberOfFrames, place = 1, 0
            for keyword in ("ExtendedOffsetTable", "ExtendedOffsetTableLengths"):
                dataset.pop(keyword, None)
            high = bits - 1  # a stream has no unused bits below
        elif dataset.SamplesPerPixel == 1:  # the decoder must not cut bits off before they are checked
            dataset.BitsStored = dataset.BitsAllocated
            dataset.HighBit = dataset.BitsAllocated - 1
            dataset.PixelRepresentation = 0
        # pylibjpeg's RLE decoder panics on damaged data, which `except Exception` does not catch; pydicom's own raises.
        plugin = "pydicom" if syntax == RLELossless else ""
        stored: NDArray[Any] = np.asarray(pixel_array(dataset, index=place, decoding_plugin=plugin))
        stored = stored.astype(stored.dtype.newbyteorder("="), copy=False)
        if stored.shape[:2] != size[::-1] or stored.dtype.itemsize > 2:
            raise ValueError(f"the decoder gave {stored.dtype} {stored.shape}")
        dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = bits, high, int(signed)
        if stored.ndim == 2 and dataset.PhotometricInterpretation in header.GREY:
            embedded = header.embedded_overlays(dataset, stored, bits=bits, high=high)
            stored, bits, bit_steps = header.meaningful(stored, bits=bits, high=high, signed=signed)
            dataset.BitsStored, dataset.HighBit = bits, bits - 1
            dataset.PixelRepresentation = int(stored.dtype.kind == "i")
            steps += bit_steps
    except BROKEN as error:
        raise undecodable(name, error) from error
    largest = number(dataset, "LargestImagePixelValue")
    if stored.ndim == 2 and largest is not None and 0 < largest < float(stored.max()):
        steps.append(f"The header's largest pixel value is {largest:g}; the pixels reach {int(stored.max())}.")
    return stored, embedded, steps


def _colour_film(dataset: FileDataset, stored: NDArray[Any], mode: str, name: str) -> tuple[Film, Any]:
    """A colour image as a grey film, and its chroma. Raises: UnreadableFile."""
    pixels, chroma, steps = _grey(dataset, stored, mode, name)
    if pixels.dtype == np.uint8:
        return Film(pixels, 8, 1.0, 0.0, [*steps], 0.0, 255.0), chroma
    black, white = levels(pixels)
    bits = 8 * pixels.dtype.itemsize
    return Film(pixels, bits, 1.0, 0.0, [*steps, levels_step(black, white)], black, white), chroma


def _refuse_too_few_bytes(dataset: FileDataset, size: tuple[int, int], name: str) -> None:
    """size: (width, height). Raises: UnreadableFile if the uncompressed pixels are fewer than the header says."""
    needed = -(-size[0] * size[1] * int(dataset.SamplesPerPixel) * int(dataset.BitsAllocated) // 8)
    if len(dataset.PixelData) < needed and dataset.PhotometricInterpretation != "YBR_FULL_422":
        raise UnreadableFile(
            f"{name} is a DICOM file with {len(dataset.PixelData):,} bytes of pixels; its {size[0]} × {size[1]} need "
            f"{needed:,}. It was cut short, or its header is wrong. Copy or export it again."
        )


def _grey(dataset: FileDataset, stored: NDArray[Any], mode: str, name: str) -> tuple[Any, Any, Sequence[str]]:
    """(pixels, chroma, steps) of a colour image.

    Raises: UnreadableFile for colour spaces other than RGB, YBR and PALETTE COLOR.
    """
    steps: tuple[str, ...] = ()
    if mode == "PALETTE COLOR":
        try:
            stored = apply_color_lut(stored, dataset)[:, :, :3]
        except BROKEN as error:
            raise UnreadableFile(
                f"{name} is a DICOM file in palette colour whose palette is missing or broken. Export it as a grey "
                "image."
            ) from error
        steps = ("Palette expanded to its colours.",)
    if stored.ndim != 3 or stored.shape[2] != 3 or not mode.startswith(("RGB", "YBR", "PALETTE")):
        raise UnreadableFile(
            f"{name} is a DICOM file whose pixels are {mode} with {1 if stored.ndim == 2 else stored.shape[2]} "
            "samples each; expected MONOCHROME1, MONOCHROME2, RGB, YBR or PALETTE COLOR. Export it as a grey image."
        )
    pixels, chroma, step = grey_of(np.ascontiguousarray(stored))
    return pixels, chroma, (*steps, step)
