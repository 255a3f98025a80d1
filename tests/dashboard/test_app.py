"""The dashboard as a person uses it, without a browser."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from core.errors import Unreachable
from core.image import examples
from core.image.phantom import draw
from core.models import checkpoints
from core.models.findings import EVEN
from core.overlay import NOTICE
from core.types import Origin, Radiograph
from dashboard import film_strip
from dashboard.cache import model_files
from tests.dashboard.conftest import Desk, encoded
from tests.image.test_dicom import dicom

FINDINGS = {"covid", "pneumonia", "normal"}


def test_the_app_starts_empty_with_a_hint(desk: Desk) -> None:
    assert "Put a radiograph on the light box" in desk.app.markdown[0].value
    assert "Opacity, right lung" in [button.label for button in desk.app.main.button]
    assert len(desk.app.main.get("file_uploader")) == 1
    assert not desk.component("lightbox.viewer")
    assert desk.films == []


def test_the_notice_and_the_models_digest_stand_on_every_page(desk: Desk) -> None:
    digest = model_files.card("untrained").sha256[:8]
    for page in ("views/read.py", "views/models.py"):
        desk.app.switch_page(page)
        desk.run()
        assert NOTICE in desk.html
        assert digest in desk.html


def test_the_phantom_is_predicted_explained_and_called_drawn(desk: Desk) -> None:
    desk.press("Opacity, right lung")

    assert set(desk.bars) == FINDINGS
    assert desk.component("lightbox.viewer")
    assert desk.component("lightbox.stage_strip")
    assert desk.films == ["Opacity, right lung"]
    assert "Drawn phantom" in desk.html
    assert [film["drawn"] for film in desk.strip] == [True]


def test_a_film_opened_on_another_page_is_shown_on_read(desk: Desk) -> None:
    desk.press("Opacity, right lung")
    desk.app.switch_page("views/models.py").run()
    assert not desk.component("lightbox.viewer")

    desk.session.opens_read = True  # as a click on a film of the Cohort or PACS page does
    desk.run()

    assert desk.component("lightbox.viewer")
    assert not desk.session.opens_read


def test_the_map_follows_the_likeliest_finding_until_one_is_chosen(desk: Desk) -> None:
    desk.press("Opacity, right lung")
    likeliest = max(desk.bars, key=lambda finding: float(desk.bars[finding].split(" ")[1].rstrip(",")))
    other = next(iter(FINDINGS - {likeliest}))

    assert desk.explained == likeliest
    assert desk.choose("Finding", other).explained == other
    assert desk.menu("Finding", main=False).value == other
    assert desk.choose("Finding", "most likely", main=False).explained == likeliest


def test_a_bad_file_gives_its_sentence_and_the_others_go_on(desk: Desk, png: bytes) -> None:
    desk.drop(("notes.png", b"this is no picture"), ("film.png", png))

    assert desk.films == ["film.png"]
    assert set(desk.bars) == FINDINGS
    assert len(desk.errors) == 1
    assert "notes.png is plain text" in desk.errors[0]
    assert desk.press("Dismiss").errors == []


def test_a_bad_file_loses_nothing_that_was_there(desk: Desk) -> None:
    desk.press("Opacity, right lung").drop(("empty.dcm", b""))

    assert desk.films == ["Opacity, right lung"]
    assert "empty.dcm is empty" in desk.errors[0]
    assert set(desk.bars) == FINDINGS


def test_the_same_film_twice_is_one_case(desk: Desk, png: bytes) -> None:
    desk.drop(("film.png", png), ("copy.png", png))

    assert desk.films == ["film.png"]


def test_a_click_in_the_strip_looks_at_that_film_and_removing_the_last_empties_the_desk(desk: Desk, png: bytes) -> None:
    desk.press("Opacity, right lung").drop(("film.png", png))
    assert "Drawn phantom" not in desk.html

    desk.strip_click("Opacity, right lung")
    assert "Drawn phantom" in desk.html

    desk.strip_click("Opacity, right lung", act=film_strip.remove_film)
    assert desk.films == ["film.png"]
    desk.press("Clear")
    assert desk.films == []
    assert "Put a radiograph on the light box" in desk.app.markdown[0].value


def test_a_method_that_explains_the_input_is_described_and_has_no_stage(desk: Desk) -> None:
    desk.press("Opacity, right lung")
    assert "Stage" in desk.labels()
    assert "arXiv:1610.02391" in desk.html

    desk.method("saliency")

    assert "Stage" not in desk.labels()
    assert "arXiv:1610.02391" not in desk.html
    assert "64 × 64 values" in desk.html


def test_another_stage_gives_a_finer_map(desk: Desk) -> None:
    desk.press("Opacity, right lung")
    assert desk.menu("Stage").value == "stage 4"
    assert "2 × 2 values" in desk.html

    assert "8 × 8 values" in desk.choose("Stage", "stage 2").html


def test_a_setting_of_a_method_changes_the_map(desk: Desk) -> None:
    desk.press("Opacity, right lung").method("integrated-gradients")
    steps = next(slider for slider in desk.app.slider if slider.label == "Steps")
    assert steps.value == 32

    steps.set_value(8)
    desk.run()

    assert "9 forward passes, 8 backward passes" in desk.html


def test_a_setting_that_the_stage_lacks_gets_a_sentence_and_is_reverted(desk: Desk) -> None:
    desk.press("Opacity, right lung").method("layer-activation").choose("Stage", "stem")
    desk.number("Channel", 5).number("Channel", 64)

    assert "stem has feature maps 0 to 63" in desk.status
    assert set(desk.bars) == FINDINGS
    assert desk.menu("Stage").value == "stem"
    assert [each.value for each in desk.app.number_input if each.label == "Channel"] == [5]
    assert "stem has feature maps" not in desk.choose("Stage", "stage 1").html


def test_the_page_says_when_no_finding_reaches_its_operating_point(desk: Desk, weights: Path) -> None:
    points = model_files.card("untrained").thresholds
    desk.press("Opacity, right lung")
    likely = {finding: float(words.split(" ")[1].rstrip(",")) for finding, words in desk.bars.items()}
    first = max(likely, key=lambda finding: likely[finding])

    assert ("Undecided: " in desk.html) is (likely[first] < points.get(first, EVEN))


def test_choices_are_kept_across_pages(desk: Desk) -> None:
    desk.press("Opacity, right lung").choose("Finding", "normal").choose("Stage", "stage 3")
    desk.app.switch_page("views/models.py")
    desk.run()
    assert desk.menu("Finding", main=False).value == "normal"
    assert desk.films == ["Opacity, right lung"]
    desk.app.switch_page("views/read.py")
    desk.run()

    assert desk.explained == "normal"
    assert desk.menu("Stage").value == "stage 3"


def test_a_clean_up_switch_reaches_the_network_and_only_this_film(desk: Desk, png: bytes) -> None:
    before = desk.drop(("film.png", png)).bars
    after = desk.toggle("Invert").bars
    assert after != before

    desk.press("Phantom")
    assert not next(each for each in desk.app.toggle if each.label == "Invert").value
    assert desk.strip_click("film.png").bars == after


def test_an_inverted_film_gets_a_warning_and_one_click_inverts_it(desk: Desk, png: bytes, phantom: Radiograph) -> None:
    upright = desk.drop(("film.png", png)).bars
    dark = Radiograph(65535 - phantom.pixels, "inverted.png", 0, 65535, Origin("PNG", "I;16", 16))
    desk.press("Clear").drop(("inverted.png", encoded(dark)))
    assert [warning.value for warning in desk.app.warning if "grey scale is inverted" in warning.value]
    assert "The grey scale is inverted" not in desk.html  # reported once
    assert not desk.bars

    desk.press("Invert")

    assert not desk.app.warning
    assert upright.keys() == desk.bars.keys()


def test_a_mirrored_film_is_recognised_by_its_marker_and_one_click_mirrors_it(desk: Desk) -> None:
    chest = draw(seed=0, height=512, width=512).radiograph
    film = Radiograph(np.array(chest.pixels[:, ::-1], np.uint16), "mirrored.png", 0, 4095, Origin("PNG", "I;16", 16))
    desk.drop(("mirrored.png", encoded(film)))
    assert "The film is mirrored" in desk.html
    assert desk.bars

    desk.press("Mirror")

    assert next(each for each in desk.app.toggle if each.label == "Mirror").value
    assert "The film is mirrored" not in desk.html


def test_a_picture_that_is_no_chest_is_shown_with_a_warning(desk: Desk) -> None:
    stripes = np.zeros((400, 400), np.uint8)
    stripes[::40] = 255
    desk.drop(("stripes.png", encoded(Radiograph(stripes, "stripes", 0, 255, Origin("PNG", "L", 8)))))

    assert any("does not look like a frontal chest" in warning.value for warning in desk.app.warning)
    assert not desk.bars

    desk.press("Show anyway")

    assert any(warning.value.startswith("Shown anyway.") for warning in desk.app.warning)
    assert set(desk.bars) == FINDINGS


def test_colour_that_was_removed_is_a_locked_switch(desk: Desk, png: bytes) -> None:
    import io

    from PIL import Image

    grey = np.asarray(Image.open(io.BytesIO(png))) // 257
    tinted = np.stack([grey, grey, grey // 2], axis=2).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(tinted).save(file, "PNG")
    desk.drop(("tinted.png", file.getvalue()))

    locked = next(each for each in desk.app.toggle if each.label == "Colour removed")
    assert locked.disabled
    assert locked.value


def test_two_sessions_do_not_see_each_other(desk: Desk) -> None:
    desk.press("Opacity, right lung")

    assert Desk().run().films == []


def test_without_weights_the_film_is_shown_and_the_way_out_is_named(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_files, "WEIGHTS", tmp_path)
    desk.run().press("Opacity, right lung")

    assert "python -m core train" in desk.html
    assert desk.component("lightbox.viewer")
    assert desk.bars == {}
    desk.app.switch_page("views/models.py")
    desk.run()
    assert desk.app.code[0].value == "python -m core train"


def test_a_broken_model_gets_a_sentence_and_another_can_be_chosen(
    desk: Desk, small_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for file in small_weights.iterdir():
        shutil.copy(file, tmp_path / file.name)
    (tmp_path / "broken.json").write_text("{", "utf-8")
    (tmp_path / "broken.safetensors").write_bytes(b"")
    monkeypatch.setattr(model_files, "WEIGHTS", tmp_path)

    desk.run().press("Opacity, right lung")
    assert len(desk.errors) == 1
    assert "broken.json is not JSON" in desk.errors[0]
    assert desk.component("lightbox.viewer")

    desk.choose("Model", "untrained", main=False)
    assert desk.errors == []
    assert set(desk.bars) == FINDINGS


def test_a_model_whose_weights_are_cut_short_stops_nothing_but_itself(
    desk: Desk, small_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(small_weights / "untrained.json", tmp_path / "untrained.json")
    (tmp_path / "untrained.safetensors").write_bytes(b"cut")
    monkeypatch.setattr(model_files, "WEIGHTS", tmp_path)

    desk.run().press("Opacity, right lung")

    assert len(desk.errors) == 1
    assert "was changed or cut short" in desk.errors[0]
    assert desk.component("lightbox.viewer")
    assert desk.films == ["Opacity, right lung"]
    assert NOTICE in desk.html


def test_an_example_that_cannot_be_fetched_says_so_and_the_rest_works(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(example: examples.Example) -> bytes:
        raise Unreachable("Could not download the example: is this machine online?")

    monkeypatch.setattr(examples, "fetch", offline)
    name = examples.listed()[0].name
    next(each for each in desk.app.button if each.key == f"example {name}").click()
    desk.run()
    assert desk.errors == ["Could not download the example: is this machine online?"]

    assert set(desk.press("Opacity, right lung").bars) == FINDINGS
    assert desk.errors == []


def test_an_example_comes_with_its_credit(desk: Desk, png: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examples, "fetch", lambda example: png)
    example = examples.listed()[0]
    next(each for each in desk.app.button if each.key == f"example {example.name}").click()
    desk.run()

    assert example.licence in desk.html
    assert example.note in desk.html


def test_films_of_the_data_folder_can_be_opened(
    desk: Desk, png: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "originals"
    folder.mkdir()
    (folder / "a.png").write_bytes(png)
    (folder / "originals.csv").write_text("file,label,why\na.png,normal,an ordinary film\n", "utf-8")
    monkeypatch.setenv("LIGHTBOX_DATA", str(tmp_path))
    desk.run()
    menu = desk.menu("Original files (folder LIGHTBOX_DATA)", main=False)
    assert menu.options == ["a.png · normal: an ordinary film"]

    menu.select_index(0)

    assert desk.run().films == ["a.png"]


def test_the_shipped_model_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    if not checkpoints.names():
        pytest.skip("weights/ is empty: no shipped model to try")
    desk = Desk().run().press("Opacity, right lung")

    assert set(desk.bars) == set(model_files.card(checkpoints.names()[0]).findings)


def test_a_file_of_several_frames_asks_on_the_page_which_one_to_open(desk: Desk, phantom: Radiograph) -> None:
    chest = (phantom.pixels >> 4).astype(np.uint16)
    data = dicom(chest, PixelData=np.stack([chest, 4095 - chest]).tobytes(), NumberOfFrames=2)
    desk.drop(("loop.dcm", data))
    assert not desk.films
    assert any(each.label.startswith("loop") for each in desk.app.main.number_input)

    desk.number("loop.dcm holds 2 frames. Which one?", 2).press("Open frame")
    assert desk.films == ["loop.dcm, frame 2 of 2"]
    assert np.array_equal(desk.session.radiographs[desk.session.film_key or ""].pixels, 4095 - chest)

    desk.press("Dismiss")
    assert not desk.app.main.number_input


def test_the_files_of_a_disc_are_added_as_a_whole(desk: Desk, png: bytes) -> None:
    desk.drop(("DICOMDIR", b"\0" * 128 + b"DICM"), ("README.TXT", b"how to use the viewer"), ("IM0", png))

    assert desk.films == ["IM0"]
    assert desk.errors == ["Skipped, because they are not films: DICOMDIR, README.TXT."]


def test_a_file_that_is_no_film_says_why_where_no_disc_came_with_it(desk: Desk, png: bytes) -> None:
    desk.drop(("README.TXT", b"how to use the viewer"), ("film.png", png))

    assert desk.films == ["film.png"]
    assert "README.TXT is plain text" in desk.errors[0]
