"""The guided story: five steps, computed by two models."""

import csv
import io
import json
import shlex
import shutil
from pathlib import Path

import click
import pytest

from core.__main__ import cli
from core.types import Cleaning
from dashboard import story
from dashboard.cache import film_properties, map_requests, model_files
from dashboard.researcher_story import StoryAnswer, table
from tests.dashboard.conftest import Desk


@pytest.fixture
def twins(small_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two models of the same untrained weights."""
    for name in ("one", "other"):
        card = json.loads((small_weights / "untrained.json").read_text()) | {"name": name}
        (tmp_path / f"{name}.json").write_text(json.dumps(card))
        shutil.copy(small_weights / "untrained.safetensors", tmp_path / f"{name}.safetensors")
    monkeypatch.setattr(model_files, "WEIGHTS", tmp_path)
    monkeypatch.setattr(story, "_NAMES", ("one", "other"))
    monkeypatch.setattr(story, "_WHO", {"one": "One", "other": "Other"})


def test_the_story_goes_through_five_steps_and_ends_on_the_first_page(twins: None) -> None:
    desk = Desk().run().press("Show me why: two models, one answer, 90 seconds")

    titles = []
    for step in range(1, 6):
        assert f"Step {step} of 5" in desk.html
        assert dict(desk.session.address) == {"story": ["twins"], "step": [str(step)]}
        titles.append(desk.html.split('<h1 class="lb-page">')[1].split("<")[0])
        if step < 5:
            desk.press("Next")

    assert titles[2] == "Black out the lungs: who still answers?"
    assert "Macro AUC on test films" in desk.html
    assert "Put a radiograph on the light box" in desk.press("Leave the story").app.markdown[0].value


def test_twins_of_the_same_weights_answer_alike_with_the_lungs_black(twins: None) -> None:
    desk = Desk()
    desk.app.query_params["story"] = "twins"
    desk.app.query_params["step"] = "3"
    desk.run()

    one, other = desk.html.split("There is no lung left to read. One ")[1].split("</p>")[0].split(" Other ")
    assert one == other


def test_without_the_twins_there_is_no_story(desk: Desk) -> None:
    assert not [each for each in desk.app.button if each.label.startswith("Show me why")]
    desk.session.story = 1

    assert "The story needs the models densenet121-plain and densenet121-lungs" in desk.run().errors[0]


def test_the_researchers_story_brings_measures_shows_a_mistake_and_exports(desk: Desk) -> None:
    desk.press("Bring a checkpoint: measure it, find a mistake, export, two minutes")

    assert dict(desk.session.address) == {"story": ["checkpoint"], "step": ["1"]}
    assert "MobileNet-V3, small" in desk.html
    desk.press("Next")
    assert "answers 12 drawn chests" in desk.html
    desk.press("Next")
    assert " called " in desk.html
    mistakes = [each for each in desk.app.button if each.label.startswith("Chest ")]
    assert 0 < len(mistakes) <= 12
    desk.press(mistakes[-1].label)
    number = int(mistakes[-1].label.removeprefix("Chest "))
    assert desk.session.story_film == number
    assert "May the model be asked?" in desk.html
    desk.press("Next")
    assert f"Map of chest {number} (PNG)" in [each.proto.label for each in desk.app.get("download_button")]
    desk.press(f"Open chest {number} in Read")
    assert desk.session.story == 0
    assert desk.session.drawn_cases[desk.session.film_key or ""] == number


def test_every_command_of_the_researchers_story_is_accepted_by_the_command_line(desk: Desk) -> None:
    desk.press("Bring a checkpoint: measure it, find a mistake, export, two minutes")
    commands = set()
    for step in range(4):
        if step:
            desk.press("Next")
        commands |= {each.value for each in desk.app.code}

    assert len(commands) == 4
    for line in commands:
        name, *words = shlex.split(line.removeprefix("python -m core "))
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        command.make_parser(click.Context(command)).parse_args([*words])  # raises for an option that it does not have
        assert "--checkpoint" in words or "--name" in words


def test_the_table_of_the_story_names_model_and_weights(desk: Desk) -> None:
    card = model_files.card(model_files.names()[0])
    film = film_properties.drawn_film(1)
    prediction = map_requests.predict(card, film, Cleaning())

    rows = list(csv.DictReader(io.StringIO(table([StoryAnswer(1, film, "normal", prediction, None)], card))))

    assert rows[0]["weights_sha256"] == card.sha256
    assert float(rows[0]["covid"]) == pytest.approx(prediction.probability("covid"), abs=1e-6)
