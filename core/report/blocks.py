"""The blocks that a report is made of; PDF and HTML draw the same ones."""

from dataclasses import dataclass
from typing import Literal

from core.report.film_picture import FilmPicture

RemarkKind = Literal["ok", "note", "warning", "unjudged"]


@dataclass(frozen=True)
class Paragraph:
    """Running text. quiet: small print."""

    text: str
    quiet: bool = False


@dataclass(frozen=True)
class TextTable:
    """head: (C,) titles; rows: (C,) texts each. right: columns of numbers."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right: tuple[int, ...] = ()


@dataclass(frozen=True)
class Facts:
    """Names with their values."""

    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Remark:
    """A check, measure or verdict.

    mark:   how it is drawn; "unjudged": neither for nor against.
    word:   the same in a word: "holds", "no objection".
    figure: with its unit, or empty.
    text:   its meaning.
    """

    mark: RemarkKind
    word: str
    title: str
    figure: str
    text: str


@dataclass(frozen=True)
class Remarks:
    """Several remarks, in this order."""

    remarks: tuple[Remark, ...]


@dataclass(frozen=True)
class Bar:
    """A probability, 0 to 1, with its operating point (None if it has none). explained: whether the map explains it."""

    name: str
    value: float
    percent: str
    threshold: float | None
    explained: bool


@dataclass(frozen=True)
class Bars:
    """The probabilities of one prediction."""

    bars: tuple[Bar, ...]


@dataclass(frozen=True, eq=False)
class FilmRow:
    """Pictures of the film side by side."""

    films: tuple[FilmPicture, ...]


@dataclass(frozen=True)
class Line:
    """One curve: name and points, 0 to 1 on both axes."""

    name: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class LinePlot:
    """Curves in one square plot. diagonal: whether the line of chance is drawn."""

    title: str
    across: str
    up: str
    lines: tuple[Line, ...]
    diagonal: bool = True


Block = Paragraph | TextTable | Facts | Remarks | Bars | FilmRow | LinePlot


@dataclass(frozen=True, eq=False)
class Section:
    """A title and its blocks."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Answer:
    """A question of the first page, its answer in one line, and further sentences."""

    question: str
    answer: str
    text: str


@dataclass(frozen=True, eq=False)
class HeatLayers:
    """The film without heat (JPEG) and the heat alone (transparent PNG), for a page that lays one over the other."""

    bare: bytes
    heat: bytes


@dataclass(frozen=True, eq=False)
class Report:
    """The whole report.

    film:    on the first page, with the map.
    layers:  the same film and map; None for a void map, or if they are not needed.
    belief:  the mark of the last answer.
    notices: research use, and the film's origin if it is not a patient's.
    """

    title: str
    subtitle: str
    notices: tuple[str, ...]
    film: FilmPicture
    layers: HeatLayers | None
    answers: tuple[Answer, ...]
    belief: RemarkKind
    bars: Bars
    remarks: Remarks
    sections: tuple[Section, ...]
    manifest: str
