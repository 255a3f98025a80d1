"""Which methods locate lesions best: their maps against boxes or masks of lesions, with baselines."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from core.codec import dump
from core.errors import BadData, NoLungs
from core.evaluate.heat import Masks, Shares, lesion_estimates, shares
from core.evaluate.intervals import REPEATS
from core.evaluate.manifest import Row, mask, row_radiograph
from core.explain.ensemble import explain_any
from core.explain.method import methods
from core.explain.run import Request
from core.film_stream import film_batches
from core.image.prepare import enlarge
from core.models import checkpoints
from core.models.ensemble import Model, members
from core.types import Explanation, Radiograph

_LUNGS = "lung-mask"  # the baseline that needs lungs


def lesion_figures(
    model: Model, rows: Sequence[Row], names: Sequence[str], *, repeats: int = REPEATS
) -> dict[str, Any]:
    """How well each method's maps of the labelled findings locate the lesions.

    rows:    films; those without lesions or without a finding of the model are skipped.
    names:   methods, each at its default settings and the last stage; including baselines independent of the network
             (core.explain.baseline).
    Returns: n, the films; methods: name -> hit_rate, miou, lesion_ratio (share of the heat on lesions, "mass
             accuracy") and lesion_area (share of the film that lesions cover: an even map's lesion_ratio), an estimate
             each. A method that does not support a film, such as one without lungs, has fewer of them.
    Raises:  UnknownName for a method; BadData if no film has lesions, or a box lies outside its film.
    """
    names = [methods[name].name for name in names]
    marked = [row for row in rows if (row.lesions or row.lesion_boxes) and _known(row, model)]
    if not marked:
        raise BadData(
            "No film has lesions. Name masks in the column lesions, or put boxes.csv (id, x0, y0, x1, y1) beside the "
            "table."
        )
    measured: dict[str, list[Shares]] = {name: [] for name in names}
    for (each,) in film_batches(marked, _with_lesions, batch=1, progress="comparing maps with lesions"):
        row, (film, masks) = each.item, each.read
        for explanation in _maps(model, film, _known(row, model), names):
            heat = enlarge(explanation.heat, explanation.placement, film.pixels.shape)
            measured[explanation.method].append(shares(heat, masks, row.patient))
    return {"n": len(marked), "methods": {name: lesion_estimates(each, repeats) for name, each in measured.items()}}


def store(figures: Mapping[str, Any], name: str, folder: Path, *, set_name: str, split: str) -> None:
    """Puts the figures of `lesion_figures` into the model's card, in place of earlier ones of the set and split."""
    test = {"set": set_name, "split": split, **figures}
    metrics = dump(checkpoints.read_card(name, folder).metrics)
    kept = [each for each in metrics.get("lesions", []) if (each["set"], each["split"]) != (set_name, split)]
    checkpoints.complete(name, {"metrics": metrics | {"lesions": [*kept, test]}}, folder)


def _with_lesions(row: Row) -> tuple[Radiograph, Masks]:
    return row_radiograph(row), Masks(lesions=mask(row, "lesions"))


def _maps(model: Model, film: Radiograph, findings: Sequence[str], names: Sequence[str]) -> Iterator[Explanation]:
    """The maps of all methods that support the film, in the fewest passes."""
    lungs = [name for name in names if name == _LUNGS]
    others = [name for name in names if name != _LUNGS]
    yield from explain_any(model, film, [Request(name, finding) for finding in findings for name in others])[1]
    with contextlib.suppress(NoLungs):
        yield from explain_any(model, film, [Request(name, finding) for finding in findings for name in lungs])[1]


def lesion_methods(names: str | None, model: Model) -> list[str]:
    """The methods of a comma-separated list; "all" for those of the model that need few passes."""
    if names != "all":
        return [name.strip() for name in (names or "").split(",") if name.strip()]
    fitting = [name for name, method in methods.items() if not method.slow and name != "random-map"]
    for member in members(model):
        with member.alone() as network:
            fitting = [name for name in fitting if not methods[name].fits(network, network.last_stage)]
    return fitting


def _known(row: Row, model: Model) -> list[str]:
    """The labels of the film that the model knows."""
    return [label for label in row.labels if label in model.checkpoint.findings]
