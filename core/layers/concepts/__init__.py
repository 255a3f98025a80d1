"""Whether a network's score depends on a concept: synthetic concepts, and the test (TCAV)."""
