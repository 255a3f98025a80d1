"""Coded concepts: those of SNOMED CT, DICOM and UCUM where they exist, else of a private scheme."""

import re

from highdicom.sr import CodedConcept

PRIVATE = "99LIGHTBOX"

LUNG = CodedConcept("39607008", "SCT", "Lung")
ANATOMICAL_STRUCTURE = CodedConcept("123037004", "SCT", "Anatomical Structure")
SPATIAL_CONCEPT = CodedConcept("309825002", "SCT", "Spatial and Relational Concept")
CHEST_RADIOGRAPHY = CodedConcept("399208008", "SCT", "Plain chest X-ray")
LENGTH = CodedConcept("410668003", "SCT", "Length")
LONG_AXIS = CodedConcept("103339001", "SCT", "Long Axis")
SHORT_AXIS = CodedConcept("103340004", "SCT", "Short Axis")
ANGLE = CodedConcept("1483009", "SCT", "Angle")
AREA = CodedConcept("42798000", "SCT", "Area")
MEAN = CodedConcept("373098007", "SCT", "Mean")
STANDARD_DEVIATION = CodedConcept("386136009", "SCT", "Standard Deviation")
SOURCE_IMAGE = CodedConcept("121322", "DCM", "Source Image for Image Processing Operation")
ARTIFICIAL_INTELLIGENCE = CodedConcept("123110", "DCM", "Artificial Intelligence")
NO_UNITS = CodedConcept("1", "UCUM", "no units")
PERCENT = CodedConcept("%", "UCUM", "Percent")
MILLIMETRE = CodedConcept("mm", "UCUM", "mm")
SQUARE_MILLIMETRE = CodedConcept("mm2", "UCUM", "mm2")
DEGREE = CodedConcept("deg", "UCUM", "deg")
PIXELS = CodedConcept("{pixels}", "UCUM", "pixels")


def private(value: str, meaning: str) -> CodedConcept:
    """A concept of the private scheme; value: at most 16 letters are kept."""
    code = re.sub(r"[^A-Z0-9]+", "_", value.upper()).strip("_")[:16]
    return CodedConcept(code or "OTHER", PRIVATE, meaning[:64])


HEAT_SHARE = private("HEAT_SHARE", "Share of the heat in the region")


def unit(heat: str) -> CodedConcept:
    """The unit of a map: logits have a name, but no dimension."""
    return CodedConcept("{logit}", "UCUM", heat[:64]) if heat.startswith("logit") else NO_UNITS
