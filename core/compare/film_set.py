"""Two or more networks on a set of films: their differences film by film, the largest first."""

import math
from collections.abc import Callable, Iterable, Sequence, Sized
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.compare.film_comparison import FilmComparison, Refused
from core.compare.map_agreement import Agreement, agreement_matrix
from core.compare.panel import Panel, answers, panel, plain
from core.compare.sentences import disagreement
from core.compare.set_statistics import Figures, figures
from core.compare.tile import Tile
from core.errors import BadData, NoLungs, NoWindow, Withheld
from core.evaluate.intervals import REPEATS
from core.evaluate.manifest import Row, row_radiograph
from core.film_stream import StreamedFilm, film_batches, film_stream
from core.models.classifier import Classifier
from core.models.findings import present
from core.types import Cleaning, Explanation, Radiograph
from core.work import Work

TOP = 10  # % of the film: the hottest part used for overlap


@dataclass(frozen=True)
class Case:
    """One film to compare, read on demand.

    open:    reads the film; raises UnreadableFile or BadData. It is pickled for worker processes.
    labels:  its true findings; None if unknown.
    patient: its id, since films of one patient are not independent; the film's name if unknown.
    """

    name: str
    open: Callable[[], Radiograph]
    labels: tuple[str, ...] | None = None
    patient: str = ""


@dataclass(frozen=True, eq=False)
class Comparison:
    """The result for all films.

    films:   most disagreement first.
    refused: those that could not be read, in order.
    notes:   what is left out, one sentence each.
    """

    panel: Panel
    films: tuple[FilmComparison, ...]
    refused: tuple[Refused, ...]
    figures: Figures | None
    notes: tuple[str, ...]

    def card(self) -> dict[str, Any]:
        """All of it as JSON; NaN is null."""
        return {
            "checkpoints": list(self.panel.names),
            "findings": list(self.panel.findings),
            "method": self.panel.method,
            "layer": self.panel.layer,
            "films": [film.card(self.panel.names, self.panel.findings) for film in self.films],
            "refused": [{"name": each.name, "error": each.reason} for each in self.refused],
            "figures": self.figures.card() if self.figures else None,
            "notes": list(self.notes),
        }


def cases(rows: Sequence[Row]) -> list[Case]:
    """The films of a manifest, with their labels and patients."""
    return [Case(row.id, partial(row_radiograph, row), row.labels, row.patient) for row in rows]


def compare_models(
    classifiers: Sequence[Classifier],
    films: Iterable[Case],
    *,
    method: str = "grad-cam",
    finding: str | None = None,
    layer: str | None = None,
    cleaning: Cleaning | None = None,
    sentences: bool = False,
    seen: Callable[[Radiograph, tuple[Tile, ...], FilmComparison], None] | None = None,
    repeats: int = REPEATS,
    work: Work | None = None,
    admit: Callable[[Radiograph], object] | None = None,
) -> Comparison:
    """Compares the films one after the other; the next few are read meanwhile.

    finding:   of the compared maps; None for the likeliest of each film, see `panel`.
    sentences: whether to describe each film's disagreement in words, which needs its lungs.
    seen:      called with each film, its tiles and its comparison.
    repeats:   resamples behind each interval.
    admit:     raises Withheld for a film whose answers are withheld.
    Raises:    as `panel`; Stopped as `work` says. A film that cannot be read, or lacks the lungs that the method needs,
               is refused with a reason, and the others continue.
    """
    readers = panel(classifiers, method=method, finding=finding, layer=layer, cleaning=cleaning)
    work = work or Work(limit=0)
    if isinstance(films, Sized):
        work.expect(readers.passes * len(films))
    rows: list[FilmComparison] = []
    refused: list[Refused] = []
    with closing(film_batches(films, _opened, batch=1)) as stream:
        for (case,) in stream:
            result = _read(readers, case, sentences=sentences, seen=seen, work=work, admit=admit)
            if isinstance(result, Refused):
                refused.append(result)
            else:
                rows.append(result)
    return gather(readers, rows, refused, repeats=repeats)


def read(
    panel: Panel,
    case: Case,
    *,
    sentences: bool = False,
    work: Work | None = None,
    admit: Callable[[Radiograph], object] | None = None,
) -> FilmComparison | Refused:
    """The comparison of one film. Raises: Stopped as `work` says.

    admit:     raises Withheld for a film whose answers are withheld.
    """
    (film,) = film_stream([case], _opened, workers=0, ahead=1)
    return _read(panel, film, sentences=sentences, seen=None, work=work, admit=admit)


def _opened(case: Case) -> Radiograph:
    return case.open()


def _read(
    panel: Panel,
    case: StreamedFilm[Case, Radiograph],
    *,
    sentences: bool,
    seen: Callable[[Radiograph, tuple[Tile, ...], FilmComparison], None] | None,
    work: Work | None,
    admit: Callable[[Radiograph], object] | None,
) -> FilmComparison | Refused:
    """The comparison of one film, or why there is none."""
    begun = work.done if work else 0
    try:
        film = case.read
        if admit:
            admit(film)
        tiles = answers(panel, film, work=work)
    except (BadData, NoLungs, NoWindow, Withheld) as error:
        if work:
            work.step(max(0, begun + panel.passes - work.done))
        return Refused(case.item.name, str(error))
    row = compared(panel, case.item, film, tiles, sentences=sentences)
    if seen:
        seen(film, tiles, row)
    return row


def gather(
    panel: Panel, rows: Sequence[FilmComparison], refused: Sequence[Refused] = (), *, repeats: int = REPEATS
) -> Comparison:
    """The films, most disagreement first, and the figures over all of them; None if there is no film."""
    ordered = sorted(rows, key=lambda row: (-row.score, row.name))
    statistics = figures(panel, ordered, repeats=repeats) if rows else None
    return Comparison(
        panel=panel,
        films=tuple(ordered),
        refused=tuple(refused),
        figures=statistics,
        notes=(*panel.notes, *(statistics.notes if statistics else ())),
    )


def compared(
    panel: Panel, case: Case, film: Radiograph, tiles: Sequence[Tile], *, sentences: bool = False
) -> FilmComparison:
    """Agreement and disagreement of the predictions for one film.

    The score of disagreement, 0 to 1, is the mean of three: the share of pairs of networks with different findings,
    the distance of their probabilities (`apart`), and 1 minus the overlap of the hottest tenth of their maps
    (intersection over union, of all pairs on average). A flat map has no overlap with others, and two flat maps overlap
    fully.
    """
    maps = [tile.explanation for tile in tiles]
    matrix = agreement_matrix(film, maps, names=panel.names)
    pairs = list(combinations(range(len(tiles)), 2))
    agreements = tuple(matrix[i][j] for i, j in pairs)
    own = list(zip(tiles, panel.own, strict=True))
    likely = np.array([[tile.prediction.probability(name) for name in names] for tile, names in own])
    one_each = not any(card.multi_label or len(card.findings) > len(panel.findings) for card in panel.checkpoints)
    distance = apart(likely, one_each=one_each)
    overlaps = [_overlap(each, maps[i], maps[j]) for each, (i, j) in zip(agreements, pairs, strict=True)]
    present_findings = tuple(_present(tile, names, panel.findings) for tile, names in own)
    differ = float(np.mean([present_findings[i] != present_findings[j] for i, j in pairs]))
    index = panel.own[0].index(maps[0].finding)
    return FilmComparison(
        name=case.name,
        key=film.key,
        patient=case.patient or case.name,
        labels=_labels(case, panel),
        finding=panel.findings[index],
        says=tuple(tile.says for tile in tiles),
        present=present_findings,
        probabilities=tuple(tuple(float(value) for value in row) for row in likely),
        agreements=agreements,
        apart=distance,
        score=(differ + distance + 1 - float(np.mean(overlaps))) / 3,
        words=disagreement(film, tiles, matrix=matrix).text if sentences else "",
    )


def apart(likely: NDArray[np.float64], *, one_each: bool) -> float:
    """The distance of several networks' probabilities, from 0 (the same) to 1.

    likely:   (C, F) probabilities of each network.
    one_each: whether each row adds up to 1.
    Returns:  square root of the Jensen-Shannon divergence as a share of its largest possible value, of each network's
              whole row; if rows are not distributions, the mean over the findings.
    Source:   Lin 1991, doi:10.1109/18.61115; its root is a distance: Endres and Schindelin 2003,
              doi:10.1109/TIT.2003.813506.
    """
    if not one_each:
        return float(np.mean([apart(np.stack([p, 1 - p], axis=1), one_each=True) for p in likely.T]))
    between = _entropy(likely.mean(axis=0)) - np.mean([_entropy(row) for row in likely])
    return math.sqrt(min(1.0, max(0.0, float(between)) / math.log(len(likely))))


def _entropy(row: NDArray[np.float64]) -> float:
    some = row[row > 0]
    return float(-(some * np.log(some)).sum())


def _overlap(agreement: Agreement, one: Explanation, other: Explanation) -> float:
    overlap = agreement.overlap[TOP]
    if not math.isnan(overlap):
        return overlap
    return float(not _shows(one) and not _shows(other))


def _shows(map_: Explanation) -> bool:
    return not map_.void and bool(map_.heat.max(initial=0.0) > 0)


def _present(tile: Tile, own: Sequence[str], findings: Sequence[str]) -> tuple[str, ...]:
    """The common findings that the network calls: the likeliest, or all above their operating points."""
    there = (
        present(tile.prediction, tile.checkpoint) if tile.checkpoint.multi_label else (tile.prediction.likeliest[0],)
    )
    return tuple(name for name, called in zip(findings, own, strict=True) if called in there)


def _labels(case: Case, panel: Panel) -> tuple[str, ...] | None:
    """The case's labels by the names of the common findings; others unchanged."""
    if case.labels is None:
        return None
    known = {plain(name): name for name in panel.findings}
    return tuple(known.get(plain(label), label) for label in case.labels)
