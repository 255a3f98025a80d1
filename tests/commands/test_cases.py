"""`core cases`: the drawn cases as text and as files."""

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from core.__main__ import cli
from core.image import cases
from core.image.read import read


@pytest.fixture(scope="module", autouse=True)
def _each_film_is_drawn_once() -> Iterator[None]:
    """To draw a film of 1,024 px takes seconds; here the commands run several times."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cases, "CASES", tuple(replace(each, film=cache(each.film)) for each in cases.CASES))
        yield


def test_every_case_is_listed_with_its_story() -> None:
    shown = CliRunner().invoke(cli, ["cases"])

    assert shown.exit_code == 0
    assert [line.partition(": ")[::2] for line in shown.output.splitlines()] == [
        (each.title, each.story) for each in cases.CASES
    ]


def test_the_cases_are_written_as_films_with_their_masks_and_again_without_harm(tmp_path: Path) -> None:
    for _ in range(2):
        shown = CliRunner().invoke(cli, ["cases", "--out", str(tmp_path), "--json"])
        assert shown.exit_code == 0, shown.output
    records = [json.loads(line) for line in shown.output.splitlines()]

    assert sorted(path for record in records for path in record["files"]) == sorted(map(str, tmp_path.iterdir()))
    first = tmp_path / "opacity-right-lung.png"
    film, drawn = read(first.read_bytes(), name=first.name), cases.CASES[0].film(1024)
    np.testing.assert_array_equal(film.pixels // 16, drawn.pixels)
    mask = np.asarray(Image.open(tmp_path / "opacity-right-lung-truth.png"))
    np.testing.assert_array_equal(mask > 0, drawn.planes[0].shape)


def test_another_file_of_that_name_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "normal-chest.png").write_bytes(b"mine")

    shown = CliRunner().invoke(cli, ["cases", "--out", str(tmp_path)])

    assert shown.exit_code == 1
    assert "normal-chest.png exists with different content; nothing was written" in shown.output
    assert [path.name for path in tmp_path.iterdir()] == ["normal-chest.png"]
