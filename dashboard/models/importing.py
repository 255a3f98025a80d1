"""Importing a checkpoint that others trained: its file, its contents, corrections, a test, and saving it."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from core.errors import UserError
from core.models import library
from core.models.architecture import originals
from core.models.findings import SETS
from core.models.importers import ImportCandidate, chosen, corrected, inspect
from core.models.importers.candidate import SIZES, Square
from core.models.importers.file import KINDS
from core.models.importers.normalisation import NORMALISATIONS
from core.models.importers.proposal import MOST
from dashboard import draw, markup, paths
from dashboard.bound_field import widget
from dashboard.cache import model_files
from dashboard.models import card_address, export, label_check
from dashboard.models.model_import import ModelImport
from dashboard.state import Session, session

_SQUARES: Mapping[Square, str] = {
    "stretch": "stretching it",
    "pad": "padding it with black",
    "crop": "cutting out its middle",
}
_LARGEST = 2000  # MB; VGG-19 with its optimiser has 1,700. The server's limit (.streamlit/config.toml)
_SEVERAL, _ONE = "several findings, or none", "exactly one finding"
_AS_WRITTEN = "as written"


def button() -> None:
    """The button beside the list of models."""
    st.button("Add a checkpoint", icon=":material/add:", type="primary", on_click=_begin)


def page(here: ModelImport) -> None:
    """The file first; then its contents and the settings to save it with."""
    card_address.back()
    if here.candidate is None:
        _file(here)
    else:
        _contents(here, here.candidate)


def _begin() -> None:
    session().model_import = ModelImport()


def _file(here: ModelImport) -> None:
    draw.title(
        "Add a checkpoint",
        f"A network trained elsewhere. No code in its file is run, and nothing leaves this machine. It is saved in "
        f"{library.folder()}.",
    )
    with st.container(key="import", gap="medium"):
        problem = st.empty()
        dropped = st.file_uploader(
            "Drop the file: .safetensors, or a .pt, .pth or .ckpt that holds a state_dict",
            key=f"weights {here.round}",
            max_upload_size=_LARGEST,
        )
        path, submitted = _path() if paths.local() else ("", False)
        with st.expander("Supported networks", type="compact"):
            titles = "; ".join(sorted(entry.title for entry in originals.values()))
            st.html(
                markup.paragraph(
                    "TorchXRayVision's DenseNet and ResNet, CheXNet, and these, with layers named as in torchvision, "
                    f"with any prefix: {titles}."
                )
            )
    if dropped is not None:
        _open(here, lambda: _uploaded(dropped))
    elif submitted and path:
        _open(here, lambda: inspect(paths.typed(path)))
    elif here.problem:  # about the last file; empty while another one is read
        with problem:
            draw.problem(here.problem)


def _path() -> tuple[str, bool]:
    """The typed path, and whether to open it. It stays in its field while another page is open."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        path = st.text_input(
            "Or its path on this machine",
            key="path of the checkpoint",
            placeholder="/home/me/best.ckpt",
            persist_state="session",
        ).strip()
        return path, st.button("Open")


def _open(here: ModelImport, into: Callable[[], ImportCandidate]) -> None:
    """Stores the contents, or why there are none; drops the uploaded bytes either way."""
    with st.spinner("Reading the file"):
        here.candidate, here.problem, here.entered = None, "", {}
        try:
            here.candidate = into()
        except UserError as error:
            here.problem = str(error)
    here.label_check = None
    here.round += 1
    st.rerun()


def _uploaded(dropped: UploadedFile) -> ImportCandidate:
    with library.incoming() as place:
        path = place / "upload"
        with path.open("wb") as file:
            shutil.copyfileobj(dropped, file)
        return inspect(path, name=dropped.name)


def _contents(here: ModelImport, candidate: ImportCandidate) -> None:
    draw.title(candidate.file, f"{candidate.layout}. Is this right? Anything not stored in the file is a guess.")
    left, right = st.columns([1, 1], gap="large")
    wanted = None
    with right:
        if candidate.findings:
            name, wanted = _fields(here, candidate)
            _save(here, wanted, name)
        else:
            with export.section("Settings"):
                st.html(
                    markup.paragraph(
                        "It has no findings to import. Train its last layer on radiographs and import that."
                    )
                )
            _other_file(here)
    with left:
        _parts(candidate)
        _facts(candidate, (wanted or candidate).notes)
        if wanted is not None:
            label_check.section(here, wanted)


def _parts(candidate: ImportCandidate) -> None:
    """A menu of the sets of weights, for a file with several."""
    if not candidate.others:
        return
    parts = sorted([candidate.part, *candidate.others])
    help = "The file holds several sets of weights, such as a moving average beside those of the last step."
    draw.select("Weights", parts, candidate.part, _choose_part, at="coming", help=help)


def _choose_part(here: Session, part: str) -> None:
    if here.model_import and here.model_import.candidate:
        here.model_import.candidate = chosen(here.model_import.candidate, part)
        here.model_import.label_check = None


def _facts(candidate: ImportCandidate, notes: Sequence[str]) -> None:
    left = len(candidate.findings)
    scores = f"{candidate.outputs:,}" + (f", of which {left} are kept" if 0 < left < candidate.outputs else "")
    pairs = [
        ("Network", candidate.title),
        ("Channels", "one" if candidate.channels == 1 else "three equal ones"),
        ("Outputs", scores),
        (
            "Operating points",
            f"{len(candidate.thresholds)}, in the file" if candidate.thresholds else "none in the file",
        ),
        ("File", f"{KINDS[candidate.kind]}, SHA-256 {candidate.sha256[:16]}…"),
        ("Stripped", ", ".join(candidate.stripped)),
        ("Not used", ", ".join(candidate.left_over[:6]) + (", …" if len(candidate.left_over) > 6 else "")),
    ]
    with export.section("Contents of the file"):
        st.html(markup.facts([(label, value) for label, value in pairs if value]))
        for note in notes:
            st.html(markup.remark("note", "", "", note))


def _fields(here: ModelImport, candidate: ImportCandidate) -> tuple[str, ImportCandidate | None]:
    """The name, and the candidate with the settings of the fields; None if they are invalid, which is shown.

    A field that was not changed stays a guess, and is labelled as one.
    """
    entered = here.entered
    with export.section("Settings"):
        name = st.text_input(
            "Name", max_chars=64, **_bound(here, "name", library.proposed(candidate.file, model_files.WEIGHTS))
        )
        findings = _findings(here, candidate)
        films = st.radio(
            "Labels per film",
            [_SEVERAL, _ONE],
            **_bound(here, "films", _SEVERAL if candidate.multi_label else _ONE),
            horizontal=True,
            help="Several: one sigmoid per score. Exactly one: one softmax over all scores.",
        )
        side, square = _input_shape(here, candidate)
        grey = st.selectbox(
            "Grey values",
            list(NORMALISATIONS),
            **_bound(here, "grey", candidate.normalisation),
            format_func=lambda each: NORMALISATIONS[each].title,
            help="The values of black and white at the first layer, as in its training.",
        )
    wanted = None
    with draw.errors():
        wanted = corrected(
            candidate,
            findings=findings,
            multi_label=films == _SEVERAL if "films" in entered else None,
            size=side,
            normalisation=grey if "grey" in entered else None,
            square=square,
        )
    return name.strip(), wanted


def _input_shape(here: ModelImport, candidate: ImportCandidate) -> tuple[int, Square]:
    """The side of the network's input in px, and how a film is made square for it."""
    size, fit = st.columns(2)
    with size:
        side = st.number_input("Input side, px", *SIZES, **_bound(here, "size", candidate.input.size))
    with fit:
        square = st.selectbox(
            "Made square by",
            list(_SQUARES),
            **_bound(here, "square", candidate.input.fit),
            format_func=_SQUARES.__getitem__,
        )
    return int(side), square


def _findings(here: ModelImport, candidate: ImportCandidate) -> list[str] | None:
    """A field with one line per score, filled by a known set of that size. None if it was not changed."""
    count, entered = len(candidate.findings), here.entered
    sets = [each for each, names in SETS.items() if len(names) == count]
    if sets:
        chosen = entered.get("set", _AS_WRITTEN)
        about = "A known set of this many findings."
        draw.select("Findings", [_AS_WRITTEN, *sets], chosen, _write_set, at="import", help=about)
    text = st.text_area(
        f"Findings, one per line, in the order of the {count} scores" if count > 1 else "Finding",
        **_bound(here, "findings", "\n".join(candidate.findings)),
        height=min(320, 60 + 24 * count),
        label_visibility="collapsed" if sets else "visible",
    )
    return text.strip("\n").split("\n") if "findings" in entered or count > MOST else None


def _bound(here: ModelImport, field: str, guess: object) -> dict[str, Any]:
    """Arguments of a widget for this field, whose entry survives a visit to another page; guess: its first value."""
    value = here.entered.get(field, guess)
    return widget(f"import {field}", value, lambda _, value: here.entered.update({field: value}))


def _write_set(here: Session, name: str) -> None:
    """Writes the set into the field below."""
    if here.model_import:
        here.model_import.entered |= {"set": name, "findings": "\n".join(SETS.get(name, ()))}
        if name not in SETS:
            del here.model_import.entered["findings"]


def _save(here: ModelImport, wanted: ImportCandidate | None, name: str) -> None:
    """The Save button; without a callback, which would get the name of the previous run if it was typed just now."""
    with st.container(horizontal=True):
        pressed = st.button("Save", type="primary", disabled=wanted is None)
        _other_file(here)
    if not pressed or wanted is None:
        return
    with st.spinner("Saving"), draw.errors():
        checked = replace(wanted, label_check=label_check.sentences(here, wanted))
        card = library.save(checked, name, shipped=model_files.WEIGHTS)
        session().model_import, session().checkpoint = None, card.name
        card_address.show(card.name)
        st.rerun()  # the sidebar is drawn before the page


def _other_file(here: ModelImport) -> None:
    st.button("Another file", on_click=_clear, args=(here,))


def _clear(here: ModelImport) -> None:
    here.candidate = None
    here.round += 1
