"""DICOM to Radiograph: the header is checked before the pixels are decoded."""

import io
import warnings
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import FileDataset, dcmread
from pydicom.encaps import encapsulate, get_frame
from pydicom.filereader import data_element_generator
from pydicom.pixels.processing import apply_color_lut
from pydicom.pixels.utils import pixel_array
from pydicom.tag import Tag
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, RLELossless

from core.errors import UnreadableFile
from core.image import header
from core.image.elements import BROKEN, decimals, file_meta, number, numbers, text, values
from core.image.encoding import checked_stream, checked_syntax
from core.image.grey import MOST_PIXELS, check_size, choose_frame, grey_of, levels, levels_step, size_step, square
from core.image.voi import Film, film, overlay_planes
from core.types import Origin, Radiograph

# pydicom warns about every element that violates the standard, and real files often do. Set once:
# changing filters around each call is not safe among threads.
warnings.filterwarnings("ignore", module=r"pydicom\.")

# The elements that reading needs. Everything else, above all the patient's name, is never parsed.
# fmt: off
_ELEMENTS = [
    "SOPClassUID", "Modality", "ViewPosition", "PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing",
    "EstimatedRadiographicMagnificationFactor", "SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration",
    "NumberOfFrames", "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation",
    "PixelPaddingValue", "PixelPaddingRangeLimit", "LossyImageCompression", "RescaleSlope", "RescaleIntercept",
    "ModalityLUTSequence", "VOILUTSequence", "WindowCenter", "WindowWidth", "WindowCenterWidthExplanation",
    "VOILUTFunction", "PatientOrientation", "PixelAspectRatio", "PixelSpacingCalibrationType", "PresentationLUTShape",
    "LargestImagePixelValue", "Laterality", "ImageLaterality", "BodyPartExamined", "PatientAge",
    "DirectoryRecordSequence",
    "RedPaletteColorLookupTableDescriptor", "GreenPaletteColorLookupTableDescriptor",
    "BluePaletteColorLookupTableDescriptor", "RedPaletteColorLookupTableData", "GreenPaletteColorLookupTableData",
    "BluePaletteColorLookupTableData", "SegmentedRedPaletteColorLookupTableData",
    "SegmentedGreenPaletteColorLookupTableData", "SegmentedBluePaletteColorLookupTableData", "ExtendedOffsetTable",
    "ExtendedOffsetTableLengths", "FloatPixelData", "DoubleFloatPixelData", "PixelData",
]
# fmt: on
# Further elements for the reader of the film. They identify nobody: no name, number, date, place or free text is here.
_SHOWN = {
    "PatientSex": ("Sex", ""),
    "Modality": ("Modality", ""),
    "PatientPosition": ("Position", ""),
    "Manufacturer": ("Maker", ""),
    "ManufacturerModelName": ("Device", ""),
    "KVP": ("Tube voltage", " kV"),
    "Exposure": ("Exposure", " mAs"),
    "DistanceSourceToDetector": ("Distance to detector", " mm"),
    "Grid": ("Grid", ""),
    "BurnedInAnnotation": ("The file reports burnt-in text", ""),
}
_SEXES = {"F": "female", "M": "male", "O": "other"}
_PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
_SPACINGS = ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing")
_RAW = ("WindowCenter", "WindowWidth", *_SPACINGS)  # read value by value: bad values are reported, not lost
# Rows, columns, frames, type, origin, bits allocated, bit and data of each overlay plane, groups 6000 to 601E.
_OVERLAYS = [
    Tag(group, element)
    for group in range(0x6000, 0x6020, 2)
    for element in (0x10, 0x11, 0x15, 0x40, 0x50, 0x100, 0x102, 0x3000)
]

# Plain radiographs: computed and digital radiography, digitised film, and "DR", which some makers write for DX.
_RADIOGRAPHY = ("CR", "DX", "DR", "RG")
# These do not name their content; scanned films and exports from viewers carry them.
_UNSPECIFIC = ("OT", "SC", None)
_OTHERS = {
    "CT": "a CT image",
    "MR": "a magnetic resonance image",
    "PT": "a PET image",
    "NM": "a nuclear medicine image",
    "US": "an ultrasound image",
    "MG": "a mammogram",
    "XA": "an angiogram",
    "RF": "a fluoroscopy",
    "IO": "a dental radiograph",
    "PX": "a dental panorama",
    "ES": "an endoscopy",
    "XC": "a photo",
    "GM": "a microscope image",
    "SM": "a microscope slide",
    "ECG": "an electrocardiogram",
    "SR": "a structured report",
    "DOC": "a document",
    "PR": "a presentation state",
    "KO": "a selection of key objects",
    "SEG": "a segmentation",
    "RTIMAGE": "a radiotherapy image",
    "RTDOSE": "a radiotherapy dose",
    "RTSTRUCT": "radiotherapy contours",
    "RTPLAN": "a radiotherapy plan",
}
# Storage classes that hold plain radiographs: CR, DX, and the secondary captures that exports are.
_STORAGE = ("1.2.840.10008.5.1.4.1.1.1", "1.2.840.10008.5.1.4.1.1.7")
DIRECTORY = "1.2.840.10008.1.3.10"  # Media Storage Directory: the DICOMDIR of a disc

_LOSSY = {
    "1.2.840.10008.1.2.4.50",  # JPEG Baseline
    "1.2.840.10008.1.2.4.51",  # JPEG Extended
    "1.2.840.10008.1.2.4.81",  # JPEG-LS Near-lossless
    "1.2.840.10008.1.2.4.91",  # JPEG 2000, lossy unless the file says otherwise
    "1.2.840.10008.1.2.4.203",  # High-Throughput JPEG 2000
}
_DEFLATED = b"1.2.840.10008.1.2.1.99"
_LARGEST_DATASET = 6 * MOST_PIXELS  # bytes; three 16-bit channels of the largest film


def read_dicom(data: bytes, *, name: str, frame: int | None = None) -> Radiograph:
    """The radiograph in a DICOM file, with or without its 128-byte preamble.

    frame:  from 1; needed where the file holds several.
    Raises: UnreadableFile.
    """
    dataset = _parsed(data, name)
    _check_content(dataset, data, name)
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

    mode = str(dataset.PhotometricInterpretation)
    bits, chroma = int(dataset.BitsStored), None
    if mode in header.GREY:
        film_values = film(dataset, stored)
    else:
        pixels, chroma, colour_steps = _grey(dataset, stored, mode, name)
        black, white = (0.0, 255.0) if pixels.dtype == np.uint8 else levels(pixels)
        level_step = [levels_step(black, white)] if pixels.dtype != np.uint8 else []
        film_values = Film(pixels, 8 * pixels.dtype.itemsize, 1.0, 0.0, [*colour_steps, *level_step], black, white)
    steps += film_values.steps
    if text(dataset, "Modality") in _UNSPECIFIC:
        steps.append("The file does not say that it is a radiograph; it was read as one.")
    spacing, at_detector, spacing_steps = _spacing(dataset)
    ratio, ratio_steps = _aspect(dataset, spacing)
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
        orientation=_orientation(dataset),
        laterality=text(dataset, "ImageLaterality") or text(dataset, "Laterality"),
        body_part=text(dataset, "BodyPartExamined"),
        age=_age(dataset),
        header=_header(dataset),
        windows=tuple(film_values.windows),
        linear=resized[1],
        units=(film_values.slope, film_values.intercept),
        planes=overlay_planes(dataset, stored.shape[:2], resized[0].shape, embedded),  # type: ignore[union-attr]
        steps=(*steps, *ratio_steps, *spacing_steps, *size_steps),
    )


def _undecodable(name: str, error: Exception) -> UnreadableFile:
    reason = " ".join(str(error).split()).strip(". ")[:160] or type(error).__name__
    return UnreadableFile(
        f"{name} is a DICOM file whose content cannot be decoded ({reason}). If other programs open it, export it "
        "uncompressed from there; else copy or export it again."
    )


def _parsed(data: bytes, name: str) -> FileDataset:
    """The elements that reading needs, without broken ones."""
    tags: list[Any] = [*_ELEMENTS, *_SHOWN, *_OVERLAYS]
    try:
        if _DEFLATED in data[:2048]:
            _check_inflation(data, name)
        dataset = dcmread(io.BytesIO(data), force=True, specific_tags=tags)
        if not any(keyword in dataset for keyword in _PIXELS):
            # pydicom drops all elements where the pixels are cut off; read those that describe the pixels again
            dataset = dcmread(io.BytesIO(data), force=True, specific_tags=tags, stop_before_pixels=True)
        for tag in list(dataset.keys()):
            try:
                dataset[tag]
            except BROKEN:
                if tag not in map(Tag, _RAW):
                    del dataset[tag]
    except (*BROKEN, zlib.error) as error:
        raise _undecodable(name, error) from error
    return dataset


def _check_inflation(data: bytes, name: str) -> None:
    """Raises: UnreadableFile if the deflated data set is larger than any film; inflates it without keeping it."""
    start = 144 + int.from_bytes(data[140:144], "little")
    inflater, rest, size = zlib.decompressobj(-zlib.MAX_WBITS), data[start:], 0
    while rest and not inflater.eof:
        size += len(inflater.decompress(rest, 1 << 20))
        rest = inflater.unconsumed_tail
        if size > _LARGEST_DATASET:
            raise UnreadableFile(
                f"{name} inflates to more than {_LARGEST_DATASET / 1e6:.0f} megabytes, more than any film needs, "
                "and was not opened. Export it uncompressed."
            )


def _check_content(dataset: FileDataset, data: bytes, name: str) -> None:
    """Raises: UnreadableFile if the file holds no plain radiograph of a possible size."""
    modality, storage = text(dataset, "Modality"), text(dataset, "SOPClassUID") or ""
    if DIRECTORY in (storage, file_meta(dataset, "MediaStorageSOPClassUID")) or "DirectoryRecordSequence" in dataset:
        raise UnreadableFile(
            f"{name} is the index of a disc (DICOMDIR), which holds no image itself: add the files beside it, or the "
            "whole folder or a ZIP of it."
        )
    ask = "expected a plain radiograph (modality CR or DX). Choose the chest X-ray itself."
    if modality not in (*_RADIOGRAPHY, *_UNSPECIFIC):
        what = _OTHERS.get(str(modality), "something else")
        raise UnreadableFile(f"{name} is a DICOM file that holds {what} (modality {str(modality)[:16]}); {ask}")
    if modality is None and storage and not storage.startswith(_STORAGE):
        what = UID(storage).name if UID(storage).is_valid else "something else"
        raise UnreadableFile(f"{name} is a DICOM file that holds {what}; {ask}")

    width, height = number(dataset, "Columns"), number(dataset, "Rows")
    if "FloatPixelData" in dataset or "DoubleFloatPixelData" in dataset:
        raise UnreadableFile(
            f"{name} is a DICOM file of floating-point pixels; expected the 8 to 16 bits of a radiograph. "
            "Choose the original image, not a map computed from it."
        )
    sized = width is not None and height is not None
    if not sized or not dataset.get("PixelData"):
        if _ends_early(dataset, data):
            pixels = f"{width:.0f} × {height:.0f} pixels" if sized else "pixels"
            raise UnreadableFile(
                f"{name} is a DICOM file that ends before its {pixels} are complete. Copy or export it again."
            )
        raise UnreadableFile(
            f"{name} is a DICOM file that holds no image: it has no "
            f"{'pixels' if sized else 'rows and columns'}. Choose the radiograph itself."
        )
    samples, allocated = number(dataset, "SamplesPerPixel") or 1, number(dataset, "BitsAllocated") or 16
    stored = int(min(max(samples, 1), 4) * min(max(allocated, 8), 32)) // 8
    check_size(int(width or 0), int(height or 0), name=name, stored=stored)
    dataset.Columns, dataset.Rows = int(width or 0), int(height or 0)  # the first of several values
    if allocated not in (1, 8, 16):
        raise UnreadableFile(
            f"{name} has {allocated:.0f} bits allocated per pixel; a radiograph has 8 or 16. "
            "Export it again as CR or DX."
        )


def _ends_early(dataset: FileDataset, data: bytes) -> bool:
    """Whether the file stops within an element; slow (it walks to the end), so only called where pixels are missing."""
    syntax = file_meta(dataset, "TransferSyntaxUID")
    if syntax == DeflatedExplicitVRLittleEndian:
        return True
    if text(dataset, "Rows") and text(dataset, "Modality") in _RADIOGRAPHY and "PixelData" not in dataset:
        return True  # the pixels come last: a file that announces them without holding them was cut
    implicit, little = dataset.original_encoding
    whole = io.BytesIO(data)
    length = file_meta(dataset, "FileMetaInformationGroupLength")
    group_length = int(length) if length.isdecimal() else 0
    whole.seek(144 + group_length if data[128:132] == b"DICM" and group_length else 0)
    complete = whole.tell()
    try:
        for _ in data_element_generator(whole, bool(implicit), bool(little)):
            complete = whole.tell()
    except (*BROKEN, zlib.error):
        return True
    return complete != len(data)


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
        raise _undecodable(name, error) from error
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
    needed = -(-size[0] * size[1] * int(dataset.SamplesPerPixel) * int(dataset.BitsAllocated) // 8)
    if frame is None and len(dataset.PixelData) < needed and dataset.PhotometricInterpretation != "YBR_FULL_422":
        raise UnreadableFile(
            f"{name} is a DICOM file with {len(dataset.PixelData):,} bytes of pixels; its {size[0]} × {size[1]} need "
            f"{needed:,}. It was cut short, or its header is wrong. Copy or export it again."
        )
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
        raise _undecodable(name, error) from error
    largest = number(dataset, "LargestImagePixelValue")
    if stored.ndim == 2 and largest is not None and 0 < largest < float(stored.max()):
        steps.append(f"The header's largest pixel value is {largest:g}; the pixels reach {int(stored.max())}.")
    return stored, embedded, steps


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


def _orientation(dataset: FileDataset) -> tuple[str, str] | None:
    """Directions of rows and columns, each the letter of the main direction; None if the file has none."""
    letters = [str(value).strip().upper()[:1] for value in values(dataset, "PatientOrientation")]
    return (
        (letters[0], letters[1])
        if len(letters) == 2 and set("".join(letters)) <= set("APRLHF") and all(letters)
        else None
    )


def _age(dataset: FileDataset) -> float | None:
    """Years, of "062Y", "62", "010M", "003W" or "012D"; None if the file has none."""
    age = text(dataset, "PatientAge") or ""
    years = {"Y": 1.0, "M": 1 / 12, "W": 1 / 52.18, "D": 1 / 365.25}.get(age[-1:], 1.0)
    digits = age.rstrip("YMWD")
    return int(digits) * years if digits.isascii() and digits.isdecimal() and len(digits) <= 3 else None


def _header(dataset: FileDataset) -> tuple[tuple[str, str], ...]:
    """(name, value with unit) of the elements in `_SHOWN` that the file has."""
    facts = []
    for keyword, (name, unit) in _SHOWN.items():
        value = text(dataset, keyword)
        if keyword == "PatientSex":
            value = _SEXES.get(value or "")
        if value:
            facts.append((name, f"{value}{unit}"))
    return tuple(facts)


def _spacing(dataset: FileDataset) -> tuple[tuple[float, float] | None, bool, list[str]]:
    """mm per pixel, (row, column); whether that is at the detector; and the steps taken."""
    spacings: dict[str, tuple[float, float]] = {}
    steps = []
    for keyword in _SPACINGS:
        sides = decimals(dataset, keyword)
        down, across = sides if len(sides) == 2 else (None, None)
        if down is not None and across is not None and all(0.001 < side < 10 for side in (down, across)):
            spacings[keyword] = (down, across)
        elif sides:
            steps.append(f"The file's {keyword} is no size that a pixel can have; it was left out.")
    spacing, imager = spacings.get("PixelSpacing"), spacings.get("ImagerPixelSpacing")
    same = spacing and imager and all(abs(one - other) < 1e-3 * one for one, other in zip(spacing, imager, strict=True))
    if spacing and not (same and not text(dataset, "PixelSpacingCalibrationType")):
        return spacing, False, steps
    if imager:
        factor = number(dataset, "EstimatedRadiographicMagnificationFactor") or 1.0
        if 1 < factor < 10:
            steps.append(f"Pixel spacing at the detector ÷ {factor:g}.")
            return (imager[0] / factor, imager[1] / factor), False, steps
        steps.append("Pixel spacing is that at the detector: distances in the patient are smaller.")
        return imager, True, steps
    return spacings.get("NominalScannedPixelSpacing"), False, steps


def _aspect(dataset: FileDataset, spacing: tuple[float, float] | None) -> tuple[float, list[str]]:
    """How many times as high as wide a pixel is, 1 where it is (nearly) square; and the step."""
    ratio = numbers(dataset, "PixelAspectRatio")
    if spacing is not None:
        tall = spacing[0] / spacing[1]
    elif len(ratio) == 2 and min(ratio) > 0:
        tall = ratio[0] / ratio[1]
    else:
        return 1.0, []
    if abs(tall - 1) < 0.01:
        return 1.0, []
    if not 0.2 < tall < 5:
        return 1.0, [f"Pixels {tall:.3g} times as high as wide cannot be; they were left square."]
    return tall, [f"Pixels are {tall:.3g} times as high as wide; the film was resampled to square ones."]
