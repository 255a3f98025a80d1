"""Units: the network's stages, what each unit of one answers to this film, and one unit in full."""

from core.types import Checkpoint, Radiograph
from dashboard import cache, draw
from dashboard.state import Session, session

TITLE, ORDER = "Units", 1


def part(radiograph: Radiograph, card: Checkpoint) -> None:
    """The stage that is looked at."""
    sizes = cache.stage_sizes(card)
    wanted = session().layers.stage
    stage = wanted if wanted and wanted in sizes else list(sizes)[-1]
    draw.select("Stage", list(sizes), stage, _keep, at="layers")


def _keep(here: Session, stage: str) -> None:
    here.layers.stage = stage
