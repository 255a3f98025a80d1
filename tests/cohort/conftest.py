"""A folder of drawn chests, and small parts."""

from pathlib import Path

import pytest
from PIL import Image

from core.cohort import run_folder
from core.image.phantom import draw

FILMS = 6


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six drawn chests in two folders, and between them a file that is no film."""
    folder = tmp_path_factory.mktemp("films")
    for number in range(FILMS):
        place = folder / ("a" if number < 3 else "b")
        place.mkdir(exist_ok=True)
        pixels = draw(seed=number, height=120, width=110).radiograph.pixels
        Image.fromarray((pixels >> 8).astype("uint8")).save(place / f"{number}.png")
    (folder / "b" / "broken.png").write_bytes(b"no film")
    return folder


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_folder, "PART", 2)
