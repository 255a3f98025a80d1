"""Probabilities of a tile's model, with their difference from the first tile's model."""

from collections.abc import Sequence

from core.models.findings import present, words
from core.types import Checkpoint, Prediction
from dashboard import markup, probability_bars
from dashboard.board_tile import BoardTile
from dashboard.engine import same

_FEW = 4  # findings with a row; beyond that only the most relevant


def probability_rows(placed: BoardTile, board: Sequence[BoardTile]) -> str:
    """One row per finding: name, bar with the operating point, probability, difference from the first tile; as HTML.

    If an earlier tile has the same model, the rows are replaced by one line.
    """
    checkpoint, prediction = placed.checkpoint, placed.prediction
    if checkpoint is None or prediction is None:
        return ""
    twin = next((each for each in board[: placed.place] if _alike(each, placed)), None)
    if twin is not None:
        text = f"{words(placed.finding)} {prediction.probability(placed.finding):.2f}" if placed.finding else ""
        return markup.paragraph(f"Same model as {twin.letter}" + (f": {text}." if text else "."), quiet=True)
    first = next((each for each in board[: placed.place] if each.prediction is not None), None)
    findings = _findings(checkpoint, prediction, placed.finding)
    rows = "".join(_row(finding, placed, first) for finding in findings)
    return markup.block("lb-probabilities", rows) + markup.paragraph(_note(placed, first, len(findings)), quiet=True)


def _alike(one: BoardTile, other: BoardTile) -> bool:
    return bool(one.checkpoint and other.checkpoint and one.checkpoint.key == other.checkpoint.key)


def _findings(checkpoint: Checkpoint, prediction: Prediction, explained: str) -> list[str]:
    """All findings if they are few; else the explained one, the present ones, and the most likely."""
    if len(prediction.findings) <= _FEW:
        return list(prediction.findings)
    likely = sorted(prediction.findings, key=lambda finding: -prediction.probability(finding))
    order = dict.fromkeys([*([explained] if explained else []), *present(prediction, checkpoint), *likely])
    return list(order)[:_FEW]


def _row(finding: str, placed: BoardTile, first: BoardTile | None) -> str:
    checkpoint, prediction = placed.checkpoint, placed.prediction
    if checkpoint is None or prediction is None:
        return ""
    probability, point = prediction.probability(finding), checkpoint.thresholds.get(finding)
    more, spoken = _difference(finding, probability, first)
    return probability_bars.narrow_bar(
        finding, probability, point=point, more=more, spoken=spoken, explained=finding == placed.finding
    )


def _difference(finding: str, probability: float, first: BoardTile | None) -> tuple[str, str]:
    """Difference from the first tile, as written and as read aloud; a dash if that model lacks the finding."""
    if first is None or first.checkpoint is None or first.prediction is None:
        return "", ""
    known = same(finding, first.checkpoint)
    if known is None:
        return "–", f"unknown to {first.letter}"
    step = probability - first.prediction.probability(known)
    if abs(step) < 0.005:
        return "±0", f"as {first.letter}"
    return markup.signed(step), f"{abs(step):.2f} {'more' if step > 0 else 'less'} than {first.letter}"


def _note(placed: BoardTile, first: BoardTile | None, count: int) -> str:
    """What the rows leave out, in one line."""
    checkpoint = placed.checkpoint
    if checkpoint is None:
        return ""
    rest = len(checkpoint.findings) - count
    parts = [f"{rest} more findings."] if rest > 1 else ["1 more finding."] if rest else []
    if first is not None and first.checkpoint is not None:
        strange = [finding for finding in checkpoint.findings if same(finding, first.checkpoint) is None]
        lacking = [finding for finding in first.checkpoint.findings if same(finding, checkpoint) is None]
        if strange:
            parts.append(f"{first.letter} does not know {_listed(strange)}.")
        if lacking:
            parts.append(f"Unknown to this model: {_listed(lacking)}.")
        if not strange and not lacking:
            parts.append(f"Right column: difference from {first.letter}.")
    return " ".join(parts)


def _listed(findings: Sequence[str]) -> str:
    named = ", ".join(words(finding) for finding in findings[:_FEW])
    return f"{named} and {len(findings) - _FEW} others" if len(findings) > _FEW else named
