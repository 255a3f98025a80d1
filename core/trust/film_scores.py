"""A model's outputs for many labelled films, and the films for which its answer would be withheld."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from core.evaluate.manifest import Row, row_radiograph
from core.evaluate.run import BATCH
from core.explain.batch import PreparedFilm, explain_batch
from core.film_stream import film_batches
from core.image.film_checks import withheld
from core.image.prepare import prepare
from core.lung_network import inspect_film
from core.models.ensemble import Ensemble, Model, members
from core.trust.gate import read_gate, tape_features
from core.types import Cleaning, Input
from core.work import Work


@dataclass(frozen=True, eq=False)
class FilmScores:
    """N films that could be read.

    rows:       (N,) in the order given.
    logits:     (N, F) float32; for an ensemble those whose probabilities are the mean.
    by_checks:  ids of the films whose answer the film checks withhold; by_gate: of those where only a gate does.
    unreadable: (row, reason) of the films that could not be read.
    """

    rows: tuple[Row, ...]
    logits: NDArray[np.float32]
    by_checks: tuple[str, ...]
    by_gate: tuple[str, ...]
    unreadable: tuple[tuple[Row, str], ...]

    @property
    def withheld(self) -> list[str]:
        """Ids of the films whose answer is withheld, in the order of the rows."""
        ids = {*self.by_checks, *self.by_gate}
        return [row.id for row in self.rows if row.id in ids]


@dataclass(frozen=True, eq=False)
class _CheckedFilm:
    """A film as each network reads it. meaningless: whether the film checks withhold the answer."""

    inputs: tuple[PreparedFilm, ...]
    meaningless: bool
    drawn: bool


def film_scores(model: Model, rows: Sequence[Row], *, progress: str = "") -> FilmScores:
    """The logits of the films, and from the same passes whether `core.trust.admission` withholds the answers.

    progress: title of the bar on stderr; empty for none.
    """
    read = partial(_checked, tuple(member.checkpoint.input for member in members(model)))
    good: list[Row] = []
    logits: list[NDArray[np.float32]] = []
    by_checks: list[str] = []
    by_gate: list[str] = []
    unreadable: list[tuple[Row, str]] = []
    for batch in film_batches(rows, read, batch=BATCH, progress=progress):
        unreadable += [(each.item, each.error) for each in batch if each.value is None]
        known = [(each.item, each.value) for each in batch if each.value is not None]
        if not known:
            continue
        scores, refused = _answers(model, [film for _, film in known])
        logits.append(scores)
        good += [row for row, _ in known]
        by_checks += [row.id for row, film in known if film.meaningless]
        by_gate += [
            row.id
            for (row, film), odd in zip(known, refused, strict=True)
            if odd and not film.meaningless and not film.drawn
        ]
    everything = np.concatenate(logits) if logits else np.zeros((0, len(model.checkpoint.findings)), np.float32)
    return FilmScores(tuple(good), everything, tuple(by_checks), tuple(by_gate), tuple(unreadable))


def _checked(inputs: Sequence[Input], row: Row) -> _CheckedFilm:
    film = row_radiograph(row)
    prepared = [prepare(film, each) for each in inputs]
    return _CheckedFilm(
        tuple(PreparedFilm(film.key, each.image.numpy(), each.placement) for each in prepared),
        bool(withheld(inspect_film(film, Cleaning()))),
        film.drawn,
    )


def _answers(model: Model, films: Sequence[_CheckedFilm]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """The logits (N, F) of the films, and whether a gate refuses them (N,)."""
    scores, refused = [], np.zeros(len(films), np.bool_)
    for place, member in enumerate(members(model)):
        gate = read_gate(member.checkpoint)
        batch = explain_batch(
            member,
            [film.inputs[place] for film in films],
            (),
            work=Work(limit=0),
            beside=partial(tape_features, stages=gate.stages) if gate else None,
        )
        scores.append(np.stack([film.explained.prediction.logits for film in batch]))
        if gate:
            refused |= gate.scores(np.stack([film.beside for film in batch]))[0] >= gate.refuse
    return model.combined(scores) if isinstance(model, Ensemble) else scores[0], refused
