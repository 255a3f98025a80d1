"""Seconds from Orthanc through the flagship and back: .venv/bin/python -m tests.pacs.round_trip 100.

Each film is found, fetched, explained with Grad-CAM, judged by the quick measures, and its five objects are stored.
"""

import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.explain.run import Request
from core.image.read import read
from core.models import checkpoints
from core.models.classifier import load
from core.models.findings import leading
from core.pacs.dicomweb import StudyQuery, instances, retrieve, search, store
from core.report.case import make_case
from core.report.dicom.objects import dicom_objects
from core.report.dicom.source import read_source
from core.types import Cleaning
from tests.pacs.orthanc import drawn_studies, orthanc


def main(count: int) -> None:
    """Prints the median of each step and the whole, in seconds."""
    seconds: dict[str, list[float]] = defaultdict(list)

    @contextmanager
    def timed(step: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        seconds[step].append(time.perf_counter() - start)

    classifier = load(checkpoints.names()[0])
    cleaning = Cleaning(anyway=True)
    with tempfile.TemporaryDirectory() as name, orthanc(Path(name)) as running:
        running.send(drawn_studies(Path(name), count))
        start = time.perf_counter()
        with timed("search"):
            studies = search(running.server, StudyQuery())
        for study in studies:
            with timed("fetch"):
                [instance] = instances(running.server, study.uid)
                data = retrieve(running.server, instance)
            with timed("explain"):
                film = read(data, name="film.dcm")
                finding = leading(classifier.predict(film, cleaning=cleaning), classifier.checkpoint)
                case = make_case(classifier, film, [Request("grad-cam", finding)], cleaning=cleaning)
            with timed("objects"):
                objects = list(dicom_objects(case, read_source(data, name="film.dcm")).values())
            with timed("store"):
                store(running.server, study.uid, objects)
        whole = time.perf_counter() - start
    steps = ", ".join(f"{step} {statistics.median(each):.2f}" for step, each in seconds.items())
    print(f"{len(studies)} films in {whole:.1f} s; median of each step, s: {steps}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
