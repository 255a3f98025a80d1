"""The Models page: all checkpoints, the card of one, two side by side, and trainings in progress."""
