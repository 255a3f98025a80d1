"""Model files: names, cards and folders of the shipped models and the user's own."""

from functools import lru_cache
from pathlib import Path

import streamlit as st

from core.audit.report import ENDING, AuditReport, read_report
from core.models import checkpoints, library
from core.types import Checkpoint
from dashboard import paths

WEIGHTS = checkpoints.SHIPPED  # folder of the models shipped with Lightbox


def names() -> list[str]:
    """Names of the checkpoints: those shipped with Lightbox, then the user's own."""
    shipped = _names_in(WEIGHTS)
    return [*shipped, *(name for name in own() if name not in shipped)]


def own() -> list[str]:
    """Names of the user's own checkpoints, which can be changed."""
    return list(_names_in(library.folder()))


def folder(name: str) -> Path:
    """The folder of the checkpoint. Raises: UnknownName."""
    if name in _names_in(WEIGHTS):
        return WEIGHTS
    return library.place(name, WEIGHTS)


def _names_in(folder: Path) -> tuple[str, ...]:
    """Names in one folder; listed again only after a file was added, renamed or removed, as a page needs them often."""
    return _listing(folder, paths.changed(folder))


@lru_cache(maxsize=16)
def _listing(folder: Path, changed: int) -> tuple[str, ...]:
    return tuple(checkpoints.names(folder))


def card(name: str) -> Checkpoint:
    """The card of the checkpoint as the file is now. Raises: UnknownName, BadCheckpoint."""
    path = folder(name) / f"{name}.json"
    return _card(name, path.parent, paths.changed(path))


@st.cache_resource(max_entries=64, show_spinner=False)
def _card(name: str, folder: Path, changed: int) -> Checkpoint:
    return checkpoints.read_card(name, folder)


def weights_path(checkpoint: Checkpoint) -> Path:
    """Path to the weights of the checkpoint."""
    return folder(checkpoint.name) / f"{checkpoint.name}.safetensors"


def audit_report(checkpoint: Checkpoint) -> AuditReport | None:
    """The shortcut audit stored beside the weights; None if there is none."""
    path = folder(checkpoint.name) / f"{checkpoint.name}{ENDING}"
    return _audit_report(checkpoint.sha256, path, path.stat().st_mtime_ns, checkpoint) if path.exists() else None


@st.cache_resource(max_entries=64, show_spinner=False)
def _audit_report(sha256: str, path: Path, changed: int, _checkpoint: Checkpoint) -> AuditReport | None:
    return read_report(_checkpoint, path.parent)
