"""Models over many films: from a table with labels to a case on the board."""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.compare.accuracy import confusion
from core.image.phantom import draw
from dashboard import paths
from dashboard.cache import comparison_results
from dashboard.compare import film_set, sources, worklist
from dashboard.tile_request import TileRequest
from tests.dashboard.conftest import Desk, encoded
from tests.dashboard.small_models import opened, put

LABELS = ("normal", "covid", "pneumonia", "covid", "normal", "covid")


@pytest.fixture(scope="session")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two networks of one architecture that know the same findings."""
    folder = tmp_path_factory.mktemp("two")
    put(folder, {"first": 1, "second": 2})
    return folder


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of drawn films, the first four of them the test split; beside them a file that is no film."""
    folder = tmp_path_factory.mktemp("films")
    with (folder / "table.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "label", "split"])
        for seed, label in enumerate(LABELS):
            film = draw(seed=seed, height=160, width=130).radiograph
            (folder / f"film-{seed}.png").write_bytes(encoded(film))
            writer.writerow([f"film-{seed}.png", label, "test" if seed < 4 else "train"])
    (folder / "broken.png").write_bytes(b"no film")
    return folder / "table.csv"


@pytest.fixture
def page(two: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """The Compare page, on the part about many films."""
    monkeypatch.setattr(paths, "local", lambda: True)
    desk = opened(two, monkeypatch)
    desk.session.board.many = True
    return desk.run()


@contextmanager
def at(desk: Desk) -> Iterator[None]:
    """What is called here is called in this person's session."""
    with pytest.MonkeyPatch.context() as patched:
        for module in (worklist, film_set, sources):
            patched.setattr(module, "session", lambda: desk.session)
        yield


def over(desk: Desk, path: Path) -> Desk:
    """Compares the models over the films at that path."""
    desk.session.film_set.use_open_films = False
    desk.session.film_set.path = str(path)
    return desk.run().press("Compare the films")


def test_a_table_with_labels_says_who_is_right(page: Desk, table: Path) -> None:
    over(page, table)

    comparison = page.session.film_set.comparison
    assert comparison
    assert sorted(row.name for row in comparison.films) == [f"film-{seed}.png" for seed in range(4)]
    assert [row.score for row in comparison.films] == sorted((row.score for row in comparison.films), reverse=True)
    assert "4 films of split test" in page.html.lower()
    assert "p by McNemar" in page.html
    assert "p by DeLong" in page.html
    assert "Kappa of covid" in page.html
    columns = list(page.app.main.dataframe[-1].value.columns)
    assert columns[:5] == ["Film", "Disagreement", "Label", "A says", "B says"]
    assert not page.errors


def test_a_folder_has_no_labels_and_a_file_that_is_no_film_gets_a_sentence(page: Desk, table: Path) -> None:
    over(page, table.parent)

    comparison = page.session.film_set.comparison
    assert comparison
    assert len(comparison.films) == 6
    assert [each.name for each in comparison.refused] == ["broken.png"]
    assert "broken.png: " in page.html
    assert "McNemar" not in page.html


def test_a_case_opens_on_the_board_and_from_there_the_next(page: Desk, table: Path) -> None:
    over(page, table)
    comparison = page.session.film_set.comparison
    assert comparison
    with at(page):
        worklist.open_case(comparison.films[0])
    page.run()

    assert page.session.film_key == comparison.films[0].key
    finding = comparison.films[0].finding
    assert page.session.tiles == [TileRequest("first", finding=finding), TileRequest("second", finding=finding)]
    assert "Case 1 of 4 · disagreement" in page.html
    assert page.component("pane difference")
    page.press("Next case")
    assert page.session.film_key == comparison.films[1].key
    assert "Case 2 of 4" in page.html
    assert comparison.films[1].name in page.films


def test_a_cell_of_the_confusion_matrix_lists_its_films_and_the_next_case_stays_in_it(page: Desk, table: Path) -> None:
    over(page, table)
    comparison = page.session.film_set.comparison
    assert comparison
    matrix = confusion(comparison.films, comparison.panel, 0, repeats=10)
    assert matrix
    assert "Confusion matrices" in page.html
    assert f"A: accuracy {matrix.accuracy.low:.2f}" in page.html
    (label, answer), films = max(matrix.films.items(), key=lambda each: len(each[1]))
    assert len(films) > 1  # or there would be no next case

    page.session.film_set.within, page.session.film_set.cell = films, f"label {label}, A says {answer}"
    with at(page):
        worklist.open_case(worklist.cases()[0])
    page.run().press("Next case")

    assert page.session.film_key == [row.key for row in comparison.films if row.key in films][1]
    assert f"Case 2 of {len(films)} (label {label}, A says {answer})" in page.html
    assert f"· label {label}: A {'✓' if label == answer else '✗'}" in page.html
    page.session.board.many = True
    assert page.run().app.main.dataframe[-1].value.shape[0] == len(films)
    assert page.press("List all films").app.main.dataframe[-1].value.shape[0] == 4


def test_films_that_were_read_are_not_read_again(page: Desk, table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    over(page, table)
    monkeypatch.setattr(comparison_results, "film_comparison", None)
    page.press("Compare the films")

    assert len(page.session.film_set.done) == 4
    assert not page.app.exception


def test_a_stopped_run_shows_the_films_that_were_read(page: Desk, table: Path) -> None:
    over(page, table)
    survey = page.session.film_set
    survey.done, survey.phase = survey.done[:3], "films"
    with at(page):
        film_set.stop()
    page.run()

    assert survey.comparison
    assert len(survey.comparison.films) == 3
    assert "Stopped after 3 of 4 films" in page.html
    assert survey.phase is None


def test_the_films_on_the_desk_are_compared_as_they_are_cleaned(page: Desk) -> None:
    page.session.clean(page.session.film_key or "", clahe=True)
    page.press("Compare the films")

    comparison = page.session.film_set.comparison
    assert comparison
    assert [row.key for row in comparison.films] == [page.session.film_key]
    key = next(iter(page.session.film_set.rows))
    assert "clahe=True" in str(key)


@pytest.mark.parametrize(
    ("path", "sentence"),
    [("/no/such/folder", "There is no /no/such/folder on this machine."), ("~", "There is no radiograph in")],
)
def test_a_path_without_films_is_one_sentence(
    page: Desk, path: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    over(page, Path(path))

    assert any(error.startswith(sentence) for error in page.errors), page.errors
    assert page.session.film_set.phase is None


def test_who_is_not_at_this_machine_cannot_name_a_path_on_it(
    page: Desk, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "local", lambda: False)
    page.session.film_set.use_open_films = False
    page.session.film_set.path = str(table)
    page.run()
    assert not page.app.main.text_input

    page.session.film_set.phase = "films"
    page.run()
    comparison = page.session.film_set.comparison
    assert comparison is None or not any(row.labels for row in comparison.films)


def test_one_model_has_nothing_to_be_compared_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, {"alone": 1})
    desk = opened(tmp_path, monkeypatch)
    desk.session.board.many = True

    assert "A comparison needs two models." in desk.run().html


def test_the_maximum_number_of_films_is_spread_evenly(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "local", lambda: True)
    films, note = sources.at_path(str(table.parent), split="", most=3)

    assert [film.case.name for film in films] == ["broken.png", "film-1.png", "film-3.png"]
    assert note == "3 of 7 films, evenly spread"


def test_a_film_keeps_the_name_that_each_person_has_for_it(
    page: Desk, two: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = encoded(draw(seed=20, height=160, width=130).radiograph)
    page.drop(("Mueller-Hans-1950.png", data)).press("Compare the films")
    other = opened(two, monkeypatch)
    other.session.board.many = True
    other.run().drop(("public.png", data)).press("Compare the films")

    assert other.session.film_set.comparison
    assert "public.png" in [row.name for row in other.session.film_set.comparison.films]
    assert "Mueller" not in str(other.session.film_set.comparison.films) + other.html


def test_a_film_that_changed_on_disk_gets_a_sentence_and_is_not_opened(page: Desk, table: Path, tmp_path: Path) -> None:
    for seed in range(2):
        (tmp_path / f"{seed}.png").write_bytes((table.parent / f"film-{seed}.png").read_bytes())
    over(page, tmp_path)
    assert page.session.film_set.comparison
    row = page.session.film_set.comparison.films[0]
    (tmp_path / row.name).write_bytes((table.parent / "film-5.png").read_bytes())

    with at(page):
        worklist.open_case(row)
    page.run()

    assert "has changed since it was compared" in "".join(page.errors)
    assert row.key not in page.session.radiographs
