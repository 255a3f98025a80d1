"""The report as PDF: selectable text, embedded fonts, tags, its manifest attached. Typeset by Typst."""

import dataclasses
import json
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from core.report.blocks import Report
from core.report.film_picture import ColourBar, FilmPicture
from core.report.manifest import FILE

_HERE = Path(__file__).parent


def report_pdf(report: Report) -> bytes:
    """The report as a PDF file."""
    return typeset(
        "report.typ",
        dataclasses.replace(report, layers=None),
        {FILE: report.manifest.encode()},
        accessible=True,
    )


def typeset(
    template: str,
    value: Any,
    files: dict[str, bytes] | None = None,
    *,
    format: Literal["pdf", "png"] = "pdf",
    ppi: float | None = None,
    accessible: bool = False,
) -> bytes:
    """The value typeset with a template of this folder.

    value: a dataclass; the template reads it as `content.json`, and pictures by the names in it.
    files: further files that the template reads.
    ppi:   pixels per inch of a PNG.
    accessible: whether a PDF must conform to PDF/UA, with all tags that screen readers need.
    """
    import typst

    pictures: dict[str, bytes] = {}
    content = json.dumps(_plain(value, pictures)).encode()
    sources = {name: (_HERE / name).read_bytes() for name in (template, "blocks.typ")}
    with TemporaryDirectory(prefix="lightbox-report-") as folder:
        for name, data in {**sources, "content.json": content, **pictures, **(files or {})}.items():
            (Path(folder) / name).write_bytes(data)
        result = typst.compile(
            str(Path(folder) / template),
            root=folder,
            font_paths=[str(_fonts())],
            ignore_system_fonts=True,
            format=format,
            ppi=ppi,
            pdf_standards="ua-1" if accessible else None,
        )
    if not isinstance(result, bytes):
        raise ValueError(f"{template} has more than one page as {format}")
    return result


def typeset_svg(svg: bytes) -> bytes:
    """The vector graphics as a transparent PNG, one pixel per unit of the graphics."""
    import typst

    with TemporaryDirectory(prefix="lightbox-report-") as folder:
        (Path(folder) / "picture.svg").write_bytes(svg)
        page = Path(folder) / "page.typ"
        page.write_text('#set page(width: auto, height: auto, margin: 0pt, fill: none)\n#image("picture.svg")')
        result = typst.compile(
            str(page), root=folder, font_paths=[str(_fonts())], ignore_system_fonts=True, format="png", ppi=96.0
        )
    if not isinstance(result, bytes):
        raise ValueError("vector graphics of more than one page")
    return result


@cache
def _fonts() -> Path:
    """The folder of DejaVu, as in all exported pictures (core.lettering)."""
    import matplotlib

    return Path(matplotlib.get_data_path()) / "fonts" / "ttf"


def _plain(value: Any, pictures: dict[str, bytes]) -> Any:
    """The value as JSON, with file names for pictures; each dataclass has the name of its class as `kind`."""
    if isinstance(value, bytes):
        raise ValueError("bytes belong to a picture")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}
        if isinstance(value, FilmPicture):
            fields["data"] = _put(value.data, value.suffix, pictures)
            fields["annotations"] = _put(value.annotations, "svg", pictures) if value.annotations else ""
        if isinstance(value, ColourBar):
            fields["strip"] = _put(value.strip, "png", pictures)
        return {"kind": type(value).__name__} | {name: _plain(each, pictures) for name, each in fields.items()}
    if isinstance(value, list | tuple):
        return [_plain(each, pictures) for each in value]
    return value


def _put(data: bytes, suffix: str, pictures: dict[str, bytes]) -> str:
    name = f"picture-{len(pictures)}.{suffix}"
    pictures[name] = data
    return name
