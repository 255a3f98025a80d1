"""A run on a real local Ray cluster of two nodes, one of which is killed in the middle; `make test-cluster`."""

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.cohort.films import films_of
from core.cohort.run import Progress, run
from core.errors import BadSetting
from tests.cohort.test_run import PLAIN, rows_of, run_films

ray: Any = pytest.importorskip("ray", reason="Ray is not installed: pip install -r requirements-cluster.txt")
slow = pytest.mark.skipif(
    "LIGHTBOX_CLUSTER" not in os.environ,
    reason="starts two Ray nodes, a minute: make test-cluster sets LIGHTBOX_CLUSTER",
)


def test_an_address_that_nobody_answers_is_refused_in_one_sentence(films: Path, weights: Path, tmp_path: Path) -> None:
    source = films_of(str(films))

    with pytest.raises(BadSetting, match=r"Nothing answers at 127\.0\.0\.1:9"):
        run(source, tmp_path / "run", PLAIN, weights=weights, ray="127.0.0.1:9")
    with pytest.raises(BadSetting, match="must be auto, or HOST:PORT"):
        run(source, tmp_path / "run", PLAIN, weights=weights, ray="nowhere")


@slow
@pytest.mark.timeout(900)
@pytest.mark.filterwarnings("ignore")
def test_two_nodes_one_of_them_killed_give_the_rows_of_one_machine(films: Path, weights: Path, tmp_path: Path) -> None:
    from ray.cluster_utils import Cluster

    run_films(films, tmp_path / "local", weights)
    environment = {"env_vars": {"PYTHONPATH": str(Path(__file__).parents[2])}}
    cluster: Any = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    second = cluster.add_node(num_cpus=1)
    ray.init(address=cluster.address, runtime_env=environment, log_to_driver=False)
    killed: list[float] = []

    def kill(progress: Progress) -> None:
        if not killed:
            cluster.remove_node(second, allow_graceful=False)
            killed.append(time.monotonic())

    try:
        progress = run(films_of(str(films)), tmp_path / "ray", PLAIN, weights=weights, ray=cluster.address, tell=kill)
    finally:
        ray.shutdown()
        cluster.shutdown()

    assert killed
    assert progress.done == progress.total == 7
    local, remote = rows_of(tmp_path / "local"), rows_of(tmp_path / "ray")
    assert len(local) == len(remote)
    for mine, theirs in zip(local, remote, strict=True):
        _equal(mine, theirs)


def _equal(mine: dict[str, Any], theirs: dict[str, Any]) -> None:
    """Text exactly, numbers to the fifth digit: another number of threads adds in another order."""
    for name in mine.keys() - {"seconds"}:
        if isinstance(mine[name], float):
            np.testing.assert_allclose(theirs[name], mine[name], rtol=1e-4, atol=1e-5, err_msg=name)
        else:
            assert theirs[name] == mine[name], name
