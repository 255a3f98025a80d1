"""A small sample of the study; `python -m tests.studies.trust_verdicts` runs all of it."""

import pytest

from tests.studies.trust_verdicts import STUDIES


@pytest.mark.parametrize("study", STUDIES)
def test_the_verdicts_are_right_where_the_truth_is_known(study: str) -> None:
    assert all(STUDIES[study](seed) for seed in range(3))
