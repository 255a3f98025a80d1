"""The options that choose rows of a run: one model, finding and method, and a condition."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from core.errors import BadSetting

if TYPE_CHECKING:
    from core.cohort.table import CohortTable, Selection


@dataclass(frozen=True)
class RowChoice:
    """The names in the options; None for the first one of the run."""

    checkpoint: str | None
    finding: str | None
    method: str | None
    where: str

    def selection(self, table: "CohortTable") -> "Selection":
        """The rows of that run. Raises: BadSetting for a name that the run does not have."""
        from core.cohort.table import Selection

        cards = {card["name"]: card for card in table.manifest["checkpoints"]}
        checkpoint = _known(table, "model", self.checkpoint, list(cards))
        finding = _known(table, "finding", self.finding, list(cards[checkpoint or ""]["findings"]))
        method = _known(table, "method", self.method, list(table.manifest["settings"]["methods"]))
        return Selection(checkpoint or "", finding or "", method, text=self.where)


def _known(table: "CohortTable", noun: str, name: str | None, names: list[str]) -> str | None:
    if name is None:
        return names[0] if names else None
    if name not in names:
        raise BadSetting(f"{table.folder.path} has no {noun} {name}. It has {', '.join(names) or 'none'}.")
    return name


def rows_of_run(command: Callable[..., None]) -> Callable[..., None]:
    """The command with --checkpoint, --finding, --method and --where, passed to it as one `rows`."""

    @click.option("--checkpoint", metavar="NAME", help="Model of the rows.  [default: the first one of the run]")
    @click.option("--finding", metavar="NAME", help="Finding of the rows.  [default: the model's first one]")
    @click.option("--method", metavar="NAME", help="Attribution method of the rows.  [default: the run's first one]")
    @click.option(
        "--where",
        default="",
        metavar="CONDITION",
        help="Only films that fulfil this, in SQL on the run's columns, as in \"age > 60 AND view = 'PA'\".",
    )
    @functools.wraps(command)
    def with_rows(
        checkpoint: str | None, finding: str | None, method: str | None, where: str, *args: object, **others: object
    ) -> None:
        command(*args, rows=RowChoice(checkpoint, finding, method, where), **others)

    return with_rows
