"""All objects of one case."""

import io
import warnings
from collections.abc import Mapping

from pydicom import Dataset

from core.overlay import absence
from core.report.case import CaseRecord
from core.report.dicom.deidentify import deidentified_film
from core.report.dicom.images import parametric_map, secondary_capture, segmentation
from core.report.dicom.presentation_state import presentation_state
from core.report.dicom.source import SourceInstance, name_frame
from core.report.dicom.structured_report import structured_report

warnings.filterwarnings("ignore", "The string .* is unlikely to represent")  # a name without a comma is as in the file
_PER_SERIES = {
    "secondary-capture",
    "parametric-map",
    "presentation-state",
}  # which must state the side, if only as unknown
_DEIDENTIFIED = ("PatientIdentityRemoved", "DeidentificationMethod", "DeidentificationMethodCodeSequence")
SERIES = 9100  # number of the first new series: after those of the scanner


def dicom_objects(case: CaseRecord, source: SourceInstance) -> Mapping[str, Dataset]:
    """File name -> object: capture, segmentation and map where there is heat, report and presentation state.

    All are of the source's patient and study, refer to its instance, and have new identifiers. `left_out` names the
    missing ones.
    """
    missing = left_out(case, source)
    objects: dict[str, Dataset] = {"secondary-capture": secondary_capture(case, source, SERIES)}
    if "segmentation" not in missing:
        objects["segmentation"] = segmentation(case, source, SERIES + 1)
    if "parametric-map" not in missing:
        objects["parametric-map"] = parametric_map(case, source, SERIES + 2)
    objects["structured-report"] = structured_report(case, source, SERIES + 3)
    if "presentation-state" not in missing:
        objects["presentation-state"] = presentation_state(case, source, SERIES + 4)
    for name in _PER_SERIES & objects.keys():
        objects[name].Laterality = source.header.get("Laterality") or None
    if description := source.header.get("StudyDescription"):  # without it, a PACS may list the study without one
        for dataset in objects.values():
            dataset.StudyDescription = description
    for dataset in objects.values():
        name_frame(dataset, source)
        for keyword in _DEIDENTIFIED:
            if keyword in source.header:
                dataset[keyword] = source.header[keyword]
    return {f"{name}.dcm": dataset for name, dataset in objects.items()}


def dicom_files(case: CaseRecord, source: SourceInstance) -> dict[str, bytes]:
    """File name -> content of `dicom_objects`; and of the film itself, film.dcm, if it is de-identified."""
    film = {"film.dcm": deidentified_film(case, source)} if source.is_copy else {}
    return {name: _file_of(each) for name, each in (film | dict(dicom_objects(case, source))).items()}


def _file_of(dataset: Dataset) -> bytes:
    """The content of its file."""
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()


def left_out(case: CaseRecord, source: SourceInstance) -> dict[str, str]:
    """Name of an object that cannot be created -> the reason, in a sentence."""
    reasons: dict[str, str] = {}
    if case.map.void:
        why = absence(case.map) or "The map shows nothing."
        reasons["segmentation"] = f"No segmentation: {why}"
        reasons["parametric-map"] = f"No parametric map: {why}"
    elif case.radiograph.spacing is None:
        reasons["parametric-map"] = "No parametric map: it needs the pixel size, which the film's file does not give."
    if int(source.header.get("SamplesPerPixel") or 1) > 1:
        reasons["presentation-state"] = "No presentation state: it needs a grey film, and this one is in colour."
    return reasons
