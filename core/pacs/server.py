"""The PACS servers that this computer knows, from `.streamlit/secrets.toml` and the environment."""

import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from core.errors import BadSetting, UnknownName

_PREFIX = "LIGHTBOX_PACS_"
_FIELDS = ("url", "user", "password", "token", "certificates", "seconds")
_FILES = (Path.home() / ".streamlit" / "secrets.toml", Path(".streamlit") / "secrets.toml")  # the second wins
_HERE = ("localhost", "127.0.0.1", "::1")
_LONGEST = 600.0  # s


@dataclass(frozen=True)
class PacsServer:
    """A DICOMweb server. Its text representation never contains the password or token.

    url:          root of its DICOMweb services, such as https://pacs.example.org/dicom-web
    user, password: for basic authentication; token: for bearer authentication; all may be empty.
    certificates: PEM file of the authority that signed the server's certificate; empty for the public ones.
    seconds:      limit for one request.
    """

    name: str
    url: str
    user: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    certificates: str = ""
    seconds: float = 20.0

    @property
    def host(self) -> str:
        """Its name and port, for messages."""
        return urlsplit(self.url).netloc


def known_servers(
    environment: Mapping[str, str] | None = None, files: Sequence[Path] = _FILES
) -> dict[str, PacsServer]:
    """Name -> server, sorted by name.

    In a file: a table `[pacs.NAME]` with url and, where needed, user, password, token, certificates, seconds. In the
    environment: LIGHTBOX_PACS_NAME_URL and so on; it takes precedence over the files.
    Raises: BadSetting for a file that is not TOML, or a server whose settings are invalid.
    """
    entries: dict[str, dict[str, Any]] = {}
    for file in files:
        for name, entry in _tables(file).items():
            entries.setdefault(name.lower(), {}).update(entry)
    for variable, value in (os.environ if environment is None else environment).items():
        name, _, key = variable.removeprefix(_PREFIX).rpartition("_")
        if variable.startswith(_PREFIX) and name and key.lower() in _FIELDS:
            entries.setdefault(name.lower(), {})[key.lower()] = value
    return {name: _server(name, entries[name]) for name in sorted(entries)}


def is_set_up() -> bool:
    """Whether there is a server, or an invalid description of one, which `known_servers` reports."""
    try:
        return bool(known_servers())
    except BadSetting:
        return True


def server_named(name: str) -> PacsServer:
    """The server of this name. Raises: UnknownName, which lists the known ones; BadSetting as `known_servers`."""
    servers = known_servers()
    if name.lower() in servers:
        return servers[name.lower()]
    if not servers:
        raise UnknownName(
            "No PACS is set up. Put its address into .streamlit/secrets.toml as [pacs.NAME] with url = "
            '"https://…/dicom-web", or into the environment as LIGHTBOX_PACS_NAME_URL.'
        )
    raise UnknownName(f"There is no PACS {name!r}. Set up: {', '.join(servers)}.")


def _tables(file: Path) -> Mapping[str, Mapping[str, Any]]:
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8")).get("pacs", {})
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        # The parser's error quotes the line, which may hold a password.
        raise BadSetting(f"{file} cannot be read as TOML ({type(error).__name__}). Correct the file.") from None
    if not isinstance(tables, Mapping) or not all(isinstance(entry, Mapping) for entry in tables.values()):
        raise BadSetting(f"`pacs` in {file} is not a table of servers. Write a table [pacs.NAME] with url for each.")
    return tables


def _server(name: str, entry: Mapping[str, Any]) -> PacsServer:
    unknown = sorted(set(entry) - set(_FIELDS))
    if unknown:
        raise BadSetting(f"The PACS {name} has the unknown settings {', '.join(unknown)}. Known: {', '.join(_FIELDS)}.")
    texts = {key: str(entry.get(key, "")) for key in _FIELDS if key != "seconds"}
    parts = urlsplit(texts["url"])
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadSetting(
            f"The PACS {name} has no usable address. Give url as that of its DICOMweb services, such as "
            "https://pacs.example.org/dicom-web."
        )
    if parts.username or parts.password or parts.query or parts.fragment:
        raise BadSetting(
            f"The address of the PACS {name} holds more than host and path. Give user, password or token as settings "
            "of their own."
        )
    if parts.scheme == "http" and (texts["password"] or texts["token"]) and parts.hostname not in _HERE:
        raise BadSetting(f"The PACS {name} would get its password unencrypted. Give an https address.")
    if texts["certificates"] and not Path(texts["certificates"]).is_file():
        raise BadSetting(f"The certificates of the PACS {name} are not in {texts['certificates']}. Correct the path.")
    texts["url"] = texts["url"].rstrip("/")
    return PacsServer(name, seconds=_seconds(name, entry.get("seconds", PacsServer.seconds)), **texts)


def _seconds(name: str, value: Any) -> float:
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        seconds = 0.0
    if not 0 < seconds <= _LONGEST:
        raise BadSetting(f"`seconds` of the PACS {name} is {value!r}. Give a number above 0, up to {_LONGEST:g}.")
    return seconds
