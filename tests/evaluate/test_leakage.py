"""Films that were seen before: drawn ones with copies planted among them, and the real set, which has none left."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.errors import BadCheckpoint
from core.evaluate.leakage import BITS, fingerprints, hashes, leakage, sentences, thumbnail
from core.evaluate.manifest import Row, read_manifest, row_radiograph
from core.image.phantom import draw
from tests.evaluate import drawn


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    return read_manifest(drawn.write(tmp_path_factory.mktemp("drawn"), 6))


def _copy(row: Row, path: Path) -> Row:
    """The same film, half as large, darker, as a JPEG of quality 40, said to be another patient's and in train."""
    film = row_radiograph(row)
    small = Image.fromarray((film.pixels * 0.7).astype(np.uint8)).resize((drawn.SIDE // 2, drawn.SIDE // 2))
    written = io.BytesIO()
    small.save(written, "JPEG", quality=40)
    path.write_bytes(written.getvalue())
    return Row(path, row.label, id="copy", patient="another", split="train")


def test_the_same_file_on_both_sides_is_detected(rows: list[Row]) -> None:
    again = replace(rows[0], id="again", patient="another", split="train")

    result = leakage(rows[:2], [again])

    pair = {"film": "0-film.png", "other": "again", "split": "train", "likeness": 1.0}
    assert result["identical"] == {"n": 1, "across": 1, "pairs": [pair]}
    assert result["near_duplicates"]["n"] == 0
    assert sentences(result) == ["Leakage: pairs of the same file on both sides of the split: 1."]


def test_the_same_file_twice_among_the_films_judged_is_counted_twice(rows: list[Row]) -> None:
    result = leakage([*rows[:2], replace(rows[0], id="again")])

    assert (result["identical"]["n"], result["identical"]["across"]) == (1, 0)
    assert sentences(result) == ["Counted twice: pairs of the same file among the films judged: 1."]


def test_a_recompressed_copy_is_a_near_duplicate(rows: list[Row], tmp_path: Path) -> None:
    result = leakage(rows[1:2], [_copy(rows[1], tmp_path / "copy.jpg")])

    assert result["identical"]["n"] == 0
    (pair,) = result["near_duplicates"]["pairs"]
    assert (pair["film"], pair["other"], pair["split"]) == ("1-film.png", "copy", "train")
    assert "nearly the same picture on both sides of the split: 1" in sentences(result)[0]


def test_a_patient_on_both_sides_is_named(rows: list[Row]) -> None:
    result = leakage(rows[:1], [replace(rows[3], patient=rows[0].patient)])

    assert result["patients"] == {"n": 1, "names": ["p0"]}
    assert sentences(result) == ["Leakage: patients on both sides of the split: 1."]


def test_films_of_a_network_s_training_are_known_by_their_hash(rows: list[Row], tmp_path: Path) -> None:
    known = fingerprints([rows[0]])
    assert len(known[0]) == 16

    assert leakage(rows[:2], trained_on=known)["in_training"] == {"n": 1, "films": ["0-film.png"]}
    assert leakage(rows[:2])["in_training"] is None
    with pytest.raises(BadCheckpoint, match="not 64-bit hexadecimal numbers"):
        leakage(rows[:1], trained_on=["none"])


def test_size_and_brightness_do_not_enter_the_thumbnail() -> None:
    film = draw(seed=1, height=512, width=512).radiograph
    small = replace(film, pixels=film.pixels[::2, ::2], black=film.black - 500, white=film.white + 900)

    likeness = float((thumbnail(film) * thumbnail(small)).sum())

    assert likeness > 0.95
    assert float((thumbnail(film) ** 2).sum()) == pytest.approx(1, abs=1e-5)


def test_bits_of_a_hash_differ_as_the_angle_between_thumbnails() -> None:
    base, other = np.linalg.qr(np.random.default_rng(0).standard_normal((1600, 2)))[0].T
    sixty = np.cos(np.pi / 3) * base + np.sin(np.pi / 3) * other

    one, two, third = hashes(np.stack([base, sixty, -base]).astype(np.float32))

    assert int(np.bitwise_count(one ^ third)) == 64
    assert 12 <= int(np.bitwise_count(one ^ two)) <= 31  # 60 of 180 degrees: 21.3 of 64 expected


def test_chests_in_general_are_no_duplicates_of_one_another(real_films: Path) -> None:
    rows = [replace(row, split="") for row in read_manifest(real_films)[:150]]

    result = leakage(rows[:50], rows[50:], trained_on=fingerprints(rows[50:]))

    assert result["identical"]["n"] == result["near_duplicates"]["n"] == 0
    assert result["in_training"]["n"] == 0
    assert BITS < 7
