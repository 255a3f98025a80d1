"""The table of methods for the documentation, generated from the registry."""

from core.explain.method import FAMILIES, Method, by_family
from core.markdown import markdown_table

_HEAD = ("name", "what it shows", "of", "sign", "passes", "by", "source")
_SIGNS = {True: "signed", False: "≥ 0", None: "either"}


def markdown() -> str:
    """A Markdown table for each family."""
    parts = []
    for family, members in by_family().items():
        if members:
            head = f"**{family[:1].upper()}{family[1:]}.** {FAMILIES[family]}."
            parts += [head, markdown_table([_HEAD, *map(_row, members)])]
    return "\n\n".join(parts)


def _row(method: Method) -> tuple[str, ...]:
    return (
        f"`{method.name}`",
        method.plain,
        "a stage" if method.layered else "the film",
        _SIGNS[method.signed],
        method.cost,
        method.computed_by,
        method.source,
    )
