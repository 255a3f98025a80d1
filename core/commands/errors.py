"""How commands fail: one sentence on stderr and exit code 1."""

import functools
from collections.abc import Callable
from typing import Any

import click

from core.errors import UserError


def report_user_errors(function: Callable[..., None]) -> Callable[..., None]:
    """The function with each UserError as one sentence on stderr and exit code 1."""

    @functools.wraps(function)
    def reporting(*args: Any, **options: Any) -> None:
        try:
            function(*args, **options)
        except UserError as error:
            raise click.ClickException(str(error)) from error

    return reporting
