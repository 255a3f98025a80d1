"""The receptive field of a layer's cells: in the network's square, on the film, and in millimetres."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.types import Placement

FilmBox = tuple[float, float, float, float]


@dataclass(frozen=True)
class Span:
    """The receptive field along one axis.

    start: px, where the field of cell 0 begins; below zero where it reaches into the padding.
    jump:  px from one cell's field to the next one's.
    size:  px seen by one cell; the hull for dilated layers.
    """

    start: int = 0
    jump: int = 1
    size: int = 1

    def through(self, *, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> "Span":
        """The span after a window (of a convolution or pooling) that slides over these cells.

        Source: Araujo et al. 2019, doi:10.23915/distill.00021.
        """
        return Span(
            self.start - padding * self.jump,
            self.jump * stride,
            self.size + (kernel - 1) * dilation * self.jump,
        )

    def edges(self, cell: int) -> tuple[int, int]:
        """px, where the field of the cell begins and ends; pixel i spans i to i + 1."""
        begin = self.start + cell * self.jump
        return begin, begin + self.size

    def centre(self, cell: int) -> float:
        """px, the middle of the cell's field."""
        return sum(self.edges(cell)) / 2


@dataclass(frozen=True)
class ReceptiveField:
    """The receptive field of a layer's cells, the largest over all paths from the film.

    rows, columns: along each axis, from the windows that slide over the film.
    whole:         True if each cell also depends on the whole film, as after squeeze and excitation or global pooling.
    """

    rows: Span = Span()
    columns: Span = Span()
    whole: bool = False

    def box(self, row: int, column: int, size: int) -> FilmBox:
        """x0, y0, x1, y1 of the cell's field in the network's square of `size` px; the part in the padding is cut off.

        If `whole`, it is still the sliding part: the rest of the film only scales the cell's value.
        """
        (y0, y1), (x0, x1) = self.rows.edges(row), self.columns.edges(column)
        return max(x0, 0), max(y0, 0), min(x1, size), min(y1, size)


def union(fields: Sequence[ReceptiveField]) -> ReceptiveField | None:
    """The field of several paths combined; None if their cells are not aligned."""
    rows, columns = _union([field.rows for field in fields]), _union([field.columns for field in fields])
    if rows is None or columns is None:
        return None
    return ReceptiveField(rows, columns, any(field.whole for field in fields))


def on_film(box: FilmBox, placement: Placement, size: int) -> FilmBox:
    """A box x0, y0, x1, y1 of the network's square, in pixels of the film.

    size:  px a side of the square.
    """
    x0, y0, x1, y1 = box
    for _ in range(placement.turn % 4):
        x0, y0, x1, y1 = size - y1, x0, size - y0, x1
    across, down = (placement.x1 - placement.x0) / size, (placement.y1 - placement.y0) / size
    left, right = sorted((placement.x0 + x0 * across, placement.x0 + x1 * across))
    return left, placement.y0 + y0 * down, right, placement.y0 + y1 * down


def millimetres(
    field: ReceptiveField, placement: Placement, size: int, spacing: tuple[float, float] | None
) -> tuple[float, float] | None:
    """Height and width of the field on the film, in mm; None without a pixel spacing.

    Padding is included, even if `field.whole`.
    """
    if spacing is None:
        return None
    x0, y0, x1, y1 = on_film((0, 0, field.columns.size, field.rows.size), placement, size)
    return (y1 - y0) * spacing[0], (x1 - x0) * spacing[1]


def _union(spans: Sequence[Span]) -> Span | None:
    if len({span.jump for span in spans}) != 1:
        return None
    start = min(span.start for span in spans)
    return Span(start, spans[0].jump, max(span.start + span.size for span in spans) - start)
