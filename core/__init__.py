"""Radiographs, networks and explanations; nothing of a screen."""

import os

# On Linux, torch's threads burn a core for some milliseconds at each operator while they wait for each other. Where
# others need that core, the thread waited for gets none: one forward pass of DenseNet-121 on two busy cores took 2.0 s
# and 763 ms of CPU; with 1,000 turns instead of 300,000, which is the library's own choice where threads outnumber the
# cores, 0.6 s and 155 ms. The results are the same. It is read when torch is imported, so it stands here.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
