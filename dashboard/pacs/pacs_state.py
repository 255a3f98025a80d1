"""The choices on the page PACS; part of the session."""

from dataclasses import dataclass, field
from datetime import date

from core.pacs.dicomweb import InstanceEntry, StoreReceipt, StudyEntry, StudyQuery


@dataclass
class PacsState:
    """The search, and the server's answer.

    server:    its name; empty for the first.
    patient, number, accession, modality: of the query; dates: none, the first, or both.
    names:     whether names, numbers and dates of birth are shown.
    studies:   None before the first search.
    study:     the chosen one.
    instances: of the chosen study. thumbnails: identifier -> WebP, or empty if the server rendered none.
    searches:  number of searches: each has its own table.
    receipt:   key of the map whose objects were sent last, and the server's reply.
    """

    server: str = ""
    patient: str = ""
    number: str = ""
    accession: str = ""
    modality: str = ""
    dates: tuple[date, ...] = ()
    names: bool = False
    studies: tuple[StudyEntry, ...] | None = None
    study: StudyEntry | None = None
    instances: tuple[InstanceEntry, ...] = ()
    thumbnails: dict[str, bytes] = field(default_factory=dict)
    searches: int = 0
    receipt: tuple[str, StoreReceipt] | None = None

    @property
    def query(self) -> StudyQuery:
        first, last = (*self.dates, None, None)[:2]
        return StudyQuery(self.patient, self.number, self.accession, first, last, self.modality)

    @property
    def films(self) -> tuple[InstanceEntry, ...]:
        """The films of the chosen study."""
        return tuple(each for each in self.instances if each.is_film)

    @property
    def results(self) -> int:
        """The number of objects in the chosen study that Lightbox made."""
        return sum(each.is_result for each in self.instances)

    def forget(self) -> None:
        """Drops the results of an earlier search."""
        self.studies, self.study, self.instances = None, None, ()
        self.thumbnails.clear()
