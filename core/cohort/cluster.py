"""A run on many machines: the same task as on one, in a pool of Ray actors; one writer collects the parts.

Every node needs Lightbox, the weights and the input at the same path. If a node is lost, the others
compute its unfinished parts again.
"""

import logging
import os
import pickle
import socket
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from core.cohort.films import CohortFilm
from core.cohort.local import parts_of
from core.cohort.rows import Records
from core.cohort.settings import Settings
from core.cohort.task import Task, load_task
from core.errors import BadData, BadSetting, UserError
from core.types import Cleaning

_REPOSITORY = Path(__file__).parents[2]
_PATIENCE = 5.0  # s to reach the cluster
_SHARE_OF_GPU = 0.25  # per actor: these networks fill a quarter of one at most


def parts_on_cluster(
    task: Task,
    root: Path,
    parts: Iterable[tuple[int, list[tuple[int, CohortFilm]]]],
    *,
    address: str,
    weights: Path | None,
) -> Iterator[tuple[int, int, Records | None]]:
    """Computes the parts on the cluster and yields (part, films, records) when each is complete, in any order.

    address: "auto" for the cluster that this machine belongs to, or host:port of its head.
    weights: folder of checkpoints, on every node.
    Raises:  BadSetting if Ray is not installed or the cluster cannot be reached; BadData if a node lacks the input or
             the weights, or has different ones.
    """
    ray = _connected(address)
    items = [
        {"part": number, "films": pickle.dumps([(place, asdict(film)) for place, film in films])}
        for number, films in parts
    ]
    if not items:
        return
    resources = ray.cluster_resources()
    gpus = _SHARE_OF_GPU if resources.get("GPU", 0) else 0
    most = max(1, min(len(items), int(resources.get("GPU", 0) / gpus if gpus else resources.get("CPU", 1))))
    keys = [classifier.checkpoint.key for classifier in task.classifiers]
    computed = ray.data.from_items(items, override_num_blocks=len(items)).map(
        ClusterTask,
        fn_constructor_args=(asdict(task.settings), weights and weights.resolve(), root.resolve(), keys),
        concurrency=(1, most),
        num_cpus=1,
        num_gpus=gpus,
    )
    for row in computed.iter_rows():
        if row["error"]:
            raise BadData(f"Node {row['node']}: {row['error']}")
        yield int(row["part"]), int(row["films"]), pickle.loads(row["records"])


class ClusterTask:
    """One actor: the networks, loaded once; called with a part."""

    def __init__(self, settings: dict[str, Any], weights: Path | None, root: Path, keys: Sequence[str]) -> None:
        self._root = root
        self._error = ""
        cleaning = Cleaning(**settings["cleaning"])
        try:
            self._task = load_task(Settings(**{**settings, "cleaning": cleaning}), weights)
        except UserError as error:
            self._error = f"{error} Every node needs the weights at the same path."
            return
        for classifier, key in zip(self._task.classifiers, keys, strict=True):
            if classifier.checkpoint.key != key:
                self._error = f"it has other weights of {classifier.checkpoint.name}. Copy those of this machine there."
        if not root.exists():
            self._error = (
                f"there is no {root.name} at the same path as on this machine. Every node needs the input there."
            )

    def __call__(self, item: dict[str, Any]) -> dict[str, Any]:
        answer = {"part": item["part"], "films": 0, "records": b"", "error": self._error, "node": socket.gethostname()}
        if self._error:
            return answer
        films = [(place, CohortFilm(**film)) for place, film in pickle.loads(item["films"])]
        for _, _, records in parts_of(self._task, self._root, [(int(item["part"]), films)], workers=0):
            if records is not None:
                answer |= {"films": len(films), "records": pickle.dumps(records)}
        return answer


def _connected(address: str) -> Any:
    """Ray, connected to the cluster."""
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise BadSetting(
            "Ray is not installed here, which --ray needs. Install it: pip install -r requirements-cluster.txt."
        ) from error
    if not ray.is_initialized():
        _refuse_unreachable(address)
        try:
            ray.init(
                address=address,
                logging_level=logging.ERROR,
                log_to_driver=False,
                runtime_env={"env_vars": {"PYTHONPATH": str(_REPOSITORY), "LIGHTBOX_HOME": _home()}},
            )
        except (ConnectionError, ValueError, RuntimeError) as error:
            place = "on this machine" if address == "auto" else f"at {address}"
            raise BadSetting(
                f"There is no Ray cluster {place}. Start one (ray start --head), or give the address of its head."
            ) from error
    ray.data.DataContext.get_current().enable_progress_bars = False
    return ray


def _home() -> str:
    from core.models.library import home

    return str(home())


def _refuse_unreachable(address: str) -> None:
    """Refuses an unreachable address at once; Ray itself tries for minutes."""
    if address == "auto":
        return
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        raise BadSetting(f"--ray is {address!r}; it must be auto, or HOST:PORT of the head, as in 10.0.0.1:6379.")
    try:
        socket.create_connection((host, int(port)), timeout=_PATIENCE).close()
    except OSError as error:
        raise BadSetting(
            f"Nothing answers at {address} ({os.strerror(error.errno) if error.errno else error}). Give the address "
            "that `ray start --head` printed."
        ) from error
