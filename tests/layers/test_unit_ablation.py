"""Units switched off: a planted one takes the finding with it, and every method works on what is left."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
import torch

from core.errors import BadSetting, NoLungs, OneCell, Unfit, UnknownName
from core.explain.method import methods
from core.explain.run import Request, explain_many
from core.layers.ablation_curve import ablation_curves
from core.layers.ablation_outcome import probability_changes, runs, sentence
from core.layers.activations import stage_activations
from core.layers.unit_ablation import UnitSwitches, ablated, ablation_result, top_units
from core.models.classifier import Classifier, Door
from core.types import Radiograph
from core.work import Work
from tests.layers import planted

FILM = planted.film(1, squares=[(9, 13)])


def test_without_the_planted_unit_the_finding_is_gone() -> None:
    network = planted.classifier()
    for stage in ("stage 1", "stage 2"):
        result = ablation_result(network, FILM, UnitSwitches(units=((stage, planted.UNIT),)))

        assert result.before.likeliest[0] == "square"
        assert result.after.likeliest[0] == "nothing"
        assert result.after.logits.tolist() == [-1.0, 1.0]  # the last layer's biases


def test_without_any_other_unit_nothing_changes_to_the_last_bit() -> None:
    network = planted.classifier()
    others = tuple(("stage 1", channel) for channel in range(planted.UNITS) if channel != planted.UNIT)
    result = ablation_result(network, FILM, UnitSwitches(units=others))

    assert np.array_equal(result.after.logits, result.before.logits)


def test_the_most_relevant_unit_is_the_planted_one() -> None:
    activations = stage_activations(planted.classifier(), FILM, "stage 1", findings=["square"])
    assert top_units(activations, "square", 1) == (("stage 1", planted.UNIT),)
    with pytest.raises(BadSetting, match=r"stage 1 has 5 units; 6 are not possible"):
        top_units(activations, "square", 6)


def test_the_mean_is_that_of_the_film_or_of_the_reference_set_and_the_text_names_it() -> None:
    network = planted.classifier()
    switched = UnitSwitches(units=(("stage 2", planted.UNIT),), fill="mean")
    own = ablation_result(network, FILM, switched)
    usual = np.arange(planted.UNITS, dtype=np.float32)
    other = ablation_result(network, FILM, switched, usual={"stage 2": usual})

    assert own.after.logits == pytest.approx(own.before.logits, abs=1e-4)  # the head sees the mean alone
    assert own.description == (
        "Switched off: 1 unit of stage 2, set to their mean over this film, since there is no atlas."
    )
    assert other.after.logits[0] == planted.WEIGHT * planted.UNIT - 1
    assert other.description.endswith("set to their mean over the reference set.")


def test_what_was_switched_off_has_a_key_of_its_own(classifier: Classifier, phantom: Radiograph) -> None:
    units = (("stage 2", 3),)
    keys = {
        ablation_result(classifier, phantom, UnitSwitches(units=units, fill=fill)).after.checkpoint
        for fill in ("zero", "mean")
    }

    assert len(keys | {classifier.checkpoint.key}) == 3


@pytest.mark.parametrize("name", ["layer-cam", "guided-backprop", "layer-conductance"])
def test_methods_work_without_a_unit(name: str, classifier: Classifier, phantom: Radiograph) -> None:
    """One of each kind: of the shared passes, with rules of its own, along a path."""
    settings = {"steps": 8} if name == "layer-conductance" else {}
    units = tuple(("stage 3", channel) for channel in range(0, 1024, 2))
    request = Request(name, "covid", "stage 3" if methods[name].layered else None, settings)
    (map_,) = ablation_result(classifier, phantom, UnitSwitches(units=units), [request]).explanations
    _, (before,) = explain_many(classifier, phantom, [request])

    assert map_.heat.shape == before.heat.shape
    assert np.abs(map_.heat).max() > 0
    assert not np.array_equal(map_.heat, before.heat)


def test_maps_of_a_stage_show_what_is_left_of_it(classifier: Classifier, phantom: Radiograph) -> None:
    request = Request("layer-activation", "covid", "stage 3", {"channel": 7})
    _, (before,) = explain_many(classifier, phantom, [request])
    (after,) = ablation_result(classifier, phantom, UnitSwitches(units=(("stage 3", 7),)), [request]).explanations
    (mean,) = ablation_result(
        classifier, phantom, UnitSwitches(units=(("stage 3", 7),), fill="mean"), [request]
    ).explanations

    assert np.abs(before.heat).min() > 0
    assert (after.heat == 0).all()
    assert mean.heat == pytest.approx(before.heat.mean(), rel=1e-5)


def test_outside_the_lungs_cells_are_off_and_inside_they_are_as_they_were(
    classifier: Classifier, phantom: Radiograph
) -> None:
    request = Request("layer-activation", "covid", "stage 1", {"channel": 70})
    _, (before,) = explain_many(classifier, phantom, [request])
    (after,) = ablation_result(classifier, phantom, UnitSwitches(outside=("stage 1",)), [request]).explanations

    off = (after.heat == 0) & (before.heat != 0)
    assert 0.2 < off.mean() < 0.8
    assert np.array_equal(after.heat[~off], before.heat[~off])
    assert off[0].all()
    assert off[-1].all()


def test_a_method_without_a_rule_for_the_outside_says_so(phantom: Radiograph) -> None:
    with pytest.raises(Unfit, match="the network uses mul, for which the method has no rule"):
        ablation_result(planted.classifier(), phantom, UnitSwitches(outside=("stage 1",)), [Request("lrp", "square")])


def test_a_film_without_lungs_has_no_outside() -> None:
    with pytest.raises(NoLungs, match="No lungs found"):
        ablation_result(planted.classifier(), FILM, UnitSwitches(outside=("stage 1",)))


def test_what_is_not_there_cannot_be_switched_off(
    classifier: Classifier, one_cell: Classifier, phantom: Radiograph
) -> None:
    with pytest.raises(BadSetting, match=r"stage 2 has no unit 512; it has units 0 to 511"):
        ablation_result(classifier, phantom, UnitSwitches(units=(("stage 2", 512),)))
    with pytest.raises(UnknownName, match="no layer of densenet121 named 'stage 7'"):
        ablation_result(classifier, phantom, UnitSwitches(units=(("stage 7", 0),)))
    with pytest.raises(OneCell, match="1 × 1 maps"):
        ablation_result(one_cell, phantom, UnitSwitches(outside=("stage 4",)))


def test_the_network_itself_stays_as_it_is(classifier: Classifier, phantom: Radiograph) -> None:
    before = stage_activations(classifier, phantom, "stage 4").maps
    with classifier.alone() as network:
        modules = list(network.modules())
        other = ablated(network, UnitSwitches(units=(("stem", 0),)), means={"stem": torch.zeros(64)})
        assert list(network.modules()) == modules
        shared = {id(weights) for weights in network.parameters()}

    assert shared <= {id(weights) for weights in other.parameters()}
    assert np.array_equal(stage_activations(classifier, phantom, "stage 4").maps, before)


def test_two_people_may_read_with_and_without_the_unit_at_once() -> None:
    network = planted.classifier()
    off = UnitSwitches(units=(("stage 1", planted.UNIT),))

    def ask(number: int) -> str:
        if number % 2:
            return ablation_result(network, FILM, off).after.likeliest[0]
        return network.predict(FILM).likeliest[0]

    with ThreadPoolExecutor(4) as pool:
        items = list(pool.map(ask, range(40)))

    assert items == ["square", "nothing"] * 20


def test_the_network_without_a_unit_waits_at_the_door_of_the_whole_one() -> None:
    class Counted(Door):
        came = 0

        @contextmanager
        def through(self, work: Work) -> Iterator[None]:
            self.came += 1
            with super().through(work):
                yield

    known = planted.classifier()
    with known.alone() as network:
        door = Counted()
        off = UnitSwitches(units=(("stage 1", planted.UNIT),))
        ablation_result(Classifier(known.checkpoint, network, door=door), FILM, off, [Request("grad-cam", "square")])

    assert door.came >= 2  # for the whole network, and for the one without


def test_top_units_are_those_that_a_curve_takes_first(classifier: Classifier, phantom: Radiograph) -> None:
    curves_of = {
        curve.ranking: curve for curve in ablation_curves(classifier, phantom, "covid", stage="stage 4", seed=7)
    }
    activations = stage_activations(classifier, phantom, "stage 4", findings=["covid"])
    for by, curve in curves_of.items():
        units = top_units(activations, "covid", 20, by=by, seed=7)

        assert units == tuple(("stage 4", int(channel)) for channel in curve.order[:20])


def test_a_sentence_says_what_became_of_the_answer() -> None:
    network, card = planted.classifier(), planted.classifier().checkpoint
    gone, other = UnitSwitches((("stage 2", planted.UNIT),)), UnitSwitches((("stage 2", 0), ("stage 2", 1)))
    without_it, without_others = ablation_result(network, FILM, gone), ablation_result(network, FILM, other)

    assert sentence(without_it, gone, "square", card) == (
        "Without 1 unit of stage 2, square falls from 0.87 to 0.12; the network now says nothing."
    )
    assert sentence(without_others, other, "square", card) == (
        "Without 2 units of stage 2, square stays at 0.87; the network still says square."
    )
    square, nothing = probability_changes(without_it)
    assert square.logit == pytest.approx(-1 - float(without_it.before.logits[0]))
    assert square.points == pytest.approx(100 * (square.after - square.before))
    assert nothing.after > nothing.before
    assert nothing.logit == 0


def test_a_network_of_many_findings_finds_some_or_nothing() -> None:
    network = planted.classifier()
    card = replace(network.checkpoint, multi_label=True)
    with network.alone() as layers:
        several = Classifier(card, layers)
    switched = UnitSwitches((("stage 2", planted.UNIT),))

    assert sentence(ablation_result(several, FILM, switched), switched, "square", card).endswith(
        "the network now finds nothing."
    )


def test_neighbours_have_one_name_and_too_many_names_become_one_a_stage() -> None:
    units = [("a", 3), ("a", 10), ("a", 12), ("a", 11), ("b", 0), ("a", 3)]

    assert runs(units, most=5) == {
        "a · 3": (("a", 3),),
        "a · 10–12": (("a", 10), ("a", 11), ("a", 12)),
        "b · 0": (("b", 0),),
    }
    assert list(runs(units, most=2)) == ["a · 4 units", "b · 1 unit"]
