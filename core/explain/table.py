"""The table of methods as the README has it, written from the registry."""

from pathlib import Path

from core import readme
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
            parts += [head, readme.table([_HEAD, *map(_row, members)])]
    return "\n\n".join([*parts, END])


def into_readme(path: Path) -> None:
    """Rewrites what stands between the markers. Raises: BadData where they are not there once each, in order."""
    readme.rewrite(path, BEGIN, markdown(), END)


def _row(method: Method) -> tuple[str, ...]:
    return (
        f"`{method.name}`",
        method.plain,
        "a stage" if method.layered else "the film",
        _SIGNS[method.signed],
        method.cost,
        method.source,
    )
