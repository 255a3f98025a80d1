"""Presentation state: how the film was shown, with the lengths drawn on it."""

from collections.abc import Sequence

import numpy as np
from highdicom import ModalityLUTTransformation, PresentationLUTTransformation
from highdicom.pr import (
    AnnotationUnitsValues,
    GraphicAnnotation,
    GraphicLayer,
    GraphicObject,
    GrayscaleSoftcopyPresentationState,
    SoftcopyVOILUTTransformation,
    TextObject,
)
from highdicom.uid import UID
from pydicom import Dataset

from core.image.arrangement import through
from core.report.case import CaseRecord
from core.report.dicom.source import SourceInstance, device
from core.report.length import Length


def presentation_state(
    case: CaseRecord, source: SourceInstance, series: int, lengths: Sequence[Length] = ()
) -> Dataset:
    """Window, turn, mirror and inversion of the film as shown, and the lengths."""
    header = source.header
    layer = GraphicLayer(layer_name="LENGTHS", order=1, description="Lengths drawn in Lightbox")
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
        graphic_layers=[layer] if lengths else None,
        graphic_annotations=[_annotation(case, source, length, layer) for length in lengths] or None,
        modality_lut_transformation=rescale,
        voi_lut_transformations=_window(case),
        presentation_lut_transformation=PresentationLUTTransformation(
            presentation_lut_shape="INVERSE" if inverse else "IDENTITY"
        ),
        **device(case.checkpoint),
    )
    state.SeriesDescription = "Lightbox presentation state"
    cleaning = case.cleaning
    if cleaning.turn % 4 or cleaning.mirror:
        # DICOM turns clockwise before it flips; we mirror before we turn to the left.
        state.ImageRotation = 90 * (cleaning.turn % 4) if cleaning.mirror else -90 * cleaning.turn % 360
        state.ImageHorizontalFlip = "Y" if cleaning.mirror else "N"
    return state


def _window(case: CaseRecord) -> list[SoftcopyVOILUTTransformation] | None:
    """The linear window in the file's units; None for a curve, which the file has itself."""
    film = through(case.radiograph, case.cleaning.window)
    if film.linear is not None:
        return None
    slope, intercept = film.units
    low, high = sorted((slope * film.black + intercept, slope * film.white + intercept))
    # PS3.3 C.11.2.1.2.1: the window's ends are half a unit within.
    return [SoftcopyVOILUTTransformation(window_center=(low + high) / 2 + 0.5, window_width=max(1.0, high - low + 1))]


def _annotation(case: CaseRecord, source: SourceInstance, length: Length, layer: GraphicLayer) -> GraphicAnnotation:
    height, width = case.radiograph.pixels.shape
    ends = np.array([[length.x0, length.y0], [length.x1, length.y1]])
    ends = ends * [source.columns / width, source.rows / height] + 0.5
    return GraphicAnnotation(
        referenced_images=[source.header],
        graphic_layer=layer,
        graphic_objects=[GraphicObject("POLYLINE", ends, units=AnnotationUnitsValues.PIXEL)],
        text_objects=[
            TextObject(
                text_value=length.text(case),
                units=AnnotationUnitsValues.PIXEL,
                anchor_point=(float(ends[1, 0]), float(ends[1, 1])),
            )
        ],
    )
