"""The table of attribution methods: what pages, command line, tests and README read."""

import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import Any, Literal, Protocol

from torch import Tensor

from core.errors import BadSetting
from core.explain.evidence import Evidence
from core.models.architecture import Network
from core.registry import Registry, unknown

Value = int | float | str | bool
Family = Literal["class activation", "gradient", "perturbation", "layer and unit", "baseline"]
Cost = Literal["shared", "few", "tens", "hundreds"]
Rounds = Literal[True, False, "signed"]
FAMILIES: dict[Family, str] = {
    "class activation": "Weighted feature maps: coarse and stable",
    "gradient": "How the score changes with each pixel: fine and noisy",
    "perturbation": "How the score changes when a part is hidden: slow, easy to read",
    "layer and unit": "How a stage or one of its units responds",
    "baseline": "No explanation: controls that a real map has to beat",
}
COSTS: dict[Cost, str] = {
    "shared": "shares the passes of the prediction",
    "few": "a few network passes",
    "tens": "tens of network passes",
    "hundreds": "hundreds of network passes or more",
}


@dataclass(frozen=True)
class Bounds:
    """Lowest and highest value of a numeric setting, and what it means in a few words."""

    low: float
    high: float
    meaning: str


@dataclass(frozen=True)
class Choice:
    """The meaning of a textual setting (with choices in its Literal type) or of a switch (bool), in a few words."""

    meaning: str


@dataclass(frozen=True)
class Setting:
    """One keyword-only parameter of a method, as widgets and flags need it."""

    name: str
    kind: type
    default: Value
    meaning: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()

    def parse(self, value: Any) -> Value:
        """The value in the setting's type. Raises: BadSetting outside the bounds, naming them."""
        if self.choices:
            if value not in self.choices:
                raise BadSetting(f"{self.name} is {value!r}; it must be one of {', '.join(self.choices)}.")
            return str(value)
        if self.kind is bool:
            if str(value).lower() not in _TRUTHS:
                raise BadSetting(f"{self.name} is {value!r}; it must be true or false.")
            return _TRUTHS[str(value).lower()]
        try:
            number: Value = self.kind(value)
        except (TypeError, ValueError, OverflowError) as error:
            raise BadSetting(f"{self.name} is {value!r}; it must be {_KINDS[self.kind]}.") from error
        if isinstance(value, float) and number != value:
            raise BadSetting(f"{self.name} is {value}; it must be a whole number.")
        if self.low is not None and self.high is not None and not self.low <= float(number) <= self.high:
            raise BadSetting(f"{self.name} is {number}; it must lie between {plain(self.low)} and {plain(self.high)}.")
        return number


def plain(number: float) -> str:
    """A bound in plain digits: 9999, 0.05, 2147483647."""
    return f"{number:g}" if number % 1 else f"{number:.0f}"


_KINDS = {int: "a whole number", float: "a number"}
_TRUTHS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


Fits = Callable[[Network, str | None], str]


class MethodFunction(Protocol):
    """A method's function: evidence and its settings to a map (N, h, w)."""

    def __call__(self, evidence: Evidence, **settings: Any) -> Tensor: ...


@dataclass(frozen=True)
class Method:
    """A registry entry.

    family:   the group in which menus show it.
    needs:    the sources of its gradients on the shared tape: "stage", "images", "both", or "none".
    layered:  True if it explains a stage; False if it always explains the input.
    signed:   True if below zero speaks against the finding; None if its setting `signed` says so.
    unit:     of the heat.
    by_region: True if each value stands for a whole region of the film.
    specific: False if the map is the same for every finding, so that it explains none.
    cost:     how many passes of the network it takes.
    bfloat16: whether its maps, at the last stage where it has one, correlate 0.999 or more with those in float32 on
              each real radiograph, for every finding (a test measures it): always, never, or only while they are
              signed, because some rectified maps keep few cells, whose values nearly cancel.
    fits:     (network, stage or None) -> why the network cannot serve it; "" where it can.
    by:       the class of Captum that computes it; None where Lightbox does.
    why:      where Lightbox does: why Captum does not.
    plain:    one sentence a radiologist understands: the first docstring line.
    misleads: one sentence on how it can mislead.
    """

    name: str
    title: str
    family: Family
    needs: Literal["stage", "images", "both", "none"]
    layered: bool
    signed: bool | None
    unit: str
    cost: Cost
    specific: bool
    bfloat16: Rounds
    fits: Fits
    plain: str
    misleads: str
    source: str
    by: type | None
    why: str
    settings: tuple[Setting, ...]
    rule: MethodFunction
    by_region: bool = False

    @property
    def computed_by(self) -> str:
        """ "Captum LayerGradCam", or "Lightbox: " and why not Captum."""
        return f"Captum {self.by.__name__}" if self.by else f"Lightbox: {self.why}"

    @property
    def slow(self) -> bool:
        """Whether it is slow enough to need a progress bar and to run apart from quick maps."""
        return self.cost in ("tens", "hundreds")

    def signs(self, settings: Mapping[str, Any]) -> bool:
        """Whether a map with these settings can be negative."""
        return bool(settings["signed"]) if self.signed is None else self.signed

    def rounds(self, settings: Mapping[str, Any]) -> bool:
        """Whether it is offered in bfloat16 with these settings."""
        return self.signs(settings) if self.bfloat16 == "signed" else self.bfloat16

    def parse(self, given: Mapping[str, Any]) -> dict[str, Value]:
        """All settings, defaults filled in. Raises: UnknownName, BadSetting."""
        known = {setting.name: setting for setting in self.settings}
        for name in given:
            if name not in known:
                raise unknown(f"setting of {self.name}", name, list(known))
        return {name: setting.parse(given.get(name, setting.default)) for name, setting in known.items()}


@cache
def captum_version() -> str:
    """The version of the installed Captum; read from its package data, without an import."""
    return version("captum")


methods: Registry[Method] = Registry("method", package="core.explain")


def by_family() -> dict[Family, list[Method]]:
    """The methods, grouped, in the order of FAMILIES; in each by cost, then by title, whatever the order of imports."""
    order = sorted(methods.values(), key=lambda each: (list(COSTS).index(each.cost), each.title.lower()))
    return {family: [each for each in order if each.family == family] for family in FAMILIES}


def _serves(network: Network, stage: str | None) -> str:
    return ""


def method(
    name: str,
    *,
    title: str,
    family: Family,
    needs: Literal["stage", "images", "both", "none"],
    layered: bool,
    signed: bool | None,
    unit: str,
    misleads: str,
    source: str,
    by: type | None,
    why: str = "",
    cost: Cost = "shared",
    specific: bool = True,
    bfloat16: Rounds = False,
    fits: Fits = _serves,
    by_region: bool = False,
) -> Callable[[Callable[..., Tensor]], Callable[..., Tensor]]:
    """Registers a function `(evidence, *, settings...) -> (N, h, w)`; settings are read from its signature.

    by:  the class of Captum that the function calls, or None and, in `why`, why Lightbox computes it itself.
    """

    def register(rule: Callable[..., Tensor]) -> Callable[..., Tensor]:
        plain = (inspect.getdoc(rule) or "").splitlines()
        if not plain:
            raise ValueError(f"method {name!r} has no docstring; its first line is the help text on screen")
        settings = keyword_settings(rule)
        entry = Method(
            name=name,
            title=title,
            family=family,
            needs=needs,
            layered=layered,
            signed=signed,
            unit=unit,
            cost=cost,
            specific=specific,
            bfloat16=bfloat16,
            fits=fits,
            plain=plain[0],
            misleads=misleads,
            source=source,
            by=by,
            why=why,
            settings=settings,
            rule=rule,
            by_region=by_region,
        )
        if (by is None) == (not why):
            raise ValueError(f"method {name!r} needs either the Captum class that computes it (by), or why none does")
        if signed is None and "signed" not in {setting.name for setting in settings}:
            raise ValueError(f"method {name!r} leaves its sign to a setting `signed`, which it does not have")
        methods.add(name, entry)
        return rule

    return register


def keyword_settings(rule: Callable[..., Any]) -> tuple[Setting, ...]:
    """The keyword-only parameters of a function as settings; each is annotated with its bounds or choices."""
    hints = typing.get_type_hints(rule, include_extras=True)
    return tuple(
        _setting(parameter, hints[parameter.name])
        for parameter in inspect.signature(rule).parameters.values()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    )


def _setting(parameter: inspect.Parameter, hint: Any) -> Setting:
    if typing.get_origin(hint) is not typing.Annotated:
        raise ValueError(
            f"setting {parameter.name!r} needs Annotated[type, Bounds(...)] or Annotated[Literal, Choice(...)]"
        )
    kind, note = typing.get_args(hint)[:2]
    if isinstance(note, Bounds):
        return Setting(parameter.name, kind, parameter.default, note.meaning, note.low, note.high)
    if kind is bool:
        return Setting(parameter.name, bool, parameter.default, note.meaning)
    return Setting(parameter.name, str, parameter.default, note.meaning, choices=typing.get_args(kind))
