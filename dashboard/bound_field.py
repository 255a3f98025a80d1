"""Widgets that show and change the session, without a callback for each."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import Any

from dashboard.state import Session, bind, entered, session

Store = Callable[[Session, Any], None]  # stores a widget's entry in the session


@dataclass(frozen=True)
class BoundField:
    """An attribute of the session that a widget shows and changes; `path` is dotted, as in "board.figure".

    convert: value of the widget -> value of the attribute.
    then:    called after each change.
    """

    path: str
    convert: Callable[[Any], Any] = lambda value: value
    then: Callable[[], None] = lambda: None

    @property
    def value(self) -> Any:
        """The present value."""
        return reduce(getattr, self.path.split("."), session())

    def __call__(self, here: Session, value: Any) -> None:
        """Sets the attribute to the entry."""
        *owners, name = self.path.split(".")
        setattr(reduce(getattr, owners, here), name, self.convert(value))
        self.then()

    def widget(self, *, at: str = "", value: Any = None) -> dict[str, Any]:
        """Like the function `widget`. at: tells several widgets apart. value: shown instead of the attribute's own."""
        return widget(f"{self.path} {at}", self.value if value is None else value, self)


def widget(name: str, value: object, store: Store) -> dict[str, Any]:
    """`key`, `on_change` and `args` of a widget that shows `value` and passes its entry to `store`."""
    key = bind(name, value)
    return {"key": key, "on_change": _store, "args": (key, store)}


def _store(key: str, store: Store) -> None:
    store(session(), entered(key))
