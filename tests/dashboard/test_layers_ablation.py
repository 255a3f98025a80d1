"""The Layers page with units switched off: which ones, the effect, and how to undo it."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import Stopped
from core.layers.ablation_curve import ablation_curves
from core.layers.activations import stage_activations
from core.layers.plan import traced_plan
from core.layers.unit_ablation import top_units
from core.models.classifier import load
from core.work import Work
from dashboard.cache import model_files, unit_requests
from dashboard.layers import ablation_curve
from dashboard.request_queue import QueuedRequest, RequestQueue
from tests.dashboard.conftest import Desk
from tests.dashboard.small_models import put

STAGE = "stage 4"  # of the small network: the last, with 256 units


@pytest.fixture(scope="session")
def one(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("one")
    put(folder, {"small": 1})
    return folder


@pytest.fixture
def page(one: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """The part with the phantom on the desk."""
    monkeypatch.setattr(model_files, "WEIGHTS", one)
    monkeypatch.setenv("LIGHTBOX_HOME", str(one / "nobody"))
    monkeypatch.delenv("LIGHTBOX_DATA", raising=False)
    desk = Desk()
    desk.app.switch_page("views/layers.py")
    desk.run().press("Phantom")
    desk.session.layers.part = "without"
    return desk.run()


def _off(desk: Desk) -> list[str]:
    names: list[str] = next(each for each in desk.app.multiselect if each.label == "Switched off").value
    return names


def _left(desk: Desk) -> list[tuple[str, int]]:
    return list(desk.session.layers.off)


def _type(desk: Desk, text: str) -> Desk:
    next(each for each in desk.app.text_input if each.label == "Unit numbers").set_value(text)
    return desk.run()


def _typed(desk: Desk) -> str:
    return str(next(each for each in desk.app.text_input if each.label == "Unit numbers").value)


def _summary(desk: Desk) -> str:
    return desk.html.split('<p class="lb-highlight')[1].split("</p>")[0]


def test_with_all_units_on_it_says_so_and_offers_the_ways(page: Desk) -> None:
    assert "All units on" in _summary(page)
    assert "Everything outside the lungs: does the prediction rest on the lungs" in page.html
    assert page.component("pane With all units")
    assert not page.component("pane Without them")
    assert _off(page) == []
    assert not page.errors


def test_the_top_units_go_and_the_answer_and_the_map_with_them(page: Desk, one: Path) -> None:
    (film,) = page.session.radiographs.values()
    page.choose("Finding", "covid", main=False).press("Switch off 20 for covid")

    expected = top_units(stage_activations(load("small", one), film, STAGE, findings=["covid"]), "covid", 20)
    assert set(page.session.layers.off) == set(expected)
    assert _summary(page).startswith('" role="status"><span>Without 20 units of stage 4, covid ')
    assert "set to zero" in _summary(page)
    for pane in ("With all units", "Without them", "Difference (with − without)"):
        assert page.component(f"pane {pane}")
    assert "points</span>" in page.html
    assert not page.errors


def test_typed_units_are_switched_off_too_and_each_can_be_switched_on_again(page: Desk) -> None:
    _type(page, "3, 10-12")
    _type(page, "7")
    assert _off(page) == ["stage 4 · 3", "stage 4 · 7", "stage 4 · 10–12"]

    next(each for each in page.app.multiselect).set_value(["stage 4 · 3", "stage 4 · 7"])
    page.run()
    assert _left(page) == [(STAGE, 3), (STAGE, 7)]
    page.press("Switch all on")
    assert _left(page) == []
    assert "All units on" in _summary(page)


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [("256", "has channels 0 to 255"), ("3, x", "'x' is not a channel"), ("9-3", "does not exist")],
)
def test_a_number_that_is_no_unit_stays_to_be_mended_and_nothing_changes(typed: str, sentence: str, page: Desk) -> None:
    _type(page, "5")
    _type(page, typed)
    for _ in range(2):  # a finished map redraws the page
        assert [sentence in error for error in page.errors] == [True]
        assert _typed(page) == typed
        assert _left(page) == [(STAGE, 5)]
        page.run()

    _type(page, "7")

    assert _left(page) == [(STAGE, 5), (STAGE, 7)]
    assert _typed(page) == ""
    assert not page.errors


def test_units_that_one_stage_lacks_are_not_switched_off_at_another(page: Desk) -> None:
    page.choose("Stage", "stage 1")
    _type(page, "200")
    assert page.errors
    page.choose("Stage", STAGE)  # which has a unit of that number

    assert _left(page) == []
    assert _typed(page) == "200"
    assert not page.errors


def test_all_outside_the_lungs_is_off_at_the_stage(page: Desk) -> None:
    page.choose("Stage", "stage 2").toggle("Everything outside the lungs")

    assert list(page.session.layers.outside) == ["stage 2"]
    assert _off(page) == ["stage 2 · outside the lungs"]
    assert "Without what lies outside the lungs at stage 2, " in _summary(page)
    page.toggle("Everything outside the lungs")
    assert list(page.session.layers.outside) == []


def test_a_film_without_lungs_gets_a_sentence_and_all_can_be_switched_on_again(page: Desk) -> None:
    import io

    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(np.tile(np.arange(200, dtype=np.uint8), (200, 1))).save(file, "PNG")
    page.drop(("even.png", file.getvalue())).press("Show anyway").toggle("Everything outside the lungs")

    assert any("No lungs found" in error for error in page.errors)
    page.press("Switch all on")
    assert not page.errors


def test_the_mean_of_the_film_stands_in_where_there_is_no_atlas(page: Desk) -> None:
    _type(page, "3")
    choice: Any = next(each for each in page.app.get("button_group") if getattr(each, "label", "") == "Replaced by")
    choice.set_value("mean")
    page.run()

    assert page.session.layers.fill == "mean"
    assert "their mean over this film" in _summary(page)


def test_units_of_another_network_get_a_sentence_and_can_be_switched_on_again(page: Desk) -> None:
    page.session.layers.off = (("stage 9", 1), (STAGE, 4000))
    page.run()

    assert any("named 'stage 9'" in error for error in page.errors)
    page.press("Switch all on")
    assert not page.errors


def test_the_curve_shows_the_loss_per_number_of_units_and_its_slider_sets_the_number(page: Desk, one: Path) -> None:
    page.choose("Finding", "covid", main=False)
    film = next(iter(page.session.radiographs.values()))
    curves = ablation_curves(load("small", one), film, "covid", stage=STAGE)

    assert "Drop of covid" in page.html
    assert "most relevant first" in page.html
    count = int(curves[0].counts[4])
    page.app.select_slider[0].set_value(count)
    page.run().press(f"Switch off these {count}")
    assert page.session.layers.off == tuple((STAGE, int(channel)) for channel in curves[0].order[:count])


def test_the_slider_of_the_curve_and_the_field_above_the_films_say_the_same(page: Desk, one: Path) -> None:
    film = next(iter(page.session.radiographs.values()))
    tried = ablation_curves(load("small", one), film, "covid", stage=STAGE)[0].counts.tolist()
    assert 21 not in tried

    page.number("Units (of 256)", 21)
    assert page.app.select_slider[0].value == 21
    assert "Switch off these 21" in [each.label for each in page.app.button]
    near = min(tried, key=lambda count: abs(count - 21))
    assert f"With {near} off, the logit changes by" in page.html  # a measured point, not an interpolated one

    page.app.select_slider[0].set_value(tried[5])
    page.run()
    field = next(each for each in page.app.number_input if each.label == "Units (of 256)")
    assert (page.session.layers.removing.top, field.value) == (tried[5], tried[5])
    assert any(each.label.startswith(f"Switch off {tried[5]} for") for each in page.app.button)


def test_a_stage_of_fewer_units_takes_all_of_them(page: Desk) -> None:
    page.number("Units (of 256)", 256).choose("Stage", "stage 1").press("Draw the curve")

    count = page.app.select_slider[0].value
    assert next(each for each in page.app.number_input if each.label == f"Units (of {count})").value == count


def test_at_inner_stages_the_curve_is_drawn_on_request(page: Desk) -> None:
    page.choose("Stage", "stage 1")
    assert "The rest of the network runs" in page.html
    page.press("Draw the curve")

    assert "off, the logit changes by" in page.html
    assert not page.errors


def test_the_plot_spreads_the_first_units_wide_and_marks_how_many(page: Desk, one: Path) -> None:
    film = next(iter(page.session.radiographs.values()))
    curves = ablation_curves(load("small", one), film, "covid", stage=STAGE)
    drawn: dict[str, Any] = ablation_curve.plot(curves, 20)

    assert [trace["name"] for trace in drawn["data"]] == ["most relevant first", "strongest first", "at random"]
    for trace, curve in zip(drawn["data"], curves, strict=True):
        assert trace["customdata"] == curve.counts.tolist()
        assert trace["y"] == curve.logits.tolist()
        assert 10 ** trace["x"][1] == pytest.approx(2)  # 0 and 1 are as far apart as 1 and 3
    assert drawn["layout"]["shapes"][0]["x0"] == pytest.approx(np.log10(21))


def test_cancel_restores_the_units_that_were_off(page: Desk) -> None:
    _type(page, "3")
    with pytest.MonkeyPatch.context() as patched:
        from dashboard.layers import ablation_controls

        patched.setattr(ablation_controls, "session", lambda: page.session)
        page.session.layers.off = ((STAGE, 3), (STAGE, 4))
        ablation_controls.restore()
        assert _left(page) == [(STAGE, 3)]
        ablation_controls.restore()  # the same again: all on
        assert _left(page) == []


def test_a_method_without_a_rule_for_it_leaves_the_figures_and_says_why(page: Desk) -> None:
    page.method("lrp").toggle("Everything outside the lungs")

    assert "Without what lies outside the lungs at stage 4, " in _summary(page)
    panes = [str(each.proto) for each in page.app.get("bidi_component") if "pane Without them" in str(each.proto)]
    assert ["for which the method has no rule" in pane for pane in panes] == [True]
    assert not page.errors


def test_units_of_a_layer_within_a_stage_cannot_be_switched_off_so_its_stage_is_shown(page: Desk) -> None:
    with load("small", model_files.WEIGHTS).alone() as network:
        drawn = traced_plan(network, size=64, channels=1)
    inner = next(layer.name for layer in drawn.stage("stage 2").layers)
    page.session.layers.stage = inner
    page.run()

    assert not page.errors
    assert f"this is stage 2, which holds {inner}." in page.html
    assert page.menu("Stage").value == "stage 2"


def test_switched_off_units_belong_to_their_network(page: Desk) -> None:
    _type(page, "3, 7")
    here = page.session.layers
    assert here.off
    here.network = "another"
    page.run()

    assert (here.off, here.outside, here.removing.before[0]) == ((), (), ())
    assert "All units on" in _summary(page)


def test_a_request_ended_by_its_time_limit_gets_one_sentence_and_is_not_repeated(
    page: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests: list[object] = []

    def ended(*question: object) -> QueuedRequest[Any]:
        requests.append(question)
        line = RequestQueue(room=8)

        def stop(work: Work) -> None:
            time.sleep(1.0)
            raise Stopped("It took longer than 600 s. Ask for less.")

        return line.ask(("ended", len(requests)), stop)

    page.session.layers.stage = "stage 2"
    page.run()
    monkeypatch.setattr(unit_requests, "removal", ended)
    page.press("Draw the curve")

    assert page.session.problems == ["It took longer than 600 s. Ask for less."]
    assert len(requests) == 1
    assert not page.session.layers.removing.drawn
