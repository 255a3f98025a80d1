"""Bringing a checkpoint that somebody else trained: a file, what was found in it, corrections, a test, and kept."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from core.errors import UserError
from core.models import library
from core.models.architecture import originals
from core.models.findings import SETS
from core.models.importers import Found, corrected, inspect
from core.models.importers.file import KINDS
from core.models.importers.found import SIZES, Square
from core.models.importers.normalisation import NORMALISATIONS
from core.models.importers.proposal import MOST
from dashboard import cache, draw, markup, paths
from dashboard.models import card_address, export, label_check
from dashboard.state import ModelImport, Session, bind, session

_SQUARES: Mapping[Square, str] = {
    "stretch": "stretching it",
    "pad": "padding it with black",
    "crop": "cutting out its middle",
}
_LARGEST = 2000  # MB; VGG-19 with its optimiser has 1,700. The server takes no more (.streamlit/config.toml)
_SEVERAL, _ONE = "several findings, or none", "exactly one finding"
_AS_WRITTEN = "as written"


def button() -> None:
    """The way in, beside the list of all."""
    st.button("Add a checkpoint", icon=":material/add:", type="primary", on_click=_begin)


def page(here: ModelImport) -> None:
    """A file first; once one was looked into, what was found and what to keep of it."""
    card_address.back()
    if here.found is None:
        _file(here)
    else:
        _found(here, here.found)


def _begin() -> None:
    session().model_import = ModelImport()


def _file(here: ModelImport) -> None:
    draw.title(
        "Add a checkpoint",
        f"A network that others trained. Nothing in its file is run, and nothing leaves this machine: it will lie in "
        f"{library.folder()}.",
    )
    with st.container(key="bring", gap="medium"):
        problem = st.empty()
        dropped = st.file_uploader(
            "Drop the file: .safetensors, or a .pt, .pth or .ckpt that holds a state_dict",
            key=f"weights {here.round}",
            max_upload_size=_LARGEST,
        )
        path, asked = _path() if paths.local() else ("", False)
        with st.expander("Which networks are known", type="compact"):
            titles = "; ".join(sorted(entry.title for entry in originals.values()))
            st.html(
                markup.paragraph(
                    "TorchXRayVision's DenseNet and ResNet, CheXNet, and these, with their layers named as torchvision "
                    f"names them, whatever stands before: {titles}."
                )
            )
    if dropped is not None:
        _look(here, lambda: _uploaded(dropped))
    elif asked and path:
        _look(here, lambda: inspect(paths.typed(path)))
    elif here.problem:  # of the file before; while another one is looked into its place is empty
        with problem:
            draw.problem(here.problem)


def _path() -> tuple[str, bool]:
    """What was typed, and whether it is to be looked into."""
    with st.form("path", border=False), st.container(horizontal=True, vertical_alignment="bottom"):
        path = st.text_input("Or its path on this machine", placeholder="/home/me/best.ckpt").strip()
        return path, st.form_submit_button("Look into it")


def _look(here: ModelImport, into: Callable[[], Found]) -> None:
    """Keeps what was found, or why nothing was; the uploaded bytes are let go of either way."""
    with st.spinner("Looking into it"):
        here.found, here.problem, here.entered = None, "", {}
        try:
            here.found = into()
        except UserError as error:
            here.problem = str(error)
    here.judged = None
    here.round += 1
    st.rerun()


def _uploaded(dropped: UploadedFile) -> Found:
    with library.incoming() as place:
        path = place / "upload"
        with path.open("wb") as file:
            shutil.copyfileobj(dropped, file)
        return inspect(path, name=dropped.name)


def _found(here: ModelImport, found: Found) -> None:
    draw.title(found.file, f"{found.layout}. Is this right? What does not stand in the file is a guess.")
    told, asked = st.columns([1, 1], gap="large")
    wanted = None
    with asked:
        if found.findings:
            name, wanted = _fields(here, found)
            _keep(here, wanted, name)
        else:
            with export.section("What to keep"):
                st.html(markup.paragraph("Nothing as it is. Train its last layer on films, and bring the result."))
            _another(here)
    with told:
        _told(found, (wanted or found).notes)
        if wanted is not None:
            label_check.section(here, wanted)


def _told(found: Found, notes: Sequence[str]) -> None:
    left = len(found.findings)
    scores = f"{found.outputs:,}" + (f", of which {left} are kept" if 0 < left < found.outputs else "")
    pairs = [
        ("Network", found.title),
        ("Channels", "one" if found.channels == 1 else "three equal ones"),
        ("Scores", scores),
        ("Operating points", f"{len(found.thresholds)}, in the file" if found.thresholds else "none in the file"),
        ("File", f"{KINDS[found.kind]}, SHA-256 {found.sha256[:16]}…"),
        ("Stripped", ", ".join(found.stripped)),
        ("Left over", ", ".join(found.left_over[:6]) + (", …" if len(found.left_over) > 6 else "")),
    ]
    with export.section("What was found"):
        st.html(markup.facts([(label, value) for label, value in pairs if value]))
        for note in notes:
            st.html(markup.remark("note", "", "", note))


def _fields(here: ModelImport, found: Found) -> tuple[str, Found | None]:
    """The name, and what was found as the fields have it; None where that cannot be, which is told.

    What nobody touched stays a guess, and is told as one.
    """
    entered = here.entered
    with export.section("What to keep"):
        key, keep = _bound("name", entered.get("name", library.proposed(found.file, cache.WEIGHTS)))
        name = st.text_input("Name", key=key, max_chars=64, on_change=draw.kept, args=(key, keep))
        findings = _findings(here, found)
        key, keep = _bound("films", entered.get("films", _SEVERAL if found.multi_label else _ONE))
        films = st.radio(
            "A film may have",
            [_SEVERAL, _ONE],
            key=key,
            horizontal=True,
            help="Several: each score by its own sigmoid. Exactly one: all of them share one softmax.",
            on_change=draw.kept,
            args=(key, keep),
        )
        size, fit = st.columns(2)
        with size:
            key, keep = _bound("size", entered.get("size", found.input.size))
            side = st.number_input("Side of the film, px", *SIZES, key=key, on_change=draw.kept, args=(key, keep))
        with fit:
            square = entered.get("square", found.input.fit)
            draw.select("Made square by", list(_SQUARES), square, _keeper("square"), at="coming", words=_square)
        grey = entered.get("grey", found.normalisation)
        draw.select(
            "Grey values",
            list(NORMALISATIONS),
            grey,
            _keeper("grey"),
            at="coming",
            words=lambda each: NORMALISATIONS[each].title,
            help="What the film's black and white become before the first layer; as in its training.",
        )
    wanted = None
    with draw.shown():
        wanted = corrected(
            found,
            findings=findings,
            multi_label=films == _SEVERAL if "films" in entered else None,
            size=int(side),
            normalisation=grey if "grey" in entered else None,
            square=square,
        )
    return name.strip(), wanted


def _findings(here: ModelImport, found: Found) -> list[str] | None:
    """A field with a line for each score; a set of as many fills it. None where it is as it was found."""
    count, entered = len(found.findings), here.entered
    sets = [each for each, names in SETS.items() if len(names) == count]
    if sets:
        chosen = entered.get("set", _AS_WRITTEN)
        about = "A known list of as many findings."
        draw.select("Findings", [_AS_WRITTEN, *sets], chosen, _keep_set, at="coming", help=about)
    key, keep = _bound("findings", entered.get("findings", "\n".join(found.findings)))
    text = st.text_area(
        f"Findings, one a line, in the order of the {count} scores" if count > 1 else "Finding",
        key=key,
        height=min(320, 60 + 24 * count),
        label_visibility="collapsed" if sets else "visible",
        on_change=draw.kept,
        args=(key, keep),
    )
    return text.strip("\n").split("\n") if "findings" in entered or count > MOST else None


def _bound(field: str, value: object) -> tuple[str, Callable[[Session, Any], None]]:
    """The key of a widget that shows the value, and what keeps what is entered in it: the session, since Streamlit
    forgets it while the person looks at another page."""
    return bind(f"coming {field}", value), _keeper(field)


def _keeper(field: str) -> Callable[[Session, Any], None]:
    return partial(_enter, field)


def _enter(field: str, here: Session, value: Any) -> None:
    if here.model_import:
        here.model_import.entered[field] = value


def _keep_set(here: Session, name: str) -> None:
    """The set, written into the field below."""
    if here.model_import:
        here.model_import.entered |= {"set": name, "findings": "\n".join(SETS.get(name, ()))}
        if name not in SETS:
            del here.model_import.entered["findings"]


def _square(name: Square) -> str:
    return _SQUARES[name]


def _keep(here: ModelImport, wanted: Found | None, name: str) -> None:
    """The button, without a callback: that would get the name of the run before, if it was typed just now."""
    with st.container(horizontal=True):
        pressed = st.button("Keep it", type="primary", disabled=wanted is None)
        _another(here)
    if not pressed or wanted is None:
        return
    with st.spinner("Keeping it"), draw.shown():
        judged = replace(wanted, judged=label_check.said(here, wanted))
        card = library.save(judged, name, shipped=cache.WEIGHTS)
        session().model_import = None
        card_address.show(card.name)
        st.rerun()  # the sidebar is drawn before the page


def _another(here: ModelImport) -> None:
    st.button("Another file", on_click=_forget, args=(here,))


def _forget(here: ModelImport) -> None:
    here.found = None
    here.round += 1
