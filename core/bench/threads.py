"""Many calls at once: their total throughput, and the slowest one."""

import copy
import threading
import time
from collections.abc import Sequence
from typing import Any

import torch

from core.explain.run import Request, explain_many
from core.models.classifier import Classifier
from core.types import Radiograph

COUNTS = (1, 4, 16)


def threads(classifier: Classifier, film: Radiograph, *, calls: int) -> dict[str, Any]:
    """Threads -> answers per second in total, that relative to a single thread, and the slowest answer in seconds.

    calls: approximate number of timed calls for each number of threads; a thread makes its calls one after another.
    Each call computes the prediction and the last stage's Grad-CAM of all findings: film in, values out.
    """
    figures: dict[str, Any] = {}
    for count in COUNTS:
        total, slowest = _throughput([classifier], film, count, calls)
        alone = figures["1"]["answers/s"] if figures else total
        figures[str(count)] = {
            "answers/s": round(total, 2),
            "share of one thread's": round(total / alone, 3),
            "slowest answer, s": round(slowest, 2),
        }
    return figures


def replicas(classifier: Classifier, film: Radiograph, *, calls: int) -> dict[str, Any]:
    """Two copies of the network, each with half of torch's threads, compared with one copy with all of them."""
    before = torch.get_num_threads()
    one, _ = _throughput([classifier], film, 4, calls)
    with classifier.alone() as network:
        second = Classifier(classifier.checkpoint, copy.deepcopy(network))
    torch.set_num_threads(max(1, before // 2))
    try:
        two, _ = _throughput([classifier, second], film, 4, calls)
        alone, _ = _throughput([classifier], film, 1, calls)
    finally:
        torch.set_num_threads(before)
    return {
        "answers/s": round(two, 2),
        "over one network": round(two / one, 3),
        "one asker, answers/s": round(alone, 2),
    }


def _throughput(classifiers: Sequence[Classifier], film: Radiograph, count: int, calls: int) -> tuple[float, float]:
    """Answers per second of all threads, and seconds of the slowest answer, after one warm-up call per thread."""
    requests = [Request("grad-cam", finding) for finding in classifiers[0].checkpoint.findings]
    each = max(1, calls // count)
    waits: list[float] = []
    begin = threading.Barrier(count + 1)

    def ask(here: Classifier) -> None:
        try:
            explain_many(
                here, film, requests
            )  # a new thread's first pass takes longer: torch builds its team of workers
        except BaseException:
            begin.abort()  # otherwise the others would wait for it forever
            raise
        begin.wait()
        for _ in range(each):
            start = time.perf_counter()
            explain_many(here, film, requests)
            waits.append(time.perf_counter() - start)

    all_of_them = [
        threading.Thread(target=ask, args=(classifiers[number % len(classifiers)],)) for number in range(count)
    ]
    for thread in all_of_them:
        thread.start()
    begin.wait()
    start = time.perf_counter()
    for thread in all_of_them:
        thread.join()
    return count * each / (time.perf_counter() - start), max(waits)
