"""What does it take? Searches for the smallest part of a film whose blur changes the answer."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.image.prepare import Prepared, normalised
from core.models.classifier import Classifier
from core.trust.altered import batched_logits
from core.types import Placement, Prediction
from core.what_if.answer import EditedAnswer, Frame, edited_answer, margins, refuse_single_class, turned
from core.what_if.edit import Edit, EditContext, edited, made_edit, region_mask
from core.what_if.region import Region, Shape
from core.work import Work

COARSE, FINE = 8, 16  # cells a side of the network's square: the first search, then the trimming
_SIGMA = 0.07  # of the film's long side: the standard deviation of the blur
_BATCH = 8  # masks tried at once while the region grows
_ROUNDS = 8  # of trimming, at most

Cells = NDArray[np.bool_]  # (G, G) of the network's square in the stored film's orientation


@dataclass(frozen=True, eq=False)
class Turning:
    """The smallest region whose blur changes the answer.

    edit:   that blur; None if even blurring the whole film does not change the answer.
    answer: with the edit; without one, for the whole film blurred.
    share:  of the film's area, 0 to 1.
    tried:  number of masks tried on the network.
    """

    edit: Edit | None
    answer: EditedAnswer
    share: float
    tried: int

    @property
    def sentence(self) -> str:
        """The result in one sentence."""
        if self.edit is None:
            return "No blur changes the answer: it holds even with the whole film blurred."
        return f"Blurring {self.share:.1%} of the film changes the answer ({self.tried} regions tried)."


def turning(
    classifier: Classifier,
    context: EditContext,
    *,
    finding: str,
    before: Prediction,
    earlier: Sequence[Edit] = (),
    work: Work | None = None,
) -> Turning:
    """A smallest region, by search: cells are ranked by the effect of blurring each alone, joined in this order until
    the answer turns, then trimmed in quarters of cells as long as it stays turned. The result is checked on the film.

    The search is greedy: a smaller region of other cells may exist.
    Raises: Unfit for a model of a single class; Stopped by `work`.
    """
    refuse_single_class(classifier.checkpoint)
    work = work or Work()
    search = _Search.of(classifier, context, finding, before, earlier, work)
    grown = search.grown()
    candidates: list[Cells] = []
    if grown is not None:
        trimmed = search.trimmed(grown)
        candidates = [search.trimmed(np.kron(trimmed, np.ones((FINE // COARSE,) * 2, bool))), trimmed, grown]
    for cells in candidates:
        change = made_edit("blur", {"sigma": _SIGMA}, _region(cells, search.placement, context))
        answer = edited_answer(classifier, context, [*earlier, change], work=work)
        if turned(answer.prediction, classifier.checkpoint, finding, before):
            return Turning(change, answer, _share(change, context), search.tried)
    whole = made_edit("blur", {"sigma": _SIGMA}, None)
    answer = edited_answer(classifier, context, [*earlier, whole], work=work)
    if turned(answer.prediction, classifier.checkpoint, finding, before):
        return Turning(whole, answer, 1.0, search.tried)
    return Turning(None, answer, 1.0, search.tried)


@dataclass(eq=False)
class _Search:
    """Masks of cells and the network's answers for them.

    sharp, soft: (S, S) the network's square without and with blur, grey from 0 to 1.
    placement:   of the square on the film.
    """

    classifier: Classifier
    finding: str
    before: Prediction
    work: Work
    sharp: Tensor
    soft: Tensor
    placement: Placement
    film: tuple[int, int]
    tried: int = 0

    @staticmethod
    def of(
        classifier: Classifier,
        context: EditContext,
        finding: str,
        before: Prediction,
        earlier: Sequence[Edit],
        work: Work,
    ) -> "_Search":
        frame, blur = Frame.of(context), made_edit("blur", {"sigma": _SIGMA}, None)
        sharp = frame.prepared(edited(context, earlier), classifier.checkpoint)
        soft = frame.prepared(edited(context, [*earlier, blur]), classifier.checkpoint)
        x0, y0 = frame.box[:2]
        at = sharp.placement
        placement = Placement(at.x0 + x0, at.y0 + y0, at.x1 + x0, at.y1 + y0, at.turn)
        film = context.radiograph.pixels.shape
        return _Search(classifier, finding, before, work, _grey(sharp), _grey(soft), placement, film)

    def held(self, masks: Sequence[Cells]) -> NDArray[np.float32]:
        """(N,) the margin of the answer with each mask blurred; 0 or below if it has turned."""
        checkpoint = self.classifier.checkpoint
        images = []
        for cells in masks:
            cover = torch.from_numpy(_in_square(cells, self.placement, self.sharp.shape[-1]))
            images.append(normalised(torch.where(cover, self.soft, self.sharp), checkpoint.input))
        self.tried += len(images)
        logits = batched_logits(self.classifier, images, self.work)
        return margins(logits, checkpoint, self.finding, self.before)

    def grown(self) -> Cells | None:
        """The first cells by rank that turn the answer together; None if all together do not."""
        cells = [cell for cell in _single_cells(COARSE) if _rectangles(cell, self.placement, self.film)]
        ranked = [cells[index] for index in np.argsort(self.held(cells), kind="stable")]
        unions = np.logical_or.accumulate(np.stack(ranked))
        for start in range(0, len(unions), _BATCH):
            hits = np.flatnonzero(self.held(list(unions[start : start + _BATCH])) <= 0)
            if len(hits):
                first: Cells = unions[start + int(hits[0])]
                return first
        return None

    def trimmed(self, cells: Cells) -> Cells:
        """The mask without cells that the turn does not need, the least needed first."""
        for _ in range(_ROUNDS):
            places = np.argwhere(cells)
            if len(places) < 2:
                break
            without = [_removed(cells, [place]) for place in places]
            held = self.held(without)
            spare = [places[index] for index in np.argsort(held, kind="stable") if held[index] <= 0]
            if not spare:
                break
            removals = [_removed(cells, spare[:count]) for count in range(1, min(len(spare), len(places) - 1) + 1)]
            last = int(np.flatnonzero(self.held(removals) <= 0).max(initial=0))
            cells = removals[last]
        return cells


def _grey(prepared: Prepared) -> Tensor:
    """(S, S) the input as grey, 0 to 1."""
    return (prepared.image[0] - prepared.black[0]) / (prepared.white[0] - prepared.black[0])


def _single_cells(side: int) -> list[Cells]:
    return list(np.eye(side * side, dtype=bool).reshape(-1, side, side))


def _removed(cells: Cells, places: Sequence[NDArray[np.intp]]) -> Cells:
    rest = cells.copy()
    for row, column in places:
        rest[row, column] = False
    return rest


def _in_square(cells: Cells, placement: Placement, size: int) -> NDArray[np.bool_]:
    """(size, size) the cells in the network's square, mirrored and turned as it is; the inverse of `upright`."""
    seen = cells[:, ::-1] if placement.x0 > placement.x1 else cells
    turned_cells = np.rot90(seen, placement.turn)
    index = np.arange(size) * len(cells) // size
    return np.ascontiguousarray(turned_cells[index[:, None], index])


def _rectangles(cells: Cells, placement: Placement, film: tuple[int, int]) -> list[Shape]:
    """The cells on the film (H, W) as few rectangles: equal runs of successive rows are joined."""
    side, (height, width) = len(cells), film
    runs: list[tuple[int, int, int, int]] = []  # column, column, row, row
    for row in range(side):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], cells[row].astype(np.int8), [0]])))
        for first, last in edges.reshape(-1, 2).tolist():
            above = next((run for run in runs if run[:2] == (first, last) and run[3] == row), None)
            if above:
                runs.remove(above)
            runs.append((first, last, above[2] if above else row, row + 1))
    left, right = sorted((placement.x0, placement.x1))
    shapes = []
    for first, last, top, bottom in runs:
        x0, x1 = (min(max(left + at / side * (right - left), 0), width) / width for at in (first, last))
        y0, y1 = (
            min(max(placement.y0 + at / side * (placement.y1 - placement.y0), 0), height) / height
            for at in (top, bottom)
        )
        if x1 > x0 and y1 > y0:
            shapes.append(Shape("rectangle", tuple(round(float(edge), 4) for edge in (x0, y0, x1, y1))))
    return shapes


def _region(cells: Cells, placement: Placement, context: EditContext) -> Region:
    return Region(tuple(_rectangles(cells, placement, context.radiograph.pixels.shape)))


def _share(change: Edit, context: EditContext) -> float:
    return 1.0 if change.region is None else float(region_mask(change.region, context).mean())
