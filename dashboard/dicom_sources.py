"""The DICOM instances that the open films came from; objects for a PACS refer to them."""

from weakref import WeakKeyDictionary

from core.errors import BadData
from core.report.dicom.source import SourceInstance, read_source
from core.types import Radiograph

_SOURCES: WeakKeyDictionary[Radiograph, SourceInstance | str] = WeakKeyDictionary()  # gone with the film


def remember(radiograph: Radiograph, data: bytes) -> None:
    """Keeps the header of the file that the film was read from, without its pixels, or why nothing can refer to it."""
    if radiograph in _SOURCES:
        return
    try:
        _SOURCES[radiograph] = read_source(data, name=radiograph.name)
    except BadData as error:
        _SOURCES[radiograph] = str(error)


def share(radiograph: Radiograph, copy: Radiograph) -> None:
    """Lets an altered copy of a film refer to the same instance."""
    if radiograph in _SOURCES:
        _SOURCES[copy] = _SOURCES[radiograph]


def source(radiograph: Radiograph) -> SourceInstance | None:
    """The film's instance; None where there is none."""
    entry = _SOURCES.get(radiograph)
    return entry if isinstance(entry, SourceInstance) else None


def obstacle(radiograph: Radiograph) -> str:
    """Why there are no DICOM objects of this film, in a sentence; empty where there are."""
    entry = _SOURCES.get(radiograph, "This film has no DICOM file, so it names no patient and no study.")
    return entry if isinstance(entry, str) else ""
