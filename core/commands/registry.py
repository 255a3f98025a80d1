"""The table of commands. A new one is a file in this folder with a function under `@command`; nothing else changes."""

from collections.abc import Callable, Mapping
from typing import Any

import click

from core.commands.errors import report_user_errors
from core.registry import Registry

commands: Registry[click.Command] = Registry("command", package="core.commands")


def command(
    name: str, *, short_help: str | None = None, context_settings: Mapping[str, Any] | None = None
) -> Callable[[Callable[..., None]], click.Command]:
    """Registers the function as `python -m core NAME`; its docstring is the help text.

    name: "layers unit" is the command `unit` of the group `layers`.
    """

    def register(function: Callable[..., None]) -> click.Command:
        make = click.command(
            name.split()[-1], short_help=short_help, context_settings=dict(context_settings or {}) or None
        )
        click_command = make(report_user_errors(function))
        commands.add(name, click_command)
        return click_command

    return register


def add_commands(root: click.Group) -> None:
    """Adds every registered command to `root`, those of two words to their group."""
    for name in sorted(commands):  # a group comes before its commands
        *group, _ = name.split()
        parent = commands[group[0]] if group else root
        if not isinstance(parent, click.Group):
            raise ValueError(f"{group[0]!r} has the command {name!r}, but is no group")
        parent.add_command(commands[name])
