import numpy as np
import pytest

from core.errors import BadSetting
from core.models.findings import CHESTXRAY14, SETS, leading, parse, present, words
from core.types import Checkpoint, Input, Prediction


def _prediction(probabilities: list[float], *, multi_label: bool) -> tuple[Prediction, Checkpoint]:
    """Effusion is found from 0.6 on, Hernia from 0.1; Mass has no operating point."""
    findings = ("Effusion", "Mass", "Hernia")
    card = Checkpoint(
        name="few",
        architecture="small-cnn",
        findings=findings,
        multi_label=multi_label,
        input=Input(size=64),
        sha256="",
        thresholds={"Effusion": 0.6, "Hernia": 0.1},
    )
    likely = np.array(probabilities, np.float32)
    return Prediction("film", card.key, findings, np.log(likely), likely, 1.0, 0.1), card


def test_findings_are_present_from_their_own_operating_point_on_the_likeliest_first() -> None:
    assert present(*_prediction([0.59, 0.49, 0.09], multi_label=True)) == ()
    assert present(*_prediction([0.6, 0.5, 0.7], multi_label=True)) == ("Hernia", "Effusion", "Mass")


def test_a_rare_finding_that_is_present_comes_before_a_likelier_one_that_is_not() -> None:
    assert leading(*_prediction([0.5, 0.1, 0.2], multi_label=True)) == "Hernia"
    assert leading(*_prediction([0.5, 0.1, 0.2], multi_label=False)) == "Effusion"
    assert leading(*_prediction([0.5, 0.1, 0.01], multi_label=True)) == "Effusion"


def test_a_set_is_named_alone_or_beside_others() -> None:
    assert len(CHESTXRAY14) == 14
    assert parse("chestxray15") == (*CHESTXRAY14, "covid")
    assert parse(" chestxray14, covid") == SETS["chestxray15"]
    assert parse("covid, normal,covid") == ("covid", "normal")


def test_an_empty_part_between_commas_is_refused() -> None:
    with pytest.raises(BadSetting, match="give a set: cxr3, chestxray14, chestxray15"):
        parse("covid,,normal")


def test_underscores_are_for_files() -> None:
    assert words("Pleural_Thickening") == "pleural thickening"
