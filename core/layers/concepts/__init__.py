"""Whether a network's score hangs on a concept: concepts made on the spot, and the test (TCAV)."""
