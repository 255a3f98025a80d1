"""Two or more models over many films: the choices, progress, and results."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import streamlit as st

from core.compare.film_comparison import FilmComparison, Refused
from core.compare.film_set import Case, gather
from core.compare.panel import panel, plain
from core.errors import UserError
from core.explain.method import COSTS, methods
from core.models.findings import words
from dashboard import draw, markup, paths, progress
from dashboard.bound_field import BoundField
from dashboard.cache import comparison_results, model_files, networks
from dashboard.compare import board, film_set_results, sources
from dashboard.compare.compare_state import FilmSetRun
from dashboard.film_source import film_fields
from dashboard.method_menu import method_menu
from dashboard.request_queue import Keyed
from dashboard.state import session

_FEWEST_FOR_PACE = 3  # films after which the remaining time is estimated
_MOST = 2000  # films: their rows still fit on the page
_SOURCES = {True: "Open films", False: "A folder or table"}


def part() -> None:
    """The choices, then progress or results."""
    survey = session().film_set
    if len(model_files.names()) < 2:
        st.html(markup.paragraph("A comparison needs two models. Import another one on the Models page."))
        return
    with st.container(key="many", gap="small"):
        draw.title(
            "Models over many films",
            "Where the findings, probabilities and maps differ; with labels, also which model is right.",
        )
        _ask(survey)
        if survey.phase:
            busy()
        elif survey.comparison is not None:
            film_set_results.draw_results(survey.comparison)


def busy() -> None:
    """Progress and Cancel; on both parts of the page, since the run continues on either."""
    with st.container(key="many busy", horizontal=True, vertical_alignment="center", gap="small"):
        survey = session().film_set
        opening = "Finding films …" if survey.phase == "films" else f"Figures over {len(survey.done)} films …"
        progress.busy_with_steps(_steps(survey), opening, key="many", withdraw=stop)


def _ask(survey: FilmSetRun) -> None:
    here, models = session(), chosen_models()
    with st.container(key="many controls", horizontal=True, gap="small"):
        chosen = BoundField("film_set.models", tuple).widget(value=list(models))
        st.multiselect("Models", model_files.names(), **chosen, width=420)
        with st.container(key="many method", gap="xsmall", width="content"):
            st.html(markup.label("Maps by"))
            method_menu(methods[survey.method], {}, BoundField("film_set.method"), key="method of many")
    with st.container(key="many films", horizontal=True, gap="small"):
        st.segmented_control(
            "Films",
            [True, False] if paths.local() else [True],
            **BoundField("film_set.use_open_films").widget(value=_use_open_films(survey)),
            format_func=lambda is_open: (
                f"{_SOURCES[is_open]} ({len(here.radiographs)})" if is_open else _SOURCES[is_open]
            ),
            required=True,
        )
        if not _use_open_films(survey):
            film_fields(
                "film_set",
                label="Path on this machine",
                hint="/data/films, or /data/films.csv with the columns file and label",
                width=420,
                most=_MOST,
            )
    ready = len(models) >= 2 and bool(here.radiographs if _use_open_films(survey) else survey.path)
    with st.container(key="many start", horizontal=True, vertical_alignment="center", gap="small"):
        st.button(
            "Compare the films",
            key="compare many",
            type="primary",
            icon=":material/play_arrow:",
            on_click=_start,
            disabled=bool(survey.phase) or not ready,
        )
        st.html(markup.paragraph(_plan(survey, len(models)), quiet=True))


def _plan(survey: FilmSetRun, models: int) -> str:
    """What is missing, or what will be computed."""
    if models < 2:
        return "Choose two models or more."
    if _use_open_films(survey) and not session().radiographs:
        return "No film is open. Add some, or enter a folder."
    if not _use_open_films(survey) and not survey.path:
        return "Enter a folder of films, or a table with labels."
    finding = session().finding
    what = f"Maps of {words(finding)}" if finding else "Maps of each film's most likely finding"
    cost = methods[survey.method].cost
    slow = f" This method takes {COSTS[cost]} for each film and model." if methods[survey.method].slow else ""
    return f"{what}; you can stop and resume it.{slow}"


def _use_open_films(survey: FilmSetRun) -> bool:
    return survey.use_open_films or not paths.local()


def chosen_models() -> tuple[str, ...]:
    """The chosen models; else those of the board, if there are several; else the first two."""
    names = model_files.names()
    chosen = tuple(name for name in session().film_set.models if name in names)
    if chosen:
        return chosen
    on_board = tuple(dict.fromkeys(tile.checkpoint for tile in board.tiles() if tile.checkpoint in names))
    return on_board if len(on_board) > 1 else tuple(names[:2])


def _steps(survey: FilmSetRun) -> Iterator[progress.Step]:
    """A request for each film not yet read; the figures follow in the next run of the page."""
    here = session()
    try:
        if survey.phase == "films":
            yield from _films(survey)
            survey.phase = "figures"
            return
        _gather(survey)
    except UserError as error:
        here.problems[:] = [str(error)]
    survey.phase = None


def _films(survey: FilmSetRun) -> Iterator[progress.Step]:
    note, films = "", sources.open_films()
    if not _use_open_films(survey):
        films, note = sources.at_path(survey.path, split=survey.split, most=survey.most)
    models = chosen_models()
    classifiers = [networks.classifier(model_files.card(name)) for name in models]
    compared = survey.panel = panel(classifiers, method=survey.method, finding=_finding(models))
    done: list[tuple[Case, FilmComparison | Refused]] = []  # an earlier run may still be at its last film
    survey.done, survey.total = done, len(films)
    survey.note = f"{note[:1].upper()}{note[1:]}." if note else ""
    begun, fresh = time.monotonic(), 0
    for film in films:
        panel_of_film = replace(compared, cleaning=film.cleaning)
        key = (panel_of_film.key, film.key)
        if key not in survey.rows:
            pace = (time.monotonic() - begun) / fresh if fresh >= _FEWEST_FOR_PACE else None
            request = comparison_results.film_comparison(panel_of_film, Keyed(film.key, film.case))
            yield progress.Step(request, film.case.name, (len(done), len(films)), pace)
            survey.rows[key] = request.answer()
            fresh += 1
        done.append((film.case, _named(survey.rows[key], film.case)))


def _gather(survey: FilmSetRun) -> None:
    if survey.panel is None or not survey.done:
        return
    read = [row for _, row in survey.done if isinstance(row, FilmComparison)]
    refused = [row for _, row in survey.done if isinstance(row, Refused)]
    comparison = gather(survey.panel, read, refused)
    survey.cases = {row.key: case for case, row in survey.done if isinstance(row, FilmComparison)}
    note = survey.note
    if len(survey.done) < survey.total:
        note = f"Stopped after {len(survey.done)} of {survey.total} films; start again to resume."
    survey.within, survey.cell = (), ""
    survey.comparison = replace(comparison, notes=(*([note] if note else []), *comparison.notes))


def _named(row: FilmComparison | Refused, case: Case) -> FilmComparison | Refused:
    """The result with this person's name for the film: others may have opened it under another name."""
    if isinstance(row, Refused):
        return replace(row, name=case.name)
    return replace(row, name=case.name, patient=case.patient or case.name)


def _finding(models: Sequence[str]) -> str | None:
    """The finding of the sidebar, if all of the models know it."""
    wanted = session().finding
    known = [{plain(name) for name in model_files.card(model).findings} for model in models]
    return wanted if wanted and all(plain(wanted) in each for each in known) else None


def _start() -> None:
    here = session()
    here.problems.clear()
    here.film_set.phase = "films"


def stop() -> None:
    """Stops reading films and computes figures over those read so far; a second click skips the figures, too."""
    survey = session().film_set
    survey.phase = "figures" if survey.phase == "films" and survey.done else None
