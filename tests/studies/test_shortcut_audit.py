"""One shortened pair of the study; `python -m tests.studies.shortcut_audit` runs all of it."""

from pathlib import Path

import pytest

from core.audit import phantom_probing
from tests.studies.shortcut_audit import auroc, pair


@pytest.mark.timeout(900)
def test_a_planted_mark_is_flagged_and_its_clean_twin_less(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phantom_probing, "PHANTOMS", 2)

    result = pair(1, tmp_path, train=32, audit=16)

    assert result.reports["marked"].flag > result.reports["clean"].flag
    assert result.swapped["marked"] < 0.5  # the marked network follows the mark


def test_the_auroc_of_the_flag_counts_how_often_the_marked_one_is_above() -> None:
    assert auroc([{"marked": 0.8, "clean": 0.1}, {"marked": 0.5, "clean": 0.6}]) == 0.75
