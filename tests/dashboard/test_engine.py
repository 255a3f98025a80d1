"""The engine on the Read page: slow methods, fused stages, maps with a caveat, and what a network cannot serve."""

import copy
import functools
import json
from pathlib import Path

import pytest

from core.explain.method import methods
from core.models.architecture import Network
from core.models.checkpoints import write
from core.types import FUSED
from core.work import Work
from dashboard import request_queue
from dashboard.cache import model_files, networks
from dashboard.map_controls import tick
from dashboard.method_menu import families
from tests.dashboard.conftest import Desk

CARD = ("architecture", "findings", "multi_label", "input", "temperature", "thresholds")


@pytest.fixture
def sure_of_normal(network: Network, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A network that gives covid one in a million, and for which nothing counts towards pneumonia."""
    changed = copy.deepcopy(network)
    changed.get_parameter("head.linear.bias").data[0] -= 20
    changed.get_parameter("head.linear.weight").data[1] = 0
    card = json.loads((weights / "untrained.json").read_text())
    write(changed, {name: card[name] for name in CARD}, "sure", tmp_path)
    monkeypatch.setattr(model_files, "WEIGHTS", tmp_path)
    return Desk().run().press("Opacity, right lung")


def test_the_menu_offers_every_method_once_and_unavailable_ones_last_with_the_reason() -> None:
    entries = [entry for family in families({"grad-cam": "it has no gradient."}) for entry in family["entries"]]

    assert sorted(entry["name"] for entry in entries) == sorted(methods)
    cams = next(family["entries"] for family in families({"grad-cam": "no."}) if family["name"] == "Class activation")
    assert [entry["reason"] for entry in cams][-2:] == ["", "no."]
    assert all(entry["plain"] and "passes" in entry["cost"] + "passes" for entry in entries)
    assert {entry["cost"] for entry in entries if entry["name"] in ("rise", "grad-cam")} == {
        "",
        "hundreds of network passes or more",
    }


@pytest.mark.parametrize("name", sorted(methods))
def test_a_slider_of_a_real_setting_can_be_put_on_its_default(name: str) -> None:
    for setting in methods[name].settings:
        if setting.kind is not float or setting.low is None or setting.high is None:
            continue
        step = tick(setting.low, setting.high, float(setting.default))
        if step is not None:
            places = (float(setting.default) - setting.low) / step
            assert places == pytest.approx(round(places), abs=1e-6)
            assert 30 <= (setting.high - setting.low) / step <= 250


def test_a_range_that_no_round_step_meets_has_to_be_typed() -> None:
    assert tick(0, 1000, 1.0) is None
    assert tick(0, 1, 0.25) == 0.01


def test_a_slow_method_ends_in_its_map(desk: Desk) -> None:
    desk.press("Opacity, right lung").method("integrated-gradients")

    assert 'class="lb-progress"' not in desk.html
    assert "64 × 64 values" in desk.html
    assert methods["integrated-gradients"].plain in desk.html
    assert desk.session.last_map is not None
    assert desk.session.last_map.request.method == "integrated-gradients"


def test_a_slow_method_with_stages_runs_at_one_and_the_small_maps_are_grad_cams(desk: Desk) -> None:
    desk.press("Opacity, right lung").method("score-cam")

    assert "Grad-CAM for" in desk.html
    assert desk.session.last_map is not None
    assert desk.session.last_map.explanation.method == "score-cam"


def test_a_map_beyond_its_time_limit_gets_a_sentence_and_the_page_restores_the_last_one(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.press("Opacity, right lung").choose("Stage", "stage 3")
    monkeypatch.setattr(request_queue, "Work", functools.partial(Work, limit=0.2))
    desk.method("rise")

    assert "longer than the limit of 0.2 s" in desk.status
    assert desk.session.method == "grad-cam"
    assert desk.menu("Stage").value == "stage 3"
    assert not desk.app.exception


def test_stages_are_fused_into_one_map(desk: Desk) -> None:
    desk.press("Opacity, right lung")
    fused = next(stage for stage in desk.menu("Stage").options if "fused" in stage)
    assert fused == "all stages, fused"
    desk.choose("Stage", FUSED.join(networks.stage_sizes(model_files.card("untrained"))))

    assert "share of each stage" in desk.html
    assert "16 × 16 values" in desk.html


def test_a_stage_without_support_for_the_method_gets_a_sentence_and_is_not_chosen(desk: Desk) -> None:
    desk.press("Opacity, right lung").method("cam")
    assert desk.menu("Stage").options[:2] == ["stem · no map", "stage 1 · no map"]
    desk.choose("Stage", "stem")

    assert "CAM is not available at stem" in desk.status
    assert desk.menu("Stage").value == "stage 4"
    assert "CAM is not available at stem" not in desk.method("grad-cam").html


def test_a_method_that_the_network_cannot_serve_gives_way_to_grad_cam_with_the_reason(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    everywhere = {stage: "it has no such layer. Choose Grad-CAM." for stage in ("stem", "stage 4")}
    monkeypatch.setattr(networks, "incompatibilities", _patched(networks.incompatibilities, "cam", everywhere))
    desk.press("Opacity, right lung").method("cam")

    assert "CAM is not available for untrained: it has no such layer." in desk.status
    assert desk.session.last_map is not None
    assert desk.session.last_map.explanation.method == "grad-cam"


def test_a_map_with_a_caveat_is_hidden_until_shown_and_only_for_that_finding(sure_of_normal: Desk) -> None:
    desk = sure_of_normal.choose("Finding", "covid")
    assert "a probability of 0.000" in desk.status
    assert desk.component("Hidden because of its caveat")

    desk.toggle("Show anyway")
    assert not desk.component("Hidden because of its caveat")
    assert "a probability of 0.000" in desk.status
    assert "Hidden because of its caveat" not in desk.method("saliency").html
    desk.toggle("Show anyway")
    assert desk.component("Hidden because of its caveat")


def test_a_void_map_shows_the_bare_film_with_its_sentence_and_nothing_is_measured(sure_of_normal: Desk) -> None:
    desk = sure_of_normal.choose("Finding", "pneumonia")

    assert desk.component("There is nothing to draw")
    assert "No map to judge." in desk.html
    assert "Show anyway" not in [each.label for each in desk.app.toggle]


def test_all_stages_can_share_one_scale(desk: Desk) -> None:
    desk.press("Opacity, right lung").choose("Stage", "stage 3")
    assert "each on its own scale" in desk.html

    desk.toggle("Same scale")

    assert "all on one scale" in desk.html
    assert desk.session.common_scale


def test_a_unit_of_one_stage_is_not_requested_at_the_others(desk: Desk) -> None:
    desk.press("Opacity, right lung").toggle("Same scale")
    desk.session.settings["layer-activation"] = {"channel": 500}
    desk.method("layer-activation")

    assert desk.session.last_map is not None
    assert (desk.session.last_map.request.method, dict(desk.session.last_map.request.settings)["channel"]) == (
        "layer-activation",
        500,
    )
    assert "stem has feature maps" not in desk.html
    assert "Finding" in desk.labels()


def test_a_refusal_goes_with_the_question_that_it_was_about(desk: Desk) -> None:
    desk.press("Opacity, right lung")
    desk.session.refuse("Internal influence cannot be had at stage 4.")
    assert "Internal influence cannot be had" in desk.run().html

    assert "Internal influence cannot be had" not in desk.choose("Finding", "normal", main=False).html


def test_no_method_ends_in_an_exception(desk: Desk) -> None:
    desk.press("Opacity, right lung")
    for name in methods:
        fewer = {"steps": 8, "samples": 8, "masks": 100, "films": 64, "channels": 4, "window": 32, "stride": 32}
        desk.session.settings[name] = {
            setting.name: fewer[setting.name] for setting in methods[name].settings if setting.name in fewer
        }
        desk.method(name)
        assert desk.session.method == name, desk.status


def _patched(original: object, name: str, reasons: dict[str, str]) -> object:
    return lambda checkpoint, method: reasons if method == name else original(checkpoint, method)  # type: ignore[operator]
