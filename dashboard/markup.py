"""Pieces of HTML: small, escaped, in the colours of whichever theme is on. `look.css` gives them their looks."""

from collections.abc import Iterable, Sequence
from html import escape

from core.types import digest

# Okabe and Ito 2008: told apart by all kinds of colour vision. A finding has the same colour on every page.
_FIXED = {"covid": "#e69f00", "pneumonia": "#56b4e9", "normal": "#009e73"}
_OTHERS = ("#cc79a7", "#d55e00", "#f0e442", "#0072b2")
_ICONS = {"ok": "check_circle", "note": "info", "warning": "warning"}


def colour(finding: str) -> str:
    """The finding's own colour; the same for the same name, whatever the model."""
    return _FIXED.get(finding.lower()) or _OTHERS[int(digest(finding.lower()), 16) % len(_OTHERS)]


def icon(name: str) -> str:
    """A Material symbol, silent for screen readers."""
    return f'<span class="lb-icon" aria-hidden="true">{escape(name)}</span>'


def heading(text: str, aside: str = "") -> str:
    """A section's title, and beside it a few quiet words."""
    quiet = f'<span class="lb-quiet">{escape(aside)}</span>' if aside else ""
    return f'<h2 class="lb-heading">{escape(text)}{quiet}</h2>'


def bar(finding: str, probability: float, *, threshold: float | None, asked: bool) -> str:
    """One row of the bar chart: name, bar with the operating point as a mark, number, and what that means.

    asked: whether the map is of this finding; its name is then in bold.
    """
    found = threshold is not None and probability >= threshold
    words = "" if threshold is None else "above threshold" if found else "below threshold"
    mark = "" if threshold is None else f'<i class="lb-mark" style="left:{threshold:.1%}"></i>'
    spoken = f"{finding} {probability:.2f}" + (f", operating point {threshold:.2f}, {words}" if words else "")
    return (
        f'<div class="lb-bar{" lb-asked" if asked else ""}" role="img" aria-label="{escape(spoken)}">'
        f'<span class="lb-name">{escape(finding)}</span><span class="lb-quiet">{words}</span>'
        f'<span class="lb-number">{probability:.2f}</span>'
        f'<span class="lb-track"><b style="width:{probability:.1%};background:{colour(finding)}"></b>{mark}</span>'
        "</div>"
    )


def remark(level: str, title: str, figure: str, sentence: str) -> str:
    """One finding of a check or measure: its level as a symbol, title, figure, and the sentence below."""
    number = f'<span class="lb-number">{escape(figure)}</span>' if figure else ""
    return (
        f'<div class="lb-remark lb-{escape(level)}">{icon(_ICONS[level])}<div><div class="lb-title">'
        f"<b>{escape(title)}</b>{number}</div><p>{escape(sentence)}</p></div></div>"
    )


def paragraph(text: str, *, quiet: bool = False) -> str:
    """A sentence or two."""
    return f'<p class="lb-text{" lb-quiet" if quiet else ""}">{escape(text)}</p>'


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """Names and what they are, in two columns."""
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in pairs)
    return f'<dl class="lb-facts">{rows}</dl>'


def dot(finding: str, probability: float) -> str:
    """The likeliest finding in a word: its colour, its name, its number."""
    return (
        f'<span class="lb-dot" style="background:{colour(finding)}"></span>{escape(finding)} '
        f'<span class="lb-number">{probability:.2f}</span>'
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, caption: str) -> str:
    """A table that screen readers can walk, wide ones scroll by themselves; its caption stays in sight below."""
    columns = "".join(f'<th scope="col">{escape(each)}</th>' for each in head)
    lines = "".join(
        "<tr>"
        + "".join(
            f'<th scope="row">{escape(cell)}</th>' if place == 0 else f"<td>{escape(cell)}</td>"
            for place, cell in enumerate(row)
        )
        + "</tr>"
        for row in rows
    )
    return (
        f'<div class="lb-scroll" tabindex="0"><table class="lb-table" aria-label="{escape(caption)}">'
        f"<thead><tr>{columns}</tr></thead><tbody>{lines}</tbody></table></div>{paragraph(caption, quiet=True)}"
    )


def interval(name: str, figure: str, *, value: float, low: float, high: float, floor: float, hue: str) -> str:
    """One row of a dot plot: the value as a dot and its 95 % interval as a line, on a scale from `floor` to 1.

    Chance, where `floor` is 0.5, is the left end.
    """
    left, middle, right = ((max(each, floor) - floor) / (1 - floor) for each in (low, value, high))
    return (
        f'<div class="lb-bar lb-interval" role="img" aria-label="{escape(f"{name} {figure}")}">'
        f'<span class="lb-name">{escape(name)}</span><span class="lb-track">'
        f'<b style="left:{left:.1%};width:{right - left:.1%};background:{hue}"></b>'
        f'<i class="lb-point" style="left:{middle:.1%};background:{hue}"></i></span>'
        f'<span class="lb-number">{escape(figure)}</span></div>'
    )


def matrix(findings: Sequence[str], counts: Sequence[Sequence[int]]) -> str:
    """The confusion matrix: rows are what the film is, columns what the model says; shade is the share of the row."""
    head = "".join(f'<th scope="col">{escape(each)}</th>' for each in findings)
    lines = ""
    for finding, row in zip(findings, counts, strict=True):
        total = sum(row) or 1
        cells = "".join(
            f'<td style="--share:{count / total:.0%}"><b>{count}</b><span>{count / total:.0%}</span></td>'
            for count in row
        )
        lines += f'<tr><th scope="row">{escape(finding)}</th>{cells}</tr>'
    caption = "Rows: what the film is. Columns: what the model finds likeliest."
    return (
        f'<div class="lb-scroll" tabindex="0"><table class="lb-table lb-matrix" aria-label="{caption}"><thead><tr>'
        f"<th></th>{head}</tr></thead><tbody>{lines}</tbody></table></div>{paragraph(caption, quiet=True)}"
    )
