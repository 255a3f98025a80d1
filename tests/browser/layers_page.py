"""The Layers page alone with its address, the phantom on it, on the networks of LIGHTBOX_CARDS (`test_layers.py`)."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import streamlit as st

from dashboard import draw, film_upload, link
from dashboard.cache import model_files
from dashboard.state import session
from dashboard.views.layers import page

_SLOW = 0.05  # s before each section: a browser then draws what was sent before it, as on a busy machine
if draw.errors.__module__ == draw.__name__:  # this script runs again for each click, and its modules stay
    _errors = draw.errors

    @contextmanager
    def _slowly() -> Iterator[None]:
        time.sleep(_SLOW)
        with _errors():
            yield

    draw.errors = _slowly
model_files.WEIGHTS = Path(os.environ["LIGHTBOX_CARDS"])
st.set_page_config(layout="wide")
draw.look()
link.follow()
if not session().radiographs:
    film_upload.open_case(0)
page()
link.write()
