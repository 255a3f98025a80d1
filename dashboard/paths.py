"""Paths on the machine that runs Lightbox: who may enter one, and what it refers to."""

import os
from contextlib import suppress
from pathlib import Path

import streamlit as st

from core.errors import BadData

_FORWARDED = (  # headers that proxies add
    "Forwarded",
    "Via",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Real-Ip",
    "Cf-Connecting-Ip",
)
_SHARED = "LIGHTBOX_SHARED"  # if set, others use this server too, whatever their requests look like


def local() -> bool:
    """Whether the person sits at this machine: only then may they enter a path on it, or remove a model from it."""
    if os.environ.get(_SHARED):
        return False
    return st.context.ip_address is None and not any(name in st.context.headers for name in _FORWARDED)


def changed(path: Path) -> int:
    """Time of the last change to the file or folder, ns since 1970; 0 if there is none."""
    return path.stat().st_mtime_ns if path.exists() else 0


def typed(text: str) -> Path:
    """The path as typed.

    Raises: BadData if the person does not sit at this machine, or the path is invalid on it.
    """
    if not local():
        raise BadData("Paths can only be used on the computer that runs Lightbox. Upload the file instead.")
    try:
        path = Path(text).expanduser()
        with suppress(FileNotFoundError, NotADirectoryError):
            path.stat()
    except (RuntimeError, ValueError, OSError) as error:  # unknown user, a zero byte, too long
        raise BadData(f"{text[:80]!r} is not a path on this machine ({error}). Check the spelling.") from error
    return path
