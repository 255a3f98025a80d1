"""The elements of a DICOM file, and whether they hold a plain radiograph."""

import io
import zlib
from typing import Any

from pydicom import FileDataset, dcmread
from pydicom.filereader import data_element_generator
from pydicom.tag import Tag
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian

from core.errors import UnreadableFile
from core.image.dicom_facts import SHOWN, SPACINGS
from core.image.elements import BROKEN, file_meta, number, text
from core.image.grey import MOST_PIXELS, check_size
from core.types import MANUFACTURER

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
_PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
_RAW = ("WindowCenter", "WindowWidth", *SPACINGS)  # read value by value: bad values are reported, not lost
# Rows, columns, frames, type, origin, bits allocated, bit and data of each overlay plane, groups 6000 to 601E.
_OVERLAYS = [
    Tag(group, element)
    for group in range(0x6000, 0x6020, 2)
    for element in (0x10, 0x11, 0x15, 0x40, 0x50, 0x100, 0x102, 0x3000)
]

# Plain radiographs: computed and digital radiography, digitised film, and "DR", which some makers write for DX.
_RADIOGRAPHY = ("CR", "DX", "DR", "RG")
# These do not name their content; scanned films and exports from viewers carry them.
UNSPECIFIC = ("OT", "SC", None)
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
_DEFLATED = b"1.2.840.10008.1.2.1.99"
_LARGEST_DATASET = 6 * MOST_PIXELS  # bytes; three 16-bit channels of the largest film


def undecodable(name: str, error: Exception) -> UnreadableFile:
    reason = " ".join(str(error).split()).strip(". ")[:160] or type(error).__name__
    return UnreadableFile(
        f"{name} is a DICOM file whose content cannot be decoded ({reason}). If other programs open it, export it "
        "uncompressed from there; else copy or export it again."
    )


def parsed(data: bytes, name: str) -> FileDataset:
    """The elements that reading needs, without broken ones."""
    tags: list[Any] = [*_ELEMENTS, *SHOWN, *_OVERLAYS]
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
        raise undecodable(name, error) from error
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


def check_content(dataset: FileDataset, data: bytes, name: str) -> None:
    """Raises: UnreadableFile if the file holds no plain radiograph of a possible size."""
    modality, storage = text(dataset, "Modality"), text(dataset, "SOPClassUID") or ""
    if DIRECTORY in (storage, file_meta(dataset, "MediaStorageSOPClassUID")) or "DirectoryRecordSequence" in dataset:
        raise UnreadableFile(
            f"{name} is the index of a disc (DICOMDIR), which holds no image itself: add the files beside it, or the "
            "whole folder or a ZIP of it."
        )
    if text(dataset, "Manufacturer") == MANUFACTURER.upper():
        what = UID(storage).name.removesuffix(" Storage") if UID(storage).is_valid else "picture"
        raise UnreadableFile(
            f"{name} is a result that {MANUFACTURER} made of a film ({what}); expected the film itself. Choose the "
            "chest X-ray, and look at this file in a DICOM viewer."
        )
    ask = "expected a plain radiograph (modality CR or DX). Choose the chest X-ray itself."
    if modality not in (*_RADIOGRAPHY, *UNSPECIFIC):
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
