"""Structured report by TID 1500: probabilities, verdicts, place of the heat, measurements."""

from collections.abc import Sequence
from math import isnan

from highdicom.sr import (
    AlgorithmIdentification,
    CodedConcept,
    ComprehensiveSR,
    DeviceObserverIdentifyingAttributes,
    LanguageOfContentItemAndDescendants,
    Measurement,
    MeasurementReport,
    MeasurementsAndQualitativeEvaluations,
    ObservationContext,
    ObserverContext,
    QualitativeEvaluation,
    SourceImageForMeasurementGroup,
    TrackingIdentifier,
)
from highdicom.uid import UID
from pydicom import Dataset
from pydicom.sr.codedict import codes as dictionary
from pydicom.uid import generate_uid

from core.models.findings import words
from core.report.case import CaseRecord
from core.report.dicom import codes
from core.report.dicom.annotations import measurement_groups
from core.report.dicom.source import SourceInstance, device
from core.trust.verdicts import WORDS
from core.types import MANUFACTURER


def structured_report(case: CaseRecord, source: SourceInstance, series: int) -> Dataset:
    """The report as an object whose values other programs can read."""
    card = case.checkpoint
    observer = ObserverContext(
        observer_type=dictionary.DCM.Device,
        observer_identifying_attributes=DeviceObserverIdentifyingAttributes(
            uid=generate_uid(entropy_srcs=[card.sha256]),
            name=card.name[:64],
            manufacturer_name=MANUFACTURER,
            model_name=card.name[:64],
            serial_number=card.sha256[:64],
        ),
    )
    film = [SourceImageForMeasurementGroup.from_source_image(source.header)]
    content = MeasurementReport(
        observation_context=ObservationContext(observer_device_context=observer),
        procedure_reported=codes.CHEST_RADIOGRAPHY,
        imaging_measurements=[
            _prediction(case, film),
            _heat(case, film),
            *measurement_groups(case, source),
        ],
        title=dictionary.DCM.ImagingMeasurementReport,
        language_of_content_item_and_descendants=LanguageOfContentItemAndDescendants(
            CodedConcept("en", "RFC5646", "English")
        ),
        referenced_images=[source.header] if _describable(source) else None,
    )
    report: Dataset = ComprehensiveSR(
        evidence=[source.header],
        content=content[0],
        series_instance_uid=UID(),
        series_number=series,
        sop_instance_uid=UID(),
        instance_number=1,
        manufacturer=MANUFACTURER,
        is_complete=True,
        is_final=False,
        is_verified=False,
    )
    made = device(card)
    report.ManufacturerModelName = made["manufacturer_model_name"]
    report.SoftwareVersions = made["software_versions"]
    report.DeviceSerialNumber = made["device_serial_number"]
    report.SeriesDescription = "Lightbox report, research use"
    return report


def _describable(source: SourceInstance) -> bool:
    """Whether the film has the attributes of an image library entry: not all films do, and the library is optional."""
    header = source.header
    return len(header.get("PatientOrientation") or "") == 2 and len(header.get("ImagerPixelSpacing") or "") == 2


def _algorithm(case: CaseRecord) -> AlgorithmIdentification:
    return AlgorithmIdentification(name=case.checkpoint.name, version=case.checkpoint.key, manufacturer=MANUFACTURER)


def _prediction(
    case: CaseRecord, film: Sequence[SourceImageForMeasurementGroup]
) -> MeasurementsAndQualitativeEvaluations:
    """The probability of each finding, and the verdicts."""
    prediction = case.prediction
    return MeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(uid=UID(), identifier="prediction"),
        algorithm_id=_algorithm(case),
        source_images=film,
        measurements=[
            Measurement(
                name=codes.private(f"P_{number}", f"Probability of {words(finding)}"),
                value=float(prediction.probability(finding)),
                unit=codes.NO_UNITS,
            )
            for number, finding in enumerate(prediction.findings, start=1)
        ],
        qualitative_evaluations=[
            QualitativeEvaluation(
                name=codes.private(verdict.aspect, verdict.title),
                value=codes.private(verdict.word, WORDS[verdict.word]),
            )
            for verdict in case.verdicts
        ],
    )


def _heat(case: CaseRecord, film: Sequence[SourceImageForMeasurementGroup]) -> MeasurementsAndQualitativeEvaluations:
    """The map's peak, and the share of its heat in the lungs if known."""
    map_ = case.map
    measurements = [
        Measurement(name=codes.private("PEAK", "Peak of the heat"), value=float(map_.peak), unit=codes.unit(map_.unit))
    ]
    if not isnan(case.location.lungs):
        measurements.append(
            Measurement(
                name=codes.private("LUNG_SHARE", "Share of the heat in the lungs"),
                value=100 * case.location.lungs,
                unit=codes.PERCENT,
            )
        )
    return MeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(uid=UID(), identifier="heat"),
        algorithm_id=_algorithm(case),
        source_images=film,
        method=codes.private(map_.method, map_.title or map_.method),
        measurements=measurements,
    )
