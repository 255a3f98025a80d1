"""Probabilities as horizontal bars with the mark of the operating point, as HTML in the styles of `styles.css`."""

from collections.abc import Sequence
from html import escape

from core.models.findings import words
from dashboard.finding_colours import colour
from dashboard.markup import block


def bar(
    finding: str, probability: float, *, threshold: float | None, explained: bool, called: bool | None = None
) -> str:
    """One row of the bar chart: name, bar with the operating point as a mark, number, and its meaning.

    explained: whether the map is of this finding; its name is then in bold.
    called:    whether it is the one call of a single-label model; None if each finding is judged separately.
    """
    reached = threshold is not None and probability >= threshold
    meaning = "" if threshold is None else "above operating point" if reached else "below operating point"
    if called is not None:
        meaning = "the call" if called else ""
    mark = "" if threshold is None else f'<i class="lb-mark" style="left:{threshold:.1%}"></i>'
    name = words(finding)
    point = "" if threshold is None else f", operating point {threshold:.2f}"
    spoken = f"{name} {probability:.2f}{point}" + (f", {meaning}" if meaning else "")
    return (
        f'<div class="lb-bar{" lb-explained" if explained else ""}" role="img" aria-label="{escape(spoken)}">'
        f'<span class="lb-name">{escape(name)}</span><span class="lb-quiet">{meaning}</span>'
        f'<span class="lb-number">{probability:.2f}</span>'
        f'<span class="lb-track"><b style="width:{probability:.1%};background:{colour(finding)}"></b>{mark}</span>'
        "</div>"
    )


def group(text: str, bars: str) -> str:
    """Bars under a small title."""
    return f'<p class="lb-many-title lb-quiet">{escape(text)}</p>{block("lb-many", bars)}'


def narrow_bar(
    finding: str, probability: float, *, point: float | None, more: str, spoken: str, explained: bool
) -> str:
    """A narrow bar of a finding with its operating point; more: a further figure, and how it is read aloud."""
    name = words(finding)
    mark = "" if point is None else f'<i class="lb-mark" style="left:{point:.1%}"></i>'
    spoken = ", ".join(part for part in (f"{name} {probability:.2f}", spoken) if part)
    bar = f'<b style="width:{probability:.1%};background:{colour(finding)}"></b>'
    return (
        f'<div class="lb-row{" lb-explained" if explained else ""}" role="img" aria-label="{escape(spoken)}">'
        f'<span class="lb-name">{escape(name)}</span><span class="lb-track">{bar}{mark}</span>'
        f'<span class="lb-number">{probability:.2f}</span><span class="lb-number lb-quiet">{escape(more)}</span></div>'
    )


def signed_bar(finding: str, share: float, *, number: str, spoken: str, explained: bool) -> str:
    """A bar from the middle, to the right if the share (-1 to 1, of half the width) is positive."""
    side, width = "left" if share >= 0 else "right", f"{50 * abs(share):.1f}%"
    return (
        f'<div class="lb-signed{" lb-explained" if explained else ""}" role="img" aria-label="{escape(spoken)}">'
        f'<span class="lb-name">{escape(words(finding))}</span>'
        f'<span class="lb-track"><b style="{side}:50%;width:{width};background:{colour(finding)}"></b>'
        f'<i class="lb-mark" style="left:50%"></i></span><span class="lb-number">{escape(number)}</span></div>'
    )


def two_bars(finding: str, before: float, after: float, *, asides: Sequence[str], spoken: str, explained: bool) -> str:
    """Two bars, the probability before (pale) and after, with quiet figures beside them."""
    hue = colour(finding)
    beside = "".join(f'<span class="lb-number lb-quiet">{escape(each)}</span>' for each in asides)
    return (
        f'<div class="lb-shift{" lb-explained" if explained else ""}" role="img" aria-label="{escape(spoken)}">'
        f'<span class="lb-name">{escape(words(finding))}</span>'
        f'<span class="lb-number">{before:.2f} → {after:.2f}</span>{beside}'
        f'<span class="lb-track"><b style="width:{before:.1%};background:{hue};opacity:0.4"></b></span>'
        f'<span class="lb-track"><b style="width:{after:.1%};background:{hue}"></b></span></div>'
    )
