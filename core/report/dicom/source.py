"""The film's own DICOM instance: checked, and complete enough for others to refer to it."""

import io
from dataclasses import dataclass, replace
from typing import TypedDict

import pydicom
from pydicom import Dataset
from pydicom.errors import InvalidDicomError

from core.errors import BadData
from core.types import Checkpoint, Placement, Radiograph

MANUFACTURER = "Lightbox"
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
    """header: the instance without its pixels; rows, columns: of the stored pixels."""

    header: Dataset
    rows: int
    columns: int

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


def read_source(data: bytes, *, name: str) -> SourceInstance:
    """The source instance in the bytes of a film's file.

    Raises: BadData for another format (no patient is invented), for several frames, or without identifiers.
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
    if int(header.get("NumberOfFrames") or 1) > 1:
        raise BadData(
            f"{name} holds {header.NumberOfFrames} frames; DICOM objects are written for a film of one frame. Export "
            "the frame as an instance of its own."
        )
    for keyword in ("PatientID", "PatientName", *DETAILS):
        if keyword not in header:
            setattr(header, keyword, "")
    if not header.get("Modality"):
        header.Modality = "OT"
    return SourceInstance(header, int(header.Rows), int(header.Columns))


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
