"""The choices of the what-if bench; part of the session."""

from dataclasses import dataclass, field
from typing import Literal

from core.explain.method import Value
from core.what_if.log import Attempt

DRAWN, WHOLE = "drawn on the film", "whole film"  # places of an edit, besides the zones
Search = Literal["", "smallest", "sweep", "preprocessing"]


@dataclass
class WhatIfState:
    """Edits and their log.

    is_open:  whether the bench is shown.
    edits:    radiograph key -> the edits of that film as text (core.what_if.edit), one upon the other.
    name:     edit chosen in the menu.
    settings: edit -> setting -> value, if it was changed.
    where:    DRAWN, WHOLE or the name of a zone.
    second:   name of a further model that answers for the edited film; empty for none.
    search:   additional result on the page: the smallest blur, a sweep, other preprocessing.
    tried:    the log, the first attempt first.
    problem:  why the last edit was not possible, in a sentence; empty if it was.
    """

    is_open: bool = False
    edits: dict[str, tuple[str, ...]] = field(default_factory=dict)
    name: str = "blur"
    settings: dict[str, dict[str, Value]] = field(default_factory=dict)
    where: str = DRAWN
    second: str = ""
    search: Search = ""
    tried: list[Attempt] = field(default_factory=list)
    problem: str = ""

    def undo(self, key: str) -> None:
        """Undoes the last edit of this film."""
        self.edits[key] = self.edits.get(key, ())[:-1]
        self.problem = ""

    def clear(self, key: str) -> None:
        """Undoes all edits of this film; the log stays."""
        self.edits.pop(key, None)
        self.problem = ""

    def note(self, attempt: Attempt) -> None:
        """Adds a line to the log, unless it is there."""
        if attempt not in self.tried:
            self.tried.append(attempt)
