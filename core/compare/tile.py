"""One of several answers that are laid side by side: a network, what it says, and a map of it."""

from dataclasses import dataclass

from core.models.findings import leading, present
from core.types import Checkpoint, Explanation, Prediction


@dataclass(frozen=True, eq=False)
class Tile:
    """A map beside other maps of the same film.

    name: what sentences and tables call it, short: "A", "plain".
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
        """The finding that the network finds first; empty where a multi-label one finds none."""
        if self.checkpoint.multi_label and not present(self.prediction, self.checkpoint):
            return ""
        return leading(self.prediction, self.checkpoint)
