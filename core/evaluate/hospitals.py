"""Which sources belong to one hospital or one family of collections, and are left out together."""

from collections.abc import Iterable, Sequence

from core.evaluate.manifest import Row

# For the curated sets (cxr, cxr-adults). Other sources stand for themselves.
NIH, GUANGZHOU, CASE_REPORTS, COVID = "NIH Clinical Center", "Guangzhou", "case reports", "covid collections"
_HOSPITALS = {
    "nih": NIH,
    "rsna": NIH,  # the RSNA challenge drew its films from NIH's
    "radiography-rsna": NIH,
    "kermany": GUANGZHOU,  # children of one hospital
    "ieee8023": CASE_REPORTS,  # from many journals and hospitals
    "armiro": COVID,  # both gathered from many hospitals, by the same finding
    "radiography-covid": COVID,
}


def hospital(row: Row) -> str:
    """The hospital of a film, or its source if that is a hospital of its own."""
    return _HOSPITALS.get(row.source, row.source)


def named(rows: Iterable[Row]) -> list[str]:
    """The hospitals of the films, each once, in alphabetical order; films without a source have none."""
    return sorted({hospital(row) for row in rows if row.source})


def of(rows: Sequence[Row], name: str) -> list[Row]:
    """The films of one source or one hospital."""
    return [row for row in rows if name in (row.source, hospital(row))]
