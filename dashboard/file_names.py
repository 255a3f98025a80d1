"""Names of downloaded files."""

import re

from core.types import Explanation, Radiograph


def file_name(radiograph: Radiograph, explanation: Explanation, ending: str) -> str:
    """film-finding-method-stage.ending, safe on every file system."""
    parts = [explanation.finding, explanation.method, explanation.layer]
    name = "-".join([stem(radiograph), *(_safe(part) for part in parts if part)])
    return f"{name}.{ending}"


def stem(radiograph: Radiograph) -> str:
    """The film's name without its ending, safe on every file system."""
    return _safe(radiograph.name.rsplit(".", 1)[0][:60])


def _safe(part: str) -> str:
    return re.sub(r"[^\w]+", "_", part).strip("_")
