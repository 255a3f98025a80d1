"""The Models page alone, on the cards of the folder that LIGHTBOX_CARDS names; for `test_models.py`."""

import os
from pathlib import Path

from dashboard import draw
from dashboard.cache import model_files
from dashboard.views.models import page

model_files.WEIGHTS = Path(os.environ["LIGHTBOX_CARDS"])
draw.look()
page()
