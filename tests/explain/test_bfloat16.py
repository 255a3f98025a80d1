"""Maps from passes in bfloat16: offered only where they are those in float32, as real radiographs show."""

from pathlib import Path

import numpy as np
import pytest
import torch

from core.evaluate import manifest
from core.explain.caveat import UNLIKELY
from core.explain.method import methods
from core.explain.run import Request, explain_many
from core.models.classifier import Classifier, load
from core.types import Explanation, Radiograph
from tests.explain.quick import quick

CLOSE = 0.999  # correlation of the two maps, cell by cell, for the likeliest finding
NEAR = 0.99  # for the others, of whose rectified map little may be left, and that in cells that nearly cancel
FILMS = 4
OFFERED = [name for name, method in methods.items() if method.bfloat16]


@pytest.fixture(scope="module")
def films(real_films: Path) -> list[Radiograph]:
    """Spread over the test split, and so over sources and findings."""
    rows = [row for row in manifest.read(real_films) if row.split == "test"]
    return [manifest.radiograph(row) for row in rows[:: len(rows) // FILMS][:FILMS]]


def _unfit(shipped: Classifier, name: str) -> str:
    with shipped.alone() as network:
        return methods[name].fits(network, network.last_stage)


def _maps(shipped: Classifier, film: Radiograph, *, bfloat16: bool) -> list[Explanation]:
    """Of every method that offers bfloat16, rectified and signed, for each finding that the network holds possible."""
    said = shipped.predict(film)
    findings = [finding for finding in said.findings if said.probability(finding) >= UNLIKELY]
    requests = []
    for name in OFFERED:
        if _unfit(shipped, name):
            continue
        kinds = [{"signed": False}, {"signed": True}] if methods[name].signed is None else [{}]
        requests += [Request(name, finding, settings={**quick(name), **kind}) for finding in findings for kind in kinds]
    return list(explain_many(shipped, film, requests, bfloat16=bfloat16)[1])


@pytest.mark.timeout(900)  # some 1,500 passes
@pytest.mark.parametrize("name", ["densenet121-plain", "densenet121-lungs"])
def test_every_map_offered_in_bfloat16_correlates_with_float32(films: list[Radiograph], name: str) -> None:
    shipped = load(name, device=torch.device("cpu"))
    off, compared = {}, set()
    for film in films:
        likeliest, _ = shipped.predict(film).likeliest
        both = [_maps(shipped, film, bfloat16=bfloat16) for bfloat16 in (False, True)]
        rounded_too = False
        for precise, rounded in zip(*both, strict=True):
            rounded_too |= not np.array_equal(precise.heat, rounded.heat)
            if precise.void and rounded.void:
                continue  # nothing to draw in either
            compared.add((precise.method, film.key))
            share = float(np.corrcoef(precise.heat.ravel(), rounded.heat.ravel())[0, 1])
            if not share >= (CLOSE if precise.finding == likeliest else NEAR):
                off[precise.method, precise.finding, precise.signed, film.name] = share
        assert rounded_too  # or float32 was compared with itself

    assert len(compared) == FILMS * len([each for each in OFFERED if not _unfit(shipped, each)])
    assert not off


@pytest.mark.parametrize(
    ("request_", "close"),
    [
        (Request("grad-cam", "normal"), True),
        (Request("grad-cam", "normal", "stage 4"), True),
        (Request("grad-cam", "normal", "stage 3"), False),
        (Request("grad-cam", "normal", "stage 3+stage 4"), False),
        (Request("ablation-cam", "normal"), False),
    ],
)
def test_bfloat16_is_used_only_where_every_map_allows_it(
    classifier: Classifier, phantom: Radiograph, request_: Request, close: bool
) -> None:
    both = [Request("grad-cam", "normal"), request_]

    precise, rounded = (explain_many(classifier, phantom, both, bfloat16=bfloat16)[0] for bfloat16 in (False, True))

    assert np.array_equal(precise.logits, rounded.logits) == (not close)
