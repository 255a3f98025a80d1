"""The board of the Compare page: tiles, presets, differences, and what goes wrong in one of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.compare.map_agreement import TITLES
from core.explain.method import methods
from core.models.checkpoints import input_card, write
from core.types import Explanation, Input, Radiograph
from dashboard import board_tile, engine, selection
from dashboard.board_tile import BoardTile
from dashboard.cache import model_files
from dashboard.compare import board, presets, tile_pair
from dashboard.compare.compare_state import Preset
from dashboard.compare.tile_probabilities import probability_rows
from dashboard.tile_request import TileRequest
from tests.conftest import FINDINGS
from tests.dashboard.conftest import Desk
from tests.dashboard.small_models import PAGE, opened, put, small

STAGES = ("stage 1", "stage 2", "stage 3", "stage 4")


@pytest.fixture(scope="session")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two networks of one architecture that know the same findings."""
    folder = tmp_path_factory.mktemp("two")
    put(folder, {"first": 1, "second": 2})
    return folder


@pytest.fixture
def page(two: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """The Compare page with the phantom on it."""
    return opened(two, monkeypatch)


def titles(desk: Desk) -> list[str]:
    """What stands above the tiles, the difference last."""
    labels = [each.proto.popover.label for each in desk.app.main.get("popover")]
    return [label.replace("\\", "").replace("**", "").replace("  ", " ") for label in labels if label != "Save"]


def test_an_empty_desk_offers_the_phantom(two: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_files, "WEIGHTS", two)
    desk = Desk()
    desk.app.switch_page(PAGE)

    assert any(each.label == "Opacity, right lung" for each in desk.run().app.button)


def test_two_models_are_side_by_side_with_their_difference_and_a_sentence(page: Desk) -> None:
    assert [f"pane {place}" for place in (0, 1, "difference") if page.component(f"pane {place}")] == [
        "pane 0",
        "pane 1",
        "pane difference",
    ]
    assert page.html.count('class="lb-probabilities"') == 2
    saved = [each.proto.label for each in page.app.main.get("download_button")]
    assert saved == ["Board", "Report (PDF)", "Report (web page)", "Figure for a paper", "Values (CSV)"]
    assert "Right column: difference from A." in page.html
    assert "Overlap of the hottest 10 %" in page.html
    assert 'class="lb-highlight"' in page.html
    looks = page.html.split('class="lb-highlight"')[1]
    assert "look" in looks or "spreads its heat" in looks
    assert not page.errors


def test_the_model_of_the_sidebar_is_tile_a(page: Desk) -> None:
    assert titles(page)[0].startswith("A first")

    page.choose("Model", "second", main=False)

    assert [title[:8] for title in titles(page)[:2]] == ["A second", "B first "]


def test_a_single_model_is_shown_by_two_methods(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, {"alone": 1})
    desk = opened(tmp_path, monkeypatch)

    assert presets.offered() == [presets.STAGES, presets.METHODS]
    assert [label.split(" · ")[1] for label in titles(desk)[:2]] == ["Grad-CAM", "Saliency"]
    assert "Same model as A" in desk.html


def test_all_stages_gives_a_tile_a_stage_and_a_table_of_all_pairs(page: Desk) -> None:
    board_of(page, presets.STAGES)

    assert [tile.layer for tile in page.session.tiles] == list(STAGES)
    assert page.html.count('class="lb-pairs"') == 1
    assert page.html.split('class="lb-pairs"')[1].count("<td") == 16
    page.choose("Figure", "ssim")
    assert TITLES["ssim"] in page.html


def test_all_methods_are_one_of_each_kind_and_the_page_says_so(page: Desk) -> None:
    board_of(page, presets.METHODS)

    assert [tile.method for tile in page.session.tiles] == list(presets.KINDS)
    assert {methods[name].family for name in presets.KINDS} >= {"class activation", "gradient", "perturbation"}
    assert f"{len(presets.KINDS)} of {len(methods)}" in page.html
    assert not any(each.label == "Cancel" for each in page.app.button)


def test_one_method_on_all_models_takes_the_method_of_the_read_page(page: Desk) -> None:
    page.session.method = "saliency"
    board_of(page, presets.MODELS)

    assert page.session.tiles == [TileRequest("first", "saliency"), TileRequest("second", "saliency")]


def test_a_preset_follows_the_model_of_the_sidebar_until_a_tile_is_changed(page: Desk) -> None:
    board_of(page, presets.STAGES).choose("Model", "second", main=False)
    assert {tile.checkpoint for tile in page.session.tiles} == {"second"}
    assert page.session.board.preset == Preset(presets.STAGES, "second", tuple(page.session.tiles))

    page.choose("Stage", "stage 2").choose("Model", "first", main=False)
    assert {tile.checkpoint for tile in page.session.tiles} == {"second"}
    assert page.session.board.preset is None


def test_a_tile_is_added_changed_and_removed(page: Desk) -> None:
    page.press("Add a map")
    assert page.session.tiles == [TileRequest("first"), TileRequest("second"), TileRequest("second")]
    menus = [each for each in page.app.main.selectbox if each.label == "Stage"]
    menus[2].set_value("stage 2")
    page.run()
    assert page.session.tiles[2] == TileRequest("second", layer="stage 2")
    assert "C second · Grad-CAM · stage 2" in titles(page)[2]

    page.session.board.pair = (2, 1)
    page.press("", help="Remove A")
    assert page.session.tiles == [TileRequest("second"), TileRequest("second", layer="stage 2")]
    assert page.session.board.pair == (1, 0)


def test_the_last_tile_stays_and_there_are_nine_at_most(page: Desk) -> None:
    page.session.tiles = [TileRequest("first")] * presets.MOST
    page.run()
    assert next(each for each in page.app.button if each.label == "Add a map").disabled

    page.session.tiles = [TileRequest("first")]
    page.run()
    assert next(each for each in page.app.button if each.help == "Remove A").disabled
    assert not page.component("pane difference")


def test_all_tiles_are_of_one_finding_the_first_models_or_the_sidebars(page: Desk) -> None:
    findings = {finding_of(page, place) for place in (0, 1)}
    assert len(findings) == 1

    page.choose("Finding", "pneumonia", main=False)
    assert {finding_of(page, place) for place in (0, 1)} == {"pneumonia"}


def test_a_model_that_knows_other_findings_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, {"first": 1})
    put(tmp_path, {"other": 2}, ("Pneumonia", "Effusion"))
    desk = opened(tmp_path, monkeypatch).choose("Finding", "covid", main=False)

    assert "other does not know covid: map of" in desk.html
    assert "A does not know effusion." in desk.html
    assert "Unknown to this model: covid, normal." in desk.html
    assert "unknown to A" in desk.html
    desk.choose("Finding", "pneumonia", main=False)
    assert finding_of(desk, 1) == "Pneumonia"


def test_the_probabilities_stand_beside_their_difference_to_the_first_tile(page: Desk) -> None:
    tiles = look(page)
    first, second = (tile.prediction for tile in tiles)
    assert first is not None
    assert second is not None
    step = second.probability("covid") - first.probability("covid")

    html = probability_rows(tiles[1], tiles)
    assert f"covid {second.probability('covid'):.2f}" in html
    assert abs(step) > 0.005
    assert f"{step:+.2f}".replace("-", "−") in html
    assert f"{abs(step):.2f} {'more' if step > 0 else 'less'} than A" in html


def test_a_broken_model_is_one_sentence_in_its_tile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, {"first": 1, "second": 2, "third": 3})
    path = tmp_path / "second.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    desk = opened(tmp_path, monkeypatch)
    desk.session.tiles = [TileRequest("first"), TileRequest("second"), TileRequest("third")]
    desk.run()

    tiles = look(desk)
    assert [bool(tile.explanation) for tile in tiles] == [True, False, True]
    assert "second.safetensors has SHA-256" in tiles[1].missing
    assert not desk.errors
    with at(desk):
        assert [tile.letter for tile in tile_pair.selected_pair(tiles) or ()] == ["A", "C"]
    desk.choose("Second", 1)
    assert "B has no map." in desk.html


@pytest.mark.parametrize(
    ("tile", "sentence"),
    [
        (TileRequest("first", "cam"), "CAM is not available for first: "),
        (
            TileRequest("first", "grad-cam", layer="stem"),
            "first has no stem; it has stage 1, stage 2, stage 3, stage 4.",
        ),
        (TileRequest("nobody"), "There is no checkpoint named 'nobody'."),
    ],
)
def test_an_unsupported_method_is_one_sentence_in_its_tile(page: Desk, tile: TileRequest, sentence: str) -> None:
    page.session.tiles = [TileRequest("first"), tile]
    page.run()

    assert sentence.lower() in look(page)[1].missing.lower()
    assert not page.errors


def test_maps_of_other_units_have_no_common_scale_and_the_page_says_why(page: Desk) -> None:
    page.toggle("Same scale")
    assert page.session.common_scale
    assert "No common scale" not in page.html

    page.session.tiles = [TileRequest("first"), TileRequest("first", "saliency")]
    page.run()
    assert "No common scale: the maps are in logits per cell, logits per grey-level deviation." in page.html


def test_a_map_with_a_caveat_stays_hidden_until_the_reader_shows_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, {"first": 1})
    network = small(2)
    head = [name for name, _ in network.named_parameters() if name.endswith("bias")][-1]
    network.get_parameter(head).data[0] -= 20
    card = {"architecture": "small-cnn", "findings": list(FINDINGS), "multi_label": False}
    write(network, card | {"input": input_card(Input(size=64)), "temperature": 1.0}, "sure", tmp_path)
    desk = opened(tmp_path, monkeypatch).choose("Finding", "covid", main=False)

    assert hidden(desk) == [False, True]
    assert "Do not read it as a sign of one." in desk.html
    desk.toggle("Show anyway")
    assert hidden(desk) == [False, False]


def test_the_pair_is_chosen_and_never_one_tile_twice(page: Desk) -> None:
    board_of(page, presets.STAGES).choose("Second", 3)
    assert page.session.board.pair == (0, 3)
    page.choose("First", 3)
    assert page.session.board.pair == (3, 0)


def test_the_difference_is_one_of_shares_where_units_differ_and_says_so(page: Desk) -> None:
    assert difference(page).unit == "logits per cell"
    page.toggle("Each map as a share of its own peak")
    assert difference(page).unit == "share of each map's peak"

    page.session.board.peaks = False
    page.session.tiles = [TileRequest("first"), TileRequest("first", "saliency")]
    page.run()
    assert difference(page).unit == "share of each map's peak"
    forced = next(each for each in page.app.toggle if each.label.startswith("Each map"))
    assert (forced.value, forced.disabled) == (True, True)


def test_the_stages_of_two_models_are_compared_on_request(page: Desk) -> None:
    assert 'aria-label="Linear CKA of the stages"' not in page.html
    page.press("Compare the stages")

    table = page.html.split('aria-label="Linear CKA of the stages"')[1]
    assert table.count("<td") == 16
    assert "A · stage 1" in table
    assert "the 196 places of one film" in page.html

    page.session.tiles = [TileRequest("first"), TileRequest("first", "saliency")]
    assert "Linear CKA" not in page.run().html


def test_giving_up_a_map_goes_back_to_the_one_before_and_a_tile_without_one_goes(page: Desk) -> None:
    page.session.tiles = [TileRequest("first"), TileRequest("second", "saliency")]
    page.run()
    with at(page):
        board.change(1, "method", "rise")
        board.cancel(1)
        assert page.session.tiles == [TileRequest("first"), TileRequest("second", "saliency")]
        board.add()
        board.cancel(2)
        assert page.session.tiles == [TileRequest("first"), TileRequest("second", "saliency")]


def board_of(desk: Desk, preset: str) -> Desk:
    """Clicks that preset."""
    desk.app.pills[0].set_value(preset)
    return desk.run()


@contextmanager
def at(desk: Desk) -> Iterator[Radiograph]:
    """What is called here is called in this person's session; gives the film that is looked at."""
    with pytest.MonkeyPatch.context() as patched:
        for module in (board, board_tile, engine, tile_pair, presets, selection):
            patched.setattr(module, "session", lambda: desk.session)
        yield desk.session.radiographs[desk.session.film_key or ""]


def look(desk: Desk) -> list[BoardTile]:
    """The tiles as the page has them."""
    with at(desk) as film:
        return board.look(film)


def hidden(desk: Desk) -> list[bool]:
    with at(desk) as film:
        return [tile.hidden for tile in board.look(film)]


def finding_of(desk: Desk, place: int) -> str:
    return look(desk)[place].finding


def difference(desk: Desk) -> Explanation:
    """The map on the pane of the difference."""
    one, other = (tile.answer for tile in look(desk)[:2])
    assert one
    assert other
    with at(desk) as film:
        return tile_pair.difference_of(film, one, other)
