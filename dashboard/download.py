"""The names of the files that can be taken away from a page."""

import re

from core.types import Explanation, Radiograph


def file_name(radiograph: Radiograph, explanation: Explanation, ending: str) -> str:
    """film-finding-method-stage.ending, safe on every file system."""
    stem = radiograph.name.rsplit(".", 1)[0][:60]
    parts = [stem, explanation.finding, explanation.method, explanation.layer]
    name = "-".join(re.sub(r"[^\w]+", "_", part).strip("_") for part in parts if part)
    return f"{name}.{ending}"
