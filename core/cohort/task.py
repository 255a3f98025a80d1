"""The task of a run: films in, records out; the same on one machine and on a cluster."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from core.cohort.decode import DecodedFilm
from core.cohort.records import (
    NO_FEATURES,
    FilmAnswer,
    FilmGate,
    MapAnswer,
    feature_records,
    film_record,
    gate_record,
    map_record,
    measure_record,
    prediction_record,
    stored_map,
)
from core.cohort.rows import TABLES, UNTRAINED, Records, RowRecord
from core.cohort.settings import Settings
from core.errors import NoLungs, OneCell, Stopped
from core.explain.batch import ExplainedFilm, explain_batch, fits_batch
from core.explain.method import methods
from core.explain.run import Request, check, explain_many
from core.models.architecture import architectures
from core.models.classifier import Classifier, load
from core.models.device import settled
from core.trust.gate import Gate, read_gate, tape_features
from core.trust.measure import Question
from core.work import Work

BATCH = 16  # films per pass
_BATCH_WITH_GRAPH = 8  # where gradients of the image keep every activation


class Task:
    """The networks of a run, one per checkpoint of the settings; loaded once per process.

    Raises: Unfit for a method that one of them does not support.
    """

    def __init__(self, settings: Settings, classifiers: Sequence[Classifier]) -> None:
        self.settings = settings
        self.classifiers = classifiers
        self.inputs = [classifier.checkpoint.input for classifier in classifiers]
        self._untrained = [_untrained(classifier) for classifier in classifiers] if settings.untrained else []
        for classifier in classifiers:
            check(classifier, settings.requests(classifier.checkpoint.findings))

    @property
    def batch(self) -> int:
        """Films per pass."""
        deep = any(methods[name].needs in ("images", "both") for name in self.settings.methods)
        return _BATCH_WITH_GRAPH if deep else BATCH

    def records(self, films: Sequence[tuple[int, DecodedFilm]]) -> Records:
        """The records of the numbered films, in order, for each table of the run."""
        tables: Records = {name: [] for name in TABLES}
        good = {number: film for number, film in films if not film.error and not film.withheld}
        answers = [self._answers(place, list(good.values())) for place in range(len(self.classifiers))]
        of_film = dict(zip(good, zip(*answers, strict=True), strict=True))
        for number, film in films:
            self._add(number, film, of_film.get(number, ()), tables)
        for place in range(len(self.classifiers)):
            tables["altered"] += self._altered(place, good)
        return tables

    def _answers(self, place: int, films: Sequence[DecodedFilm]) -> list[FilmAnswer]:
        """The answers of one network for the films; its gate shares the pass."""
        if not films:
            return []
        classifier, settings = self.classifiers[place], self.settings
        requests = settings.requests(classifier.checkpoint.findings)
        shared = [request for request in requests if fits_batch(methods[request.method])]
        gate = read_gate(classifier.checkpoint) if settings.checks else None
        batch = explain_batch(
            classifier,
            [film.inputs[place] for film in films],
            shared,
            cleaning=settings.cleaning,
            work=Work(limit=0),
            beside=partial(tape_features, stages=gate.stages) if gate else None,
            earlier=settings.earlier_stages,
        )
        further = [dict(together.earlier) for together in batch]
        if settings.untrained:
            random = explain_batch(
                self._untrained[place], [film.inputs[place] for film in films], (), work=Work(limit=0)
            )
            for each, together in zip(further, random, strict=True):
                each[UNTRAINED] = together.features
        rulings = _rulings(gate, classifier.checkpoint.name, films, [together.beside for together in batch])
        return [
            FilmAnswer(None, NO_FEATURES, (), ruling)
            if ruling.ruling == "refused" and not settings.cleaning.anyway
            else replace(self._answer(classifier, film, together, requests, ruling), further=more)
            for film, together, ruling, more in zip(films, batch, rulings, further, strict=True)
        ]

    def _answer(
        self,
        classifier: Classifier,
        film: DecodedFilm,
        together: ExplainedFilm,
        requests: Sequence[Request],
        ruling: FilmGate,
    ) -> FilmAnswer:
        """The prediction and all maps of one film."""
        known = {(map_.method, map_.finding): map_ for map_ in together.explained.maps}
        maps = [
            MapAnswer(request.finding, request.method, known[request.method, request.finding])
            if (request.method, request.finding) in known
            else self._alone(classifier, film, request)
            for request in requests
        ] or [MapAnswer(finding, None) for finding in classifier.checkpoint.findings]
        return FilmAnswer(together.explained.prediction, together.features, tuple(maps), ruling)

    def _altered(self, place: int, films: Mapping[int, DecodedFilm]) -> list[RowRecord]:
        """The predictions of one network for the altered films."""
        classifier = self.classifiers[place]
        pairs = [(number, film, altered) for number, film in films.items() for altered in film.altered]
        changed = [altered.inputs[place] for _, _, altered in pairs if altered.inputs]
        batches = [changed[start : start + self.batch] for start in range(0, len(changed), self.batch)]
        logits = iter([row for batch in batches for row in classifier.logits(torch.from_numpy(np.stack(batch)))])
        return [
            {
                "film": number,
                "digest": film.digest,
                "checkpoint": classifier.checkpoint.name,
                "alteration": altered.name,
                "area": altered.area,
                "logits": next(logits) if altered.inputs else None,
            }
            for number, film, altered in pairs
        ]

    def _alone(self, classifier: Classifier, film: DecodedFilm, request: Request) -> MapAnswer:
        """The map of a method that handles one film at a time."""
        if film.radiograph is None:
            raise ValueError(f"{request.method} needs the film, which was not decoded for it")
        try:
            explained = explain_many(
                classifier, film.radiograph, [request], cleaning=self.settings.cleaning, work=Work(limit=0)
            )
        except (NoLungs, OneCell, Stopped) as error:  # affects this film only
            return MapAnswer(request.finding, request.method, reason=str(error))
        return MapAnswer(request.finding, request.method, explained.maps[0])

    def _add(self, number: int, film: DecodedFilm, answers: Sequence[FilmAnswer], tables: Records) -> None:
        base = film_record(number, film)
        if film.thumbnail:
            tables["thumbnails"].append({"film": number, "digest": film.digest, "jpeg": film.thumbnail})
        if not answers:
            tables["rows"].append(base)
        for classifier, answer in zip(self.classifiers, answers, strict=False):
            card = classifier.checkpoint
            if answer.prediction is None:
                tables["rows"].append(base | {"withheld": answer.gate.sentence, **gate_record(answer.gate)})
                continue
            if self.settings.features:
                tables["features"] += feature_records(number, film, card, answer)
            own = film.seconds / len(answers) / max(1, len(answer.maps))  # the film's part of this row
            for each in answer.maps:
                record = base | prediction_record(card, answer.prediction, each.finding, film.film.label)
                record |= map_record(film, each) | gate_record(answer.gate) | {"seconds": own}
                if each.explanation:
                    record["seconds"] += each.explanation.seconds
                    record |= self._measured(classifier, film, each)
                    if self.settings.maps:
                        tables["maps"].append(stored_map(record, each.explanation))
                tables["rows"].append(record)

    def _measured(self, classifier: Classifier, film: DecodedFilm, answer: MapAnswer) -> dict[str, object]:
        if not self.settings.measures or film.radiograph is None or answer.explanation is None:
            return {}
        question = Question(classifier, film.radiograph, answer.explanation, self.settings.cleaning)
        return measure_record(self.settings.measures, question)


def _untrained(classifier: Classifier) -> Classifier:
    """The same architecture with the random weights that training would begin with, always the same ones."""
    card = classifier.checkpoint
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = architectures[card.architecture].build(len(card.findings), card.input.channels)
    return Classifier(card, settled(network.eval().requires_grad_(False), classifier.device))


def _rulings(
    gate: Gate | None, name: str, films: Sequence[DecodedFilm], rows: Sequence[NDArray[np.float32]]
) -> list[FilmGate]:
    """The results of the checkpoint's gate, from the row of values of each film; a drawn film is never refused."""
    if gate is None:
        return [FilmGate()] * len(films)
    scores, kinds = gate.scores(np.stack(rows))
    results = [gate.result(name, float(score), int(kind.argmax())) for score, kind in zip(scores, kinds, strict=True)]
    return [
        FilmGate("drawn") if film.drawn else FilmGate(result.ruling, result.score, result.sentence)
        for film, result in zip(films, results, strict=True)
    ]


def load_task(settings: Settings, weights: Path | None) -> Task:
    """The task with its networks. Raises: UnknownName, BadCheckpoint; Unfit as `Task`."""
    return Task(settings, [load(name, weights) for name in settings.checkpoints])
