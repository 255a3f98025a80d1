"""Secondary capture, segmentation and parametric map."""

import copy

import numpy as np
from highdicom import AlgorithmIdentificationSequence, VOILUTTransformation
from highdicom.enum import CoordinateSystemNames, PhotometricInterpretationValues
from highdicom.pm import DerivedPixelContrastValues, ImageFlavorValues, ParametricMap, RealWorldValueMapping
from highdicom.sc import SCImage
from highdicom.seg import SegmentAlgorithmTypeValues, Segmentation, SegmentationTypeValues, SegmentDescription
from highdicom.uid import UID
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from core import lung_network
from core.errors import NoLungs
from core.image.arrangement import arranged
from core.image.prepare import enlarge
from core.models.findings import words
from core.overlay import NOTICE, end, overlay
from core.report.annotation_svg import annotation_pixels
from core.report.case import CaseRecord
from core.report.dicom import codes
from core.report.dicom.source import SourceInstance, device
from core.report.film_picture import shrunk
from core.types import MANUFACTURER, Heat

THRESHOLD = 0.5  # heat from this share of the colour scale's end belongs to the segment
_AXES = {"L": (1, 0, 0), "R": (-1, 0, 0), "P": (0, 1, 0), "A": (0, -1, 0), "H": (0, 0, 1), "F": (0, 0, -1)}
_LONGEST = 2048  # px, long side of the capture


def secondary_capture(case: CaseRecord, source: SourceInstance, series: int) -> Dataset:
    """The overlay with its legend and the measurements, burnt in."""
    picture = np.asarray(shrunk(overlay(case.radiograph, case.map, drawing=annotation_pixels(case)), _LONGEST))
    orientation = arranged(case.radiograph, case.cleaning).orientation
    capture: Dataset = SCImage.from_ref_dataset(
        ref_dataset=source.header,
        pixel_array=picture,
        photometric_interpretation=PhotometricInterpretationValues.RGB,
        bits_allocated=8,
        coordinate_system=CoordinateSystemNames.PATIENT,
        patient_orientation=orientation or ("L", "F"),  # highdicom requires one; if unknown, it is emptied below
        series_instance_uid=UID(),
        series_number=series,
        sop_instance_uid=UID(),
        instance_number=1,
        manufacturer=MANUFACTURER,
        transfer_syntax_uid=ExplicitVRLittleEndian,
    )
    capture.PatientOrientation = list(orientation) if orientation else None
    made = device(case.checkpoint)
    capture.ManufacturerModelName = made["manufacturer_model_name"]
    capture.SoftwareVersions = made["software_versions"]
    capture.DeviceSerialNumber = made["device_serial_number"]
    capture.ImageType = ["DERIVED", "SECONDARY"]
    capture.BurnedInAnnotation = "YES"
    capture.SeriesDescription = f"Lightbox {case.map.title} {words(case.finding)}"[:64]
    capture.DerivationDescription = f"Heat of {case.map.title} for {words(case.finding)} over the film. {NOTICE}"
    capture.ImageComments = f"Research use. {NOTICE}"
    capture.SourceImageSequence = [_reference(source)]
    return capture


def segmentation(case: CaseRecord, source: SourceInstance, series: int) -> Dataset:
    """Heat above half of the scale's end, and the lungs if they are found."""
    heat = stored_heat(case, source)
    planes, names = [heat >= THRESHOLD * end(case.map)], [f"Heat for {words(case.finding)} above {THRESHOLD:.0%}"]
    kinds = [(codes.SPATIAL_CONCEPT, codes.private("HEAT", "Attribution above a share of its end"))]
    family = [(case.map.title, case.checkpoint)]
    lungs = _lungs(case, source)
    if lungs is not None:
        planes.append(lungs)
        names.append("Lungs")
        kinds.append((codes.ANATOMICAL_STRUCTURE, codes.LUNG))
        family.append((lung_network.NAME, case.checkpoint))
    segments = [
        SegmentDescription(
            segment_number=number,
            segment_label=name[:64],
            segmented_property_category=category,
            segmented_property_type=kind,
            algorithm_type=SegmentAlgorithmTypeValues.AUTOMATIC,
            algorithm_identification=AlgorithmIdentificationSequence(
                name=algorithm[:64], family=codes.ARTIFICIAL_INTELLIGENCE, version=card.key
            ),
        )
        for number, (name, (category, kind), (algorithm, card)) in enumerate(
            zip(names, kinds, family, strict=True), start=1
        )
    ]
    segmented: Dataset = Segmentation(
        source_images=[_unmeasured(source)],
        pixel_array=np.stack(planes, axis=-1)[None].astype(np.uint8),
        segmentation_type=SegmentationTypeValues.BINARY,
        segment_descriptions=segments,
        series_instance_uid=UID(),
        series_number=series,
        sop_instance_uid=UID(),
        instance_number=1,
        omit_empty_frames=False,
        content_label="LIGHTBOX",
        content_description="Research use. Not for diagnosis.",
        series_description="Lightbox segmentation",
        **device(case.checkpoint),
    )
    segmented.PatientOrientation = source.header.get("PatientOrientation") or None
    return segmented


def parametric_map(case: CaseRecord, source: SourceInstance, series: int) -> Dataset:
    """The heat itself, float32 on the stored pixels, in its own unit; 0 where the network saw nothing.

    Raises: ValueError without a pixel spacing, which every parametric map must have.
    """
    heat = stored_heat(case, source)
    low, high = float(heat.min()), float(heat.max())
    unit = case.map.unit
    mapping = RealWorldValueMapping(
        lut_label="HEAT",
        lut_explanation=f"{case.map.title} for {words(case.finding)}, {unit}"[:64],
        unit=codes.unit(unit),
        value_range=(low, high),
        slope=1.0,
        intercept=0.0,
        quantity_definition=codes.private("ATTRIBUTION", f"Attribution, {unit}"),
    )
    mapped: Dataset = ParametricMap(
        source_images=[_in_own_frame(case, source)],
        pixel_array=heat,
        series_instance_uid=UID(),
        series_number=series,
        sop_instance_uid=UID(),
        instance_number=1,
        contains_recognizable_visual_features=False,
        real_world_value_mappings=[mapping],
        voi_lut_transformations=[
            VOILUTTransformation(
                window_center=(low + high) / 2, window_width=high - low, voi_lut_function="LINEAR_EXACT"
            )
        ],
        content_label="LIGHTBOX",
        content_description="Research use. Not for diagnosis.",
        image_flavor=ImageFlavorValues.VOLUME,
        derived_pixel_contrast=DerivedPixelContrastValues.QUANTITY,
        series_description=f"Lightbox {case.map.title} {words(case.finding)}"[:64],
        **device(case.checkpoint),
    )
    return mapped


def _unmeasured(source: SourceInstance) -> Dataset:
    """The header without the pixel spacing, which highdicom writes without a thickness and then cannot read."""
    header = copy.deepcopy(source.header)
    for keyword in ("PixelSpacing", "ImagerPixelSpacing"):
        if keyword in header and "ImagePositionPatient" not in header:
            del header[keyword]
    return header


def _in_own_frame(case: CaseRecord, source: SourceInstance) -> Dataset:
    """The header with a frame of reference of its own, which a parametric map must have and a radiograph lacks.

    Its plane is that of the detector; it makes no statement about any other image.
    """
    if case.radiograph.spacing is None:
        raise ValueError("the film has no pixel size")
    header = copy.deepcopy(source.header)
    height, width = case.radiograph.pixels.shape
    down, across = case.radiograph.spacing
    header.FrameOfReferenceUID = UID()
    header.PositionReferenceIndicator = ""
    header.PixelSpacing = [down * height / source.rows, across * width / source.columns]
    header.SliceThickness = 1
    header.ImagePositionPatient = [0, 0, 0]
    across_letter, down_letter = case.radiograph.orientation or ("L", "F")
    header.ImageOrientationPatient = [*_AXES[across_letter], *_AXES[down_letter]]
    return header


def stored_heat(case: CaseRecord, source: SourceInstance) -> Heat:
    """(rows, columns) the map on the stored pixels, in its unit."""
    placement = source.placed(case.map.placement, case.radiograph)
    return np.nan_to_num(enlarge(case.map.heat, placement, (source.rows, source.columns)), nan=0.0)


def _lungs(case: CaseRecord, source: SourceInstance) -> NDArray[np.bool_] | None:
    try:
        outline, placement = lung_network.outline(case.radiograph, case.cleaning)
    except NoLungs:
        return None
    there = source.placed(placement, case.radiograph)
    return np.nan_to_num(enlarge(outline, there, (source.rows, source.columns)), nan=0.0) > 0.5


def _reference(source: SourceInstance) -> Dataset:
    """The source instance, with the purpose of the reference."""
    item = Dataset()
    item.ReferencedSOPClassUID = source.header.SOPClassUID
    item.ReferencedSOPInstanceUID = source.header.SOPInstanceUID
    item.PurposeOfReferenceCodeSequence = [codes.SOURCE_IMAGE]
    return item
