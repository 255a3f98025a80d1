"""Checkpoints that others trained: what a file holds, found without running it, and how it becomes one of ours."""

from core.models.importers.found import Found, corrected, inspect

__all__ = ["Found", "corrected", "inspect"]
