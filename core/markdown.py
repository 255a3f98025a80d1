"""Markdown tables, and the generated sections of README.md and the guide: each between `<!-- NAME -->` and
`<!-- /NAME -->`.
"""

from collections.abc import Sequence
from pathlib import Path

from core.errors import BadData


def markdown_table(rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the first row is its head."""
    head, *body = rows
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *body))


def section(name: str, body: str) -> str:
    """The generated section, markers included."""
    return f"<!-- {name} -->\n\n{body}\n\n<!-- /{name} -->"


def has_section(path: Path, name: str) -> bool:
    """Whether the file contains the markers of this section."""
    return f"<!-- {name} -->" in path.read_text(encoding="utf-8")


def replace_section(path: Path, name: str, body: str) -> None:
    """Replaces the section in the file.

    Raises: BadData unless both markers occur once, in order; nothing is written then.
    """
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    text = path.read_text(encoding="utf-8")
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(end)
    if text.count(begin) != 1 or text.count(end) != 1 or end not in rest:
        raise BadData(f"{path.name} lacks the markers of the table. Add a line {begin} and, below it, a line {end}.")
    path.write_text(before + section(name, body) + after, encoding="utf-8")
