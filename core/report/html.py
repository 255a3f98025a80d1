"""The report as one HTML file that opens offline: pictures, styles and the film viewer are inside."""

import base64
from functools import singledispatch
from html import escape
from pathlib import Path

from core.report.blocks import (
    Answer,
    Bars,
    Block,
    Facts,
    FilmRow,
    LinePlot,
    Paragraph,
    Remark,
    RemarkKind,
    Remarks,
    Report,
    Section,
    TextTable,
)
from core.report.film_picture import ColourBar, FilmPicture

_HERE = Path(__file__).parent
_SIGNS: dict[RemarkKind, str] = {"ok": "●", "note": "○", "warning": "▲", "unjudged": "–"}
_INKS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#7a6a00", "#56b4e9")
_SIDE = 220  # px, side of a plot
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


def report_html(report: Report) -> bytes:
    """The report as an HTML file that loads nothing else."""
    title = escape(f"{report.title}: {report.subtitle}")
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{title}</title><style>{_file('report.css')}</style></head><body><main>",
        f"<h1>{escape(report.title)}</h1>",
        f'<p class="quiet">{escape(" ".join([report.subtitle, *report.notices[1:]]))}</p>',
        f'<p class="notice">{escape(report.notices[0])}</p>',
        f'<div class="front"><div>{_viewer(report)}{_drawn(report.bars)}</div>',
        f'<div class="answers">{"".join(_answer(each, report) for each in report.answers)}</div></div>',
        f"<h2>Four verdicts</h2>{_drawn(report.remarks)}",
        *(_section(each) for each in report.sections),
        f"<footer>Lightbox · {escape(' '.join(report.notices))}</footer></main>",
        f'<script type="application/json" id="manifest">{escape(report.manifest, quote=False)}</script>',
        f"<script>{_file('report.js')}</script></body></html>",
    ]
    return "\n".join(parts).encode()


def _file(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _section(section: Section) -> str:
    return f"<section><h2>{escape(section.title)}</h2>{''.join(map(_drawn, section.blocks))}</section>"


def _answer(answer: Answer, report: Report) -> str:
    mark = _mark(report.belief) if answer is report.answers[-1] else ""
    return (
        f'<div><p class="quiet">{escape(answer.question)}</p><p class="answer">{mark}{escape(answer.answer)}</p>'
        f"<p>{escape(answer.text)}</p></div>"
    )


def _mark(mark: RemarkKind) -> str:
    return f'<span class="mark {mark}" aria-hidden="true">{_SIGNS[mark]}</span> '


def _viewer(report: Report) -> str:
    """The film of the first page, with zoom, pan, brightness and opacity of the heat."""
    film = report.film
    if report.layers is None:
        return _film(film)
    bare, heat = _uri(report.layers.bare, "jpeg"), _uri(report.layers.heat, "png")
    return (
        f'<figure class="viewer"><div class="film" style="aspect-ratio: {film.width} / {film.height}" tabindex="0" '
        f'aria-label="The film. Wheel or + and − zoom, drag moves, o hides the heat, 0 resets.">'
        f'<div class="layers"><img src="{bare}" alt="{escape(film.alt)}">'
        f'<img src="{heat}" alt="" class="heat">{film.annotations.decode()}</div>{_letters(film)}</div>'
        '<div class="controls"><label>Heat <input type="range" name="heat" min="0" max="100" value="45"></label>'
        '<label>Brightness <input type="range" name="brightness" min="30" max="250" value="100"></label>'
        '<label>Contrast <input type="range" name="contrast" min="30" max="250" value="100"></label>'
        '<button type="button" name="reset">Reset</button></div>'
        f"{_bar(film.bar) if film.bar else ''}<figcaption>{escape(film.caption)}</figcaption></figure>"
    )


def _film(film: FilmPicture) -> str:
    kind = "png" if film.suffix == "png" else "jpeg"
    return (
        f'<figure><div class="film" style="aspect-ratio: {film.width} / {film.height}">'
        f'<img src="{_uri(film.data, kind)}" alt="{escape(film.alt)}">{film.annotations.decode()}{_letters(film)}</div>'
        f"{_bar(film.bar) if film.bar else ''}<figcaption>{escape(film.caption)}</figcaption></figure>"
    )


def _letters(film: FilmPicture) -> str:
    """Side letters and scale bar over the film."""
    left, right = (
        f'<span class="side {edge}">{escape(letter)}</span>' if letter else ""
        for edge, letter in zip(("left", "right"), film.sides, strict=True)
    )
    if film.scale is None:
        return left + right
    bar = f'<span class="scale" style="width: {100 * film.scale.share:.3f}%"><b>{escape(film.scale.text)}</b></span>'
    return left + right + bar


def _bar(bar: ColourBar) -> str:
    last = f"{bar.ends[-1]} {bar.unit}"
    ends = "".join(f"<span>{escape(each)}</span>" for each in (*bar.ends[:-1], last))
    return f'<div class="bar"><img src="{_uri(bar.strip, "png")}" alt="Colours of the map"><div>{ends}</div></div>'


def _uri(data: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


@singledispatch
def _drawn(block: Block) -> str:
    """The block as HTML."""
    raise ValueError(f"no HTML for {type(block).__name__}")


@_drawn.register
def _(block: Paragraph) -> str:
    return f"<p class='quiet'>{escape(block.text)}</p>" if block.quiet else f"<h3>{escape(block.text)}</h3>"


@_drawn.register
def _(block: TextTable) -> str:
    def row(cells: tuple[str, ...], tag: str) -> str:
        inner = (
            f"<{tag}{' class=right' if column in block.right else ''}>{escape(cell)}</{tag}>"
            for column, cell in enumerate(cells)
        )
        return f"<tr>{''.join(inner)}</tr>"

    body = "".join(row(each, "td") for each in block.rows)
    return f'<div class="scroll"><table><thead>{row(block.head, "th")}</thead><tbody>{body}</tbody></table></div>'


@_drawn.register
def _(block: Facts) -> str:
    return f"<dl>{''.join(f'<dt>{escape(name)}</dt><dd>{escape(value)}</dd>' for name, value in block.pairs)}</dl>"


@_drawn.register
def _(block: Remarks) -> str:
    return f'<div class="remarks">{"".join(map(_remark, block.remarks))}</div>'


def _remark(remark: Remark) -> str:
    figure = f' <span class="quiet">{escape(remark.figure)}</span>' if remark.figure else ""
    head = f"{_mark(remark.mark)}<b>{escape(remark.title)}</b>{figure}"
    return (
        f'<div class="{remark.mark}"><p>{head} <small class="{remark.mark}">{escape(remark.word)}</small></p>'
        f"<p>{escape(remark.text)}</p></div>"
    )


@_drawn.register
def _(block: Bars) -> str:
    rows = []
    for bar in block.bars:
        point = "" if bar.threshold is None else f'<i style="left: {100 * bar.threshold:.2f}%"></i>'
        name = f"<b>{escape(bar.name)}</b>" if bar.explained else escape(bar.name)
        kind = ' class="explained"' if bar.explained else ""
        fill = f'<span style="width: {100 * bar.value:.2f}%"{kind}></span>'
        rows.append(f"<div>{name}</div><div class='track'>{fill}{point}</div><div>{escape(bar.percent)}</div>")
    points = any(bar.threshold is not None for bar in block.bars)
    note = "The line across a bar is the operating point: from there on the finding counts as present."
    return f'<div class="bars">{"".join(rows)}</div>' + (f'<p class="quiet">{note}</p>' if points else "")


@_drawn.register
def _(block: FilmRow) -> str:
    return f'<div class="films">{"".join(map(_film, block.films))}</div>'


@_drawn.register
def _(block: LinePlot) -> str:
    lines, legend = [], []
    for number, line in enumerate(block.lines):
        ink = _INKS[number % len(_INKS)]
        points = " ".join(f"{_SIDE * x:.1f},{_SIDE * (1 - y):.1f}" for x, y in line.points)
        lines.append(f'<polyline points="{points}" fill="none" stroke="{ink}" stroke-width="2"/>')
        legend.append(f'<li style="--line: {ink}">{escape(line.name)}</li>')
    chance = f'<line x1="0" y1="{_SIDE}" x2="{_SIDE}" y2="0" class="chance"/>' if block.diagonal else ""
    plot = (
        f'<svg viewBox="-3 -3 {_SIDE + 6} {_SIDE + 6}" role="img" aria-label="{escape(block.title)}">'
        f'<rect width="{_SIDE}" height="{_SIDE}" class="frame"/>{chance}{"".join(lines)}</svg>'
    )
    axes = f"<p class='quiet'>Across: {escape(block.across)}. Up: {escape(block.up)}. Both from 0 to 1.</p>"
    return f'<h3>{escape(block.title)}</h3><div class="curves">{plot}<ul>{"".join(legend)}</ul></div>{axes}'
