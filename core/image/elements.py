"""Single elements of a DICOM data set by type; None where absent, empty or broken, as optional ones often are."""

import math
import struct

from pydicom import Dataset
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.multival import MultiValue

# What pydicom raises where bytes do not make an element, a data set or pixels.
BROKEN = (
    InvalidDicomError,
    BytesLengthException,
    OSError,
    EOFError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    AttributeError,
    RuntimeError,  # NotImplementedError and RecursionError are of this kind
    AssertionError,
    struct.error,
)


def values(dataset: Dataset, keyword: str) -> list[object]:
    """All values of the element, empty where there is none."""
    try:
        value = dataset.get(keyword)
    except BROKEN:
        return []
    if value is None or value == "":
        return []
    return list(value) if isinstance(value, MultiValue | list) else [value]


def numbers(dataset: Dataset, keyword: str) -> list[float]:
    """All values of the element as finite numbers; empty if any of them is none."""
    try:
        found = [float(value) for value in values(dataset, keyword)]  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return []
    return found if all(map(math.isfinite, found)) else []


def number(dataset: Dataset, keyword: str) -> float | None:
    """The first value of the element as a finite number."""
    return next(iter(numbers(dataset, keyword)), None)


def text(dataset: Dataset, keyword: str) -> str | None:
    """The first value of the element, stripped, in capitals."""
    first = next(iter(values(dataset, keyword)), None)
    return str(first).strip().upper() or None if first is not None else None


def items(dataset: Dataset, keyword: str) -> list[Dataset]:
    """The items of a sequence."""
    try:
        return [item for item in dataset.get(keyword) or () if isinstance(item, Dataset)]
    except BROKEN:
        return []
