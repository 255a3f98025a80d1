"""One JSON line an epoch, so that a curve can be drawn and a run compared."""

import json
from pathlib import Path
from typing import Any


def append(path: Path, record: dict[str, Any]) -> None:
    """Adds one line; the file is readable at every moment."""
    with path.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(record) + "\n")


def read(path: Path) -> list[dict[str, Any]]:
    """All records so far; none where the file is not there."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
