"""A figure with its 95 % interval, and how it is written."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.codec import NullableFloat, raw

FEW = 50  # films; with fewer, the interval says more than the value


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval, NaN if not available; n: the number of films behind it."""

    value: NullableFloat
    low: NullableFloat
    high: NullableFloat
    n: int
    raw: Mapping[str, Any] = raw()

    @property
    def has_interval(self) -> bool:
        """Whether both limits are known."""
        return not (math.isnan(self.low) or math.isnan(self.high))

    def card(self) -> dict[str, float | int | None]:
        """As stored in a card: rounded to four digits, null for NaN (JSON has none)."""
        return {**{name: _rounded(getattr(self, name)) for name in ("value", "low", "high")}, "n": self.n}


def available(figure: Estimate | None) -> Estimate | None:
    """The figure; None if it is missing or NaN."""
    return None if figure is None or math.isnan(figure.value) else figure


def value_and_interval(figure: Estimate | None) -> tuple[str, str]:
    """("0.97", "0.96–0.98, n = 799"); with FEW films ("0.61–0.90", "0.77, n = 44"); ("–", "") where there is none."""
    if figure is None or math.isnan(figure.value):
        return "–", ""
    value = f"{figure.value:.2f}"
    interval = f"{figure.low:.2f}–{figure.high:.2f}" if figure.has_interval else ""
    first, second = (interval, value) if interval and figure.n < FEW else (value, interval)
    return first, ", ".join(filter(None, (second, f"n = {figure.n}")))


def estimate_text(figure: Estimate | None) -> str:
    """0.97 (0.96–0.98, n = 799); with FEW films 0.61–0.90 (0.77, n = 44)."""
    first, rest = value_and_interval(figure)
    return f"{first} ({rest})" if rest else first


def quantity(value: float, unit: str) -> str:
    """The number with its unit, in three digits and with a true minus; empty for NaN."""
    if math.isnan(value):
        return ""
    number = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return f"{'0' if number == '-0' else number.replace('-', '−')} {unit}".strip()


def _rounded(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 4)
