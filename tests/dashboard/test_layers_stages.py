"""The Layers page, stage by stage: the strip at once, the probes on request."""

from pathlib import Path

import pytest

from core.image.phantom import draw
from core.layers.stage_relevance import carriers_text, relevances_by_stage
from core.models.classifier import load
from core.models.findings import leading
from dashboard import paths
from dashboard.cache import model_files
from tests.dashboard.conftest import Desk, encoded
from tests.dashboard.small_models import put
from tests.evaluate import drawn


@pytest.fixture(scope="session")
def one(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("one")
    put(folder, {"small": 1})
    return folder


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Drawn films, labelled normal and pneumonia, of two splits, none of which is called train."""
    return drawn.write(tmp_path_factory.mktemp("films"), 24)


@pytest.fixture
def page(one: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """The part with a small film on the desk, at the machine that Lightbox runs on."""
    monkeypatch.setattr(model_files, "WEIGHTS", one)
    monkeypatch.setattr(paths, "local", lambda: True)
    monkeypatch.setenv("LIGHTBOX_HOME", str(one / "nobody"))
    monkeypatch.delenv("LIGHTBOX_DATA", raising=False)
    desk = Desk()
    desk.app.switch_page("views/layers.py")
    desk.run().drop(("film.png", encoded(draw(seed=3, height=160, width=130).radiograph)))
    desk.session.layers.part = "stages"
    return desk.run()


def _over(desk: Desk, path: Path) -> Desk:
    desk.session.layers.probing.on_path = True
    desk.session.layers.probing.path = str(path)
    return desk.run().press("Train the probes")


def test_every_stage_has_two_maps_and_its_figures_at_once(page: Desk, one: Path) -> None:
    (film,) = page.session.radiographs.values()
    classifier = load("small", one)
    finding = leading(classifier.predict(film), classifier.checkpoint)
    relevances, _ = relevances_by_stage(classifier, film, finding)

    assert [each.stage for each in relevances] == ["stage 1", "stage 2", "stage 3", "stage 4"]
    for each in relevances:
        assert f">{each.gradient.speaks:.2f}<" in page.html
        assert f">{carriers_text(each.gradient)}<" in page.html
        assert each.lrp
        assert f">{carriers_text(each.lrp)}<" in page.html
    for stage in ("stage 1", "stage 2", "stage 3", "stage 4"):
        assert page.component(f"pane cam {stage}")
        assert page.component(f"pane relevance {stage}")
    assert page.html.count("units for 80 %") >= 4
    assert page.html.count("same, by LRP") == 4
    assert "LRP distributes the whole score anew" in page.html
    assert "how early is the decision made" in page.html
    assert "All figures" not in [each.label for each in page.app.expander]
    assert not page.errors


def test_a_stage_opens_its_units(page: Desk) -> None:
    page.press("stage 2")

    assert (page.session.layers.part, page.session.layers.stage) == ("units", "stage 2")


def test_probes_of_a_table_say_how_early_it_is_decided(page: Desk, table: Path) -> None:
    _over(page, table)

    assert "20 films of 10 patients" in page.html
    assert "agrees with the network" in page.html
    assert "always the most common" in page.html
    assert "Predictions for this film" in page.html
    assert "On this film" in page.html
    assert "need not be disease" in page.html
    assert not page.errors


def test_a_change_of_films_needs_a_new_start(page: Desk, table: Path) -> None:
    _over(page, table)
    page.number("Maximum films", 40)

    assert not page.session.layers.probing.running
    assert "20 films of 10 patients" not in page.html


def test_phantoms_need_no_data_and_are_called_easy(page: Desk) -> None:
    page.number("Phantoms, half with an opacity", 10).press("Train the probes")

    assert "drawn phantoms, which are easy" in page.html
    assert "are not valid for a real film" in page.html
    assert not page.errors


def test_a_missing_table_is_one_sentence(page: Desk, tmp_path: Path) -> None:
    _over(page, tmp_path)
    assert any("has no table, and probes need labels" in error for error in page.errors)
    _over(page, tmp_path / "nothing.csv")
    assert ["There is no nothing.csv" in error for error in page.errors] == [True]  # reported once, at its field


def test_who_does_not_sit_at_the_machine_is_offered_phantoms_alone(
    page: Desk, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page.session.layers.probing.on_path = True
    monkeypatch.setattr(paths, "local", lambda: False)
    page.run()

    assert "Table on this machine" not in [each.label for each in page.app.text_input]
    assert "Phantoms, half with an opacity" in [each.label for each in page.app.number_input]
