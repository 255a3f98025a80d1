"""De-identification: an allow-list of elements, stricter than the basic profile of DICOM PS3.15, Annex E.

Everything else is removed, so nothing unforeseen can stay by mistake. A test compares the list with Table E.1-1.
"""

import io
import secrets
from collections.abc import Sequence

import numpy as np
import pydicom
from highdicom.sr import CodedConcept
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from core.errors import BadData
from core.image.blacken import PixelBox
from core.image.elements import BROKEN
from core.report.dicom.source import DETAILS, SourceInstance
from core.types import Radiograph

ALLOWED = frozenset(
    {
        "SpecificCharacterSet",
        "SOPClassUID",
        "Modality",
        "BodyPartExamined",
        "ViewPosition",
        "ImageLaterality",
        "Laterality",
        "PatientOrientation",
        "Rows",
        "Columns",
        "SamplesPerPixel",
        "PhotometricInterpretation",
        "PlanarConfiguration",
        "BitsAllocated",
        "BitsStored",
        "HighBit",
        "PixelRepresentation",
        "PixelSpacing",
        "ImagerPixelSpacing",
        "PixelAspectRatio",
        "RescaleSlope",
        "RescaleIntercept",
        "RescaleType",
        "WindowCenter",
        "WindowWidth",
        "VOILUTFunction",
        "PresentationLUTShape",
        "PixelIntensityRelationship",
        "PixelIntensityRelationshipSign",
        "LossyImageCompression",
        "SmallestImagePixelValue",
        "LargestImagePixelValue",
    }
)
_UIDS = ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
_NOBODY = "DEIDENTIFIED"
_PROFILE = CodedConcept("113100", "DCM", "Basic Application Confidentiality Profile")


def deidentified(source: SourceInstance) -> SourceInstance:
    """The instance with allowed elements only, no patient, and identifiers that cannot be traced back."""
    header = Dataset()
    for element in source.header:
        if element.keyword in ALLOWED:
            header.add(element)
    salt = secrets.token_hex(16)  # forgotten after this export: without it the new identifiers cannot be recomputed
    for keyword in _UIDS:
        setattr(header, keyword, generate_uid(entropy_srcs=[salt, str(source.header[keyword].value)]))
    header.PatientName = f"{_NOBODY}^"
    header.PatientID = _NOBODY
    for keyword in DETAILS:
        setattr(header, keyword, "")
    mark(header)
    return SourceInstance(header, source.rows, source.columns)


def mark(dataset: Dataset) -> None:
    """Records in the object that it was de-identified, and how."""
    dataset.PatientIdentityRemoved = "YES"
    dataset.DeidentificationMethod = "Lightbox: allow-list of elements"
    dataset.DeidentificationMethodCodeSequence = [_PROFILE]


def deidentified_film(
    data: bytes, source: SourceInstance, radiograph: Radiograph, boxes: Sequence[PixelBox]
) -> Dataset:
    """The film itself with the header of a de-identified source, uncompressed, with the boxes painted black.

    data:   the film's file.
    Raises: BadData if the pixels cannot be decoded.
    """
    try:
        pixels = np.array(pydicom.dcmread(io.BytesIO(data), force=True).pixel_array)
    except BROKEN as error:
        raise BadData(
            f"The pixels of {radiograph.name} cannot be written again ({type(error).__name__}). Export the film as "
            "uncompressed DICOM first."
        ) from error
    height, width = radiograph.pixels.shape
    across, down = source.columns / width, source.rows / height
    black = pixels.max() if source.header.get("PhotometricInterpretation") == "MONOCHROME1" else pixels.min()
    for box in boxes:
        rows = slice(int(box.y0 * down), int(np.ceil(box.y1 * down)))
        pixels[rows, int(box.x0 * across) : int(np.ceil(box.x1 * across))] = black
    film = Dataset()
    film.update(source.header)
    film.set_pixel_data(pixels, _photometric(source), int(source.header.BitsStored), generate_instance_uid=False)
    film.file_meta = pydicom.dataset.FileMetaDataset()
    film.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    film.file_meta.MediaStorageSOPClassUID = film.SOPClassUID
    film.file_meta.MediaStorageSOPInstanceUID = film.SOPInstanceUID
    return film


def _photometric(source: SourceInstance) -> str:
    """The photometric interpretation of the decoded pixels: pydicom converts the colours of JPEG to RGB."""
    stored = str(source.header.PhotometricInterpretation)
    return "RGB" if stored.startswith("YBR") else stored
