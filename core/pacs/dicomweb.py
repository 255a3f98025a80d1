"""Search, open and send: QIDO-RS, WADO-RS and STOW-RS of one server, with every response checked."""

import io
import re
import struct
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import requests
from PIL import Image
from pydicom import Dataset
from pydicom.errors import BytesLengthException, InvalidDicomError

from core.errors import BadSetting, Unreachable
from core.pacs.bounded_session import BoundedSession
from core.pacs.server import PacsServer
from core.types import MANUFACTURER

if TYPE_CHECKING:
    from dicomweb_client.api import DICOMwebClient

# pydicom's warnings quote the value, which may be a patient's name. Set once: filters are shared by all threads.
warnings.filterwarnings("ignore", module=r"pydicom\.")
MOST = 200  # studies listed per search, and instances listed per study
_UID = re.compile(r"[0-9]+(\.[0-9]+)+")
_LONGEST_UID = 64
_LISTING, _INSTANCE, _PICTURE = 32 << 20, 1 << 30, 8 << 20  # bytes of a response
_SIDE = 4096  # px of a rendered picture, at most
_MALFORMED = (  # errors of parsers on responses that do not match their content type
    *(ValueError, LookupError, TypeError, AttributeError, EOFError, OverflowError, RecursionError, NotImplementedError),
    *(struct.error, InvalidDicomError, BytesLengthException, Image.DecompressionBombError, OSError, MemoryError),
)
_FIELDS = ("StudyDescription", "PatientSex", "PatientBirthDate", "NumberOfStudyRelatedInstances", "ModalitiesInStudy")
_PICTURE_FIELDS = ("Rows", "Columns", "NumberOfFrames", "SeriesDescription", "Modality", "InstanceNumber")


@dataclass(frozen=True)
class StudyQuery:
    """The criteria of a search; empty fields are ignored.

    patient:  name as in DICOM, FAMILY^GIVEN, or its beginning; `*` stands for any characters, `?` for one.
    number:   the patient's identifier, in full.
    accession: the accession number, in full.
    first, last: earliest and latest date of the study.
    modality: such as CR or DX; empty for all.
    """

    patient: str = ""
    number: str = ""
    accession: str = ""
    first: date | None = None
    last: date | None = None
    modality: str = ""

    def filters(self) -> dict[str, str]:
        """The criteria as QIDO-RS parameters. Raises: BadSetting for dates in the wrong order."""
        if self.first and self.last and self.first > self.last:
            raise BadSetting(f"The first date, {self.first}, is after the last, {self.last}. Exchange them.")
        name = _any_encoding(self.patient.strip())
        dates = f"{self.first:%Y%m%d}-" if self.first else ""
        if self.last:
            dates = f"{dates or '-'}{self.last:%Y%m%d}"
        every = {
            "PatientName": name if not name or set("*?") & set(name) else f"{name}*",
            "PatientID": self.number.strip(),
            "AccessionNumber": self.accession.strip(),
            "StudyDate": dates,
            "ModalitiesInStudy": self.modality.strip(),
        }
        return {key: value for key, value in every.items() if value}


@dataclass(frozen=True)
class StudyEntry:
    """A study in a search result. patient, number, birth: identify the patient, and are shown only on request."""

    uid: str
    date: str
    description: str
    modalities: str
    accession: str
    sex: str
    instances: int
    patient: str
    number: str
    birth: str


@dataclass(frozen=True)
class InstanceEntry:
    """An instance of a study. rows, columns: px, 0 if it is not a picture."""

    study: str
    series: str
    uid: str
    modality: str
    description: str
    rows: int
    columns: int
    frames: int

    @property
    def is_result(self) -> bool:
        """Whether Lightbox made it of a film: every object that it sends has a description that begins so."""
        return self.description.startswith(f"{MANUFACTURER} ")

    @property
    def is_film(self) -> bool:
        """Whether it is a picture of its own: no result, and no segmentation, which belongs to another picture."""
        return self.rows > 0 and self.columns > 0 and self.modality != "SEG" and not self.is_result


@dataclass(frozen=True)
class StoreReceipt:
    """The server's reply to a store request: identifiers of the stored objects, and why others were refused."""

    stored: tuple[str, ...]
    refused: Mapping[str, str]


def search(server: PacsServer, query: StudyQuery) -> tuple[StudyEntry, ...]:
    """The studies that match, the newest first, `MOST` at most.

    Raises: Unreachable, in one sentence, for every invalid response; BadSetting for an invalid query.
    """
    filters = query.filters()
    with _answering(server, "list of studies"):
        rows = _client(server, _LISTING).search_for_studies(limit=MOST, fields=list(_FIELDS), search_filters=filters)
        entries = [_study(Dataset.from_json(row)) for row in rows[:MOST]]
    return tuple(sorted(entries, key=lambda entry: entry.date, reverse=True))


def instances(server: PacsServer, study: str) -> tuple[InstanceEntry, ...]:
    """The study's instances by series, `MOST` at most. Raises: Unreachable; also for instances of another study."""
    _refuse_uid(study)
    with _answering(server, "list of instances"):
        rows = _client(server, _LISTING).search_for_instances(study, limit=MOST, fields=list(_PICTURE_FIELDS))
        entries = [_instance(Dataset.from_json(row), study) for row in rows[:MOST]]
    return tuple(sorted(entries, key=lambda entry: (entry.series, entry.uid)))


def thumbnail(server: PacsServer, instance: InstanceEntry, *, side: int = 192) -> Image.Image:
    """The instance as the server renders it, `side` px at most. Raises: Unreachable."""
    with _answering(server, "picture"):
        data = _client(server, _PICTURE).retrieve_instance_rendered(
            instance.study, instance.series, instance.uid, media_types=("image/jpeg",)
        )
        with Image.open(io.BytesIO(data), formats=("JPEG", "PNG")) as picture:
            if max(picture.size) > _SIDE:
                raise ValueError(f"rendered at {picture.size}")
            picture.thumbnail((side, side))
            return picture.convert("L")


def retrieve(server: PacsServer, instance: InstanceEntry) -> bytes:
    """The instance as a DICOM file. Raises: Unreachable; also if the server returns another instance."""
    with _answering(server, "instance"):
        dataset = _client(server, _INSTANCE).retrieve_instance(instance.study, instance.series, instance.uid)
        identity = (str(dataset.StudyInstanceUID), str(dataset.SOPInstanceUID))
        if identity == (instance.study, instance.uid):
            file = io.BytesIO()
            dataset.save_as(file, enforce_file_format=True)
            return file.getvalue()
    raise Unreachable(f"{server.host} sent a different instance than requested. It was not opened.")


def store(server: PacsServer, study: str, objects: Sequence[Dataset]) -> StoreReceipt:
    """Sends objects of this study to the server.

    Raises: Unreachable if the server stored none or did not respond; ValueError for an object of another study.
    """
    others = [str(each.StudyInstanceUID) for each in objects if each.StudyInstanceUID != study]
    if others:
        raise ValueError(f"objects of the studies {others} were to be sent to {study}")
    with _answering(server, "receipt"):
        answer = _client(server, _LISTING).store_instances(objects, study_instance_uid=study)
        receipt = _receipt(answer, [str(each.SOPInstanceUID) for each in objects])
    if not receipt.stored:
        reasons = sorted(set(receipt.refused.values()))
        raise Unreachable(f"{server.host} stored none of the {len(objects)} objects: {'; '.join(reasons)}.")
    return receipt


def _client(server: PacsServer, largest: int) -> "DICOMwebClient":
    from dicomweb_client.api import DICOMwebClient  # imported late: few users have a PACS

    client = DICOMwebClient(server.url, session=BoundedSession(server, largest=largest))
    client.set_http_retry_params(retry=False)  # the user decides whether to try again
    return client


@contextmanager
def _answering(server: PacsServer, what: str) -> Iterator[None]:
    """Turns the error behind an invalid response into one sentence, without quotes: it may hold a patient's name."""
    try:
        yield
    except requests.HTTPError as error:
        raise Unreachable(_refusal(server, error.response.status_code if error.response is not None else 0)) from None
    except _MALFORMED as error:
        raise Unreachable(
            f"{server.host} sent a {what} that cannot be read ({type(error).__name__}). Is its address that of a "
            "DICOMweb service?"
        ) from None


def _refusal(server: PacsServer, status: int) -> str:
    if status in (requests.codes.unauthorized, requests.codes.forbidden):
        return f"{server.host} refuses access ({status}). Check user, password or token of the PACS {server.name}."
    if status == requests.codes.not_found:
        return f"{server.host} has nothing at this address (404). Check url of the PACS {server.name}, or search again."
    if status == requests.codes.conflict:
        return f"{server.host} refused all objects (409). Its log says why."
    return f"{server.host} answered with the error {status}. Try again later, or ask its administrator."


def _study(row: Dataset) -> StudyEntry:
    modalities = row.get("ModalitiesInStudy") or ()
    return StudyEntry(
        uid=_uid(row, "StudyInstanceUID"),
        date=_text(row, "StudyDate"),
        description=_text(row, "StudyDescription"),
        modalities=", ".join([modalities] if isinstance(modalities, str) else map(str, modalities)),
        accession=_text(row, "AccessionNumber"),
        sex=_text(row, "PatientSex"),
        instances=int(row.get("NumberOfStudyRelatedInstances") or 0),
        patient=_text(row, "PatientName"),
        number=_text(row, "PatientID"),
        birth=_text(row, "PatientBirthDate"),
    )


def _instance(row: Dataset, study: str) -> InstanceEntry:
    if _text(row, "StudyInstanceUID") not in ("", study):
        raise ValueError("an instance of another study")
    return InstanceEntry(
        study=study,
        series=_uid(row, "SeriesInstanceUID"),
        uid=_uid(row, "SOPInstanceUID"),
        modality=_text(row, "Modality"),
        description=_text(row, "SeriesDescription"),
        rows=int(row.get("Rows") or 0),
        columns=int(row.get("Columns") or 0),
        frames=int(row.get("NumberOfFrames") or 1),
    )


def _receipt(answer: Dataset, sent: Sequence[str]) -> StoreReceipt:
    """The receipt in the response. Objects that it does not mention count as refused: nothing confirms them."""
    confirmed = {_uid(item, "ReferencedSOPInstanceUID") for item in answer.get("ReferencedSOPSequence") or ()}
    items = answer.get("FailedSOPSequence") or ()
    failed = {_uid(item, "ReferencedSOPInstanceUID"): item.get("FailureReason") for item in items}
    refused = {
        uid: f"failure code {failed[uid]}" if uid in failed else "not confirmed"
        for uid in sent
        if uid in failed or uid not in confirmed
    }
    return StoreReceipt(tuple(uid for uid in sent if uid not in refused), refused)


def _any_encoding(name: str) -> str:
    """The name with wildcards for characters that a URL would have to encode: some servers do not decode them."""
    return "".join(each if re.match(r"[\w*?.-]", each, re.ASCII) else "?" if each.isascii() else "*" for each in name)


def _text(row: Dataset, keyword: str) -> str:
    return str(row.get(keyword) or "")


def _uid(row: Dataset, keyword: str) -> str:
    """Raises: ValueError if it is not a DICOM identifier, since it becomes part of a URL."""
    uid = _text(row, keyword)
    if not is_uid(uid):
        raise ValueError(f"{keyword} is no identifier")
    return uid


def is_uid(text: str) -> bool:
    """Whether the text can be a DICOM identifier."""
    return len(text) <= _LONGEST_UID and bool(_UID.fullmatch(text))


def _refuse_uid(study: str) -> None:
    if not is_uid(study):
        raise BadSetting(f"{study!r} is not a Study Instance UID. It is digits and dots; `pacs search` lists them.")
