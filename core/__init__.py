"""Radiographs, networks and explanations; no user interface."""

import os

# On Linux, torch's threads spin for some milliseconds at each operator while they wait for each other. On busy cores
# this takes time from the thread that they wait for: one forward pass of DenseNet-121 on two busy cores took 2.0 s and
# 763 ms of CPU; with 1,000 spins instead of 300,000, the library's own choice for more threads than cores, 0.6 s and
# 155 ms. The results are the same. torch reads the variable on import, so it is set here.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
