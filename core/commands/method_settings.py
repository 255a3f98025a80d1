"""Settings of methods as options: `--steps 64` is `--setting steps=64`, for every chosen method that has `steps`.

They are parsed when the command runs and not declared to click, which would load every method for `--help`.
"""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING

import click

from core.errors import BadSetting, UnknownName
from core.registry import unknown

if TYPE_CHECKING:
    from core.explain.method import Method, Setting

OPTIONS_OF_EXPLAIN = frozenset({"window"})  # settings of these names need --setting: the option is that of the film
Entered = dict[str, str]  # setting -> value as it was typed


def split(
    arguments: Sequence[str], pairs: Sequence[str], chosen: "Sequence[Method]", own: Sequence[str]
) -> tuple[tuple[str, ...], Entered]:
    """The files among the arguments, and the settings: options that click does not know, and NAME=VALUE pairs.

    own:    the command's own options, for the hint where one is misspelt.
    Raises: UnknownName for an option that is neither; BadSetting for one without its value.
    """
    known = {setting.name: setting for method in chosen for setting in method.settings}
    files: list[str] = []
    entered = _pairs(pairs)
    for name in entered:
        if name not in known:
            raise unknown(f"setting of {_names(chosen)}", name, list(known))
    tokens = list(arguments)
    while tokens:
        token = tokens.pop(0)
        if not token.startswith("-") or token == "-":
            files.append(token)
            continue
        flag, equals, value = token.partition("=")
        name = flag.removeprefix("--").replace("-", "_")
        if name.startswith("no_") and name[3:] in known and known[name[3:]].kind is bool and not equals:
            entered[name[3:]] = "false"
        elif not flag.startswith("--") or name not in known:
            raise _unknown_option(flag, chosen, own, list(known))
        elif equals:
            entered[name] = value
        elif known[name].kind is bool:
            entered[name] = "true"
        elif tokens:
            entered[name] = tokens.pop(0)
        else:
            raise BadSetting(f"{flag} needs a value: {known[name].meaning} ({span(known[name])}).")
    if not files:
        raise click.UsageError("Missing argument 'FILE...'.")
    return tuple(files), entered


def of(method: "Method", entered: Mapping[str, str]) -> Entered:
    """The entered settings that the method has."""
    return {setting.name: entered[setting.name] for setting in method.settings if setting.name in entered}


def flag(setting: "Setting") -> str:
    """How it is written on the command line, with its default: "--steps 32", "--signed/--no-signed"."""
    if setting.name in OPTIONS_OF_EXPLAIN:
        return f"--setting {setting.name}={setting.default}"
    name = setting.name.replace("_", "-")
    if setting.kind is bool:
        return f"--{name}/--no-{name}"
    return f"--{name} {setting.default}"


def span(setting: "Setting") -> str:
    """The values it may have: "8 to 200", "black, mean", "on or off"."""
    from core.explain.method import plain

    if setting.choices:
        return ", ".join(setting.choices)
    return "on or off" if setting.kind is bool else f"{plain(setting.low or 0)} to {plain(setting.high or 0)}"


def _pairs(pairs: Sequence[str]) -> Entered:
    parts = [entry.partition("=") for entry in pairs]
    for entry, (name, equals, _) in zip(pairs, parts, strict=True):
        if not (name and equals):
            raise BadSetting(f"--setting is {entry!r}; it must be NAME=VALUE, as in steps=64.")
    return {name.strip(): value.strip() for name, _, value in parts}


def _unknown_option(flag: str, chosen: "Sequence[Method]", own: Sequence[str], known: Sequence[str]) -> UnknownName:
    flags = ["--" + name.replace("_", "-") for name in known]
    nearest = get_close_matches(flag, [*own, *flags], n=1)
    hint = f" Did you mean {nearest[0]}?" if nearest else ""
    settings = f"settings: {', '.join(flags)}" if flags else "no settings"
    return UnknownName(f"There is no option {flag}.{hint} {_names(chosen)} has {settings}; --help lists the others.")


def _names(chosen: "Sequence[Method]") -> str:
    return " and ".join(method.name for method in chosen)
