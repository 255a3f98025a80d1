"""Dataclasses from JSON and back without loss: unknown fields are kept and written back.

A dataclass with a field `raw` keeps the JSON object that it was parsed from; one without refuses unknown fields.
"""

import dataclasses
import math
import types
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

Parsed = TypeVar("Parsed")
NullableFloat = Annotated[float, "null in JSON is NaN"]
_RAW, _KEY = "raw", "key"
_PLAIN = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


def raw() -> Any:
    """The field that keeps the JSON object: unknown fields, explicit nulls and the order of keys."""
    return dataclasses.field(default_factory=dict, repr=False, compare=False)


def key(name: str, default: Any) -> Any:
    """A field whose key in JSON is `name`."""
    return dataclasses.field(default=default, metadata={_KEY: name})


def parse(kind: type[Parsed], json: Any, where: str = "") -> Parsed:
    """The JSON value as one of that dataclass.

    where:  path of the value in its document, for messages.
    Raises: ValueError naming the first field that is missing, unknown or of another type.
    """
    if not isinstance(json, Mapping):
        raise ValueError(f"{where or 'the whole'}: expected an object, found {_short(json)}")
    known = _fields(cast(Any, kind))
    values = {}
    for name, (key, hint, required) in known.items():
        if key in json:
            values[name] = _parsed(hint, json[key], f"{where}.{key}".lstrip("."))
        elif required:
            raise ValueError(f"`{f'{where}.{key}'.lstrip('.')}`, which is missing")
    if _keeps_raw(cast(Any, kind)):
        values[_RAW] = json
    elif unknown := sorted(set(json) - {key for key, *_ in known.values()}):
        raise ValueError(f"`{f'{where}.{unknown[0]}'.lstrip('.')}`, which this version does not know")
    return kind(**values)


def dump(value: Any) -> Any:
    """The value as JSON: the object that `parse` read, with the current fields; null for NaN."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields, whole = dict(getattr(value, _RAW, {})), not _keeps_raw(type(value))
        for name, (key, _, required) in _fields(type(value)).items():
            json = dump(getattr(value, name))
            if whole or required or key in fields or json != dump(_default(type(value), name)):
                fields[key] = json
        return fields
    if isinstance(value, Mapping):
        return {name: dump(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [dump(each) for each in value]
    return None if isinstance(value, float) and math.isnan(value) else value


@cache
def _fields(kind: Any) -> dict[str, tuple[str, Any, bool]]:
    """Name of a field -> its key in JSON, its type, and whether it has no default."""
    hints = get_type_hints(kind, include_extras=True)
    return {
        field.name: (
            field.metadata.get(_KEY, field.name),
            hints[field.name],
            field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING,
        )
        for field in dataclasses.fields(kind)
        if field.name != _RAW
    }


@cache
def _default(kind: Any, name: str) -> Any:
    (field,) = (each for each in dataclasses.fields(kind) if each.name == name)
    return field.default_factory() if field.default_factory is not dataclasses.MISSING else field.default


@cache
def _keeps_raw(kind: Any) -> bool:
    return any(field.name == _RAW for field in dataclasses.fields(kind))


def _parsed(hint: Any, json: Any, where: str) -> Any:
    origin, parts = get_origin(hint), get_args(hint)
    if hint is Any:
        return json
    if origin is Annotated:
        return math.nan if json is None else _plain(float, json, where)
    if origin is Literal:
        if json not in parts:
            raise ValueError(f"`{where}`: {_short(json)} is none of {', '.join(map(str, parts))}")
        return json
    if origin in (Union, types.UnionType):
        return _one_of(parts, json, where)
    if origin is tuple:
        if not isinstance(json, list | tuple):
            raise ValueError(f"`{where}`: expected a list, found {_short(json)}")
        if parts[0] is NullableFloat and all(type(each) is float for each in json):  # curves: most of a card
            return tuple(json)
        return tuple(_parsed(parts[0], each, f"{where}[{place}]") for place, each in enumerate(json))
    if origin is Mapping:
        if not isinstance(json, Mapping):
            raise ValueError(f"`{where}`: expected an object, found {_short(json)}")
        return {name: _parsed(parts[1], each, f"{where}.{name}") for name, each in json.items()}
    if dataclasses.is_dataclass(hint):
        return parse(cast(type[Any], hint), json, where)
    return _plain(hint, json, where)


def _one_of(kinds: tuple[Any, ...], json: Any, where: str) -> Any:
    if json is None and type(None) in kinds:
        return None
    problem = ValueError(where)
    for kind in kinds:
        if kind is not type(None):
            try:
                return _parsed(kind, json, where)
            except ValueError as error:
                problem = error
    raise problem


def _plain(kind: Any, json: Any, where: str) -> Any:
    numbers = (int, float) if kind is float else kind
    if not isinstance(json, numbers) or (isinstance(json, bool) and kind is not bool):
        raise ValueError(f"`{where}`: expected {_PLAIN[kind]}, found {_short(json)}")
    return json


def _short(json: Any) -> str:
    text = repr(json)
    return text if len(text) <= 40 else f"{text[:39]}…"
