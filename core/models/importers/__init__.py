"""Import of checkpoints that others trained: reads a file without running it and converts it to one of ours."""

from core.models.importers.candidate import ImportCandidate, chosen, corrected, inspect

__all__ = ["ImportCandidate", "chosen", "corrected", "inspect"]
