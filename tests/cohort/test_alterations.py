"""Altered films: what each alteration changes and leaves, and what a run stores of them."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pyarrow.dataset as dataset
import pytest

from core import lung_network
from core.cohort.alterations import ALTERATIONS, altered_films, histogram_matched, marks_removed
from core.cohort.films import films_of
from core.cohort.run import run
from core.cohort.settings import Settings
from core.errors import BadData, BadSetting, NoLungs
from core.image.phantom import Phantom, draw
from core.models.classifier import Classifier
from core.types import Cleaning, Input, Radiograph


@pytest.fixture(scope="module")
def chest() -> Phantom:
    return draw(seed=3, height=200, width=200)


def test_each_alteration_changes_only_its_part(chest: Phantom) -> None:
    film = chest.radiograph
    lungs = lung_network.dilated(lung_network.segment(film, Cleaning(crop_borders=False)))
    changes = {}
    for name, rule in ALTERATIONS.items():
        result = rule(film, lungs)
        assert result is not None, name
        changes[name] = result[0].pixels != film.pixels
        assert not changes[name][~result[1]].any(), name

    assert changes["lungs-black"][lungs].mean() > 0.99
    assert changes["lungs-inpainted"][lungs].mean() > 0.9
    assert not changes["lungs-only"][lungs].any()
    assert not changes["border-only"][:20][~lungs[:20]].any()
    assert changes["border-only"][80:120, 80:120].mean() > 0.95


def test_a_mark_is_filled_from_around_it(chest: Phantom) -> None:
    pixels = chest.radiograph.pixels.copy()
    letters = np.zeros(pixels.shape, np.uint8)
    cv2.putText(letters, "L", (165, 30), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (255,), 2)
    pixels[letters > 0] = 4095

    film, mask = marks_removed(replace(chest.radiograph, pixels=pixels), None)  # type: ignore[misc]

    assert mask[letters > 0].all()
    assert film.pixels[letters > 0].max() < 3800


def test_brightness_becomes_that_of_a_usual_film_whatever_the_exposure(chest: Phantom) -> None:
    film = chest.radiograph
    darker = replace(film, pixels=(film.pixels // 2).astype(np.uint16))

    matched = [histogram_matched(each, None)[0].pixels.astype(float) for each in (film, darker)]  # type: ignore[index]

    assert abs(film.pixels.mean() - darker.pixels.mean()) > 500
    assert np.abs(matched[0] - matched[1]).mean() < 20


def test_without_lungs_only_the_other_alterations_are_made(
    phantom: Radiograph, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: object) -> None:
        raise NoLungs("none")

    monkeypatch.setattr(lung_network, "segment", none)

    made = altered_films(phantom, tuple(ALTERATIONS), [Input(size=64)])

    assert [each.name for each in made] == ["marks-removed", "histogram-matched"]


def test_a_run_stores_what_the_network_says_of_each_altered_film(
    films: Path, weights: Path, classifier: Classifier, tmp_path: Path
) -> None:
    settings = Settings(("untrained",), checks=False, lungs=False, alterations=("histogram-matched",))
    run(films_of(str(films)), tmp_path / "run", settings, weights=weights, workers=0)

    rows = dataset.dataset(tmp_path / "run" / "altered").to_table().to_pylist()

    assert len(rows) == 6
    assert all(row["alteration"] == "histogram-matched" and row["area"] == 1 for row in rows)
    assert all(len(row["logits"]) == len(classifier.checkpoint.findings) for row in rows)
    with pytest.raises(BadData, match="has alterations"):
        run(films_of(str(films)), tmp_path / "run", replace(settings, alterations=()), weights=weights, workers=0)


def test_an_unknown_alteration_is_refused() -> None:
    with pytest.raises(BadSetting, match="There is no alteration 'lungs-green'"):
        Settings(("untrained",), alterations=("lungs-green",))
