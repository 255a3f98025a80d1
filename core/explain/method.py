"""The table of attribution methods: what pages, command line, tests and README read."""

import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from torch import Tensor

from core.errors import BadSetting
from core.explain.evidence import Evidence
from core.registry import Registry, unknown

Value = int | float | str | bool


@dataclass(frozen=True)
class Bounds:
    """Lowest and highest value of a numeric setting, and what it means in a few words."""

    low: float
    high: float
    meaning: str


@dataclass(frozen=True)
class Choice:
    """What a textual setting means, in a few words; the choices stand in its Literal type."""

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
        try:
            number: Value = self.kind(value)
        except (TypeError, ValueError) as error:
            raise BadSetting(f"{self.name} is {value!r}; it must be a number ({self.kind.__name__}).") from error
        if self.low is not None and self.high is not None and not self.low <= float(number) <= self.high:
            raise BadSetting(f"{self.name} is {number}; it must lie between {self.low:g} and {self.high:g}.")
        return number


class Rule(Protocol):
    """A method's function: evidence and its settings to a map (N, h, w)."""

    def __call__(self, evidence: Evidence, **settings: Any) -> Tensor: ...


@dataclass(frozen=True)
class Method:
    """A registry entry.

    needs:    what its gradients are taken of: "stage", "images", or "none".
    layered:  True if it is asked for at a stage; False if it always explains the input.
    signed:   True if below zero speaks against the finding.
    unit:     of the heat.
    plain:    one sentence a radiologist understands: the first docstring line.
    misleads: one sentence on how it can mislead.
    """

    name: str
    title: str
    needs: Literal["stage", "images", "none"]
    layered: bool
    signed: bool
    unit: str
    plain: str
    misleads: str
    source: str
    settings: tuple[Setting, ...]
    rule: Rule

    def parse(self, given: Mapping[str, Any]) -> dict[str, Value]:
        """All settings, defaults filled in. Raises: UnknownName, BadSetting."""
        known = {setting.name: setting for setting in self.settings}
        for name in given:
            if name not in known:
                raise unknown(f"setting of {self.name}", name, list(known))
        return {name: setting.parse(given.get(name, setting.default)) for name, setting in known.items()}


methods: Registry[Method] = Registry("method", package="core.explain")


def method(
    name: str,
    *,
    title: str,
    needs: Literal["stage", "images", "none"],
    layered: bool,
    signed: bool,
    unit: str,
    misleads: str,
    source: str,
) -> Callable[[Callable[..., Tensor]], Callable[..., Tensor]]:
    """Registers a function `(evidence, *, settings...) -> (N, h, w)`; settings are read from its signature."""

    def register(rule: Callable[..., Tensor]) -> Callable[..., Tensor]:
        plain = (inspect.getdoc(rule) or "").splitlines()
        if not plain:
            raise ValueError(f"method {name!r} has no docstring; its first line is the help text on screen")
        hints = typing.get_type_hints(rule, include_extras=True)
        settings = tuple(
            _setting(parameter, hints[parameter.name])
            for parameter in inspect.signature(rule).parameters.values()
            if parameter.kind is inspect.Parameter.KEYWORD_ONLY
        )
        methods.add(name, Method(name, title, needs, layered, signed, unit, plain[0], misleads, source, settings, rule))
        return rule

    return register


def _setting(parameter: inspect.Parameter, hint: Any) -> Setting:
    if typing.get_origin(hint) is not typing.Annotated:
        raise ValueError(
            f"setting {parameter.name!r} needs Annotated[type, Bounds(...)] or Annotated[Literal, Choice(...)]"
        )
    kind, note = typing.get_args(hint)[:2]
    if isinstance(note, Bounds):
        return Setting(parameter.name, kind, parameter.default, note.meaning, note.low, note.high)
    return Setting(parameter.name, str, parameter.default, note.meaning, choices=typing.get_args(kind))
