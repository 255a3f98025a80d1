"""A checkpoint that is being imported on the Models page; part of the session."""

from dataclasses import dataclass, field
from typing import Any

from core.evaluate.polarity import Polarity
from core.models.importers import ImportCandidate


@dataclass
class ModelImport:
    """A checkpoint that is being imported on the Models page.

    candidate:   the contents of its file with the present settings; None before a file is opened.
    label_check: result on labelled films, and the key of the checkpoint with the settings that were tested.
    problem:     why the last file could not be read; empty if it could.
    round:       counts the files, so that the uploader starts empty each time.
    entered:     field -> its value, for changed fields.
    """

    candidate: ImportCandidate | None = None
    label_check: tuple[str, Polarity] | None = None
    problem: str = ""
    round: int = 0
    entered: dict[str, Any] = field(default_factory=dict)

    def replace(self, candidate: ImportCandidate) -> None:
        """Uses these settings; all fields but the name show them."""
        self.candidate = candidate
        self.entered = {name: value for name, value in self.entered.items() if name == "name"}
