"""How long a run over many films takes on a cluster, simulated: python -m tests.studies.cohort_scaling --ms 82 --kb 5.

One actor per core takes the next part when it has finished one, as on Ray. Nodes differ in speed by up to a fifth, one
part in a hundred takes three times as long, every actor starts after START seconds. Medians of 20 draws. The rate per
core is a measured one: of `bench --cohort` or tests.studies.cohort_growth. Prints a Markdown table: the time, and what
the one writer has to write meanwhile.
"""

import argparse
import heapq
import statistics

import numpy as np

from core.cohort.run_folder import PART

SETS = {"ChestX-ray14": 112_120, "MIMIC-CXR": 377_110}  # films
NODES = (1, 8, 64)
START = 30.0  # s until an actor has its networks
_SPREAD = 0.2  # of the speed of nodes
_SLOW, _TIMES = 0.01, 3.0  # share of slow parts, and by how much
_DRAWS = 20


def seconds(films: int, nodes: int, cores: int, per_film: float, seed: int) -> float:
    """Until the last part of the run is done. per_film: s of one core."""
    chance = np.random.default_rng(seed)
    speeds = np.repeat(chance.uniform(1 - _SPREAD, 1 + _SPREAD, nodes), cores)
    free = [(START, actor) for actor in range(len(speeds))]
    last = START
    for first in range(0, films, PART):
        begun, actor = heapq.heappop(free)
        work = per_film * min(PART, films - first) / speeds[actor]
        last = max(last, end := begun + work * (_TIMES if chance.random() < _SLOW else 1.0))
        heapq.heappush(free, (end, actor))
    return last


def duration(wait: float) -> str:
    """In words: 2.6 h, 20 min."""
    return f"{wait / 3600:.1f} h" if wait >= 5400 else f"{wait / 60:.0f} min"


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ms", type=float, required=True, help="processor time per film")
    parser.add_argument("--kb", type=float, required=True, help="written per film")
    parser.add_argument("--cores", type=int, default=2, help="of a node")
    given = parser.parse_args()
    print(f"| films | {' | '.join(f'{nodes} nodes' for nodes in NODES)} | written at {NODES[-1]} |")
    print(f"|{' --- |' * (len(NODES) + 2)}")
    for name, films in SETS.items():
        waits = [
            statistics.median(seconds(films, nodes, given.cores, given.ms / 1000, seed) for seed in range(_DRAWS))
            for nodes in NODES
        ]
        rate = films * given.kb / 1000 / waits[-1]
        print(f"| {films:,} ({name}) | {' | '.join(map(duration, waits))} | {rate:.1f} MB/s |")


if __name__ == "__main__":
    main()
