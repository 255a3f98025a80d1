"""Maps that must not be taken at face value come with a caveat in words."""

import numpy as np
import pytest

from core.explain.caveat import caveat
from core.explain.method import Method, methods
from core.types import Heat

CAM, GRADIENT = methods["grad-cam"], methods["saliency"]


def _caveat(heat: Heat, method: Method = CAM, probability: float = 0.6, *, signed: bool = False) -> tuple[str, bool]:
    return caveat(heat, method, finding="covid", probability=probability, signed=signed)


def _heat(*values: float) -> Heat:
    return np.array(values, np.float32).reshape(2, 2)


def test_a_plain_map_has_no_caveat() -> None:
    assert _caveat(_heat(0, 1, 2, 3)) == ("", False)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_map_with_values_that_are_no_numbers_is_not_drawn(bad: float) -> None:
    sentence, void = _caveat(_heat(0, 1, bad, 3))

    assert void
    assert sentence.startswith("1 of the 4 values of this map are not finite")


@pytest.mark.parametrize(
    ("method", "signed", "reason"),
    [
        (CAM, False, "every place counts against it or not at all"),
        (CAM, True, "supports covid or counts against it"),
        (GRADIENT, False, "The gradient of covid is zero everywhere"),
    ],
)
def test_an_empty_map_says_why_and_is_not_drawn(method: Method, signed: bool, reason: str) -> None:
    sentence, void = _caveat(_heat(0, 0, 0, 0), method, signed=signed)

    assert void
    assert reason in sentence
    assert sentence.endswith("There is nothing to draw.")


def test_a_map_of_one_value_singles_out_no_place() -> None:
    sentence, void = _caveat(_heat(5, 5, 5, 5 + 4e-6))

    assert void
    assert "same value everywhere" in sentence


def test_a_finding_that_the_network_does_not_see_is_reported_with_its_probability() -> None:
    sentence, void = _caveat(_heat(0, 1, 2, 3), probability=0.004)

    assert not void
    assert "probability of 0.004" in sentence
    assert _caveat(_heat(0, 1, 2, 3), probability=0.01) == ("", False)


def test_a_saturated_answer_is_reported() -> None:
    sentence, void = _caveat(_heat(0, 1, 2, 3), probability=0.99995)

    assert not void
    assert "saturated (0.99995)" in sentence


@pytest.mark.parametrize("name", [name for name, method in methods.items() if not method.specific])
def test_what_claims_nothing_of_the_finding_is_not_held_to_its_probability(name: str) -> None:
    assert _caveat(_heat(0, 1, 2, 3), methods[name], probability=0.001) == ("", False)
    assert _caveat(_heat(0, 0, 0, 0), methods[name])[1]
