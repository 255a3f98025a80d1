"""The Compare page alone with the phantom on it, on the networks of LIGHTBOX_CARDS; for `test_compare.py`."""

import os
from pathlib import Path

import streamlit as st

from dashboard import draw, film_upload
from dashboard.cache import model_files
from dashboard.state import session
from dashboard.views.compare import page

model_files.WEIGHTS = Path(os.environ["LIGHTBOX_CARDS"])
st.set_page_config(layout="wide")
draw.look()
if not session().radiographs:
    film_upload.open_case(0)
page()
