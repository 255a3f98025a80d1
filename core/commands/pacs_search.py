"""`pacs search`: the studies on a PACS that match."""

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

import click

from core.commands import options
from core.commands.registry import command

if TYPE_CHECKING:
    from core.pacs.dicomweb import StudyEntry

_DAY = click.DateTime(["%Y-%m-%d"])
_PERSONAL = ("patient", "number", "birth")


@command("pacs search", short_help="List the studies on a PACS that match.")
@click.argument("server", metavar="SERVER")
@click.option("--patient", default="", metavar="NAME", help="FAMILY^GIVEN or its beginning; * and ? are wildcards.")
@click.option("--number", default="", metavar="ID", help="Patient's identifier.")
@click.option("--accession", default="", metavar="ID", help="Accession number.")
@click.option("--from", "first", type=_DAY, metavar="DATE", help="First day of the study, YYYY-MM-DD.")
@click.option("--to", "last", type=_DAY, metavar="DATE", help="Last day of the study, YYYY-MM-DD.")
@click.option("--modality", default="", metavar="CODE", help="Such as CR or DX.")
@click.option("--names", is_flag=True, help="Also print names, numbers and dates of birth of patients.")
@options.as_json
def search(
    server: str,
    patient: str,
    number: str,
    accession: str,
    first: datetime | None,
    last: datetime | None,
    modality: str,
    names: bool,
    as_json: bool,
) -> None:
    """Studies on the PACS SERVER, newest first, at most 200.

    \b
    Examples:
      python -m core pacs search ward --from 2026-11-01 --to 2026-11-30 --modality DX
      python -m core pacs search ward --patient "SMITH^J" --names
    """
    from core.pacs.dicomweb import StudyQuery, search
    from core.pacs.server import server_named

    first_day, last_day = first.date() if first else None, last.date() if last else None
    query = StudyQuery(patient, number, accession, first_day, last_day, modality)
    studies = search(server_named(server), query)
    for study in studies:
        record = {key: value for key, value in asdict(study).items() if names or key not in _PERSONAL}
        click.echo(options.line(record) if as_json else _text(study, names=names))
    if not studies and not as_json:
        click.echo("No study matches.")


def _text(study: "StudyEntry", *, names: bool) -> str:
    parts = [study.date, study.modalities, f"{study.instances} images", study.description]
    if names:
        parts += [study.patient, study.number, study.birth]
    return "\n".join(["  ".join(part for part in parts if part), f"  {study.uid}"])
