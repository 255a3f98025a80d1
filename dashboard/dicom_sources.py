"""The DICOM instances that the open films came from; objects for a PACS refer to them."""

from weakref import WeakKeyDictionary

from core.errors import BadData
from core.report.dicom.source import SourceInstance, read_source
from core.types import Radiograph

_SOURCES: WeakKeyDictionary[Radiograph, SourceInstance | str] = WeakKeyDictionary()  # dropped with the film


def remember(radiograph: Radiograph, data: bytes, frame: int | None = None) -> None:
    """Stores the header of the film's file, without pixels, or the reason why no object can refer to it."""
    if radiograph in _SOURCES:
        return
    try:
        _SOURCES[radiograph] = read_source(data, name=radiograph.name, frame=frame)
    except BadData as error:
        _SOURCES[radiograph] = str(error)


def share(radiograph: Radiograph, copy: Radiograph) -> None:
    """Lets an altered copy of a film refer to the same instance."""
    if radiograph in _SOURCES:
        _SOURCES[copy] = _SOURCES[radiograph]


def source(radiograph: Radiograph) -> SourceInstance | None:
    """The film's instance; None if it has none."""
    entry = _SOURCES.get(radiograph)
    return entry if isinstance(entry, SourceInstance) else None


def obstacle(radiograph: Radiograph) -> str:
    """Why no DICOM objects can be made for this film, in a sentence; empty if they can."""
    entry = _SOURCES.get(radiograph, "This film has no DICOM file, so it names no patient and no study.")
    return entry if isinstance(entry, str) else ""
