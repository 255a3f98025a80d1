"""`pacs send`: DICOM objects into the study they belong to."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from core.commands import options
from core.commands.registry import command
from core.errors import BadData, Stopped, Unreachable

if TYPE_CHECKING:
    from pydicom import Dataset


@command("pacs send", short_help="Send DICOM objects back into their study.")
@click.argument("server", metavar="SERVER")
@click.argument("given", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--yes", is_flag=True, help="Send without asking.")
@options.as_json
def send(server: str, given: tuple[Path, ...], yes: bool, as_json: bool) -> None:
    """Lists the objects, asks, and sends them to the PACS SERVER, each into the study that it names.

    Only objects that Lightbox made are sent, such as the files of `report --dicom`.

    \b
    Example:
      python -m core pacs send ward objects/*.dcm
    """
    from core.pacs.dicomweb import store
    from core.pacs.server import server_named

    pacs = server_named(server)
    studies: dict[str, list[Dataset]] = {}
    for path in given:
        dataset = _object(path)
        studies.setdefault(str(dataset.StudyInstanceUID), []).append(dataset)
    if not yes:
        click.echo("\n".join(_listed(studies)), err=True)
        if not click.confirm(f"Send to {pacs.name} ({pacs.host})?", err=True):
            raise Stopped("Nothing was sent.")
    refused = 0
    for study, objects in studies.items():
        receipt = store(pacs, study, objects)
        refused += len(receipt.refused)
        for uid in receipt.stored:
            click.echo(options.line({"uid": uid, "stored": True}) if as_json else f"stored   {uid}")
        for uid, reason in receipt.refused.items():
            record = {"uid": uid, "stored": False, "reason": reason}
            click.echo(options.line(record) if as_json else f"refused  {uid}  ({reason})")
    if refused:
        raise Unreachable(f"{pacs.host} did not store {refused} of {len(given)} objects. Its log says why.")


def _object(path: Path) -> "Dataset":
    """Raises: BadData for a file that is not a DICOM object made by Lightbox."""
    import pydicom
    from pydicom.errors import InvalidDicomError

    from core.types import MANUFACTURER

    try:
        dataset = pydicom.dcmread(path)
    except (OSError, InvalidDicomError) as error:
        raise BadData(
            f"{path} cannot be read as DICOM ({type(error).__name__}). Give files of `report --dicom`."
        ) from error
    if dataset.get("Manufacturer") != MANUFACTURER or not dataset.get("StudyInstanceUID"):
        raise BadData(f"{path} was not made by {MANUFACTURER}, and is not sent. Give files of `report --dicom`.")
    return dataset


def _listed(studies: "dict[str, list[Dataset]]") -> Sequence[str]:
    lines = []
    for study, objects in studies.items():
        lines.append(f"Study {study}:")
        lines += [f"  {each.Modality}  {each.get('SeriesDescription') or each.SOPClassUID.name}" for each in objects]
    return lines
