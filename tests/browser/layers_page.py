"""The Layers page alone with its address, the phantom on it, on the networks of LIGHTBOX_CARDS (`test_layers.py`)."""

import os
from pathlib import Path

import streamlit as st

from dashboard import cache, draw, intake, link
from dashboard.state import session
from dashboard.views.layers import page

cache.WEIGHTS = Path(os.environ["LIGHTBOX_CARDS"])
st.set_page_config(layout="wide")
draw.look()
link.follow()
if not session().radiographs:
    intake.open_phantom()
page()
link.write()
