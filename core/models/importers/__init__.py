"""Checkpoints that others trained: what a file holds, found without running it, and how it becomes one of ours."""

from core.models.importers.candidate import ImportCandidate, chosen, corrected, inspect

__all__ = ["ImportCandidate", "chosen", "corrected", "inspect"]
