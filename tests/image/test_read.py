"""The door: every picture format, every bad input, the real originals."""

import csv
import os
from pathlib import Path

import pytest

from core.image.read import read

DATA = os.environ.get("LIGHTBOX_DATA")


@pytest.mark.skipif(DATA is None, reason="LIGHTBOX_DATA is not set: no real radiographs at hand")
def test_every_original_is_read_at_full_size() -> None:
    originals = Path(str(DATA)) / "originals"
    rows = list(csv.DictReader((originals / "originals.csv").read_text().splitlines()))
    for row in rows:
        radiograph = read((originals / row["file"]).read_bytes(), name=row["file"])
        if row["width"]:  # the two DICOM rows give none
            assert radiograph.pixels.shape == (int(row["height"]), int(row["width"])), row["file"]
        assert radiograph.origin.format.upper() == row["format"]
    assert len(rows) == 42
