"""A few of the mutated films of tests/image/fuzz.py; all of them by `python -m tests.image.fuzz`."""

import sys
import types

import pytest

from tests.image import fuzz


@pytest.mark.timeout(240)
def test_mutated_films_are_read_or_refused_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    # A spawned process imports the main module, which AppTest leaves to be a page of the dashboard.
    monkeypatch.setitem(sys.modules, "__main__", types.ModuleType("__main__"))
    outcomes = list(fuzz.run(400, first=1_000_000))

    assert len(outcomes) == 400
    bad = [(number, name, outcome) for number, name, outcome, _ in outcomes if outcome not in ("film", "sentence")]
    assert [each for each in bad if not each[2].startswith("caught ")] == []
    assert max(seconds for *_, seconds in outcomes) < fuzz.SLOWEST
