"""`pacs`: the group of commands that search a PACS, fetch from it and send to it by DICOMweb."""

import click

from core.commands.registry import commands


@click.group(short_help="Search a PACS, fetch films, send results back.")
def pacs() -> None:
    """A PACS by DICOMweb: QIDO-RS, WADO-RS, STOW-RS.

    Servers are listed in .streamlit/secrets.toml as tables [pacs.NAME] with url and, where needed, user, password,
    token, certificates (a PEM file), seconds; or in the environment as LIGHTBOX_PACS_NAME_URL and so on. Passwords
    and tokens are never printed.

    \b
    Examples:
      python -m core pacs search NAME --from 2026-11-01 --modality DX
      python -m core pacs fetch NAME 1.2.840.113619.2.55 --out films
      python -m core report films/1.2.840.113619.2.55.1.dcm --dicom objects
      python -m core pacs send NAME objects/*.dcm
    """


commands.add("pacs", pacs)
