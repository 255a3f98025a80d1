"""The table of methods as the README has it, written from the registry."""

from pathlib import Path

from core.errors import BadData
from core.explain.method import FAMILIES, Method, by_family

BEGIN, END = "<!-- methods -->", "<!-- /methods -->"
_HEAD = ("name", "what it shows", "of", "sign", "passes", "source")
_SIGNS = {True: "signed", False: "≥ 0", None: "either"}


def markdown() -> str:
    """The README's part between its markers: a table for each family."""
    parts = [BEGIN]
    for family, members in by_family().items():
        if members:
            head = f"**{family[:1].upper()}{family[1:]}.** {FAMILIES[family]}."
            rows = [_HEAD, ("---",) * len(_HEAD), *map(_row, members)]
            parts += [head, "\n".join(f"| {' | '.join(cells)} |" for cells in rows)]
    return "\n\n".join([*parts, END])


def into_readme(path: Path) -> None:
    """Rewrites what stands between the markers. Raises: BadData where they are not there once each, in order."""
    before, begin, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end) or BEGIN in after or END in after:
        raise BadData(
            f"{path.name} has no place for the table: one line {BEGIN} and, below it, one line {END}. Add both."
        )
    path.write_text(before + markdown() + after, encoding="utf-8")


def _row(method: Method) -> tuple[str, ...]:
    return (
        f"`{method.name}`",
        method.plain,
        "a stage" if method.layered else "the film",
        _SIGNS[method.signed],
        method.cost,
        method.source,
    )
