"""The Units part of the Layers page: stages, their units in order, one unit in full, and the downloads."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core.layers.activations import ranked, stage_activations
from core.layers.receptive_field import ReceptiveField, Span
from core.layers.unit_thumbnails import stamps
from core.models.classifier import load
from core.types import Placement, Radiograph
from dashboard.cache import model_files, networks
from dashboard.layers import export, network, unit_selection
from dashboard.layers.unit_panel import signed_bars
from tests.dashboard.conftest import Desk
from tests.dashboard.small_models import put

PAGE = "views/layers.py"


@pytest.fixture
def layers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """The page with the phantom on a small network of 4 stages for films of 64 px."""
    put(tmp_path, {"small": 3})
    return opened(tmp_path, monkeypatch)


def opened(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(model_files, "WEIGHTS", folder)
    monkeypatch.setenv("LIGHTBOX_HOME", str(folder / "nobody"))
    monkeypatch.delenv("LIGHTBOX_DATA", raising=False)
    desk = Desk()
    desk.app.switch_page(PAGE)
    return desk.run().press("Phantom")


def component_data(desk: Desk, key: str) -> dict[str, Any]:
    """What the component of this key was given to draw."""
    components = [each.proto for each in desk.app.get("bidi_component") if key in str(each.proto.id)]
    assert components, f"no component {key!r}"
    data: dict[str, Any] = json.loads(components[0].json)
    return data


def stage(desk: Desk) -> str:
    """The stage that is marked in the network."""
    return str(desk.app.main.radio[0].value)


def units(desk: Desk) -> list[int]:
    return [unit["channel"] for unit in component_data(desk, "units of the stage")["units"]]


def film(desk: Desk) -> Radiograph:
    return desk.session.radiographs[str(desk.session.film_key)]


def test_the_page_opens_with_the_last_stage_and_its_units_by_relevance_for_the_finding(layers: Desk) -> None:
    layers.choose("Finding", "covid", main=False)
    classifier = load("small", model_files.WEIGHTS)
    with classifier.alone() as net:
        last = net.last_stage
    activations_of = stage_activations(classifier, film(layers), last, findings=["covid"])

    assert stage(layers) == last
    assert units(layers) == ranked(activations_of, "relevance", finding="covid").tolist()[: unit_selection.PAGE]
    assert f"Unit {units(layers)[0]}<" in layers.html
    assert not layers.errors


def test_another_stage_begins_with_its_own_first_unit(layers: Desk) -> None:
    layers.session.layers.channel = 5
    unit_selection.show_stage(layers.session, "stage 1")
    layers.run()

    assert stage(layers) == "stage 1"
    assert component_data(layers, "units of the stage")["label"] == "Units of stage 1"
    assert component_data(layers, "units of the stage")["chosen"] == units(layers)[0]


def test_units_are_ordered_searched_and_paged(layers: Desk) -> None:
    layers.choose("Order", "index")
    assert units(layers) == list(range(24))

    layers.session.layers.page = 1
    layers.run()
    assert units(layers)[0] == 24

    layers.app.text_input[0].set_value("3, 30-32")
    layers.run()
    assert units(layers) == [3, 30, 31, 32]
    assert "1–4 of 4" in layers.html


def test_a_search_without_a_match_gets_a_sentence_and_shows_all(layers: Desk) -> None:
    layers.app.text_input[0].set_value("seven")
    layers.run()

    assert "&#x27;seven&#x27; is not a channel" in layers.html
    assert "Showing all" in layers.html
    assert len(units(layers)) == unit_selection.PAGE


def test_a_search_for_one_number_chooses_that_unit(layers: Desk) -> None:
    layers.app.text_input[0].set_value("17")
    layers.run()

    assert units(layers) == [17]
    assert component_data(layers, "units of the stage")["chosen"] == 17


def test_a_link_opens_the_page_of_the_grid_with_its_unit(layers: Desk) -> None:
    layers.session.layers.channel, layers.session.layers.order = 40, "index"
    layers.run()

    assert units(layers) == list(range(24, 48))


@pytest.mark.parametrize(
    ("stage", "channel", "sentence"),
    [
        ("cellar", None, "small has no layer &#x27;cellar&#x27;; showing its stage"),
        ("stage 1", 4000, "stage 1 has no unit 4000; it has units 0 to"),
    ],
)
def test_a_stage_or_unit_that_the_network_lacks_is_one_sentence(
    layers: Desk, stage: str, channel: int | None, sentence: str
) -> None:
    layers.session.layers.stage, layers.session.layers.channel = stage, channel
    layers.run()

    assert sentence in layers.html
    assert len(units(layers)) > 1


def test_the_chosen_unit_is_drawn_large_with_its_own_numbers(layers: Desk) -> None:
    layers.session.layers.channel = 11
    layers.run()
    activations_of = stage_activations(load("small", model_files.WEIGHTS), film(layers), stage(layers))
    drawn = component_data(layers, "chosen unit")["maps"][0]

    assert (drawn["width"], drawn["height"]) == activations_of.maps.shape[:0:-1]
    assert drawn["peak"] == pytest.approx(float(np.abs(activations_of.maps[11]).max()))
    assert "channel 11" in drawn["caption"]
    assert "For and against" in layers.html
    assert layers.html.count('class="lb-signed') == 3


def test_a_unit_is_switched_off_and_on_again(layers: Desk) -> None:
    unit_selection.show_stage(layers.session, "stage 1")
    layers.session.layers.channel = 2
    layers.run().toggle("Switch off")

    assert layers.session.layers.off == (("stage 1", 2),)
    marked = {unit["channel"]: unit["off"] for unit in component_data(layers, "units of the stage")["units"]}
    assert [channel for channel, off in marked.items() if off] == [2] * (2 in marked)

    assert layers.toggle("Switch off").session.layers.off == ()


def test_the_common_scale_is_that_of_the_strongest_unit(layers: Desk) -> None:
    assert component_data(layers, "units of the stage")["common"] is None
    layers.toggle("Same scale")
    data = component_data(layers, "units of the stage")

    assert data["common"] >= max(unit["end"] for unit in data["units"])
    assert component_data(layers, "chosen unit")["maps"][0]["scale"] == pytest.approx(data["common"])


def test_a_stage_of_one_cell_says_so_and_the_others_have_units(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, {"small": 3}, size=16)
    desk = opened(tmp_path, monkeypatch)
    assert stage(desk) == "stage 3"
    assert len(units(desk)) == unit_selection.PAGE
    assert not desk.errors

    unit_selection.show_stage(desk.session, "stage 4")
    desk.run()
    assert desk.errors == [
        "stage 4 of small gives 1 × 1 maps, which have no place on the film. Choose an earlier layer."
    ]
    assert stage(desk) == "stage 4"


def test_the_network_lists_output_receptive_field_and_parameters_of_each_stage_and_its_layers(layers: Desk) -> None:
    plan = networks.network_plan(model_files.card("small")).result()
    captions = layers.app.main.radio[0].proto.captions

    for caption, each in zip(captions, plan.stages, strict=True):
        assert caption.startswith(f"{each.shape[0]} units, {each.shape[1]} × {each.shape[2]}  \na cell sees ")
        assert caption.endswith(f"{network.count(each.parameters)} parameters")
    assert "Head: 3 findings" in layers.html

    layers.app.session_state["layers of the network"] = True
    layers.run()
    table = layers.app.main.dataframe[0].value
    assert list(table["Layer"]) == [layer.name for each in (*plan.stages, plan.head) for layer in each.layers]
    assert table["Kind"][0].startswith("convolution")
    assert dict(zip(table["Layer"], table["Maps"], strict=True))["head.linear"] is not True


def test_a_layer_within_a_stage_has_units_but_cannot_be_switched_off(layers: Desk) -> None:
    unit_selection.show_stage(layers.session, "features.norm2")
    layers.run()
    activations_of = stage_activations(load("small", model_files.WEIGHTS), film(layers), "features.norm2")

    assert stage(layers) == "stage 2"
    assert "Layer: features.norm2" in layers.html
    assert len(units(layers)) == unit_selection.PAGE
    assert component_data(layers, "units of the stage")["signed"] == activations_of.signed
    assert "Switch off" not in [each.label for each in layers.app.toggle]
    assert "This layer lies within a stage" in layers.html
    assert not layers.errors
    assert layers.press("Units of stage 2").session.layers.stage == "stage 2"


def test_the_receptive_field_is_in_millimetres_where_the_film_has_a_spacing() -> None:
    field = ReceptiveField(Span(0, 2, 10), Span(0, 2, 20))
    box = Placement(0, 0, 200, 400)  # the square of 100 px covers 200 × 400 px of film

    assert network.receptive_field(field, 100, box, None) == "a cell sees 10 × 20 px"
    assert network.receptive_field(field, 100, box, (0.5, 0.25)) == "a cell sees 10 × 20 px · 20 × 10 mm"
    assert (
        network.receptive_field(ReceptiveField(Span(0, 2, 100), Span(0, 2, 120)), 100, box, None)
        == "a cell sees the whole film"
    )
    assert network.receptive_field(None, 100, box, None) == "receptive field unknown"


def test_parameters_are_counted_in_three_digits() -> None:
    assert [network.count(number) for number in (0, 512, 3256, 6_953_856)] == ["0", "512", "3.26 k", "6.95 M"]


def test_bars_lead_from_the_middle_and_the_longest_fills_its_half() -> None:
    relevance = {"covid": np.array([0.5], np.float32), "normal": np.array([-0.25], np.float32)}
    html = signed_bars(relevance, 0, "covid")

    assert 'aria-label="covid +0.5 logits"' in html
    assert "left:50%;width:50.0%" in html
    assert "right:50%;width:25.0%" in html


def test_small_maps_are_levels_of_each_units_own_scale(layers: Desk) -> None:
    activations_of = stage_activations(load("small", model_files.WEIGHTS), film(layers), "stage 1")
    whole, fewer = stamps(activations_of, [4, 2]), stamps(activations_of, [4], most=8)

    assert whole.dtype == np.uint8
    assert whole[0].max() == whole[1].max() == 255
    assert np.array_equal(whole[0] == 255, activations_of.maps[4] == activations_of.maps[4].max())
    assert fewer.shape == (1, 8, 8)


def test_maps_table_and_sheet_can_be_downloaded(layers: Desk) -> None:
    assert [each.label for each in layers.app.main.download_button][:3] == ["Maps", "Table", "Sheet"]

    classifier = load("small", model_files.WEIGHTS)
    card, radiograph = model_files.card("small"), film(layers)
    activations_of = stage_activations(classifier, radiograph, "stage 1", findings=["covid"])
    look = unit_selection.UnitSelection(
        radiograph,
        card,
        "covid",
        activations_of,
        "mean",
        activations_of.means,
        np.arange(1, len(activations_of.maps) + 1),
        (3, 1),
        0,
        3,
    )
    cleaning = layers.session.cleaning(radiograph.key)

    rows = list(csv.reader(io.StringIO(export.as_csv(look, cleaning, None).decode())))
    assert [cell for cell in rows[0] if cell.startswith("for ")] == ["for covid", "for pneumonia", "for normal"]
    assert len(rows) == 1 + len(activations_of.maps)
    with np.load(io.BytesIO(export.as_npz(look, cleaning))) as file:
        assert file["relevance"].shape == (3, len(activations_of.maps))
    sheet = Image.open(io.BytesIO(export.as_png(look, common=False)))
    assert "2 of" in sheet.info["Description"]
