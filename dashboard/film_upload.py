"""Opening films: files, drawn cases, the data folder, public examples."""

import csv
import os
from collections.abc import Iterable
from dataclasses import replace
from itertools import count as numbers
from pathlib import Path

import streamlit as st

from core.errors import SeveralFrames, UserError
from core.image import examples
from core.image.blacken import without_marks
from core.image.bundle import INDEX, films_in, is_bundle, may_be_film
from core.image.cases import CASES
from core.image.read import read
from core.types import Radiograph
from dashboard import dicom_sources, draw, labels, markup
from dashboard.cache import film_properties
from dashboard.state import bind, entered, session

_THUMBNAILS = Path(__file__).with_name("cases")
_drop = st.components.v2.component("lightbox.drop", js=Path(__file__).with_name("drop.js").read_text(encoding="utf-8"))
_LARGEST = 1000  # MB per film or ZIP archive


def files(label: str, *, at: str) -> None:
    """The uploader; files are read immediately, then the page is drawn again."""
    here = session()
    dropped = st.file_uploader(
        label,
        accept_multiple_files=True,
        key=f"files {at} {here.upload_round}",
        max_upload_size=_LARGEST,
    )
    if not dropped:
        return
    bar = st.progress(0.0)
    here.problems.clear()
    films = []
    disc = len(dropped) > 1 and any(Path(file.name).name.upper() == INDEX for file in dropped)
    skipped = []
    for done, file in enumerate(dropped):
        bar.progress(done / len(dropped), text=f"Reading {file.name} ({done + 1} of {len(dropped)})")
        data = file.getvalue()
        if file.name.lower().endswith(".csv"):
            _read_labels(data, file.name)
            continue
        if disc and not may_be_film(file.name, data):
            skipped.append(file.name)
            continue
        films += _read_all(data, file.name)
    if skipped:
        here.problems.append(f"Skipped, because they are not films: {', '.join(map(draw.plain, skipped))}.")
    _show(*films)
    here.upload_round += 1
    st.rerun()


def anywhere() -> None:
    """Passes films dropped anywhere on the page to the uploader in the sidebar."""
    with st.container(key="drop"):
        _drop(key="drop anywhere")


def frames() -> None:
    """A choice of frame for each file with several frames (or pages)."""
    for name, (_, count) in list(session().several.items()):
        key = f"frame of {name}"  # not bound: the entry has to stay until the button is pressed
        with st.container(key=f"frames of {name}", horizontal=True, vertical_alignment="bottom", gap="small"):
            st.number_input(f"{draw.plain(name)} holds {count} frames. Which one?", 1, count, key=key, width=300)
            st.button("Open frame", key=f"open {name}", on_click=_open_frame, args=(name, key))
            st.button("Dismiss", key=f"dismiss {name}", type="tertiary", on_click=_dismiss, args=(name,))


def _dismiss(name: str) -> None:
    session().several.pop(name, None)


def _open_frame(name: str, key: str) -> None:
    here = session()
    data, count = here.several[name]
    frame = int(entered(key))
    here.problems.clear()
    _show(_read(data, f"{name}, frame {frame} of {count}", frame))


def open_contents(contents: Iterable[tuple[bytes, str]]) -> bool:
    """Opens films given as (bytes of the file, name) and shows the first. Returns: whether any could be read."""
    films = [_read(data, name) for data, name in contents]
    _show(*films)
    return any(films)


def open_without_marks(radiograph: Radiograph) -> None:
    """Opens a copy with every burnt-in mark painted black; its DICOM objects refer to the same instance."""
    copy = replace(without_marks(radiograph), name=f"{radiograph.name}, marks black")
    session().add(copy)
    dicom_sources.share(radiograph, session().radiographs[copy.key])
    _show(copy)


def phantom_button() -> None:
    """The button that opens the next drawn case."""
    st.button(
        "Phantom",
        key="phantom",
        help="Opens the next drawn case: synthetic, no patient data.",
        on_click=_open_next_case,
        width="stretch",
    )


def case_gallery() -> None:
    """The drawn cases, each a picture with its title and story; a click opens it."""
    with st.container(key="gallery", horizontal=True, gap="medium"):
        for number, each in enumerate(CASES):
            with st.container(key=f"drawn {number}", gap="xsmall"):
                picture = (_THUMBNAILS / f"{each.file_name}.webp").read_bytes()
                st.html(markup.thumbnail(picture, f"Drawn case: {each.title}"))
                st.button(each.title, key=f"open drawn {number}", type="tertiary", on_click=open_case, args=(number,))
                st.caption(each.story)


def open_case(number: int) -> None:
    """Opens a drawn case."""
    here = session()
    radiograph = film_properties.drawn_film(number)
    here.problems.clear()
    here.add(radiograph)
    here.drawn_cases[radiograph.key] = number
    _show(radiograph)


def _open_next_case() -> None:
    """Opens the first drawn case that is not open yet."""
    opened = session().radiographs
    open_case(next(number for number in numbers() if film_properties.drawn_film(number).key not in opened))


def examples_menu() -> None:
    """Films of the data folder, if there is one, and public films downloaded on request."""
    with st.popover("Examples", width="stretch"):
        stored = originals()
        if stored:
            st.selectbox(
                "Original files (folder LIGHTBOX_DATA)",
                list(stored),
                index=None,
                format_func=stored.__getitem__,
                placeholder="Choose a film",
                key=(key := bind("originals", None)),
                on_change=_open_stored,
                args=(key,),
            )
        st.caption("Public films, downloaded from their source on request; credit and licence are kept.")
        for example in examples.listed():
            finding, _, how = example.finding.partition(" (")
            label = f"{example.title}: {finding}"
            if st.button(label, key=f"example {example.name}", icon=":material/cloud_download:", width="stretch"):
                with st.spinner(f"Fetching {example.file} ({example.size / 1e6:.1f} MB)"):
                    _fetch(example)
                st.rerun()
            description = f"{how.rstrip(')').capitalize()}. " if how else ""
            st.caption(f"{description}{example.credit}. {example.licence}.")


def originals() -> dict[Path, str]:
    """Path -> description, from the list in the folder LIGHTBOX_DATA; empty if there is no such folder."""
    folder = _originals_folder()
    if folder is None:
        return {}
    words = {file: f"{row['label']}: {row['why']}" for file, row in _originals_table(folder).items()}
    paths = sorted(path for path in folder.iterdir() if path.is_file() and path.suffix not in (".csv", ".md"))
    return {path: " · ".join(part for part in (path.name, words.get(path.name, "")) if part) for path in paths}


def _originals_folder() -> Path | None:
    root = Path(os.environ.get("LIGHTBOX_DATA", ""))
    folder = root / "originals" if (root / "originals").is_dir() else root
    return folder if os.environ.get("LIGHTBOX_DATA") and folder.is_dir() else None


def _originals_table(folder: Path) -> dict[str, dict[str, str]]:
    table = folder / "originals.csv"
    if not table.is_file():
        return {}
    with table.open(encoding="utf-8", newline="") as lines:
        return {row["file"]: row for row in csv.DictReader(lines)}


def _open_stored(key: str) -> None:
    path = entered(key)
    if path is not None:
        here = session()
        here.problems.clear()
        here.label_table[path.name] = _originals_table(path.parent).get(path.name, {}).get("label", "")
        _show(_read(path.read_bytes(), path.name))


def _fetch(example: examples.Example) -> None:
    here = session()
    here.problems.clear()
    try:
        data = examples.fetch(example)
    except UserError as error:
        here.problems.append(str(error))
        return
    radiograph = _read(data, f"{example.title}, {example.finding}")
    _show(radiograph)
    if radiograph:
        here.credits[radiograph.key] = f"{example.credit}. {example.licence}. {example.note}".strip()


def _read_all(data: bytes, name: str) -> list[Radiograph | None]:
    """The film, or each film of a ZIP archive; the index of a disc (DICOMDIR) beside its files is skipped."""
    here = session()
    if not is_bundle(data):
        return [_read(data, name)]
    films = []
    try:
        for film, content in films_in(data, name=name):
            if isinstance(content, bytes):
                films.append(_read(content, film))
            else:
                here.problems.append(str(content))
    except UserError as error:
        here.problems.append(str(error))
    return films


def _read_labels(data: bytes, name: str) -> None:
    """Labels for open films and for those that are added later."""
    here = session()
    try:
        table = labels.read_labels(data, name)
    except UserError as error:
        here.problems.append(str(error))
        return
    labelled = labels.use(here, table)
    st.toast(f"{draw.plain(name)}: {len(table)} labels, {labelled} for open films. The others apply once opened.")


def _read(data: bytes, name: str, frame: int | None = None) -> Radiograph | None:
    """The film, added to the open ones; None, with one sentence on the page, if it cannot be read."""
    here = session()
    try:
        radiograph = read(data, name=name, frame=frame)
    except SeveralFrames as error:
        here.several[name] = (data, error.frames)
        return None
    except UserError as error:
        here.problems.append(str(error))
        return None
    here.add(radiograph)
    dicom_sources.remember(here.radiographs[radiograph.key], data, frame)
    return radiograph


def _show(*radiographs: Radiograph | None) -> None:
    """Shows the first film that could be read; if none could, the page stays as it was."""
    readable = [radiograph.key for radiograph in radiographs if radiograph]
    here = session()
    here.film_key = readable[0] if readable else here.film_key
    if here.linked_film in readable:  # the film of the link that opened the page
        here.film_key, here.linked_film = here.linked_film, None
