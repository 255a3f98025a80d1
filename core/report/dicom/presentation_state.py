"""Presentation state: how the film was displayed, with the measurements drawn on it."""

from highdicom import ModalityLUTTransformation, PresentationLUTTransformation
from highdicom.pr import (
    GraphicLayer,
    GrayscaleSoftcopyPresentationState,
    SoftcopyVOILUTTransformation,
)
from highdicom.uid import UID
from pydicom import Dataset

from core.image.arrangement import through
from core.report.case import CaseRecord
from core.report.dicom.annotations import graphic_annotations
from core.report.dicom.source import SourceInstance, device


def presentation_state(case: CaseRecord, source: SourceInstance, series: int) -> Dataset:
    """Window, turn, mirror and inversion of the film as displayed, and its annotations."""
    header = source.header
    layer = GraphicLayer(layer_name="MEASUREMENTS", order=1, description="Measurements drawn in Lightbox")
    annotations = graphic_annotations(case, source, layer)
    rescale = None
    if "RescaleSlope" in header and "ModalityLUTSequence" not in header:
        rescale = ModalityLUTTransformation(
            rescale_intercept=header.RescaleIntercept,
            rescale_slope=header.RescaleSlope,
            rescale_type=str(header.get("RescaleType") or "US"),
        )
    inverse = (header.get("PhotometricInterpretation") == "MONOCHROME1") != case.cleaning.invert
    state: Dataset = GrayscaleSoftcopyPresentationState(
        referenced_images=[header],
        series_instance_uid=UID(),
        series_number=series,
        sop_instance_uid=UID(),
        instance_number=1,
        content_label="LIGHTBOX",
        content_description="The film as Lightbox showed it",
        graphic_layers=[layer] if annotations else None,
        graphic_annotations=annotations or None,
        modality_lut_transformation=rescale,
        voi_lut_transformations=_window(case),
        presentation_lut_transformation=PresentationLUTTransformation(
            presentation_lut_shape="INVERSE" if inverse else "IDENTITY"
        ),
        **device(case.checkpoint),
    )
    state.SpecificCharacterSet = "ISO_IR 192"  # UTF-8: ², ° and any text written on the film
    state.SeriesDescription = "Lightbox presentation state"
    cleaning = case.cleaning
    if cleaning.turn % 4 or cleaning.mirror:
        # DICOM turns clockwise before it flips; we mirror before we turn to the left.
        state.ImageRotation = 90 * (cleaning.turn % 4) if cleaning.mirror else -90 * cleaning.turn % 360
        state.ImageHorizontalFlip = "Y" if cleaning.mirror else "N"
    return state


def _window(case: CaseRecord) -> list[SoftcopyVOILUTTransformation] | None:
    """The linear window in the file's units; None for a curve, which is already in the file."""
    film = through(case.radiograph, case.cleaning.window)
    if film.linear is not None:
        return None
    slope, intercept = film.units
    low, high = sorted((slope * film.black + intercept, slope * film.white + intercept))
    # PS3.3 C.11.2.1.2.1: the window's ends are half a unit inside.
    return [SoftcopyVOILUTTransformation(window_center=(low + high) / 2 + 0.5, window_width=max(1.0, high - low + 1))]
