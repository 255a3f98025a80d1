"""`atlas`: built from drawn chests and from a drawn table, resumed, refused, reported."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from core.__main__ import cli
from core.image.phantom import draw
from core.layers.atlases import read
from core.models.architecture import architectures
from core.models.checkpoints import input_card, read_card, write
from core.types import Input
from tests.evaluate import drawn


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two untrained small CNNs, "one" and "other"."""
    folder = tmp_path_factory.mktemp("small")
    card = {"architecture": "small-cnn", "findings": ["pneumonia", "normal"], "multi_label": False}
    card |= {"input": input_card(Input(size=32)), "temperature": 1.0}
    for name in ("one", "other"):
        write(architectures["small-cnn"].build(2, 1).eval(), card, name, folder)
    return folder


def _atlas(folder: Path, name: str, *given: object) -> Result:
    return CliRunner().invoke(cli, ["atlas", "--checkpoint", name, "--weights", str(folder), *map(str, given)])


def test_phantoms_give_an_atlas_with_pictures(small: Path, tmp_path: Path) -> None:
    result = _atlas(small, "one", "--phantoms", 3, "--pictures", "--out", tmp_path / "atlas")

    assert result.exit_code == 0, result.output
    assert "one over 3 films (3 drawn phantoms), 480 units." in result.stdout
    assert "3 pictures." in result.stdout
    rows = read(tmp_path / "atlas", read_card("one", small))
    assert rows.metadata["drawn"]
    assert len(list((tmp_path / "atlas" / "pictures").iterdir())) == 3
    assert "-" in result.stdout.splitlines()[-1]  # phantoms have none of the labels, so no AUC


def test_a_table_gives_areas_and_one_line_for_programs(small: Path, tmp_path: Path) -> None:
    manifest = drawn.write(tmp_path, 6)
    given = ("--data", manifest, "--split", "val", "--every", 1, "--out", tmp_path / "atlas", "--json")
    result = _atlas(small, "one", *given)

    assert result.exit_code == 0, result.output
    line = json.loads(result.stdout.splitlines()[-1])
    assert (line["films"], line["relevant"], line["pictures"]) == (4, 4, None)
    assert line["set"] == "films.csv, split val"
    assert not (tmp_path / "atlas" / "pictures").exists()
    rows = read(tmp_path / "atlas", read_card("one", small))
    assert 0.5 <= rows.unit(*rows.ranked("pneumonia", by="auc")[0]).auc["pneumonia"] <= 1


def test_an_atlas_of_other_weights_is_left_as_it_is(small: Path, tmp_path: Path) -> None:
    _atlas(small, "one", "--phantoms", 2, "--out", tmp_path)
    before = (tmp_path / "atlas.parquet").read_bytes()
    result = _atlas(small, "other", "--phantoms", 2, "--out", tmp_path)

    assert result.exit_code == 1
    assert "belongs to other weights (one, SHA-256 " in result.output
    assert (tmp_path / "atlas.parquet").read_bytes() == before


@pytest.mark.parametrize(("bad", "words"), [(1, "1 film could not be read; "), (2, "2 films could not be read; ")])
def test_films_that_cannot_be_read_are_counted(small: Path, tmp_path: Path, bad: int, words: str) -> None:
    folder = tmp_path / "films"
    folder.mkdir()
    for seed in range(4):
        file = folder / f"{seed}.png"
        Image.fromarray(draw(seed=seed, height=64, width=64).radiograph.pixels).save(file)
        if seed < bad:
            file.write_bytes(file.read_bytes()[:60])
    result = _atlas(small, "one", "--data", folder, "--out", tmp_path / "atlas")

    assert result.exit_code == 0, result.output
    assert words in result.stdout


def test_films_come_from_one_place(small: Path, tmp_path: Path) -> None:
    for given in ((), ("--phantoms", 2, "--data", tmp_path)):
        result = _atlas(small, "one", *given, "--out", tmp_path / "atlas")

        assert result.exit_code == 1
        assert "give either --data DIR or --phantoms N" in result.output
