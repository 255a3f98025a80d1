"""What holds for every page."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.views import View, pages
from tests.dashboard.conftest import SECONDS

PAGES = pages()


@pytest.mark.parametrize("view", PAGES, ids=lambda view: view.title)
@pytest.mark.usefixtures("small_weights")
def test_a_page_runs_alone_without_a_film(view: View) -> None:
    app = AppTest.from_file(str(view.file), default_timeout=SECONDS).run()

    assert not app.exception
    assert len(app.main) > 0


@pytest.mark.parametrize("view", PAGES, ids=lambda view: view.title)
@pytest.mark.usefixtures("small_weights")
def test_a_page_runs_alone_with_a_film(view: View) -> None:
    name = view.file.stem
    script = f"""
from dashboard import film_upload
from dashboard.views import {name}

film_upload.open_case(0)
{name}.page()"""
    app = AppTest.from_string(script, default_timeout=SECONDS).run()

    assert not app.exception
    assert not app.error


@pytest.mark.parametrize("view", PAGES, ids=lambda view: view.title)
def test_a_page_only_requests_and_draws(view: View) -> None:
    source = view.file.read_text("utf-8")

    assert "try:" not in source
    assert "session_state" not in source
    assert len(source.splitlines()) <= 120


def test_state_and_caching_have_one_place_each() -> None:
    for file in Path(__file__).parents[2].joinpath("dashboard").rglob("*.py"):
        source = file.read_text("utf-8")
        assert "st.session_state" not in source or file.name == "state.py", file
        assert "@st.cache_" not in source or file.parent.name == "cache", file


def test_pages_come_in_their_order() -> None:
    assert [view.title for view in PAGES][:1] == ["Read"]
    assert [view.order for view in PAGES] == sorted(view.order for view in PAGES)
