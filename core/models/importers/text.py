"""Names and numbers from an untrusted file as text: short, and without control characters."""

from collections.abc import Iterable, Sequence

_LONGEST = 60  # characters of one name
_MOST = 4  # names in a sentence


def plain(text: str) -> str:
    """The text on one line, without control characters, shortened if long."""
    printable = "".join(each if each.isprintable() else "?" for each in text)
    return printable if len(printable) <= _LONGEST else f"{printable[: _LONGEST - 1]}…"


def listing(names: Iterable[str]) -> str:
    """The first few names, separated by commas, and the number of others."""
    every = list(names)
    more = f" and {len(every) - _MOST:,} more" if len(every) > _MOST else ""
    return ", ".join(map(plain, every[:_MOST])) + more


def shape_text(shape: Sequence[int]) -> str:
    """ "1024 × 14"; "one number" for a scalar."""
    return " × ".join(map(str, shape)) or "one number"


def bytes_of(count: float) -> str:
    """ "23 MB"; small ones in bytes."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:,.0f} {unit}"
    return f"{count:.0f} bytes"


def first_line(error: BaseException) -> str:
    """The first line of an error; of torch's, without its advice to open the file anyway."""
    message = str(error).partition("WeightsUnpickler error: ")[2] or str(error)
    return plain(message.strip().split("\n", 1)[0] or type(error).__name__)


def broken_message(name: str, error: BaseException) -> str:
    """The message for a file whose parts do not fit together."""
    return f"{plain(name)} is broken or was cut short ({first_line(error)}). Fetch it again."
