"""A stage's units on one film: equal to Captum's, ranked, searched, exported."""

import csv
import io
from typing import Literal

import numpy as np
import pytest
import torch
from captum.attr import LayerActivation, LayerGradientXActivation
from PIL import Image

from core.errors import BadSetting, OneCell, Unfit, UnknownName
from core.image.prepare import prepare
from core.layers.activations import Activations, histogram, ranked, search, stage_activations, unit_explanation
from core.layers.export import activations_csv, activations_npz, sheet_png
from core.models.classifier import Classifier
from core.overlay import overlay
from core.types import Cleaning, Placement, Radiograph


def _by_hand() -> Activations:
    """Three units of 2 × 2 cells: means 1, 10 and 4."""
    maps = np.array([[[0, 0], [0, 4]], [[10, 10], [10, 10]], [[4, 4], [8, 0]]], np.float32)
    relevance = {"covid": np.array([3, -1, 3], np.float32)}
    return Activations("film", "network", "stage 1", maps, Placement(0, 0, 20, 20), relevance)


@pytest.mark.parametrize("stage", ["stem", "stage 2", "stage 4"])
def test_activations_equal_captums_bit_for_bit(classifier: Classifier, phantom: Radiograph, stage: str) -> None:
    image = prepare(phantom, classifier.checkpoint.input).image[None]
    with classifier.alone() as network:
        reference = LayerActivation(network, network.stage_module(stage)).attribute(image)

    for findings in ((), ("covid",)):
        activations = stage_activations(classifier, phantom, stage, findings=findings)
        assert np.array_equal(activations.maps, reference[0].detach().numpy())


@pytest.mark.parametrize("layer", ["features.conv0", "features.denseblock2.denselayer3.conv1", "features.transition3"])
def test_a_layer_within_a_stage_equals_captums_bit_for_bit(
    classifier: Classifier, phantom: Radiograph, layer: str
) -> None:
    image = prepare(phantom, classifier.checkpoint.input).image[None]
    with classifier.alone() as network:
        module = network.get_submodule(layer)
        reference = LayerActivation(network, module).attribute(image)
        slopes = LayerGradientXActivation(network, module).attribute(image, target=0)

    activations = stage_activations(classifier, phantom, layer, findings=["covid"])

    assert np.array_equal(activations.maps, reference[0].detach().numpy())
    assert activations.relevance["covid"] == pytest.approx(slopes[0].detach().sum(dim=(1, 2)).numpy(), abs=1e-5)
    with classifier.alone() as network:
        assert not any(module._forward_hooks for module in network.modules())


def test_the_output_of_a_stage_is_that_of_the_layer_that_ends_it(classifier: Classifier, phantom: Radiograph) -> None:
    with classifier.alone() as network:
        layer = f"features.{network.stages['stage 3']}"
    at_stage = stage_activations(classifier, phantom, "stage 3", findings=["covid"])
    at_layer = stage_activations(classifier, phantom, layer, findings=["covid"])

    assert np.array_equal(at_stage.maps, at_layer.maps)
    assert np.allclose(at_stage.relevance["covid"], at_layer.relevance["covid"], atol=1e-6)


def test_a_layer_without_maps_says_so(classifier: Classifier, phantom: Radiograph) -> None:
    with pytest.raises(Unfit, match=r"head.linear gives no maps.* Choose an earlier layer"):
        stage_activations(classifier, phantom, "head.linear")
    with pytest.raises(UnknownName, match=r"named 'features\.nothing'"):
        stage_activations(classifier, phantom, "features.nothing")


def test_relevance_at_the_last_stage_adds_up_to_the_logit_less_its_bias(
    classifier: Classifier, phantom: Radiograph
) -> None:
    activations = stage_activations(classifier, phantom, "stage 4", findings=["covid", "normal"])
    logits = classifier.predict(phantom).logits
    with classifier.alone() as network:
        bias = network.head.get_submodule("linear").bias

    assert isinstance(bias, torch.Tensor)
    assert activations.relevance["covid"].sum() == pytest.approx(logits[0] - float(bias[0]), abs=1e-4)
    assert activations.relevance["normal"].sum() == pytest.approx(logits[2] - float(bias[2]), abs=1e-4)


def test_units_are_ranked_by_mean_relevance_difference_and_number() -> None:
    expected = _by_hand()
    usual = np.array([1, 9, 0], np.float32)

    assert ranked(expected, "mean").tolist() == [1, 2, 0]
    assert ranked(expected, "relevance", finding="covid").tolist() == [0, 2, 1]
    assert ranked(expected, "difference", usual=usual).tolist() == [2, 1, 0]
    assert ranked(expected, "index").tolist() == [0, 1, 2]


def test_an_order_that_lacks_what_it_needs_says_what_that_is() -> None:
    with pytest.raises(BadSetting, match=r"'normal' was not computed, only that for: covid"):
        ranked(_by_hand(), "relevance", finding="normal")
    with pytest.raises(BadSetting, match=r"comes from an atlas of this network"):
        ranked(_by_hand(), "difference")


def test_channels_are_detected_by_number_list_and_range() -> None:
    assert search("7", 20) == (7,)
    assert search(" 3, 10–12; 3", 20) == (3, 10, 11, 12)
    assert search("", 3) == (0, 1, 2)
    for text, sentence in (("20", "channels 0 to 19"), ("5-3", "'5-3' does not exist"), ("-1", "is not a channel")):
        with pytest.raises(BadSetting, match=sentence):
            search(text, 20)


def test_the_histogram_counts_every_cell() -> None:
    counts, edges = histogram(_by_hand().maps, bins=2)

    assert (counts.tolist(), edges.tolist()) == ([7, 5], [0.0, 5.0, 10.0])


def test_a_stage_or_finding_that_is_not_there_is_named(classifier: Classifier, phantom: Radiograph) -> None:
    with pytest.raises(UnknownName, match=r"no layer of densenet121 named 'stage 9'"):
        stage_activations(classifier, phantom, "stage 9")
    with pytest.raises(UnknownName, match=r"no finding named 'covit'. Did you mean 'covid'"):
        stage_activations(classifier, phantom, "stem", findings=["covit"])


def test_a_layer_of_one_cell_is_refused(one_cell: Classifier, phantom: Radiograph) -> None:
    with pytest.raises(OneCell, match=r"stage 4 of untrained gives 1 × 1 maps.* Choose an earlier layer"):
        stage_activations(one_cell, phantom, "stage 4")


def test_a_unit_can_be_laid_over_its_film(classifier: Classifier, phantom: Radiograph) -> None:
    activations = stage_activations(classifier, phantom, "stage 3", cleaning=Cleaning(turn=1))
    unit = unit_explanation(activations, 5)

    assert np.array_equal(unit.heat, activations.maps[5])
    assert overlay(phantom, unit, legend=False).shape == (*phantom.pixels.shape[::-1], 3)  # turned as the film
    with pytest.raises(BadSetting, match=r"channels 0 to 1023"):
        unit_explanation(activations, 1024)


def test_the_npz_holds_the_maps_and_their_place(classifier: Classifier, phantom: Radiograph) -> None:
    activations = stage_activations(classifier, phantom, "stage 4", findings=["covid"])
    data = activations_npz(phantom, activations, classifier.checkpoint)

    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        assert np.array_equal(file["maps"], activations.maps)
        assert np.array_equal(file["relevance"], [activations.relevance["covid"]])
        box = activations.placement
        assert (file["box"].tolist(), int(file["turn"])) == ([box.x0, box.y0, box.x1, box.y1], 0)
        assert file["checkpoint_sha256"] == classifier.checkpoint.sha256
    assert data == activations_npz(phantom, activations, classifier.checkpoint)


def test_the_table_has_a_row_a_unit() -> None:
    text = activations_csv(_by_hand(), usual=np.array([1, 9, 0], np.float32))

    assert list(csv.reader(text.splitlines())) == [
        ["channel", "mean", "least", "greatest", "row", "column", "difference", "for covid"],
        ["0", "1", "0", "4", "1", "1", "0", "3"],
        ["1", "10", "10", "10", "0", "0", "1", "-1"],
        ["2", "4", "0", "8", "1", "0", "4", "3"],
    ]


def test_the_sheet_has_one_scale_or_each_its_own(classifier: Classifier, phantom: Radiograph) -> None:
    def grey(scale: Literal["common", "own"], place: int) -> int:
        """Of the lower right cell, where unit 0 has its greatest value, 4, and unit 1 its, 10."""
        data = sheet_png(phantom, _by_hand(), classifier.checkpoint, channels=[0, 1], scale=scale)
        return int(np.asarray(Image.open(io.BytesIO(data)).convert("L"))[32 + 90, 8 + 90 + 104 * place])

    assert grey("own", 0) == grey("own", 1) == grey("common", 1) > grey("common", 0)
    data = sheet_png(phantom, _by_hand(), classifier.checkpoint)
    assert "Drawn phantom" in Image.open(io.BytesIO(data)).info["Description"]
