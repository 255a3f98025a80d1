"""The Cohort page on a small run of drawn chests."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.cohort.films import films_of
from core.cohort.launch import failure, run_path
from core.cohort.run import run
from core.cohort.settings import Settings
from core.errors import BadSetting
from core.image.phantom import draw
from dashboard.cache import model_files
from dashboard.cohort import cohort_link
from dashboard.state import Session
from tests.cohort.drawn import FILMS, labelled_films
from tests.dashboard.conftest import SECONDS
from tests.dashboard.small_models import put

VIEW = Path(__file__).parents[2] / "dashboard" / "views" / "cohort.py"


@pytest.fixture(scope="module")
def two_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two untrained networks."""
    folder = tmp_path_factory.mktemp("models")
    put(folder, {"other": 2, "untrained": 0})
    return folder


@pytest.fixture(scope="module")
def cohort_run(two_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of both over twelve films with labels."""
    folder = labelled_films(tmp_path_factory.mktemp("cohort"))
    out = tmp_path_factory.mktemp("runs") / "small"
    settings = Settings(("untrained", "other"), checks=False, lungs=True)
    run(films_of(str(folder)), out, settings, weights=two_models, workers=0)
    return out


@pytest.fixture
def app(cohort_run: Path, two_models: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setattr(model_files, "WEIGHTS", two_models)
    monkeypatch.setattr("dashboard.paths.local", lambda: True)
    page = AppTest.from_file(str(VIEW), default_timeout=SECONDS).run()
    page.session_state["lightbox"].cohort.run = str(cohort_run)
    return page.run()


def words(page: AppTest) -> str:
    assert not page.exception
    return "\n".join(each.value for each in page.html)


def state(page: AppTest) -> Session:
    session: Session = page.session_state["lightbox"]
    return session


def test_the_page_shows_the_films_of_a_run_and_its_figures(app: AppTest) -> None:
    text = words(app)

    assert f"{FILMS} films" in text
    assert text.count('<div class="lb-film"') == FILMS
    assert f"n = {FILMS // 2}" in text  # of sensitivity and specificity


def test_a_cell_of_the_confusion_matrix_lists_its_films(app: AppTest) -> None:
    cells = {each.key: each for each in app.button if each.key and each.key.startswith("outcome ")}
    counts = {key: int(each.label.split()[0]) for key, each in cells.items()}
    outcome = max(counts, key=lambda key: counts[key])

    cells[outcome].click().run()

    assert sum(counts.values()) == FILMS
    assert words(app).count('<div class="lb-film"') == counts[outcome] > 0


def test_films_of_one_kind_have_no_curves_and_the_page_says_why(app: AppTest) -> None:
    state(app).cohort.text = "label"
    app.run()

    assert "Every labelled film has covid in this selection." in words(app)
    assert ">ROC<" not in words(app)
    assert [each for each in app.button if each.key == "outcome true positive"]


def test_a_filter_narrows_the_films_and_a_wrong_one_is_a_sentence(app: AppTest) -> None:
    field = next(each for each in app.text_input if each.label == "Filter")
    field.set_value("sex = 'M'").run()
    assert words(app).count('<div class="lb-film"') == FILMS // 3

    next(each for each in app.text_input if each.label == "Filter").set_value("shoe_size > 3").run()
    assert [each for each in app.error if "cannot be used" in each.value]


@pytest.mark.parametrize("charts", ["Operating point", "Subgroups", "Where it looks", "Map of cases"])
def test_each_group_of_charts_can_be_drawn(charts: str, app: AppTest) -> None:
    state(app).cohort.charts = charts
    app.run()

    sign = {"Operating point": "Net benefit", "Subgroups": "Sensitivity", "Where it looks": "Mean heat"}
    assert sign.get(charts, "Trustworthiness") in words(app)


def test_a_film_opens_with_its_model_and_the_next_one_follows(app: AppTest, cohort_run: Path) -> None:
    first = next(each for each in app.button if each.key and each.key.startswith("open cohort"))
    wanted = int(str(first.key).rsplit(" ", 1)[-1])
    first.click().run()  # alone, the page has no Read to go to; the frame has

    here = state(app)
    assert here.cohort.opened[here.cohort.place] == wanted
    assert len(here.cohort.opened) == FILMS
    assert [film.name for film in here.radiographs.values()] == [f"{wanted}.png"]
    assert (here.checkpoint, here.finding, here.method) == ("untrained", "covid", "grad-cam")
    assert list(here.labels.values()) == ["covid" if wanted % 2 else "normal"]


def test_another_run_beside_this_one_says_what_differs(app: AppTest, cohort_run: Path) -> None:
    state(app).cohort.charts = "Drift"
    app.run()
    assert "Choose the run to compare" in words(app)

    state(app).cohort.other_run = str(cohort_run)
    app.run()

    text = words(app)
    assert not app.error, app.error[0].value
    assert "0 of " in text  # a run does not differ from itself
    assert f"{FILMS} films against {FILMS}" in text


def test_the_heat_of_two_models_is_compared_on_the_same_films(app: AppTest) -> None:
    state(app).cohort.charts = "Where it looks"
    app.run()

    assert "untrained minus other" in words(app)


def test_read_shows_the_films_that_look_most_alike_to_the_model(
    cohort_run: Path, two_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_files, "WEIGHTS", two_models)
    monkeypatch.setattr("dashboard.paths.local", lambda: True)
    monkeypatch.setattr("dashboard.cohort.similar_cases.recent", lambda: {cohort_run: cohort_run.parent})
    page = AppTest.from_file(str(VIEW.with_name("read.py")), default_timeout=SECONDS).run()
    here = state(page)
    film = draw(seed=3, height=100, width=90).radiograph
    here.add(film)
    here.film_key, here.checkpoint, here.finding, here.cohort.similar = film.key, "untrained", "covid", True
    page.run()

    text = words(page)
    assert text.count('<div class="lb-film"') == 10  # five with the finding, five without
    assert "have the same label" in text


def test_the_view_of_the_page_travels_in_the_link(cohort_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboard.paths.local", lambda: True)
    monkeypatch.setattr(cohort_link, "recent", lambda: {cohort_run: cohort_run.parent})
    sender = Session()
    sender.page, sender.cohort.run = "cohort", str(cohort_run)
    sender.cohort.text, sender.cohort.threshold, sender.cohort.outcome = "age > 60", 0.3, "false positive"
    address = cohort_link.entries(sender)

    receiver = Session()
    assert cohort_link.restore(receiver, address) == []
    assert receiver.cohort == sender.cohort
    assert str(cohort_run.parent) not in address["cohort"][0]
    sender.page = "read"
    assert cohort_link.entries(sender) == {}


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [("{", "cannot be read"), ("[]", "cannot be read"), ('{"run":"gone"}', "the run 'gone', which was not made")],
)
def test_a_view_that_cannot_be_restored_is_a_sentence(
    entry: str, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboard.paths.local", lambda: True)
    monkeypatch.setattr(cohort_link, "recent", dict)

    problems = cohort_link.restore(Session(), {"cohort": [entry]})

    assert len(problems) == 1
    assert sentence in problems[0]


def test_a_name_that_leads_elsewhere_is_refused() -> None:
    with pytest.raises(BadSetting, match="Use letters, digits"):
        run_path("../elsewhere")


def test_the_sentence_of_a_failed_run_is_found_in_its_log(tmp_path: Path) -> None:
    (tmp_path / "run.log").write_text("1 of 2 films\nError: There is no film.\n  warnings.warn('x')\n")

    assert failure(tmp_path / "run") == "There is no film."
    assert failure(tmp_path / "other") == ""
