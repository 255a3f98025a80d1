"""Properties of a film: its checks, thumbnail, zones, and the network's input."""

import io
from dataclasses import replace

import streamlit as st
from PIL import Image

from core.compare.masked_films import MaskedFilms, masked_films
from core.image import cases
from core.image.arrangement import arranged
from core.image.film_checks import Check
from core.image.prepare import prepare
from core.lung_network import inspect_film
from core.overlay import display
from core.types import Checkpoint, Cleaning, Placement, Radiograph
from core.what_if.zones import zone_names
from dashboard.cache.keys import KEYS

THUMBNAIL = 112  # px, long side: twice the size on screen, for dense screens


@st.cache_resource(max_entries=512, show_spinner=False, hash_funcs=KEYS)
def placement(checkpoint: Checkpoint, radiograph: Radiograph, cleaning: Cleaning) -> Placement:
    """Where the network's input square lies on the film."""
    return prepare(radiograph, checkpoint.input, cleaning).placement


@st.cache_resource(max_entries=512, show_spinner=False, hash_funcs=KEYS)
def quality(radiograph: Radiograph, cleaning: Cleaning) -> tuple[Check, ...]:
    """The film checks on the film as displayed."""
    return inspect_film(radiograph, replace(cleaning, crop_borders=True, denoise="none", clahe=False, anyway=False))


@st.cache_resource(max_entries=512, show_spinner=False, hash_funcs=KEYS)
def thumbnail(radiograph: Radiograph, cleaning: Cleaning) -> bytes:
    """The whole film, small, as displayed; a PNG file."""
    film = arranged(radiograph, cleaning)
    height, width = film.pixels.shape
    small = Image.fromarray(display(film))
    share = THUMBNAIL / max(height, width)
    size = max(1, round(width * share)), max(1, round(height * share))
    file = io.BytesIO()
    small.resize(size, Image.Resampling.BOX).save(file, "PNG")
    return file.getvalue()


@st.cache_resource(max_entries=128, show_spinner=False, hash_funcs=KEYS)
def model_input(checkpoint: Checkpoint, radiograph: Radiograph, cleaning: Cleaning) -> Image.Image:
    """The input of the network as a picture."""
    return Image.fromarray(prepare(radiograph, checkpoint.input, cleaning).picture)


@st.cache_resource(max_entries=16, show_spinner=False)
def drawn_film(number: int) -> Radiograph:
    """The film of a drawn case."""
    return cases.case(number).film(cases.SIDE)


@st.cache_resource(max_entries=4, show_spinner=False, hash_funcs=KEYS)
def lung_masked_films(radiograph: Radiograph) -> MaskedFilms:
    """The film without its lungs, and its lungs alone. Raises: NoLungs."""
    return masked_films(radiograph)


@st.cache_resource(max_entries=64, show_spinner=False, hash_funcs=KEYS)
def zones(radiograph: Radiograph, cleaning: Cleaning) -> tuple[str, ...]:
    """The names of the film's zones."""
    return zone_names(radiograph, cleaning)
