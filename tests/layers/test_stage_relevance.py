"""Relevance per stage: on a planted network one unit carries all of it; LRP loses nothing between two stages."""

import numpy as np
import pytest
import torch

from core.errors import UnknownName
from core.layers.activations import stage_activations
from core.layers.stage_relevance import (
    RelevanceSummary,
    StageRelevance,
    carriers_text,
    missing_relevance_reasons,
    relevance_summary,
    relevances_by_stage,
)
from core.models.classifier import Classifier
from core.types import Radiograph
from tests.layers import planted

FILM = planted.film(1, squares=[(9, 13)])


def test_one_unit_carries_the_planted_finding_through_every_stage() -> None:
    network = planted.classifier()
    relevances, why = relevances_by_stage(network, FILM, "square")
    logit = float(network.predict(FILM).logits[0])

    assert why == ""
    assert [each.stage for each in relevances] == ["stage 1", "stage 2"]
    for each in relevances:
        assert each.gradient.speaks == pytest.approx(logit + 1, rel=1e-4)  # less the last layer's bias
        assert each.gradient.against == 0
        assert (each.gradient.carriers, each.gradient.units) == (1, planted.UNITS)
        assert each.lrp
        assert each.lrp.carriers == 1
        assert each.lrp.speaks == pytest.approx(logit + 1, rel=1e-3)


def test_activation_times_gradient_is_that_of_the_units(classifier: Classifier, phantom: Radiograph) -> None:
    relevances, _ = relevances_by_stage(classifier, phantom, "covid")
    for each in relevances:
        units = stage_activations(classifier, phantom, each.stage, findings=["covid"]).relevance["covid"]

        assert each.gradient.speaks == pytest.approx(float(units[units > 0].sum()), rel=1e-4)
        assert each.gradient.against == pytest.approx(float(units[units < 0].sum()), rel=1e-4)


def test_what_lrp_deals_out_is_the_same_at_every_stage(classifier: Classifier, phantom: Radiograph) -> None:
    relevances, why = relevances_by_stage(classifier, phantom, "covid")

    assert why == ""
    sums = [each.lrp.speaks + each.lrp.against for each in relevances if each.lrp]
    assert sums == pytest.approx([sums[-1]] * 5, abs=1e-3)
    assert relevances[-1].lrp
    assert relevances[-1].lrp.speaks == pytest.approx(
        relevances[-1].gradient.speaks, rel=1e-3
    )  # a linear head: both are exact


def test_a_network_that_lrp_cannot_follow_says_so(
    classifier: Classifier, phantom: Radiograph, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.explain import flow

    with classifier.alone() as network:
        monkeypatch.setitem(flow._REASONS, network, {"lrp": "it has no rule"})
    relevances, why = relevances_by_stage(classifier, phantom, "covid")

    assert why == "it has no rule. Choose integrated gradients."
    assert all(each.lrp is None for each in relevances)


def test_carriers_are_the_fewest_units_with_four_fifths() -> None:
    assert relevance_summary(np.array([5.0, 3.0, 2.0, -4.0])) == RelevanceSummary(10.0, -4.0, 2, 4)
    assert relevance_summary(np.array([1.0, 1.0, 1.0, 1.0, 1.0])).carriers == 4
    assert relevance_summary(np.array([-1.0, 0.0])) == RelevanceSummary(0.0, -1.0, 0, 2)
    assert relevance_summary(np.array([8.0, 1.0, 1.0, 0.0])).share == 0.25


def test_where_no_unit_speaks_for_the_finding_none_carries_it_and_a_sentence_says_why() -> None:
    some, none = RelevanceSummary(10.0, -4.0, 2, 4), RelevanceSummary(0.0, -1.0, 0, 2)
    values = [
        StageRelevance("stem", some, none),
        StageRelevance("stage 1", some, none),
        StageRelevance("stage 2", some, some),
    ]

    assert [carriers_text(some), carriers_text(none)] == ["2 of 4", "none"]
    assert missing_relevance_reasons(values, "covid") == (
        "None: by LRP no unit of stem, stage 1 has a relevance above zero, so nothing there supports covid and no "
        "unit can carry 80 % of it.",
    )
    assert missing_relevance_reasons(values[2:], "covid") == ()
    assert missing_relevance_reasons([StageRelevance("stage 1", none, None)], "covid")[0].startswith(
        "None: by activation × gradient no unit of stage 1 has"
    )


def test_a_finding_that_the_score_speaks_against_is_carried_by_no_unit() -> None:
    """The head's weight turned over: all relevance of the planted unit is below zero, by both rules."""
    network = planted.classifier()
    with network.alone() as inner, torch.no_grad():
        for layer in inner.head.modules():
            if isinstance(layer, torch.nn.Linear):
                layer.weight.neg_()
    relevances, _ = relevances_by_stage(network, FILM, "square")

    assert [carriers_text(each.gradient) for each in relevances] == ["none", "none"]
    assert len(missing_relevance_reasons(relevances, "square")) == 2


def test_a_finding_that_is_not_there_is_reported() -> None:
    with pytest.raises(UnknownName, match="no finding named 'squire'"):
        relevances_by_stage(planted.classifier(), FILM, "squire")
