"""The Layers page: the parts of a film, and whether the network's score depends on a concept."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.image.phantom import draw
from core.overlay import REGIONS
from dashboard import paths
from dashboard.cache import model_files
from dashboard.layers import tcav
from tests.dashboard.conftest import Desk, encoded
from tests.dashboard.small_models import put

SEED = 3


@pytest.fixture(scope="session")
def one(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("one")
    put(folder, {"small": 1}, size=128)
    return folder


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 20 small drawn films, and in it one of 10."""
    folder = tmp_path_factory.mktemp("films")
    (folder / "few").mkdir()
    for seed in range(20):
        place = folder / "few" if seed < 10 else folder
        film = draw(seed=seed, height=160, width=130).radiograph
        (place / f"film-{seed}.png").write_bytes(encoded(film))
    return folder


@pytest.fixture
def page(one: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """The part with a small film on the desk, at the machine that Lightbox runs on."""
    monkeypatch.setattr(model_files, "WEIGHTS", one)
    monkeypatch.setattr(paths, "local", lambda: True)
    monkeypatch.setenv("LIGHTBOX_HOME", str(one / "nobody"))
    monkeypatch.delenv("LIGHTBOX_DATA", raising=False)
    desk = Desk()
    desk.app.switch_page("views/layers.py")
    desk.run().drop(("film.png", encoded(draw(seed=SEED, height=160, width=130).radiograph)))
    desk.session.layers.part = "concepts"
    return desk.run()


@contextmanager
def _at(desk: Desk) -> Iterator[None]:
    """What is called here is called in this person's session."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(tcav, "session", lambda: desk.session)
        yield


def _over(desk: Desk, path: Path, *names: str, stages: tuple[str, ...] = ("stage 4",)) -> Desk:
    here = desk.session.layers.concepts
    here.source, here.path, here.names, here.stages = "path", str(path), names, stages
    return desk.run().press("Test the concepts")


def test_the_parts_are_coloured_regions_with_a_legend(page: Desk) -> None:
    assert page.html.count('class="lb-regions"') == 1
    assert page.html.count('class="lb-part') == 5
    assert "In no part" in page.html
    assert "of the maps&#x27; variance" in page.html
    assert not page.component("part of the film")
    assert not page.errors


def test_one_part_alone_is_a_map_in_the_viewer(page: Desk) -> None:
    page.session.layers.concepts.part = 1
    page.run()

    assert page.component("part of the film")
    assert 'class="lb-regions"' not in page.html
    assert f'class="lb-part lb-explained"><th scope="row"><i style="background:{REGIONS[1]}"></i>Part 2' in page.html


def test_the_number_of_parts_and_the_stage_are_kept(page: Desk) -> None:
    page.app.slider[0].set_value(3)
    page.run().choose("Stage", "stage 2")

    assert page.html.count('class="lb-part') == 3
    assert (page.session.layers.concepts.count, page.session.layers.stage) == (3, "stage 2")
    assert "regions that stage 2 represents alike" in page.html


def test_a_part_that_is_no_longer_there_gives_way_to_all(page: Desk) -> None:
    page.session.layers.concepts.part = 4
    page.session.layers.concepts.count = 3
    page.run()

    assert 'class="lb-regions"' in page.html


def test_the_film_is_shown_with_each_concept(page: Desk) -> None:
    assert page.html.count("film.png with side marker") == 3
    assert "A lead letter in an upper corner" in page.html
    assert 'class="lb-table lb-tested' not in page.html  # nothing is tested before the user asks


def test_the_concepts_are_tested_on_the_films_of_a_folder(page: Desk, films: Path) -> None:
    _over(page, films, "side-marker", "over-exposed")

    assert page.html.count('class="lb-verdict') == 2
    assert f"20 films: {films.name}" in page.html
    assert "over-exposed" in page.html
    assert "logits (" in page.html
    assert not page.errors


def test_examples_of_ones_own_are_a_concept(page: Desk, films: Path) -> None:
    page.session.layers.concepts.examples = str(films / "few")
    _over(page, films)

    assert page.html.count('class="lb-verdict') == 1
    assert "unknown" in page.html  # it was not drawn in, so its effect is not measured


def test_too_few_films_are_one_sentence(page: Desk, films: Path) -> None:
    _over(page, films / "few", "opacity")

    assert page.errors == ["few: 10 films, but the test needs 20 or more. Give more."]
    assert 'class="lb-regions"' in page.html  # the rest of the page stays


def test_few_films_on_the_desk_cannot_be_tested(page: Desk) -> None:
    page.session.layers.concepts.source = "open"
    page.run()

    assert "The test needs 20 films or more." in page.html
    assert next(each for each in page.app.button if each.label == "Test the concepts").disabled


def test_cancel_takes_the_question_back(page: Desk) -> None:
    page.session.layers.concepts.running = True
    with _at(page):
        tcav._stop()

    assert not page.session.layers.concepts.running


def test_who_sits_elsewhere_cannot_name_a_path(page: Desk, films: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "local", lambda: False)
    page.session.layers.concepts.source, page.session.layers.concepts.path = "path", str(films)
    page.run()

    assert "Path on this machine" not in [each.label for each in page.app.text_input]
    assert "Phantoms are synthetic" in page.html
