"""Annotations as DICOM: graphics of a presentation state, measurement groups of a structured report."""

from collections.abc import Sequence

import numpy as np
from highdicom.pr import AnnotationUnitsValues, GraphicAnnotation, GraphicLayer, GraphicObject, TextObject
from highdicom.sr import (
    CodedConcept,
    CoordinatesForMeasurement,
    GraphicTypeValues,
    ImageRegion,
    Measurement,
    MeasurementsAndQualitativeEvaluations,
    PlanarROIMeasurementsAndQualitativeEvaluations,
    SourceImageForRegion,
    TrackingIdentifier,
)
from highdicom.uid import UID
from numpy.typing import NDArray

from core.report.annotation import Annotation, Point
from core.report.annotation_svg import arrow_wings
from core.report.case import CaseRecord
from core.report.dicom import codes
from core.report.dicom.source import SourceInstance
from core.report.dimensions import REGIONS, Dimensions, PixelScale, box_of, dimensions

_HEAD = 0.02  # of the film's long side: an arrow's head


def graphic_annotations(case: CaseRecord, source: SourceInstance, layer: GraphicLayer) -> list[GraphicAnnotation]:
    """Each complete annotation, with its size or text beside it."""
    result = []
    for annotation, size in zip(case.annotations.complete, dimensions(case), strict=True):
        words = annotation.text if annotation.kind in ("arrow", "text") else size.words
        lines = _lines(annotation, _HEAD * max(case.radiograph.pixels.shape))
        at = _stored(case, source, annotation.points[:2])[0 if annotation.kind in ("arrow", "text") else -1] + 0.5
        texts = [
            TextObject(
                text_value=words[:1024],
                units=AnnotationUnitsValues.PIXEL,
                anchor_point=(float(at[0]), float(at[1])),
            )
        ]
        result.append(
            GraphicAnnotation(
                referenced_images=[source.header],
                graphic_layer=layer,
                graphic_objects=[
                    GraphicObject(kind, _stored(case, source, line) + 0.5, units=AnnotationUnitsValues.PIXEL)
                    for kind, line in lines
                ]
                or None,
                text_objects=texts if words else None,
            )
        )
    return result


def measurement_groups(
    case: CaseRecord, source: SourceInstance
) -> list[MeasurementsAndQualitativeEvaluations | PlanarROIMeasurementsAndQualitativeEvaluations]:
    """Each annotation that measures something, with its coordinates: TID 1501, for regions TID 1410."""
    image = SourceImageForRegion.from_source_image(source.header)
    groups: list[MeasurementsAndQualitativeEvaluations | PlanarROIMeasurementsAndQualitativeEvaluations] = []
    for number, (each, size) in enumerate(zip(case.annotations.complete, dimensions(case), strict=True), start=1):
        if each.kind in ("arrow", "text"):
            continue
        tracking = TrackingIdentifier(uid=UID(), identifier=f"{each.kind} {number}")
        if each.kind in REGIONS:
            ((kind, line),) = _lines(each, 0)
            region = ImageRegion(GraphicTypeValues(kind), _stored(case, source, line), image)
            groups.append(
                PlanarROIMeasurementsAndQualitativeEvaluations(
                    tracking_identifier=tracking, referenced_region=region, measurements=_region_figures(size)
                )
            )
            continue
        lines = [
            CoordinatesForMeasurement(
                graphic_type=GraphicTypeValues.POLYLINE,
                graphic_data=_stored(case, source, each.points[place : place + 2]),
                source_image=image,
            )
            for place in range(0, len(each.points), 2)
        ]
        groups.append(
            MeasurementsAndQualitativeEvaluations(
                tracking_identifier=tracking, measurements=_line_figures(each, size, lines)
            )
        )
    return groups


def _line_figures(
    annotation: Annotation, size: Dimensions, lines: Sequence[CoordinatesForMeasurement]
) -> list[Measurement]:
    if size.degrees is not None:
        return [Measurement(name=codes.ANGLE, value=size.degrees, unit=codes.DEGREE, referenced_coordinates=lines)]
    names = (codes.LONG_AXIS, codes.SHORT_AXIS) if annotation.kind == "diameter" else (codes.LENGTH,)
    unit = codes.MILLIMETRE if size.scale.unit == "mm" else codes.PIXELS
    return [
        Measurement(name=name, value=value, unit=unit, method=_method(size.scale), referenced_coordinates=[line])
        for name, value, line in zip(names, (size.length, size.width), lines, strict=False)
        if value is not None
    ]


def _region_figures(size: Dimensions) -> list[Measurement]:
    area = codes.SQUARE_MILLIMETRE if size.scale.unit == "mm" else codes.PIXELS
    figures = [
        (codes.AREA, size.area, area, _method(size.scale)),
        (codes.MEAN, size.mean, codes.NO_UNITS, None),
        (codes.STANDARD_DEVIATION, size.deviation, codes.NO_UNITS, None),
        (codes.HEAT_SHARE, None if size.heat is None else 100 * size.heat, codes.PERCENT, None),
    ]
    return [
        Measurement(name=name, value=value, unit=unit, method=method)
        for name, value, unit, method in figures
        if value is not None
    ]


def _method(scale: PixelScale) -> CodedConcept | None:
    """The method behind the millimetres, if they are not simply the file's."""
    if scale.unit == "px" or not scale.suffix:
        return None
    calibrated = "calibrated" in scale.source
    return codes.private("CALIBRATED" if calibrated else "AT_DETECTOR", f"Pixel size {scale.source}"[:64])


def _lines(annotation: Annotation, head: float) -> list[tuple[str, list[Point]]]:
    """(graphic type, points in film pixels) that draw the annotation. head: of an arrow, in film pixels."""
    points = list(annotation.points)
    if annotation.kind == "text":
        return []
    if annotation.kind == "arrow":
        one, other = arrow_wings(points, head)
        return [("POLYLINE", points), ("POLYLINE", [one, points[1], other])]
    if annotation.kind not in REGIONS:
        return [("POLYLINE", points[place : place + 2]) for place in range(0, len(points), 2)]
    left, top, right, bottom = box_of(points)
    if annotation.kind == "rectangle":
        return [("POLYLINE", [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)])]
    x, y = (left + right) / 2, (top + bottom) / 2
    across, down = [(left, y), (right, y)], [(x, top), (x, bottom)]
    return [("ELLIPSE", across + down if right - left >= bottom - top else down + across)]


def _stored(case: CaseRecord, source: SourceInstance, points: Sequence[Point]) -> NDArray[np.float64]:
    """(N, 2) the points in stored pixels, which differ from the film's if they are not square."""
    height, width = case.radiograph.pixels.shape
    scale = np.array([source.columns / width, source.rows / height])
    return np.asarray(np.array(points, np.float64) * scale)
