"""`pacs fetch`: the films of a study, as DICOM files."""

from pathlib import Path

import click

from core.commands import files, options
from core.commands.registry import command
from core.errors import BadData


@command("pacs fetch", short_help="Fetch the films of a study as DICOM files.")
@click.argument("server", metavar="SERVER")
@click.argument("study", metavar="STUDY")
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Folder for the files.",
)
@options.as_json
def fetch(server: str, study: str, out: Path, as_json: bool) -> None:
    """Writes each film of the study STUDY (its Study Instance UID) to DIR/UID.dcm.

    The files hold all that the PACS has, including patients' names. Existing files are never overwritten. Results that
    Lightbox sent into the study are left out.

    \b
    Example:
      python -m core pacs fetch ward 1.2.840.113619.2.55 --out films
    """
    from core.pacs.dicomweb import instances, retrieve
    from core.pacs.server import server_named

    files.refuse_out(out)
    pacs = server_named(server)
    films = [each for each in instances(pacs, study) if each.is_film]
    if not films:
        raise BadData(f"The study {study} has no films. `pacs search` says how many images a study holds.")
    for each in films:
        path = out / f"{each.uid}.dcm"
        if not path.exists():
            files.write({path: retrieve(pacs, each)})
        record = {"path": str(path), "modality": each.modality, "rows": each.rows, "columns": each.columns}
        click.echo(options.line(record) if as_json else record["path"])
