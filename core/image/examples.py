"""Public example radiographs: a committed list, fetched on request, checked by digest, kept in the user's cache."""

import contextlib
import hashlib
import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import platformdirs
import requests
import urllib3

from core.errors import Unreachable

LIST = Path(__file__).with_name("examples.json")
_CHUNK = 1 << 16  # bytes
_ELSE = "Your own files and the phantom work without it."


@dataclass(frozen=True)
class Example:
    """A film under a free licence; its bytes are not in this repository.

    title:   the person, and how the film was taken.
    finding: as the source says it.
    licence, credit: shown wherever the film is.
    note:    one sentence that the reader needs to know, or empty.
    file:    its name at the source.
    size:    bytes.
    urls:    its addresses, the most reliable first; all hold the same bytes.
    """

    name: str
    title: str
    finding: str
    licence: str
    credit: str
    note: str
    file: str
    size: int
    sha256: str
    urls: tuple[str, ...]


def listed() -> tuple[Example, ...]:
    """The examples in the order in which they are shown."""
    return tuple(Example(**{**entry, "urls": tuple(entry["urls"])}) for entry in json.loads(LIST.read_text("utf-8")))


def cache_folder() -> Path:
    """The cache folder for fetched examples."""
    return Path(platformdirs.user_cache_dir("lightbox", appauthor=False)) / "examples"


def fetch(example: Example, folder: Path | None = None, *, timeout: float = 10.0, patience: float = 60.0) -> bytes:
    """The film's bytes, from the cache where they are there, else from the first URL that gives exactly them.

    folder:   the cache; None for the user's own.
    timeout:  seconds without an answer after which a URL is given up.
    patience: seconds for everything together.
    Raises:   Unreachable, in one sentence; then nothing was stored.
    """
    folder = folder or cache_folder()
    cached = folder / example.sha256
    with contextlib.suppress(OSError):
        data = cached.read_bytes()
        if _digest(data) == example.sha256:
            return data  # anything else was cut short or changed on disk: fetch it again
    deadline = time.monotonic() + patience
    reasons = []
    for url in example.urls:
        try:
            data = _download(url, example, timeout, deadline)
        except Unreachable as error:
            reasons.append(str(error))
            continue
        _keep(data, cached)
        return data
    # The first URL is the pinned one; its error says more than a mirror's.
    raise Unreachable(f"Could not download the example {(example.title or example.name)!r}: {reasons[0]}. {_ELSE}")


def _download(url: str, example: Example, timeout: float, deadline: float) -> bytes:
    """Raises: Unreachable with the reason as half a sentence."""
    host, data = urlsplit(url).hostname, bytearray()
    try:
        # Compressed transfer would make the size limit a limit on the wrong number.
        answer = requests.get(url, stream=True, timeout=timeout, headers={"Accept-Encoding": "identity"})
        with answer:
            if answer.status_code != requests.codes.ok:
                raise Unreachable(f"{host} answered {answer.status_code} {answer.reason}")
            # Read whatever has arrived: `iter_content` would wait for a whole chunk, so a very slow server would never
            # time out.
            while chunk := answer.raw.read1(_CHUNK, decode_content=False):
                data += chunk
                if len(data) > example.size:
                    raise Unreachable(f"{host} sent more than the {example.size:,} bytes that the list gives")
                if time.monotonic() > deadline:
                    raise Unreachable(f"{host} sent only {len(data):,} of {example.size:,} bytes in time")
    except requests.Timeout as error:
        raise Unreachable(f"{host} did not answer within {timeout:g} s") from error
    except requests.ConnectionError as error:
        raise Unreachable(f"{host} could not be reached (is this machine online?)") from error
    except requests.RequestException as error:
        raise Unreachable(f"{host} gave an invalid answer ({type(error).__name__})") from error
    except urllib3.exceptions.HTTPError as error:  # while the body was read
        raise Unreachable(f"{host} broke the connection after {len(data):,} of {example.size:,} bytes") from error
    if _digest(bytes(data)) != example.sha256:
        raise Unreachable(f"{host} sent {len(data):,} bytes that are not the film in the list (SHA-256 differs)")
    return bytes(data)


def _keep(data: bytes, path: Path) -> None:
    """Stores the file whole or not at all. If the cache is not writable, the next call downloads again."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as part:
            part.write(data)
        try:
            Path(part.name).replace(path)
        except OSError:
            Path(part.name).unlink(missing_ok=True)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
