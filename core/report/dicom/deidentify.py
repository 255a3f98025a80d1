"""De-identification: an allow-list of elements, stricter than the basic profile of DICOM PS3.15, Annex E.

Everything else is removed, so nothing unforeseen can stay by mistake. A test compares the list with Table E.1-1.
"""

import secrets

from highdicom.sr import CodedConcept
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid
from pydicom.valuerep import DSfloat

from core.image.arrangement import through
from core.report.case import CaseRecord
from core.report.dicom.source import DETAILS, SINGLE_FRAME, SourceInstance

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
        "PixelSpacing",
        "PixelSpacingCalibrationType",
        "ImagerPixelSpacing",
        "NominalScannedPixelSpacing",
        "EstimatedRadiographicMagnificationFactor",
        "PixelIntensityRelationship",
        "BurnedInAnnotation",
        "ConversionType",
        "LossyImageCompression",
        "LossyImageCompressionRatio",
        "LossyImageCompressionMethod",
    }
)
_UIDS = ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
_SPACINGS = ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing")
_NOBODY = "DEIDENTIFIED"
_PROFILE = CodedConcept("113100", "DCM", "Basic Application Confidentiality Profile")


def deidentified(case: CaseRecord, source: SourceInstance) -> SourceInstance:
    """The instance of `deidentified_film`: allowed elements only, no patient, identifiers that lead back to nobody."""
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
    header.SeriesNumber = header.InstanceNumber = None
    header.ImageType = ["DERIVED", "PRIMARY"]
    if int(source.header.get("SamplesPerPixel") or 1) > 1:
        header.SOPClassUID = SINGLE_FRAME
    header.PatientIdentityRemoved = "YES"
    header.DeidentificationMethod = "Lightbox: allow-list of elements"
    header.DeidentificationMethodCodeSequence = [_PROFILE]
    _describe_pixels(header, source, case)
    return SourceInstance(header, int(header.Rows), int(header.Columns), is_copy=True)


def deidentified_film(case: CaseRecord, copy: SourceInstance) -> Dataset:
    """The film itself, uncompressed: its pixels as they were read, with every part that was painted black.

    copy: from `deidentified`.
    """
    pixels = through(case.radiograph, case.cleaning.window).pixels
    film = Dataset()
    film.update(copy.header)
    if film.PhotometricInterpretation == "MONOCHROME1":
        pixels = pixels.dtype.type(2**film.BitsStored - 1) - pixels
    data = pixels.astype(f"<u{pixels.itemsize}").tobytes()
    film.add_new("PixelData", "OB" if pixels.itemsize == 1 else "OW", data + bytes(len(data) % 2))
    film.file_meta = FileMetaDataset()
    film.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    film.file_meta.MediaStorageSOPClassUID = film.SOPClassUID
    film.file_meta.MediaStorageSOPInstanceUID = film.SOPInstanceUID
    return film


def _describe_pixels(header: Dataset, source: SourceInstance, case: CaseRecord) -> None:
    """Sets the elements of size, depth and greys: one grey channel, in the file's units and through its window.

    A film that reading inverted is inverted back; a curve stays applied.
    """
    film = through(case.radiograph, case.cleaning.window)
    bits = 8 if film.pixels.itemsize == 1 else max(min(film.origin.bits, 16), int(film.pixels.max()).bit_length(), 9)
    slope, intercept = film.units if film.linear is None else (1.0, 0.0)
    centre, width = slope * (film.black + film.white) / 2 + intercept, abs(slope) * (film.white - film.black)
    dark = slope < 0
    if dark:
        slope, intercept = -slope, intercept + slope * (2**bits - 1)
    header.Rows, header.Columns = film.pixels.shape
    header.SamplesPerPixel = 1
    header.PhotometricInterpretation = "MONOCHROME1" if dark else "MONOCHROME2"
    header.BitsAllocated = 8 * film.pixels.itemsize
    header.BitsStored, header.HighBit, header.PixelRepresentation = bits, bits - 1, 0
    header.PresentationLUTShape = "INVERSE" if dark else "IDENTITY"
    if "PixelIntensityRelationship" in header:
        header.PixelIntensityRelationshipSign = 1 if dark else -1
    header.RescaleSlope, header.RescaleIntercept, header.RescaleType = _decimal(slope), _decimal(intercept), "US"
    header.WindowCenter, header.WindowWidth, header.VOILUTFunction = _decimal(centre), _decimal(width), "LINEAR_EXACT"
    for keyword in _SPACINGS:
        if len(header.get(keyword) or ()) == 2:
            down, across = map(float, header[keyword].value)
            size = down * source.rows / header.Rows, across * source.columns / header.Columns
            header[keyword].value = [_decimal(each) for each in size]


def _decimal(number: float) -> DSfloat:
    return DSfloat(float(number), auto_format=True)
