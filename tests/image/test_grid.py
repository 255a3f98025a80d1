"""A sample of the header combinations of tests/image/grid.py; all of them by `python -m tests.image.grid`."""

import itertools
from collections import Counter

import pytest

from tests.image import grid

pytestmark = pytest.mark.filterwarnings("ignore:::pydicom")


def test_every_header_gives_a_film_as_the_standard_has_it_or_a_sentence() -> None:
    sample = itertools.islice(grid.headers(), 0, None, 23)  # prime to every side of the grid

    counts = Counter(grid.outcome(header) for header in sample)

    assert set(counts) == {"film", "equal", "sentence"}
    assert counts.total() > 500
    assert counts["equal"] > 50
