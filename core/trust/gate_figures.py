"""Measures a gate on films and pictures that it was not fitted on."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

from core.evaluate.manifest import Row, row_radiograph
from core.image.phantom import draw
from core.trust.gate import Array, Gate
from core.trust.not_frontal import UNSEEN, Kind
from core.types import Radiograph

CHILD = 18.0  # years
Score = Callable[[Sequence[Callable[[], Radiograph]]], Array]  # scores of films, which it opens one after the other


def measured(strange: Array, usual: Array, refuse: float) -> dict[str, Any]:
    """n, the share that is refused, and the AUC against usual films, from scores (higher is stranger)."""
    if not len(strange) or not len(usual):
        return {"n": len(strange), "refused": None, "auc": None}
    truth = np.repeat([0, 1], [len(usual), len(strange)])
    auc = float(roc_auc_score(truth, np.r_[usual, strange]))
    return {"n": len(strange), "refused": round(float((strange >= refuse).mean()), 4), "auc": round(auc, 4)}


def gate_report(
    gate: Gate,
    test: Sequence[Row],
    scores: Array,
    *,
    unknown: Sequence[Row] = (),
    pictures: Mapping[str, Callable[[], Radiograph]] | None = None,
    score: Score,
    made: int = 40,
) -> dict[str, Any]:
    """The gate's figures on films and pictures that it was not fitted on.

    test:     films like those of the training, with their scores (N,).
    unknown:  films with a finding that the model does not know.
    pictures: pictures that are not frontal chests, by name.
    made:     generated pictures of each kind in `UNSEEN`.
    """
    sources = np.array([row.source or "films" for row in test])
    children = np.array([row.years < CHILD for row in test], bool)
    report: dict[str, Any] = {
        "test": _share(scores, gate.refuse),
        "test_by_source": {str(name): _share(scores[sources == name], gate.refuse) for name in np.unique(sources)},
        "children": _share(scores[children], gate.refuse),
        "unseen": {kind.name: measured(score(_of(kind, made)), scores, gate.refuse) for kind in UNSEEN},
    }
    if unknown:
        report["unknown"] = measured(score(opened(unknown)), scores, gate.refuse)
    if pictures:
        strangeness = score(list(pictures.values()))
        names = [name for name, value in zip(pictures, strangeness, strict=True) if value < gate.refuse]
        report["pictures"] = measured(strangeness, scores, gate.refuse) | {"accepted": names}
    return report


def opened(rows: Sequence[Row]) -> list[Callable[[], Radiograph]]:
    """Functions that open the films."""
    return [partial(row_radiograph, row) for row in rows]


def _of(kind: Kind, count: int) -> list[Callable[[], Radiograph]]:
    return [partial(_picture, kind, number) for number in range(count)]


def _picture(kind: Kind, number: int) -> Radiograph:
    film = draw(seed=number, height=256, width=256).radiograph
    return kind.of(film, np.random.default_rng(1000 + number))


def _share(scores: Array, refuse: float) -> dict[str, Any]:
    return {"n": len(scores), "refused": round(float((scores >= refuse).mean()), 4) if len(scores) else None}
