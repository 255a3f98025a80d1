"""The manifest in every report: what is needed to recompute its maps, and digests that reveal any difference."""

import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

import torch

from core.codec import dump, parse
from core.errors import BadData
from core.explain.method import captum_version
from core.explain.run import Request
from core.report.case import CaseRecord
from core.types import Checkpoint, Cleaning, Radiograph

FILE = "manifest.json"  # its name inside a PDF
VERSION = 1
_IN_HTML = re.compile(r'<script type="application/json" id="manifest">(.*?)</script>', re.DOTALL)


@dataclass(frozen=True)
class ManifestMap:
    """One map: how it was computed, and the digest of the result."""

    method: str
    finding: str
    layer: str | None
    settings: Mapping[str, Any]
    key: str


@dataclass(frozen=True)
class Manifest:
    """threads: of torch; another number adds in another order and changes the last bits."""

    version: int
    film: str
    film_key: str
    checkpoint: str
    checkpoint_key: str
    sha256: str
    cleaning: Cleaning
    maps: tuple[ManifestMap, ...]
    threads: int
    torch: str
    captum: str

    @property
    def text(self) -> str:
        """As JSON."""
        return json.dumps(dump(self), indent=1, sort_keys=True)

    @property
    def requests(self) -> list[Request]:
        """The requests of its maps."""
        return [Request(each.method, each.finding, each.layer, each.settings) for each in self.maps]

    def refuse_others(self, radiograph: Radiograph, checkpoint: Checkpoint) -> None:
        """Raises: BadData for another film or other weights than those of the report."""
        if radiograph.key != self.film_key:
            raise BadData(
                f"The report is of another film than {radiograph.name}: digest {self.film_key}, found "
                f"{radiograph.key}. Give the file that the report was made of ({self.film})."
            )
        if checkpoint.key != self.checkpoint_key:
            raise BadData(
                f"The report was made with other weights than {checkpoint.name} has now: SHA-256 "
                f"{self.sha256[:12]}, found {checkpoint.sha256[:12]}. Restore those weights, or make a new report."
            )


def manifest_of(case: CaseRecord) -> Manifest:
    """The manifest of this case."""
    return Manifest(
        version=VERSION,
        film=case.radiograph.name,
        film_key=case.radiograph.key,
        checkpoint=case.checkpoint.name,
        checkpoint_key=case.checkpoint.key,
        sha256=case.checkpoint.sha256,
        cleaning=case.cleaning,
        maps=tuple(
            ManifestMap(each.method, each.finding, each.layer, dict(each.settings), each.key) for each in case.maps
        ),
        threads=torch.get_num_threads(),
        torch=torch.__version__,
        captum=captum_version(),
    )


def read_manifest(path: Path) -> Manifest:
    """The manifest in a report (PDF or HTML), or in a JSON file of its own.

    Raises: BadData if there is none, or it has another version.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadData(f"{path} cannot be opened: {error.strerror}. Give a report, or its manifest.") from error
    try:
        json_value = json.loads(_text(data))
        if isinstance(json_value, dict) and json_value.get("version") != VERSION:
            raise BadData(
                f"The manifest in {path.name} is of version {json_value.get('version')}, this program reads {VERSION}. "
                "Make a new report."
            )
        return parse(Manifest, json_value)
    except (ValueError, KeyError) as error:
        raise BadData(
            f"{path.name} holds no manifest that can be read ({error}). Give a report made by Lightbox, or its "
            "manifest."
        ) from error


def _text(data: bytes) -> str:
    """The JSON text. Raises: ValueError if there is none."""
    if data.startswith(b"%PDF"):
        from pypdf import PdfReader
        from pypdf.errors import PyPdfError

        try:
            files = PdfReader(io.BytesIO(data)).attachments
            return bytes(files[FILE][0]).decode()
        except (PyPdfError, LookupError) as error:
            raise ValueError(f"no {FILE} in it") from error
    text = data.decode()
    if text.lstrip().startswith("<"):
        embedded = _IN_HTML.search(text)
        if not embedded:
            raise ValueError("no manifest in it")
        return unescape(embedded[1])
    return text
