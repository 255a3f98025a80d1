"""DICOM to Radiograph: what it holds is judged before its pixels are decoded."""

import io
import warnings
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import FileDataset, dcmread
from pydicom.encaps import get_frame
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.processing import apply_color_lut
from pydicom.pixels.utils import pixel_array
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless

from core.errors import UnreadableFile
from core.image.elements import BROKEN, number, numbers, text, values
from core.image.grey import MOST_PIXELS, check_size, grey_of, levels, levels_step
from core.image.signature import codestream_size
from core.image.voi import Window, film
from core.types import Origin, Radiograph

# pydicom warns about every element that bends the standard, and real files bend it daily. Set once and for all:
# changing filters around each call is not safe among threads.
warnings.filterwarnings("ignore", module=r"pydicom\.")

# All that reading needs. Everything else, the patient's name first, is never parsed.
# fmt: off
_ELEMENTS = [
    "SOPClassUID", "Modality", "ViewPosition", "PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing",
    "EstimatedRadiographicMagnificationFactor", "SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration",
    "NumberOfFrames", "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation",
    "PixelPaddingValue", "PixelPaddingRangeLimit", "LossyImageCompression", "RescaleSlope", "RescaleIntercept",
    "ModalityLUTSequence", "VOILUTSequence", "WindowCenter", "WindowWidth", "WindowCenterWidthExplanation",
    "VOILUTFunction", "PatientOrientation",
    "RedPaletteColorLookupTableDescriptor", "GreenPaletteColorLookupTableDescriptor",
    "BluePaletteColorLookupTableDescriptor", "RedPaletteColorLookupTableData", "GreenPaletteColorLookupTableData",
    "BluePaletteColorLookupTableData", "SegmentedRedPaletteColorLookupTableData",
    "SegmentedGreenPaletteColorLookupTableData", "SegmentedBluePaletteColorLookupTableData", "ExtendedOffsetTable",
    "ExtendedOffsetTableLengths", "FloatPixelData", "DoubleFloatPixelData", "PixelData",
]
# fmt: on

# Plain radiographs: computed and digital radiography, digitised film, and "DR", which some makers write for DX.
_RADIOGRAPHY = ("CR", "DX", "DR", "RG")
# These say nothing of what they show; scanned films and exports from viewers carry them.
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

_LOSSY = {
    "1.2.840.10008.1.2.4.50",  # JPEG Baseline
    "1.2.840.10008.1.2.4.51",  # JPEG Extended
    "1.2.840.10008.1.2.4.81",  # JPEG-LS Near-lossless
    "1.2.840.10008.1.2.4.91",  # JPEG 2000, lossy unless the file denies it
    "1.2.840.10008.1.2.4.203",  # High-Throughput JPEG 2000
}
_DEFLATED = b"1.2.840.10008.1.2.1.99"
_LARGEST_DATASET = 6 * MOST_PIXELS  # bytes; three 16-bit channels of the largest film


def read_dicom(data: bytes, *, name: str) -> Radiograph:
    """The radiograph in a DICOM file, with or without its 128-byte preamble.

    Raises: UnreadableFile.
    """
    dataset = _parsed(data, name)
    _check_content(dataset, name)
    syntax = _checked_syntax(dataset, name)
    stored = _decoded(dataset, syntax, name)

    mode = text(dataset, "PhotometricInterpretation") or "no photometric interpretation"
    bits = int(number(dataset, "BitsStored") or stored.dtype.itemsize * 8)
    chroma = None
    windows: tuple[Window, ...] = ()
    if mode in ("MONOCHROME1", "MONOCHROME2"):
        pixels, black, white, steps, windows = film(dataset, stored)
    else:
        pixels, chroma, steps = _grey(dataset, stored, mode, name)
        black, white = (0.0, 255.0) if pixels.dtype == np.uint8 else levels(pixels)
        steps += (levels_step(black, white),) if pixels.dtype != np.uint8 else ()
    if text(dataset, "Modality") in _UNSPECIFIC:
        steps += ("The file does not say that it is a radiograph; it was taken for one.",)
    flag = text(dataset, "LossyImageCompression")
    spacing, spacing_step = _spacing(dataset)
    return Radiograph(
        pixels=pixels,
        name=name,
        black=black,
        white=white,
        origin=Origin("DICOM", mode, bits, flag == "01" or (syntax in _LOSSY and flag != "00"), chroma),
        spacing=spacing,
        view=text(dataset, "ViewPosition"),
        orientation=_orientation(dataset),
        windows=windows,
        steps=(*steps, *([spacing_step] if spacing_step else [])),
    )


def _damaged(name: str, error: Exception) -> UnreadableFile:
    reason = " ".join(str(error).split()).strip(". ")[:200] or type(error).__name__
    return UnreadableFile(
        f"{name} starts like a DICOM file but cannot be decoded: it is truncated or damaged ({reason}). "
        "Copy or export it again."
    )


def _parsed(data: bytes, name: str) -> FileDataset:
    """The elements that reading needs; elements that are broken are left out."""
    try:
        if _DEFLATED in data[:2048]:
            _check_inflation(data, name)
        dataset = dcmread(io.BytesIO(data), force=True, specific_tags=_ELEMENTS)
        if "PixelData" not in dataset:  # pydicom drops everything where the pixels are cut off; get back what says so
            dataset = dcmread(io.BytesIO(data), force=True, specific_tags=_ELEMENTS, stop_before_pixels=True)
        for tag in list(dataset.keys()):
            try:
                dataset[tag]
            except BROKEN:
                del dataset[tag]
    except (*BROKEN, zlib.error) as error:
        raise _damaged(name, error) from error
    return dataset


def _check_inflation(data: bytes, name: str) -> None:
    """Raises: UnreadableFile if the deflated data set is larger than any film; without keeping what it inflates."""
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


def _check_content(dataset: FileDataset, name: str) -> None:
    """Raises: UnreadableFile if the file holds no single plain radiograph of a possible size."""
    modality, storage = text(dataset, "Modality"), text(dataset, "SOPClassUID") or ""
    ask = "expected a plain radiograph (modality CR or DX). Choose the chest X-ray itself."
    if modality not in (*_RADIOGRAPHY, *_UNSPECIFIC):
        what = _OTHERS.get(str(modality), "something else")
        raise UnreadableFile(f"{name} is a DICOM file that holds {what} (modality {modality}); {ask}")
    if modality is None and storage and not storage.startswith(_STORAGE):
        raise UnreadableFile(f"{name} is a DICOM file that holds {UID(storage).name}; {ask}")

    width, height = number(dataset, "Columns"), number(dataset, "Rows")
    if "FloatPixelData" in dataset or "DoubleFloatPixelData" in dataset:
        raise UnreadableFile(
            f"{name} is a DICOM file of floating-point pixels; expected the 8 to 16 bits of a radiograph. "
            "Choose the original image, not a map computed from it."
        )
    if width is None or height is None or not dataset.get("PixelData"):
        sized = width is not None and height is not None
        if sized or modality in _RADIOGRAPHY or not dataset:
            pixels = f"{width:.0f} × {height:.0f} pixels" if sized else "pixels"
            raise UnreadableFile(
                f"{name} is a DICOM file that ends before its {pixels} are complete. Copy or export it again."
            )
        raise UnreadableFile(
            f"{name} is a DICOM file that holds no pixels; expected a radiograph. Choose the image itself."
        )
    check_size(int(width), int(height), name=name)
    frames = number(dataset, "NumberOfFrames") or 1
    if frames > 1:
        raise UnreadableFile(
            f"{name} is a DICOM file of {frames:.0f} frames; expected a single radiograph. Export one frame of it."
        )
    if (allocated := number(dataset, "BitsAllocated")) not in (1, 8, 16):
        raise UnreadableFile(
            f"{name} has {'no' if allocated is None else int(allocated)} bits allocated to a pixel; "
            "a radiograph has 8 or 16. Export it again as CR or DX."
        )


def _checked_syntax(dataset: FileDataset, name: str) -> UID:
    """The transfer syntax, guessed from the bytes where the file lacks it.

    Raises: UnreadableFile if it is none that can be decoded.
    """
    syntax = UID(_meta_syntax(dataset))
    if not syntax:
        implicit, little = dataset.original_encoding
        syntax = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian if little else ExplicitVRBigEndian
        dataset.file_meta.TransferSyntaxUID = syntax
    try:
        available = get_decoder(syntax).is_available
    except NotImplementedError:
        available = False
    if not available:
        known = f"{syntax.name} ({syntax})" if syntax.name != syntax else str(syntax)
        raise UnreadableFile(
            f"{name} is a DICOM file whose pixels are encoded as {known}, which cannot be decoded here; expected "
            "uncompressed, deflated, RLE, JPEG, JPEG-LS or JPEG 2000. Export it uncompressed."
        )
    return syntax


def _meta_syntax(dataset: FileDataset) -> str:
    """What the file names as its transfer syntax, empty if nothing."""
    try:
        return str(dataset.file_meta.get("TransferSyntaxUID") or "")
    except BROKEN:
        return ""


def _decoded(dataset: FileDataset, syntax: UID, name: str) -> NDArray[Any]:
    """(H, W) or (H, W, 3) stored values, colour as RGB.

    Raises: UnreadableFile if the pixel data are damaged, or not of the size that the file says.
    """
    dataset.NumberOfFrames = 1
    said = int(dataset.Columns), int(dataset.Rows)
    try:
        if syntax.is_encapsulated:
            frame = get_frame(dataset.PixelData, 0, number_of_frames=1)
            # The decoders believe the stream, in size and where it ends early.
            held = codestream_size(frame)
            if held is not None and held != said:
                raise ValueError(f"says {said[0]} × {said[1]} pixels, its compressed stream {held[0]} × {held[1]}")
            if held is not None and b"\xff\xd9" not in frame[-64:]:
                raise ValueError("the compressed stream ends early")
        # pylibjpeg's RLE decoder panics on damaged data, past every `except Exception`; pydicom's own raises.
        plugin = "pydicom" if syntax == RLELossless else ""
        stored: NDArray[Any] = np.asarray(pixel_array(dataset, decoding_plugin=plugin))
    except BROKEN as error:
        raise _damaged(name, error) from error
    if stored.shape[:2] != said[::-1] or stored.dtype.itemsize > 2:
        raise _damaged(name, ValueError(f"pixels are {stored.dtype} {stored.shape}"))
    return stored


def _grey(dataset: FileDataset, stored: NDArray[Any], mode: str, name: str) -> tuple[Any, Any, tuple[str, ...]]:
    """(pixels, chroma, steps) of a colour image.

    Raises: UnreadableFile for colour spaces other than RGB, YBR and PALETTE COLOR.
    """
    steps: tuple[str, ...] = ()
    if mode == "PALETTE COLOR":
        try:
            stored = apply_color_lut(stored, dataset)[:, :, :3]
        except BROKEN as error:
            raise _damaged(name, error) from error
        steps = ("Palette expanded to its colours.",)
    if stored.ndim != 3 or stored.shape[2] != 3 or not mode.startswith(("RGB", "YBR", "PALETTE")):
        raise UnreadableFile(
            f"{name} is a DICOM file whose pixels are {mode}; expected MONOCHROME1, MONOCHROME2, RGB, YBR or "
            "PALETTE COLOR. Export it as a grey image."
        )
    pixels, chroma, step = grey_of(np.ascontiguousarray(stored))
    return pixels, chroma, (*steps, step)


def _orientation(dataset: FileDataset) -> tuple[str, str] | None:
    """Where rows and columns lead to, each the letter of the main direction; None where the file does not say."""
    found = [str(value).strip().upper()[:1] for value in values(dataset, "PatientOrientation")]
    return (found[0], found[1]) if len(found) == 2 and set("".join(found)) <= set("APRLHF") and all(found) else None


def _spacing(dataset: FileDataset) -> tuple[tuple[float, float] | None, str | None]:
    """mm a pixel, (row, column), and the step taken; the patient's size where the file knows it."""
    for keyword in ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing"):
        found = numbers(dataset, keyword)
        if len(found) != 2 or not all(0.001 < side < 10 for side in found):
            continue
        if keyword != "ImagerPixelSpacing":
            return (found[0], found[1]), None
        factor = number(dataset, "EstimatedRadiographicMagnificationFactor") or 1.0
        if 1 < factor < 10:
            return (found[0] / factor, found[1] / factor), f"Pixel spacing at the detector divided by {factor:g}."
        return (found[0], found[1]), "Pixel spacing is that at the detector: distances in the patient are smaller."
    return None, None
