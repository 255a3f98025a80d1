"""One tile of a comparison: a network, its prediction, and a map."""

from dataclasses import dataclass

from core.models.findings import leading, present
from core.types import Checkpoint, Explanation, Prediction


@dataclass(frozen=True, eq=False)
class Tile:
    """A map beside other maps of the same film.

    name: short, for sentences and tables: "A", "plain".
    prediction: of all findings of the network.
    """

    name: str
    checkpoint: Checkpoint
    prediction: Prediction
    explanation: Explanation

    @property
    def title(self) -> str:
        """ "densenet121-plain · Grad-CAM · stage 4"."""
        map_ = self.explanation
        return " · ".join(part for part in (self.checkpoint.name, map_.title or map_.method, map_.layer) if part)

    @property
    def says(self) -> str:
        """The network's first finding; empty if a multi-label one has none."""
        if self.checkpoint.multi_label and not present(self.prediction, self.checkpoint):
            return ""
        return leading(self.prediction, self.checkpoint)
