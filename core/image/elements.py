"""Single elements of a DICOM data set by type; None if absent, empty or broken, as optional elements often are."""

import math
import struct

from pydicom import Dataset, FileDataset
from pydicom.datadict import tag_for_keyword
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.multival import MultiValue

_LONGEST = 64  # characters of a code, a short string or an identifier

# pydicom's errors for bytes that are no valid element, data set or pixels.
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
    """All values of the element as finite numbers; empty if any of them is not finite."""
    try:
        floats = [float(value) for value in values(dataset, keyword)]  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return []
    return floats if all(map(math.isfinite, floats)) else []


def decimals(dataset: Dataset, keyword: str) -> list[float | None]:
    """All values of a decimal string, None for each that is not a finite number ("2048,0", "nan", nothing)."""
    tag = tag_for_keyword(keyword)
    if tag is None or tag not in dataset:
        return []
    element = dataset.get_item(tag)
    raw = element.value
    if isinstance(raw, bytes):  # as pydicom leaves what it cannot convert
        words = raw.decode("ascii", "replace").rstrip("\0 ").split("\\") if raw.strip(b"\0 ") else []
    else:
        words = [str(value) for value in values(dataset, keyword)]
    return [_finite(word) for word in words]


def _finite(word: str) -> float | None:
    try:
        value = float(word.strip())
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def number(dataset: Dataset, keyword: str) -> float | None:
    """The first value of the element as a finite number."""
    return next(iter(numbers(dataset, keyword)), None)


def text(dataset: Dataset, keyword: str) -> str | None:
    """The first value of the element, stripped, in capitals, cut to the longest length allowed (PS3.5, 6.2)."""
    first = next(iter(values(dataset, keyword)), None)
    if first is None:
        return None
    # A broken length can make half the file a value, the patient's name included: it must not reach a message.
    return "".join(letter for letter in str(first).strip()[:_LONGEST] if letter.isprintable()).upper() or None


def items(dataset: Dataset, keyword: str) -> list[Dataset]:
    """The items of a sequence."""
    try:
        return [item for item in dataset.get(keyword) or () if isinstance(item, Dataset)]
    except BROKEN:
        return []


def file_meta(dataset: FileDataset, keyword: str) -> str:
    """An element of the file's own header, empty where there is none."""
    try:
        return str(dataset.file_meta.get(keyword) or "")
    except BROKEN:
        return ""
