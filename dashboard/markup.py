"""Pieces of HTML: small, escaped, in the colours of the current theme. `styles.css` styles them."""

from base64 import b64encode
from collections.abc import Callable, Iterable, Sequence
from html import escape
from math import isnan
from urllib.parse import quote

from core.estimate import Estimate, value_and_interval

_SHADE = 0.55  # share of the accent colour behind a figure of 1
_ICONS = {"ok": "check_circle", "note": "info", "warning": "warning", "unknown": "help"}


def signed(value: float, digits: int = 2) -> str:
    """The number with its sign: "+0.25", "−0.25"; "0.00" if it rounds to zero."""
    number = f"{value:+.{digits}f}".replace("-", "−")
    return number if number.strip("+−0.") else number[1:]


def thumbnail(picture: bytes, name: str) -> str:
    """The film in small; not a Streamlit picture, which would offer its few pixels in full screen."""
    return f'<img src="data:image/webp;base64,{b64encode(picture).decode()}" alt="{escape(name)}">'


def icon(name: str) -> str:
    """A Material symbol, silent for screen readers."""
    return f'<span class="lb-icon" aria-hidden="true">{escape(name)}</span>'


def heading(text: str, aside: str = "") -> str:
    """A section's title with a few quiet words beside it."""
    quiet = f'<span class="lb-quiet">{escape(aside)}</span>' if aside else ""
    return f'<h2 class="lb-heading">{escape(text)}{quiet}</h2>'


def remark(level: str, title: str, figure: str, sentence: str) -> str:
    """One finding of a check or measure: its level as a symbol, title, figure, and the sentence below."""
    number = f'<span class="lb-number">{escape(figure)}</span>' if figure else ""
    return (
        f'<div class="lb-remark lb-{escape(level)}">{icon(_ICONS[level])}<div><div class="lb-title">'
        f"<b>{escape(title)}</b>{number}</div><p>{escape(sentence)}</p></div></div>"
    )


def chip(state: str, title: str, word: str, lines: Iterable[tuple[str, str]]) -> str:
    """One result in a line, with its state as shape, word and colour; it unfolds to its sentences.

    state: "ok", "note", "warning", or "unknown" for what cannot be judged.
    lines: pairs of (subject, or empty; sentence).
    """
    body = "".join(f"<p>{f'<b>{escape(lead)}</b> ' if lead else ''}{escape(sentence)}</p>" for lead, sentence in lines)
    return (
        f'<details class="lb-chip lb-{escape(state)}"><summary>{icon(_ICONS[state])}<span>{escape(title)}</span>'
        f'<b class="lb-word">{escape(word)}</b></summary>{body}</details>'
    )


def verdict_line(call: str, looks: str, map: str, aside: str, *, level: str, label: str = "") -> str:
    """The line above the film: call, the film's label, where the model looks, whether the map holds up; quiet words."""
    mark = icon(_ICONS[level]) if map else ""
    rest = "".join(f" <span>{escape(part)}</span>" for part in (label, looks) if part)
    last = f' <span class="lb-holds">{mark}{escape(map)}</span>' * bool(map)
    return (
        f'<p class="lb-verdict lb-{escape(level)}" role="status"><b>{escape(call)}</b>{rest}{last}'
        f'<span class="lb-quiet">{escape(aside)}</span></p>'
    )


def paragraph(text: str, *, quiet: bool = False) -> str:
    """A sentence or two."""
    return f'<p class="lb-text{" lb-quiet" if quiet else ""}">{escape(text)}</p>'


def status(text: str, *, level: str = "") -> str:
    """The line about the map, above the film; level: of the symbol."""
    mark = icon(_ICONS[level]) if level else ""
    role = ' role="alert"' if level == "warning" else ""
    return f'<p class="lb-status lb-{escape(level or "plain")}"{role}>{mark}<span>{escape(text)}</span></p>'


def progress(text: str, share: float | None) -> str:
    """Progress in words and as a bar; share: 0 to 1, None while it is unknown."""
    moving = ' class="lb-moving"' if share is None else ""
    bar = f'<b{moving} style="width:{1 if share is None else share:.1%}"></b>'
    return (
        f'<div class="lb-progress" role="status"><span>{escape(text)}</span><span class="lb-track">{bar}</span></div>'
    )


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """Names and values in two columns."""
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in pairs)
    return f'<dl class="lb-facts">{rows}</dl>'


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, caption: str, label: str = "") -> str:
    """A table that screen readers can navigate; a wide one scrolls on its own, with its caption in sight below.

    label: description for screen readers; by default the caption.
    """
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
    note = paragraph(caption, quiet=True) if caption else ""
    return (
        f'<div class="lb-scroll" tabindex="0"><table class="lb-table" aria-label="{escape(label or caption)}">'
        f"<thead><tr>{columns}</tr></thead><tbody>{lines}</tbody></table></div>{note}"
    )


def sheet(head: Sequence[str], rows: Sequence[tuple[str, Sequence[str]]], *, label: str) -> str:
    """A table whose rows open the card of a checkpoint; on a phone each row is a block.

    rows: the name of the checkpoint, and its cells as HTML (`stacked`, `estimate`).
    """
    columns = "".join(f'<th scope="col">{escape(each)}</th>' for each in head)
    lines = "".join(
        f'<tr data-checkpoint="{escape(name)}"><th scope="row">{first}</th>'
        + "".join(f'<td data-label="{escape(what)}">{cell}</td>' for what, cell in zip(head[1:], rest, strict=True))
        + "</tr>"
        for name, (first, *rest) in rows
    )
    return (
        f'<div class="lb-scroll"><table class="lb-table lb-sheet" aria-label="{escape(label)}">'
        f"<thead><tr>{columns}</tr></thead><tbody>{lines}</tbody></table></div>"
    )


def stacked(top: str, under: str, *, link: str | None = None) -> str:
    """A word or figure with a quiet line below; `link`: checkpoint whose card the word opens."""
    word = f'<span class="lb-number">{escape(top)}</span>'
    if link is not None:
        word = f'<a href="?checkpoint={quote(link)}" data-checkpoint="{escape(link)}" target="_self">{escape(top)}</a>'
    return word + (below(under) if under else "")


def below(text: str) -> str:
    """A quiet line in a cell."""
    return f'<span class="lb-below">{escape(text)}</span>'


def estimate(figure: Estimate | None) -> str:
    """A figure in a cell: the value, with interval and n below; the interval first if there are few films."""
    return stacked(*value_and_interval(figure))


def unmeasured() -> str:
    """Placeholder for a figure that the card lacks."""
    return missing("not measured")


def missing(why: str) -> str:
    """Why a figure is missing."""
    return f'<span class="lb-missing">{escape(why)}</span>'


def tiles(cells: Iterable[tuple[str, str]]) -> str:
    """Key figures side by side, each with its title and cell."""
    parts = "".join(
        f'<div class="lb-tile"><span class="lb-label">{escape(name)}</span>{cell}</div>' for name, cell in cells
    )
    return f'<div class="lb-tiles">{parts}</div>'


def sentences(lines: Iterable[str]) -> str:
    """A list of plain sentences."""
    return f'<ul class="lb-list">{"".join(f"<li>{escape(line)}</li>" for line in lines)}</ul>'


def title(text: str) -> str:
    """The name of a page."""
    return f'<h1 class="lb-page">{escape(text)}</h1>'


def foot(notice: str, version: str) -> str:
    """The last line of every page."""
    return f'<div class="lb-foot"><span>{escape(notice)}</span>{quiet(version)}</div>'


def block(style: str, html: str) -> str:
    """HTML in a block of one of the styles of `styles.css`."""
    return f'<div class="{style}">{html}</div>'


def label(text: str) -> str:
    """The label of a widget that has no label of its own."""
    return f'<span class="lb-label">{escape(text)}</span>'


def number(text: str) -> str:
    """Text with tabular figures."""
    return f'<span class="lb-number">{escape(text)}</span>'


def quiet(text: str) -> str:
    """Words of less weight."""
    return f'<span class="lb-quiet">{escape(text)}</span>'


def highlight(*parts: str, quiet: bool = False) -> str:
    """The main statement of the page, in sentences; the first in bold if there are several."""
    lines = "".join(f"<span>{escape(part)}</span> " for part in parts if part)
    return f'<p class="lb-highlight{" lb-quiet" if quiet else ""}" role="status">{lines}</p>'


def shaded(
    rows: Sequence[str],
    columns: Sequence[str],
    values: Sequence[Sequence[float]],
    *,
    label: str,
    shade: Callable[[float], float],
    own: bool = False,
) -> str:
    """A table of figures; the higher the figure, the stronger the shade behind it.

    shade: value -> 0 to 1.
    own:   whether row and column list the same things, so that the diagonal is empty.
    """
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in columns)

    def cell(value: float, *, empty: bool) -> str:
        if empty or isnan(value):
            return f"<td>{'' if empty else '–'}</td>"
        ground = f"background:color-mix(in srgb, var(--lb-accent) {100 * _SHADE * shade(value):.0f}%, transparent)"
        text = (f"{value:.0f}" if abs(value) >= 10 else f"{value:.2f}").replace("-", "−")
        return f'<td style="{ground}">{text}</td>'

    lines = "".join(
        f'<tr><th scope="row">{escape(name)}</th>'
        + "".join(cell(value, empty=own and x == y) for x, value in enumerate(row))
        + "</tr>"
        for y, (name, row) in enumerate(zip(rows, values, strict=True))
    )
    return (
        f'<div class="lb-scroll" tabindex="0"><table class="lb-pairs" aria-label="{escape(label)}">'
        f"<thead><tr><th></th>{head}</tr></thead><tbody>{lines}</tbody></table></div>"
    )


def rich_table(
    head: Sequence[str], rows: Sequence[tuple[str, Sequence[str]]], *, style: str, label: str, scroll: bool = False
) -> str:
    """A table with HTML cells, the first of each row being its heading; rows: class and cells of each.

    style:  class of the table.
    scroll: whether the keyboard can scroll it.
    """
    columns = "".join(f'<th scope="col">{escape(each)}</th>' for each in head)
    lines = "".join(
        f'<tr class="{kind}"><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'
        for kind, (first, *cells) in rows
    )
    focus = ' tabindex="0"' if scroll else ""
    return (
        f'<div class="lb-scroll"{focus}><table class="lb-table {style}" aria-label="{escape(label)}"><thead><tr>'
        f"{columns}</tr></thead><tbody>{lines}</tbody></table></div>"
    )


def swatch(colour: str = "") -> str:
    """A small square of a colour; an empty space of the same size without one."""
    return f'<i style="background:{colour}"></i>' if colour else "<i></i>"


def verdict(text: str, *, kind: str, symbol: str) -> str:
    """A result in one word with its symbol; kind: of `lb-verdict` in the style sheet."""
    return f'<span class="lb-verdict lb-{kind}">{icon(symbol)}{escape(text)}</span>'


def picture(webp: bytes, alt: str, *, style: str = "") -> str:
    """A picture; not a Streamlit picture, which would offer its few pixels in full screen."""
    kind = f' class="{style}"' if style else ""
    return f'<img{kind} src="data:image/webp;base64,{b64encode(webp).decode()}" alt="{escape(alt)}">'


def small_title(text: str, aside: str = "") -> str:
    """The title of a part of a section."""
    return f'<p class="lb-small-title">{escape(text)} <span class="lb-quiet">{escape(aside)}</span></p>'


def patch(webp: bytes | None, ring: tuple[float, float], *, label: str, value: str, film: str) -> str:
    """A patch of a film with its figure below; ring: centre of the ring, 0 to 1. webp: None for only the name."""
    x, y = ring
    shown = f'<span class="lb-nopicture">{escape(film)}</span>'
    if webp is not None:
        shown = f'<span class="lb-patch">{picture(webp, label)}<i style="left:{x:.1%};top:{y:.1%}"></i></span>'
    return (
        f'<figure title="{escape(label)}">{shown}<figcaption><span class="lb-number">{escape(value)}</span> '
        f"{quiet(film)}</figcaption></figure>"
    )


def concept(title: str, plain: str, pictures: str) -> str:
    """Small films with a concept, and its sentence."""
    about = f"<figcaption><b>{escape(title)}</b> <span>{escape(plain)}</span></figcaption>"
    return f"<figure>{block('lb-films', pictures)}{about}</figure>"
