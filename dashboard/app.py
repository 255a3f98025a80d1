"""The server: Streamlit runs `frame.py` for each person; the page arrives in the person's theme."""

import streamlit as st
from starlette.middleware import Middleware

from dashboard.first_paint import FirstPaint

app = st.App("frame.py", middleware=[Middleware(FirstPaint)])
