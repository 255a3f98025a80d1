"""What the Layers page shows of one unit, and the atlas that a user builds there from their own films."""

import json
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.errors import Stopped
from core.layers import atlas_paths, atlases
from core.layers.activations import stage_activations
from core.layers.atlas_survey import build
from core.layers.patches import store
from core.layers.preferred import STEPS
from core.layers.reference import phantoms
from core.models.classifier import load
from core.types import Radiograph
from dashboard import paths, progress
from dashboard.cache import atlas_results, model_files
from dashboard.layers.atlas import TITLE
from tests.dashboard.conftest import Desk
from tests.dashboard.small_models import put

PAGE = "views/layers.py"
STAGE = "stage 2"


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small network and its atlas over 12 phantoms, with pictures."""
    folder = tmp_path_factory.mktemp("shipped")
    put(folder, {"small": 3})
    films, classifier = phantoms(12), load("small", folder)
    atlas = build(classifier, films, folder / "atlases" / "small", every=1)
    store(atlas, films, classifier.checkpoint)
    return folder


@pytest.fixture
def layers(shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """The page with the phantom, at a unit in the middle of the network."""
    monkeypatch.setattr(model_files, "WEIGHTS", shipped)
    monkeypatch.setenv("LIGHTBOX_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(paths, "local", lambda: True)
    monkeypatch.delenv("LIGHTBOX_DATA", raising=False)
    desk = Desk()
    desk.app.switch_page(PAGE)
    desk.run()
    desk.session.layers.stage, desk.session.layers.channel = STAGE, 5
    return desk.press("Phantom")


def test_the_atlas_describes_a_unit_and_the_page_names_its_films(layers: Desk, shipped: Path) -> None:
    classifier = load("small", shipped)
    known = atlases.read(shipped / "atlases" / "small", classifier.checkpoint)
    unit = known.unit(STAGE, 5)
    film = layers.session.radiographs[str(layers.session.film_key)]
    greatest = float(stage_activations(classifier, film, STAGE).maps[5].max())

    assert "From 12 drawn phantoms, not radiographs" in layers.html
    share = unit.share(greatest)
    expected = (
        "higher than on all"
        if greatest > unit.most
        else "lower than on all"
        if greatest < unit.least
        else f"about {100 * share:.0f} %"
    )
    assert expected in layers.html
    assert layers.html.count('<span class="lb-patch">') == len(unit.exciting) + len(unit.relevant)
    assert f"{unit.exciting[0].film}, " in layers.html
    assert not layers.errors


def test_a_click_on_a_near_unit_goes_there(layers: Desk, shipped: Path) -> None:
    near = atlases.read(shipped / "atlases" / "small", load("small", shipped).checkpoint).unit(STAGE, 5).nearest[0]

    layers.press(f"{near.stage} · {near.channel} · {near.correlation:.2f}")

    here = layers.session.layers
    assert (here.stage, here.channel, here.search) == (near.stage, near.channel, "")
    assert not layers.errors


def test_the_unit_is_followed_back_in_three_ways(layers: Desk) -> None:
    control = next(each for each in layers.app.segmented_control if each.label == "Method")
    assert list(control.options) == ["Guided backprop", "Deconvolution", "Gradient"]
    for kind, title in (("deconvolution", "Deconvolution"), ("neuron-gradient", "Gradient")):
        layers.session.layers.unit.kind = kind  # type: ignore[assignment]
        layers.run()
        viewers = [each.proto for each in layers.app.get("bidi_component") if "unit followed" in str(each.proto.id)]
        (map_,) = json.loads(viewers[0].json)["maps"]
        assert map_["caption"].startswith(f"{title} · {STAGE}")
        assert "channel 5" in map_["caption"]
        assert not layers.errors


def test_a_preferred_picture_is_computed_on_request(layers: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(STEPS, "free", 4)
    layers.session.layers.unit.prior = "free"
    layers.run()
    assert ">Activation<" not in layers.html

    layers.press("Compute")
    for _ in range(100):
        if ">Activation<" in layers.html:
            break
        time.sleep(0.1)
        layers.run()

    assert ">Activation<" in layers.html
    assert "4 steps, from noise" in layers.html
    assert not layers.errors


def test_a_cancelled_picture_can_be_requested_again(layers: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "follow", lambda *args: None)  # the run would wait for it
    monkeypatch.setitem(STEPS, "free", 2000)
    layers.session.layers.unit.prior, layers.session.layers.channel = "free", 6  # not requested yet
    layers.run().press("Compute")
    assert layers.session.layers.unit.wanted

    layers.press("Cancel")

    assert not layers.session.layers.unit.wanted
    assert "Compute" in [each.label for each in layers.app.button]


def _folder(place: Path, film: Radiograph, count: int = 12) -> Path:
    place.mkdir()
    for number in range(count):
        Image.fromarray(np.roll(film.pixels, 7 * number, axis=1)).save(place / f"{number}.png")
    return place


def _settled(desk: Desk) -> Desk:
    """Once the atlas is there, or why it is not."""
    for _ in range(300):
        if desk.session.layers.atlas.begun is None:
            return desk.run()
        time.sleep(0.1)
        desk.run()
    raise AssertionError("the atlas was never built")


def test_an_atlas_of_ones_own_films_is_built_and_used_at_once(
    layers: Desk, shipped: Path, phantom: Radiograph, tmp_path: Path
) -> None:
    card = load("small", shipped).checkpoint
    layers.press("Use your own films")
    assert TITLE in layers.html
    layers.session.layers.atlas.path = str(_folder(tmp_path / "films", phantom))

    _settled(layers.run().press("Build the atlas"))

    assert layers.session.layers.atlas.message == "Done: 12 films. This atlas is now in use."
    place = atlas_paths.find(card, shipped)
    assert place is not None
    assert (place.films, place.metadata["drawn"], place.folder.parents[1].name) == (12, False, "atlases")
    assert len(list((place.folder / "pictures").iterdir())) > 3
    assert "From 12 films of your own (films)." in layers.html
    layers.session.layers.part = "units"
    layers.run()
    assert "From 12 films of your own (films)." in layers.html
    assert not layers.errors


def test_one_of_several_atlases_can_be_chosen(layers: Desk, shipped: Path, phantom: Radiograph, tmp_path: Path) -> None:
    layers.session.layers.part = "atlas"
    assert "Atlas in use" not in layers.run().labels()
    for name, count in (("first", 12), ("second", 8)):
        layers.session.layers.atlas.path = str(_folder(tmp_path / name, phantom, count))
        _settled(layers.run().press("Build the atlas"))
    menu = layers.menu("Atlas in use")
    assert [each.split(":")[0] for each in menu.options] == [
        "second",
        "first",
        "12 drawn phantoms, shipped with Lightbox",
    ]
    assert "From 8 films of your own (second)." in layers.html

    _, first, drawn = atlas_results.atlas_folders(load("small", shipped).checkpoint)
    layers.choose("Atlas in use", first)
    assert "From 12 films of your own (first)." in layers.html
    layers.choose("Atlas in use", drawn)
    layers.session.layers.part = "units"
    assert "From 12 drawn phantoms" in layers.run().html

    layers.session.layers.part = "atlas"
    _settled(layers.run().press("Build the atlas"))  # the second folder again: its atlas now describes the units
    assert "From 8 films of your own (second)." in layers.html
    assert not layers.errors


def test_of_several_atlases_a_broken_one_can_be_left(
    layers: Desk, shipped: Path, phantom: Radiograph, tmp_path: Path
) -> None:
    card = load("small", shipped).checkpoint
    place = atlas_paths.own(card) / "broken"
    place.mkdir(parents=True)
    (place / atlases.FILE).write_bytes(b"PAR1 but no more")
    layers.session.layers.part = "atlas"
    layers.run()
    assert [error for error in layers.errors if "is not an atlas of Lightbox, or was cut short" in error]
    assert layers.menu("Atlas in use").options[0] == "broken, which cannot be read"

    layers.choose("Atlas in use", atlas_results.atlas_folders(card)[1])

    assert "From 12 drawn phantoms" in layers.html
    assert not layers.errors


def test_a_folder_without_films_is_one_sentence_and_the_old_atlas_stays(
    layers: Desk, shipped: Path, tmp_path: Path
) -> None:
    layers.session.layers.part = "atlas"
    (tmp_path / "empty").mkdir()
    for path, sentence in ((tmp_path / "empty", "There is no radiograph in"), (tmp_path / "no", "There is no /")):
        layers.session.layers.atlas.path = str(path)
        _settled(layers.run().press("Build the atlas"))
        assert [error for error in layers.errors if sentence in error], layers.errors
    assert atlas_paths.place(load("small", shipped).checkpoint, shipped) == shipped / "atlases" / "small"


def test_an_atlas_that_was_stopped_goes_on_where_it_was(
    layers: Desk, shipped: Path, phantom: Radiograph, tmp_path: Path
) -> None:
    card = load("small", shipped).checkpoint
    folder = _folder(tmp_path / "films", phantom, 20)
    given = {"split": "", "most": 200, "pictures": False}
    request = atlas_results.atlas_build(card, folder, **given, begun=1.0)  # type: ignore[arg-type]
    while request.passes[0] < 8 and not request.wait(0.002):
        pass
    request.leave()
    with pytest.raises(Stopped, match="cancelled"):
        request.result()
    assert [file.name for file in atlas_paths.own(card).glob("*/*")] == ["atlas.part.npz"]

    layers.session.layers.part, layers.session.layers.atlas.path = "atlas", str(folder)
    _settled(layers.run().press("Build the atlas"))

    assert layers.session.layers.atlas.message.startswith("Done: 20 films")
    assert len(list(atlas_paths.own(card).iterdir())) == 1


def test_an_unreadable_atlas_gets_a_sentence_and_the_rest_of_the_unit_is_shown(
    layers: Desk, shipped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = atlas_paths.own(load("small", shipped).checkpoint) / "broken"
    place.mkdir(parents=True)
    (place / atlases.FILE).write_bytes(b"PAR1 but no more")
    layers.run()

    assert [error for error in layers.errors if "is not an atlas of Lightbox, or was cut short" in error]
    assert "Pixel attribution" in layers.html


def test_from_another_machine_no_folder_can_be_named(layers: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "local", lambda: False)
    layers.session.layers.part = "atlas"
    layers.run()

    assert "Only possible on the machine that Lightbox runs on" in layers.html
    assert "Build the atlas" not in [each.label for each in layers.app.button]
