"""The Models page alone, on the cards of the folder that LIGHTBOX_CARDS names; for `test_models.py`."""

import os
from pathlib import Path

from dashboard import cache, draw
from dashboard.views.models import page

cache.WEIGHTS = Path(os.environ["LIGHTBOX_CARDS"])
draw.look()
page()
