"""The film's own DICOM instance: checked, and complete enough for others to refer to it."""

import io
from dataclasses import dataclass, replace
from typing import TypedDict

import pydicom
from pydicom import DataElement, Dataset
from pydicom.errors import InvalidDicomError

from core.errors import BadData
from core.types import MANUFACTURER, Checkpoint, Placement, Radiograph

SINGLE_FRAME = "1.2.840.10008.5.1.4.1.1.7"  # Secondary Capture Image Storage
_FRAME_REFERENCES = ("SourceImageSequence", "ReferencedImageSequence", "ReferencedSOPSequence")  # may name a frame
_NEEDED = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
DETAILS = (  # of patient, study and device, which an object must carry and may leave empty
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "AccessionNumber",
    "ReferringPhysicianName",
    "Manufacturer",
)


@dataclass(frozen=True, eq=False)
class SourceInstance:
    """The instance that objects refer to.

    header:  without its pixels; of a frame, as if it were an image of its own (see `name_frame`).
    rows, columns: of the stored pixels.
    frame:   number of the film's frame, from 1; None for an instance of one frame.
    storage: SOP class of the instance.
    is_copy: whether it is the de-identified copy of the film's instance, which is exported beside the objects.
    """

    header: Dataset
    rows: int
    columns: int
    frame: int | None = None
    storage: str = ""
    is_copy: bool = False

    def placed(self, placement: Placement, radiograph: Radiograph) -> Placement:
        """The placement in stored pixels, which differ from the film's if they are not square."""
        height, width = radiograph.pixels.shape
        across, down = self.columns / width, self.rows / height
        return replace(
            placement,
            x0=placement.x0 * across,
            x1=placement.x1 * across,
            y0=placement.y0 * down,
            y1=placement.y1 * down,
        )


def read_source(data: bytes, *, name: str, frame: int | None = None) -> SourceInstance:
    """The source instance in the bytes of a film's file.

    frame:  of a file with several, from 1.
    Raises: BadData for another format (no patient is invented), or without identifiers.
    """
    try:
        header = pydicom.dcmread(io.BytesIO(data), stop_before_pixels=True, force=data[128:132] == b"DICM")
    except InvalidDicomError as error:
        raise BadData(
            f"{name} is not a DICOM file. DICOM objects belong to a patient and a study, which only a DICOM file has; "
            "none is invented. Give the film as DICOM, or write a PDF."
        ) from error
    missing = [keyword for keyword in _NEEDED if not header.get(keyword)]
    if missing:
        raise BadData(
            f"{name} has no {' and no '.join(missing)}, so nothing can refer to it. Export the film again from "
            "its archive."
        )
    for keyword in ("PatientID", "PatientName", *DETAILS):
        if keyword not in header:
            setattr(header, keyword, "")
    if not header.get("Modality"):
        header.Modality = "OT"
    storage, several = str(header.SOPClassUID), int(header.get("NumberOfFrames") or 1) > 1
    if "NumberOfFrames" in header:
        del header.NumberOfFrames
        header.SOPClassUID = SINGLE_FRAME if several else storage
    return SourceInstance(header, int(header.Rows), int(header.Columns), (frame or 1) if several else None, storage)


def name_frame(dataset: Dataset, source: SourceInstance) -> None:
    """Lets every reference to the source name its frame and its SOP class.

    highdicom writes objects of whole multi-frame images only, so they are made for the frame as if it were an image
    of its own. The evidence of a report lists instances, not frames (PS3.3 C.17.2).
    """
    if source.frame is None:
        return
    dataset.walk(lambda _, element: _name_frame(element, source) if element.VR == "SQ" else None)
    for study in dataset.get("CurrentRequestedProcedureEvidenceSequence") or ():
        for series in study.ReferencedSeriesSequence:
            for item in series.ReferencedSOPSequence:
                item.pop("ReferencedFrameNumber", None)


def _name_frame(sequence: DataElement, source: SourceInstance) -> None:
    for item in sequence.value:
        if item.get("ReferencedSOPInstanceUID") == source.header.SOPInstanceUID:
            item.ReferencedSOPClassUID = source.storage
            if sequence.keyword in _FRAME_REFERENCES:
                item.ReferencedFrameNumber = source.frame


class Device(TypedDict):
    """The elements of an object that name the device that created it."""

    manufacturer: str
    manufacturer_model_name: str
    software_versions: str
    device_serial_number: str


def device(checkpoint: Checkpoint) -> Device:
    """The model as the device that created an object: its serial number is the digest of its weights."""
    return {
        "manufacturer": MANUFACTURER,
        "manufacturer_model_name": checkpoint.name[:64],
        "software_versions": checkpoint.key,
        "device_serial_number": checkpoint.sha256[:64],
    }
