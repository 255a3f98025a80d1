"""Agreement and disagreement of several maps of one film, in sentences."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from core.compare.anatomical_regions import AnatomicalRegions, HeatLocation, anatomical_places, locate_heat
from core.compare.map_agreement import Matrix, agreement_matrix
from core.compare.tile import Tile
from core.explain.method import methods
from core.models.findings import words
from core.types import Radiograph

TOP = 10  # % of the film: the hottest part whose overlap is reported
AGREES = 0.5  # overlap from which maps count as agreeing
SECOND = 0.25  # of the heat, from which the second place is named as well
_MANY = 5  # models, from which they are counted, not listed
_MOST = 1 / 3  # of the heat, below which the first place only has the largest share
_LOOKS = " looks"


@dataclass(frozen=True)
class Sentences:
    """The description of several maps; each part one or more sentences, or empty.

    says:      the networks' calls, with the probabilities in the order of the tiles.
    looks:     where each map looks.
    shared:    overlap of the hottest tenths (intersection over union).
    notes:     limits of the others.
    locations: where each map looks, tile by tile.
    """

    says: str
    looks: str
    shared: str
    notes: str
    locations: tuple[HeatLocation, ...]

    @property
    def text(self) -> str:
        return " ".join(part for part in (self.says, self.looks, self.shared, self.notes) if part)


def disagreement(
    radiograph: Radiograph,
    tiles: Sequence[Tile],
    *,
    ground: AnatomicalRegions | None = None,
    matrix: Matrix | None = None,
    named: bool = False,
) -> Sentences:
    """Where the tiles agree and disagree, in sentences; deterministic.

    "Both say pneumonia (0.81, 0.77). A looks at the right lower lung (62 % of its heat), B at the film's upper left
    corner, outside the lungs (48 %). Their maps share 12 % of the hottest tenth."

    ground: the film's regions, if already known; by default with the cleaning of the first map.
    matrix: the agreement of the maps, if already known.
    named:  whether to use names throughout: "both" misleads if there are further tiles on screen.
    Raises: BadData if a map is not of this film; ValueError without a tile.
    """
    if not tiles:
        raise ValueError("there is no tile")
    ground = ground or anatomical_places(radiograph, tiles[0].explanation.cleaning)
    locations = tuple(locate_heat(ground, tile.explanation) for tile in tiles)
    notes = "No lungs were found on this film, so places are named by the film alone." if ground.reason else ""
    return Sentences(
        says=headline(tiles, named=named),
        looks=_looks(tiles, locations, named),
        shared=_shared(tiles, matrix or agreement_matrix(radiograph, [tile.explanation for tile in tiles])),
        notes=notes,
        locations=locations,
    )


def headline(tiles: Sequence[Tile], *, explained: Sequence[Tile] = (), named: bool = False) -> str:
    """The calls of all tiles' networks, and the findings of the maps if they differ.

    "A, B and C say covid (0.78, 0.92, 0.70), D says normal (0.61)." Of five or more models: "4 of 5 models call covid
    (0.50 to 0.92); E calls normal (0.61)."

    explained: the tiles whose findings are named if the maps are of different findings; all by default.
    named:     as in `disagreement`.
    """
    if len({tile.checkpoint.key for tile in tiles}) == 1:
        who = ["The network"]
        subjects: Sequence[Tile] = tiles[:1]
    else:
        who, subjects = [tile.name for tile in tiles], tiles
    groups: dict[str, list[int]] = {}
    for index, tile in enumerate(subjects):
        groups.setdefault(tile.says, []).append(index)
    if len(subjects) >= _MANY:
        return f"{_counted(groups, subjects)} {_explained(tiles, explained or tiles)}".strip()
    parts = []
    for top, members in groups.items():
        subject = _subject([who[index] for index in members], of=0 if named else len(who))
        verb = ("says" if top else "finds") if len(members) == 1 else ("say" if top else "find")
        parts.append(f"{subject} {verb} {_finding(top, [subjects[index] for index in members])}")
    sentence = f"{_joined(parts)}."
    return f"{sentence} {_explained(tiles, explained or tiles)}".strip()


def _counted(groups: Mapping[str, Sequence[int]], subjects: Sequence[Tile]) -> str:
    """How many models call each finding, the one that most of them call first; a single model by its name."""
    parts = []
    for top, members in sorted(groups.items(), key=lambda group: -len(group[1])):
        called = [subjects[index] for index in members]
        if len(members) == 1:
            parts.append(f"{called[0].name} {'calls' if top else 'finds'} {_finding(top, called)}")
            continue
        ends = _range([_probability(tile, top or tile.prediction.likeliest[0]) for tile in called])
        everyone = f"All {len(subjects)} models" if len(members) == len(subjects) else ""
        who = everyone or (f"{len(members)} of {len(subjects)} models" if not parts else f"{len(members)}")
        what = f"call {words(top)} ({ends})" if top else f"find nothing (most likely: {ends})"
        parts.append(f"{who} {what}")
    return f"{'; '.join(parts)}."


def _finding(name: str, tiles: Sequence[Tile]) -> str:
    if name:
        return f"{words(name)} ({', '.join(_probability(tile, name) for tile in tiles)})"
    likeliest = [
        f"{words(tile.prediction.likeliest[0])} {_probability(tile, tile.prediction.likeliest[0])}" for tile in tiles
    ]
    return f"nothing (most likely: {', '.join(likeliest)})"


def _explained(tiles: Sequence[Tile], some: Sequence[Tile]) -> str:
    """The findings of the maps, of some tiles only where they differ; empty if they are the networks' calls."""
    findings = [tile.explanation.finding for tile in tiles]
    if all(tile.says == tile.explanation.finding for tile in (tiles if len(set(findings)) == 1 else some)):
        return ""
    if len(set(findings)) == 1:
        same = len({tile.checkpoint.key for tile in tiles}) == 1
        likely = _probabilities(tiles[:1] if same else tiles, findings[0])
        what = "The map is" if len(tiles) == 1 else "The maps are"
        return f"{what} of {words(findings[0])} ({likely})."
    clauses = [
        f"{tile.name}'s {'map is ' if index == 0 else ''}of {words(finding)} ({_probability(tile, finding)})"
        for index, (tile, finding) in enumerate((tile, tile.explanation.finding) for tile in some)
    ]
    return f"{_joined(clauses)}."


def _looks(tiles: Sequence[Tile], locations: Sequence[HeatLocation], named: bool) -> str:
    plain = [
        _explains(tile) and len(_named_places(location)) == 1 and not location.even
        for tile, location in zip(tiles, locations, strict=True)
    ]
    places_named = {_where(location, shares=False) for location in locations}
    if (
        len(tiles) > 1
        and len(places_named) == 1
        and all(plain)
        and not any(math.isnan(location.share) for location in locations)
    ):
        shares = _listed([_percent(location.share) for location in locations])
        at = "most at" if min(location.share for location in locations) < _MOST else "at"
        who = _subject([tile.name for tile in tiles], of=0 if named else len(tiles))
        return f"{who} look {at} {places_named.pop()} ({shares} of their heat)."
    clauses: list[str] = []
    before = ""
    for tile, location in zip(tiles, locations, strict=True):
        verb = _verb(tile, location)
        where = _where(location, of="" if any("of its heat" in clause for clause in clauses) else " of its heat")
        if not location.places:
            clauses.append(f"{tile.name}{verb}")
        elif location.even:
            clauses.append(f"{tile.name}{verb} ({_percent(location.share)} of it at {location.place})")
        else:
            at = "most at" if location.share < _MOST and len(_named_places(location)) == 1 else "at"
            clauses.append(f"{tile.name}{'' if verb == before == _LOOKS else verb} {at} {where}")
        before = verb
    return f"{_joined(clauses)}."


def _verb(tile: Tile, location: HeatLocation) -> str:
    if not location.places:
        return "'s map shows nothing"
    if location.even:
        return " spreads its heat over the film"
    return _LOOKS if _explains(tile) else "'s map, the same for any finding, lies"


def _where(location: HeatLocation, *, of: str = "", shares: bool = True) -> str:
    """ "the right lower lung (40 % of its heat) and the left lower lung (31 %)"."""
    parts: list[str] = []
    for name, share in _named_places(location):
        mark = f", where {location.mark} is burnt in" if location.mark and not parts else ""
        parts.append(f"{name}{', outside the lungs' if name in location.outside else ''}{mark}")
        if shares and not math.isnan(share):
            parts[-1] += f" ({_percent(share)}{of if len(parts) == 1 else ''})"
    return _listed(parts)


def _named_places(location: HeatLocation) -> list[tuple[str, float]]:
    """The first place, and the second one if it has much of the heat as well."""
    return [each for rank, each in enumerate(location.places[:2]) if rank == 0 or each[1] >= SECOND]


def _explains(tile: Tile) -> bool:
    """Whether the map claims to explain the finding; a baseline does not."""
    method = tile.explanation.method
    return method not in methods or methods[method].specific


def _shared(tiles: Sequence[Tile], matrix: Matrix) -> str:
    overlaps = {
        (i, j): matrix[i][j].overlap[TOP]
        for i, j in combinations(range(len(tiles)), 2)
        if not math.isnan(matrix[i][j].overlap[TOP])
    }
    if not overlaps:
        return ""
    least, most = min(overlaps, key=overlaps.__getitem__), max(overlaps, key=overlaps.__getitem__)
    agree = "Their maps agree: they share" if overlaps[least] >= AGREES else "Their maps share"
    low, high = _percent(overlaps[least]), _percent(overlaps[most])
    if len(overlaps) == 1 and len(tiles) > 2:
        agree = f"The maps of {tiles[least[0]].name} and {tiles[least[1]].name} share"
    if low == high:
        return f"{agree} {'nothing' if low == '0 %' else low} of the hottest tenth."
    ends = (f"{share} ({tiles[i].name} and {tiles[j].name})" for share, (i, j) in ((low, least), (high, most)))
    return f"{agree} {' to '.join(ends)} of the hottest tenth."


def _subject(names: Sequence[str], *, of: int) -> str:
    if len(names) == of and of > 1:
        return "Both" if of == 2 else "All"
    return _listed(names)


def _probability(tile: Tile, finding: str) -> str:
    return f"{tile.prediction.probability(finding):.2f}"


def _probabilities(tiles: Sequence[Tile], finding: str) -> str:
    """The probability by each model; of many models the lowest and the highest."""
    likely = [_probability(tile, finding) for tile in tiles]
    return _range(likely) if len(likely) >= _MANY else ", ".join(likely)


def _range(likely: Sequence[str]) -> str:
    return " to ".join(dict.fromkeys((min(likely), max(likely))))


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _listed(parts: Sequence[str]) -> str:
    """ "A", "A and B", "A, B and C"; empty for none."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def _joined(parts: Sequence[str]) -> str:
    """Clauses of one sentence: two with a comma, more, which have commas themselves, with semicolons."""
    return (", " if len(parts) <= 2 else "; ").join(parts)
