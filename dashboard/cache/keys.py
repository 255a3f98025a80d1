"""The queue of the networks, and the keys by which it and Streamlit's caches recognise equal arguments."""

from collections.abc import Callable
from typing import Any

from core.cohort.table import CohortTable
from core.compare.tile import Tile
from core.types import Checkpoint, Cleaning, Explanation, Prediction, Radiograph, digest
from dashboard import paths
from dashboard.cache import model_files
from dashboard.request_queue import RequestQueue

KEYS: dict[str | type[Any], Callable[[Any], Any]] = {
    Radiograph: lambda radiograph: radiograph.key,
    Checkpoint: lambda checkpoint: checkpoint.key,
    Cleaning: repr,
    Explanation: lambda explanation: explanation.key,
    CohortTable: lambda table: (table.folder.path, paths.changed(table.folder.path / "rows")),
    Tile: lambda tile: (tile.name, card_key(tile.checkpoint), tile.explanation.key, repr(tile.explanation.cleaning)),
}
QUEUE: RequestQueue = RequestQueue(  # results, of some hundred kilobytes each; a larger one counts as several
    room=2048,
    keys={
        Checkpoint: lambda checkpoint: (checkpoint.key, paths.changed(model_files.weights_path(checkpoint))),
        Prediction: lambda prediction: digest(prediction.logits),  # not its seconds
    },
)


def card_key(checkpoint: Checkpoint) -> tuple[object, ...]:
    """Key for sentences about a network, which depend on its name and operating points, too."""
    return checkpoint.key, checkpoint.name, tuple(sorted(checkpoint.thresholds.items()))
