"""The table of edits, an edit as a value and as text, and the film after edits.

blur:sigma=0.05@rectangle:0.1,0.2,0.4,0.5
rotate:degrees=5
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from core.errors import BadSetting
from core.explain.method import Setting, Value, keyword_settings
from core.image.arrangement import through
from core.image.prepare import windowed
from core.registry import Registry, unknown
from core.types import Cleaning, Explanation, Grey, Radiograph
from core.what_if.region import Region, drawn, parsed
from core.what_if.zones import zone_mask

Scope = Literal["region", "film", "either"]
SCOPES: dict[Scope, str] = {
    "region": "needs a region",
    "film": "the whole film",
    "either": "a region, or the whole film",
}
MOST_EDITS = 40
_EDGE = 0.01  # of the long side: width over which an edit fades in from its region's edge


@dataclass(frozen=True)
class Edit:
    """One change to a film.

    settings: those that differ from the default, in the order of the edit's function.
    region:   where; None for the whole film.
    """

    name: str
    settings: tuple[tuple[str, Value], ...] = ()
    region: Region | None = None

    @property
    def text(self) -> str:
        """As `parsed_edit` reads it."""
        given = ",".join(f"{name}={_written(value)}" for name, value in self.settings)
        return f"{self.name}{':' + given if given else ''}{'@' + self.region.text if self.region else ''}"

    @property
    def words(self) -> str:
        """ "Blur (sigma 0.05), right lung"."""
        given = ", ".join(f"{name} {_written(value)}" for name, value in self.settings)
        where = self.region.words if self.region else "whole film"
        return f"{edits[self.name].title}{f' ({given})' if given else ''}, {where}"


@dataclass(frozen=True, eq=False)
class EditContext:
    """The film that is edited, and what its regions and edits may refer to.

    explanation: the map of the unedited film; None without one.
    others:      radiograph key -> other films of the session, to transplant from.
    """

    radiograph: Radiograph
    cleaning: Cleaning = field(default_factory=Cleaning)
    explanation: Explanation | None = None
    others: Mapping[str, Radiograph] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class EditInput:
    """The input of an edit's function.

    grey:   (H, W) float32, the film through its window, 0 black to 1 white.
    region: (H, W) bool, all True for the whole film.
    others: as in `EditContext`.
    """

    grey: Grey
    region: NDArray[np.bool_]
    others: Mapping[str, Radiograph] = field(default_factory=dict)

    def blended(self, other: Grey, region: NDArray[np.bool_] | None = None) -> Grey:
        """The film with another picture (H, W) in the region, which fades in from the region's edge inwards."""
        region = self.region if region is None else region
        if region.all():
            return np.asarray(other, np.float32)
        return np.asarray(self.grey + faded(region) * (other - self.grey), np.float32)


EditRule = Callable[..., Grey]


@dataclass(frozen=True)
class EditKind:
    """A registry entry.

    scope:   whether it needs a region.
    swept:   the numeric setting that a sweep varies; "" if there is none.
    neutral: its value that changes nothing.
    span:    lowest and highest value of a sweep.
    moves:   whether it moves the film in its frame, so that overlays no longer fit.
    plain:   one sentence: the first docstring line.
    """

    name: str
    title: str
    scope: Scope
    settings: tuple[Setting, ...]
    swept: str
    neutral: float
    span: tuple[float, float]
    moves: bool
    plain: str
    rule: EditRule

    def parse(self, given: Mapping[str, Any]) -> tuple[tuple[str, Value], ...]:
        """The settings that differ from the default. Raises: UnknownName, BadSetting."""
        known = {setting.name: setting for setting in self.settings}
        for name in given:
            if name not in known:
                raise unknown(f"setting of {self.name}", name, list(known))
        values = {name: _to_six_digits(known[name].parse(given[name])) for name in known if name in given}
        return tuple((name, value) for name, value in values.items() if value != known[name].default)


edits: Registry[EditKind] = Registry("edit", package="core.what_if.edits")


def edit(
    name: str,
    *,
    title: str,
    scope: Scope,
    swept: str = "",
    neutral: float = 0.0,
    span: tuple[float, float] = (0.0, 1.0),
    moves: bool = False,
) -> Callable[[EditRule], EditRule]:
    """Registers a function `(film: EditInput, *, settings...) -> (H, W) grey`; settings are read from its signature."""

    def register(rule: EditRule) -> EditRule:
        plain = (rule.__doc__ or "").strip().split("\n")[0]
        if not plain:
            raise ValueError(f"edit {name!r} has no docstring; its first line is the help text on screen")
        edits.add(name, EditKind(name, title, scope, keyword_settings(rule), swept, neutral, span, moves, plain, rule))
        return rule

    return register


def made_edit(name: str, settings: Mapping[str, Any], region: Region | None) -> Edit:
    """A checked edit. Raises: UnknownName; BadSetting where a setting or the region does not fit it."""
    kind = edits[name]
    if kind.scope == "region" and region is None:
        raise BadSetting(f"{kind.title} needs a region. Draw one, or choose a zone.")
    if kind.scope == "film" and region is not None:
        raise BadSetting(f"{kind.title} changes the whole film and takes no region. Leave the region out.")
    return Edit(name, kind.parse(settings), region)


def parsed_edit(text: str) -> Edit:
    """The edit of the text. Raises: UnknownName, BadSetting."""
    head, at, where = text.partition("@")
    name, _, rest = head.strip().partition(":")
    given: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in rest.split(","))):
        setting, equals, value = part.partition("=")
        if not equals:
            raise BadSetting(f"The setting {part!r} of {name} has no value; write NAME=VALUE, as in blur:sigma=0.05.")
        given[setting.strip()] = value.strip()
    return made_edit(name, given, parsed(where) if at else None)


def region_mask(region: Region, context: EditContext) -> NDArray[np.bool_]:
    """(H, W) the region on the film.

    Raises: BadSetting if it holds no pixel of the film; as `zone_mask`.
    """
    size = context.radiograph.pixels.shape
    mask = np.zeros(size, bool)
    for shape in region.shapes:
        if shape.kind == "zone":
            mask |= zone_mask(shape.zone, context.radiograph, context.cleaning, context.explanation)
        else:
            mask |= drawn(shape, size)
    if not mask.any():
        raise BadSetting(
            f"The region ({region.words}) holds no pixel of the film. Positions are shares of the film, 0 to 1, from "
            "its upper left corner; draw it on the film."
        )
    return mask


def edited(context: EditContext, changes: Sequence[Edit]) -> Radiograph:
    """The film after all edits in turn, through the window of the cleaning; pixels that no edit changes keep their
    values.

    Regions are places in the frame of the film, zones those of the unedited film.
    Raises: BadSetting if a region holds no pixel, an edit leaves nothing of the film, or there are too many; as
            `region_mask`.
    """
    if len(changes) > MOST_EDITS:
        raise BadSetting(f"There are {len(changes)} edits on this film; at most {MOST_EDITS} are possible. Undo some.")
    film = through(context.radiograph, context.cleaning.window)
    before = windowed(film.pixels, film.black, film.white)
    grey, steps = before, []
    for change in changes:
        kind = edits[change.name]
        region = np.ones(grey.shape, bool) if change.region is None else region_mask(change.region, context)
        grey = np.clip(kind.rule(EditInput(grey, region, context.others), **dict(change.settings)), 0, 1)
        steps.append(f"Edited: {change.words}.")
        if float(np.ptp(grey)) == 0:
            raise BadSetting(
                f"{change.words}: this leaves nothing of the film, every pixel has the same grey. Undo it, or choose "
                "a smaller region or change."
            )
    stored = film.black + grey.astype(np.float64) * (film.white - film.black)
    drawn_pixels = np.clip(np.rint(stored), 0, np.iinfo(film.pixels.dtype).max).astype(film.pixels.dtype)
    moved = any(edits[change.name].moves for change in changes)
    return replace(
        film,
        pixels=np.where(grey == before, film.pixels, drawn_pixels),
        linear=None,
        windows=(),
        planes=() if moved else tuple(plane for plane in film.planes if plane.is_truth),
        steps=(*film.steps, *steps),
    )


def _written(value: Value) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _to_six_digits(value: Value) -> Value:
    """Rounded as in the text, so that an edit equals the one parsed from its text."""
    return float(f"{value:g}") if isinstance(value, float) else value


def faded(region: NDArray[np.bool_]) -> Grey:
    """(H, W) 0 outside the region to 1 inside, rising over `_EDGE` of the film's long side from its edge inwards."""
    reach = _EDGE * max(region.shape)
    if reach <= 1:
        return region.astype(np.float32)
    away = cv2.distanceTransform(region.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_3)
    return np.asarray(np.minimum(away / reach, 1), np.float32)
