"""How names and numbers out of a stranger's file are told: short, and with nothing a screen would act on."""

from collections.abc import Iterable, Sequence

_LONGEST = 60  # characters of one name
_MOST = 4  # names in a sentence


def shown(text: str) -> str:
    """The text on one line, printable, cut where it is long."""
    plain = "".join(each if each.isprintable() else "?" for each in text)
    return plain if len(plain) <= _LONGEST else f"{plain[: _LONGEST - 1]}…"


def listed(names: Iterable[str]) -> str:
    """The first few names with commas, and how many more there are."""
    every = list(names)
    more = f" and {len(every) - _MOST:,} more" if len(every) > _MOST else ""
    return ", ".join(map(shown, every[:_MOST])) + more


def sized(shape: Sequence[int]) -> str:
    """ "1024 × 14"; "one number" of a tensor without sides."""
    return " × ".join(map(str, shape)) or "one number"


def bytes_of(count: float) -> str:
    """ "23 MB"; small ones in bytes."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:,.0f} {unit}"
    return f"{count:.0f} bytes"


def reason(error: BaseException) -> str:
    """The first line of what an error says; of torch's, without its advice to open the file all the same."""
    told = str(error).partition("WeightsUnpickler error: ")[2] or str(error)
    return shown(told.strip().split("\n", 1)[0] or type(error).__name__)


def broken(name: str, error: BaseException) -> str:
    """The sentence for a file whose parts do not fit together."""
    return f"{shown(name)} is broken or was cut short ({reason(error)}). Fetch it again."
