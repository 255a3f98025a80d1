"""Behaviour that commands share."""

import json
import math

import pytest

from core.commands.options import classifier, line, table
from core.errors import BadCheckpoint


def test_a_line_is_strict_json_in_ascii() -> None:
    text = line({"figure": math.nan, "list": [math.inf, 1.5], "unit": "°"})

    assert text.isascii()
    assert json.loads(text) == {"figure": None, "list": [None, 1.5], "unit": "°"}


def test_a_table_lines_words_up_left_and_numbers_right() -> None:
    assert table([["name", "n"], ["a", "5"], ["long", "10"]]) == "name   n\na      5\nlong  10"


def test_a_folder_without_checkpoints_says_how_to_get_one(tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(BadCheckpoint, match=r"no checkpoint in .*core train --data"):
        classifier(None, tmp_path_factory.mktemp("empty"))
