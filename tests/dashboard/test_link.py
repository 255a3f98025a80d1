"""The address of a page describes what is shown, and opening it shows the same."""

from importlib.metadata import version

import pytest

from core.image import phantom
from core.image.cases import case
from core.image.read import read
from dashboard import link
from dashboard.cache import film_properties, model_files
from tests.dashboard.conftest import Desk, encoded

KEY = "0123456789abcdef"


def _opened(small_weights: object, **link: str | list[str]) -> Desk:
    desk = Desk()
    for name, value in link.items():
        desk.app.query_params[name] = value
    return desk.run()


def _address(desk: Desk) -> dict[str, list[str]]:
    return {name: list(values) for name, values in desk.session.address.items()}


def test_an_empty_desk_has_a_bare_address(desk: Desk) -> None:
    assert _address(desk) == {}


def test_the_address_describes_the_view_without_the_name_of_the_film(desk: Desk) -> None:
    desk.press("Opacity, right lung").choose("Finding", "covid").choose("Stage", "stage 3")
    desk.method("smoothgrad").session.settings["smoothgrad"] = {"samples": 5}
    desk.run()

    key = film_properties.drawn_film(0).key
    assert _address(desk) == {
        "film": [key],
        "model": ["untrained"],
        "weights": [model_files.card("untrained").sha256[:8]],
        "finding": ["covid"],
        "method": ["smoothgrad"],
        "captum": [version("captum")],
        "stage": ["stage 3"],
        "set": ["samples:5"],
    }
    assert _address(desk.press("Clear")) == {}


def test_opening_the_address_of_a_view_shows_the_same(desk: Desk, small_weights: object) -> None:
    desk.press("Opacity, right lung").choose("Finding", "covid").choose("Stage", "stage 2").toggle("Mirror")
    desk.toggle("Same scale")
    sent = _address(desk)

    other = _opened(small_weights, **sent)

    assert other.explained == "covid"
    assert other.menu("Stage").value == "stage 2"
    assert other.session.cleaning(film_properties.drawn_film(0).key).mirror
    assert other.session.common_scale
    assert _address(other) == sent
    assert not other.errors


def test_a_link_to_a_film_that_is_not_here_waits_for_the_same_file(small_weights: object) -> None:
    one, other = (encoded(phantom.draw(seed=seed, height=300, width=300).radiograph) for seed in (5, 6))
    film = read(one, name="one.png")
    sent = {"film": [film.key], "model": ["untrained"], "finding": ["normal"], "method": ["saliency"]}
    desk = _opened(small_weights, **sent)
    assert "film of this link is not loaded" in "".join(desk.errors)
    assert _address(desk) == sent

    desk.drop(("other.png", other), ("one.png", one))

    assert desk.session.film_key == film.key
    assert desk.explained == "normal"
    assert desk.session.method == "saliency"


def test_another_film_beside_a_link_is_named_as_not_its_film(small_weights: object) -> None:
    desk = _opened(small_weights, film=KEY, model="untrained").press("Opacity, right lung").press("Phantom")

    assert [each.value.split(" (")[0] for each in desk.app.warning] == ["This is not the film of the link"]
    assert not desk.press("Forget link").app.warning


def test_back_restores_film_finding_and_method_of_the_earlier_step(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.press("Opacity, right lung").choose("Finding", "covid")
    before = _address(desk)
    desk.press("Phantom").choose("Finding", "normal").method("saliency")
    monkeypatch.setattr(link, "went_back", lambda: True)

    for name, values in before.items():
        desk.app.query_params[name] = values
    desk.run()

    assert desk.session.film_key == film_properties.drawn_film(0).key
    assert (desk.explained, desk.session.method) == ("covid", "grad-cam")
    assert _address(desk) == before


def test_back_to_a_film_that_was_removed_undoes_the_removal(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    before = _address(desk.press("Opacity, right lung"))
    desk.press("Clear")
    assert desk.films == []
    monkeypatch.setattr(link, "went_back", lambda: True)

    for name, values in before.items():
        desk.app.query_params[name] = values
    desk.run()

    assert desk.films == ["Opacity, right lung"]


@pytest.mark.parametrize(
    ("opened", "sentence"),
    [
        ({"model": "resnet9000"}, "The link asks for the model 'resnet9000', which is not available"),
        ({"model": "untrained", "weights": "ffffffff"}, "The link was made with other weights of 'untrained'"),
        ({"method": "divination"}, "The link asks for the method 'divination', which is not available"),
        ({"method": "smoothgrad", "set": "samples:-4"}, "samples is -4; it must lie between"),
        ({"method": "smoothgrad", "set": "colour:red"}, "no setting of smoothgrad named 'colour'"),
        (
            {"method": "saliency", "captum": "0.5"},
            f"The link was made with Captum 0.5; this is Captum {version('captum')}",
        ),
        ({"film": KEY}, "film of this link is not loaded"),
        ({"part": "cellar"}, "The link asks for the part 'cellar' of the Layers page, which is not available"),
        ({"unit": "-3"}, "The link asks for the unit '-3', which is not a unit number. The first unit is shown"),
        ({"unit": "9" * 5000}, "The link asks for the unit '99999999999999999999', which is not a unit number"),
        (
            {"off": "stage 4"},
            "The link switches off 'stage 4', which is not a list of units such as 'stage 4:3,7,10-19'.",
        ),
        ({"off": "stage 4:"}, "The link switches off 'stage 4:', which is not a list of units"),
        ({"off": "stage 4:,"}, "The link switches off 'stage 4:,', which is not a list of units"),
        ({"off": "stage 4:3,x"}, "The link switches off 'stage 4:3,x', which is not a list of units"),
        ({"off": "stage 4:0-99999999"}, "which is not a list of units such as 'stage 4:3,7,10-19'. They stay on."),
        ({"off": "stage 4:" + "9" * 5000}, "The link switches off more units than a link can hold"),
        ({"off": "too many"}, "More units were switched off than a link can hold. All units left on."),
        ({"fill": "concrete"}, "The link replaces units by 'concrete', which is not known. Using zero."),
        ({"tile": "gone~grad-cam~~"}, "A tile of the link is of 'gone' with 'grad-cam', which is not available"),
    ],
)
def test_unavailable_parts_of_a_link_get_one_sentence(
    small_weights: object, opened: dict[str, str], sentence: str
) -> None:
    desk = _opened(small_weights, **opened).press("Opacity, right lung")
    errors = _opened(small_weights, **opened).errors

    assert sentence in "".join(errors)
    assert not desk.app.exception
    assert not desk.errors


def test_the_board_of_the_compare_page_stands_in_the_address(small_weights: object) -> None:
    tiles = ["untrained~grad-cam~covid~stage 3", "untrained~saliency~~"]

    desk = _opened(small_weights, film=film_properties.drawn_film(0).key, model="untrained", tile=tiles)

    assert [(tile.method, tile.finding, tile.layer) for tile in desk.session.tiles] == [
        ("grad-cam", "covid", "stage 3"),
        ("saliency", None, None),
    ]
    assert _address(desk)["tile"] == tiles


def test_a_link_fills_no_more_than_one_board(small_weights: object) -> None:
    desk = _opened(small_weights, tile=["untrained~saliency~~"] * 200)

    assert len(desk.session.tiles) == 9
    assert "asks for 200 tiles; the first 9 are shown" in "".join(desk.errors)


def test_opening_the_address_of_a_unit_shows_the_same_unit(small_weights: object) -> None:
    sent = {
        "film": film_properties.drawn_film(0).key,
        "model": "untrained",
        "layer": "stage 2",
        "unit": "7",
        "order": "mean",
    }

    desk = _opened(small_weights, **sent)
    here = desk.session.layers

    assert (here.stage, here.channel, here.order) == ("stage 2", 7, "mean")
    assert {name: _address(desk)[name] for name in ("layer", "unit", "order")} == {
        "layer": ["stage 2"],
        "unit": ["7"],
        "order": ["mean"],
    }
    assert not desk.errors


def test_an_order_that_is_not_there_leaves_the_usual_one(small_weights: object) -> None:
    desk = _opened(small_weights, order="beauty", layer="stage 2")

    assert desk.session.layers.order == "relevance"
    assert not desk.errors


def test_opening_the_address_of_a_network_without_units_shows_the_same(desk: Desk, small_weights: object) -> None:
    desk.press("Opacity, right lung")
    here = desk.session.layers
    here.off = (("stage 4", 7), ("stage 4", 3), ("stage 2", 12), *(("stage 4", channel) for channel in range(10, 20)))
    here.outside, here.fill = ("stage 3",), "mean"
    desk.run()
    sent = _address(desk)
    assert {name: sent[name] for name in ("off", "outside", "fill")} == {
        "off": ["stage 4:3,7,10-19", "stage 2:12"],
        "outside": ["stage 3"],
        "fill": ["mean"],
    }

    other = _opened(small_weights, **sent)

    opened = other.session.layers
    assert (set(opened.off), opened.outside, opened.fill) == (set(here.off), ("stage 3",), "mean")
    assert _address(other) == sent
    assert not other.errors


def test_more_units_than_a_link_has_room_for_are_not_half_of_them(desk: Desk) -> None:
    desk.press("Opacity, right lung").session.layers.off = tuple(("stage 4", channel) for channel in range(0, 1024, 2))
    desk.run()
    assert _address(desk)["off"] == ["too many"]

    desk.session.layers.off = tuple(("stage 4", channel) for channel in range(1024))
    desk.run()
    assert _address(desk)["off"] == ["stage 4:0-1023"]


def test_units_that_a_link_cannot_switch_off_leave_the_rest_of_it_valid(small_weights: object) -> None:
    desk = _opened(
        small_weights,
        film=film_properties.drawn_film(0).key,
        off=["stage 4:x", "stage 2:5"],
        outside="stage 1",
        unit="3",
    )

    here = desk.session.layers
    assert (here.off, here.outside, here.channel) == ((("stage 2", 5),), ("stage 1",), 3)
    assert len(desk.errors) == 1


def test_units_of_a_link_that_the_network_lacks_get_a_sentence_on_the_page(small_weights: object) -> None:
    desk = _opened(small_weights, film=film_properties.drawn_film(0).key, part="without", off=["stage 4:8000"])
    desk.app.switch_page("views/layers.py")
    desk.run()

    assert any("8000" in error for error in desk.errors)
    desk.press("Switch all on")
    assert not desk.errors


def test_a_link_opens_any_drawn_case_with_its_story(small_weights: object, desk: Desk) -> None:
    for _ in range(7):
        desk.press("Phantom")
    address = _address(desk)
    assert address["case"] == ["6"]

    other = _opened(small_weights, **address)

    assert other.films == ["Drawn chest 6"]
    assert f"Drawn case: Drawn chest 6. {case(6).story}" in other.html


@pytest.mark.parametrize("number", ["1", "x", "99999", "-1"])
def test_the_number_of_another_case_opens_none(small_weights: object, number: str) -> None:
    other = _opened(small_weights, film=film_properties.drawn_film(0).key, case=number)

    assert other.films == []


def test_a_link_to_a_part_of_a_model_card_says_nothing_of_the_layers_page(small_weights: object) -> None:
    desk = _opened(small_weights, checkpoint="untrained", part="Shortcuts")

    assert not [error for error in desk.errors if "Layers page" in error]
