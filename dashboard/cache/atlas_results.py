"""Atlases of units: building, reading, and the patches in them."""

import io
from pathlib import Path

import streamlit as st
from PIL import Image

from core.layers import atlas_paths, atlas_survey, atlases, patches, reference
from core.types import Checkpoint
from core.work import Work
from dashboard import paths
from dashboard.cache import model_files, networks
from dashboard.cache.keys import KEYS, QUEUE
from dashboard.state import session

PATCH = 160  # px per side, for dense screens


@QUEUE.queued(slow=True, counts="films")
def atlas_build(
    work: Work, checkpoint: Checkpoint, path: Path, *, split: str, most: int, pictures: bool, begun: float
) -> atlases.Atlas:
    """An atlas of the user's own films; a stopped build resumes where it stopped.

    begun: start of the build, because the films may have changed since an earlier one.
    """
    films = reference.some(reference.from_data(path, split=split or None), most)
    every = atlas_survey.spread(len(films.films))
    room = atlas_paths.room(checkpoint, films)
    atlas = atlas_survey.build(networks.classifier(checkpoint), films, room, every=every, work=work)
    if pictures:
        patches.store(atlas, films, checkpoint, work=work)
    return atlas


def atlas(checkpoint: Checkpoint) -> atlases.Atlas | None:
    """The atlas that describes the units: the chosen one, else the first; None if there is none.

    Raises: BadData if it cannot be read.
    """
    wanted, known = session().layers.atlas.used.get(checkpoint.key), atlas_folders(checkpoint)
    folder = wanted if wanted in known else next(iter(known), None)
    return _atlas(checkpoint, folder, paths.changed(folder / atlases.FILE)) if folder else None


def atlas_folders(checkpoint: Checkpoint) -> tuple[Path, ...]:
    """Folders of its atlases: this person's, newest first, then the one of drawn chests.

    Remote users get only the latter: the films of the former are not theirs to see.
    """
    return tuple(atlas_paths.places(checkpoint, model_files.WEIGHTS, mine=paths.local()))


@st.cache_resource(max_entries=16, show_spinner=False, hash_funcs=KEYS)
def _atlas(checkpoint: Checkpoint, folder: Path, changed: int) -> atlases.Atlas:
    return atlases.read(folder, checkpoint)


def patch(atlas: atlases.Atlas, stage: str, seen: atlases.TopFilm) -> bytes | None:
    """The patch of an atlas film that the unit responds to, a small WebP file; None if no picture is stored."""
    has_picture = patches.picture_file(atlas.folder, seen.film).exists()
    key = (str(atlas.folder), atlas.metadata["signature"], stage, seen.film, seen.row, seen.column)
    return _patch(key, atlas, seen) if has_picture else None


@st.cache_resource(max_entries=2048, show_spinner=False)
def _patch(key: tuple[str, str, str, str, int, int], _atlas: atlases.Atlas, _seen: atlases.TopFilm) -> bytes | None:
    grey = patches.patch(_atlas, key[2], _seen)
    if grey is None:
        return None
    file = io.BytesIO()
    side = Image.Resampling.NEAREST if max(grey.shape) < PATCH // 2 else Image.Resampling.LANCZOS
    Image.fromarray(grey).resize((PATCH, PATCH), side).save(file, "WebP", quality=80)
    return file.getvalue()
