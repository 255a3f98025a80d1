"""Maps from passes in bfloat16: offered only where they match those in float32, tested on real radiographs."""

from pathlib import Path

import numpy as np
import pytest
import torch

from core.errors import BadSetting
from core.evaluate import manifest
from core.explain.caveat import UNLIKELY
from core.explain.method import methods
from core.explain.run import Request, explain_many
from core.models.classifier import Classifier, load
from core.types import Explanation, Radiograph
from tests.explain.quick import quick

CLOSE = 0.999  # correlation of the two maps, cell by cell
FILMS = 4
EVERY = {"rise": 4, "lime": 2}  # on one film of so many: they take 101 and 33 of the 168 passes per finding
OFFERED = [name for name, method in methods.items() if method.bfloat16]


@pytest.fixture(scope="module")
def films(real_films: Path) -> list[Radiograph]:
    """Spread over the test split, and so over sources and findings."""
    rows = [row for row in manifest.read_manifest(real_films) if row.split == "test"]
    return [manifest.row_radiograph(row) for row in rows[:: len(rows) // FILMS][:FILMS]]


def _unfit(shipped: Classifier, name: str) -> str:
    with shipped.alone() as network:
        return methods[name].fits(network, network.last_stage)


def _maps(shipped: Classifier, film: Radiograph, *, without: frozenset[str], bfloat16: bool) -> list[Explanation]:
    """Of every method that offers bfloat16, in each sign that it offers, for each finding held possible."""
    prediction = shipped.predict(film)
    findings = [finding for finding in prediction.findings if prediction.probability(finding) >= UNLIKELY]
    requests = []
    for name in OFFERED:
        if name in without or _unfit(shipped, name):
            continue
        signs = [{"signed": False}, {"signed": True}] if methods[name].signed is None else [{}]
        kinds = [sign for sign in signs if methods[name].rounds(methods[name].parse(sign))]
        requests += [Request(name, finding, settings={**quick(name), **kind}) for finding in findings for kind in kinds]
    return list(explain_many(shipped, film, requests, bfloat16=bfloat16)[1])


@pytest.mark.timeout(900)  # some 1,000 passes
@pytest.mark.parametrize("name", ["densenet121-plain", "densenet121-lungs"])
def test_every_map_offered_in_bfloat16_correlates_with_float32(films: list[Radiograph], name: str) -> None:
    shipped = load(name, device=torch.device("cpu"))
    off, compared = {}, set()
    for place, film in enumerate(films):
        without = frozenset(method for method, every in EVERY.items() if place % every)
        both = [_maps(shipped, film, without=without, bfloat16=bfloat16) for bfloat16 in (False, True)]
        rounded_too = False
        for precise, rounded in zip(*both, strict=True):
            rounded_too |= not np.array_equal(precise.heat, rounded.heat)
            if precise.void and rounded.void:
                continue  # nothing to draw in either
            compared.add((precise.method, film.key))
            share = float(np.corrcoef(precise.heat.ravel(), rounded.heat.ravel())[0, 1])
            if not share >= CLOSE:
                off[precise.method, precise.finding, precise.signed, film.name] = share
        assert rounded_too  # or float32 was compared with itself

    fit = [each for each in OFFERED if not _unfit(shipped, each)]
    assert len(compared) == sum(FILMS // EVERY.get(each, 1) for each in fit)
    assert not off


SIGNED = {"signed": True}


def test_a_map_from_bfloat16_says_so(classifier: Classifier, phantom: Radiograph) -> None:
    requests = [Request("grad-cam", "normal", settings=SIGNED), Request("grad-cam", "normal", "stage 4", SIGNED)]

    (precise, maps), (rounded, halves) = (
        explain_many(classifier, phantom, requests, bfloat16=bfloat16) for bfloat16 in (False, True)
    )

    assert not np.array_equal(precise.logits, rounded.logits)
    assert [each.bfloat16 for each in (*maps, *halves)] == [False, False, True, True]


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        (
            Request("grad-cam", "normal", "stage 3", SIGNED),
            "At stage 3 maps .* at stage 4 alone",
        ),
        (Request("grad-cam", "normal", "stage 3+stage 4", SIGNED), r"At stage 3\+stage 4 maps in bfloat16 may differ"),
        (Request("grad-cam", "normal"), "Grad-CAM is not offered in bfloat16: .*; signed Grad-CAM is"),
        (Request("ablation-cam", "normal"), "Ablation-CAM is not offered in bfloat16"),
    ],
)
def test_bfloat16_is_refused_where_one_map_may_differ(
    classifier: Classifier, phantom: Radiograph, request_: Request, sentence: str
) -> None:
    with pytest.raises(BadSetting, match=sentence):
        explain_many(classifier, phantom, [Request("eigen-cam", "normal"), request_], bfloat16=True)
