"""Parts of the README that commands write, each between two markers."""

from collections.abc import Sequence
from pathlib import Path

from core.errors import BadData


def table(rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the first row is its head."""
    head, *body = rows
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *body))


def rewrite(path: Path, begin: str, text: str, end: str) -> None:
    """Puts `text`, which carries the markers, in the place of what stands from `begin` to `end`.

    Raises: BadData where the markers are not there once each, in order; nothing is written then.
    """
    before, found, rest = path.read_text(encoding="utf-8").partition(begin)
    _, ended, after = rest.partition(end)
    if not (found and ended) or begin in after or end in after:
        raise BadData(
            f"{path.name} has no place for the table: one line {begin} and, below it, one line {end}. Add both."
        )
    path.write_text(before + text + after, encoding="utf-8")
