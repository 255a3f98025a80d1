"""Everything that can be saved of the map on screen: pictures, values, reports, DICOM; each is made on the click."""

import io
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import streamlit as st

from core.compare.tile import Tile
from core.explain.export import map_npz, overlay_png, source_line
from core.pacs.server import is_set_up
from core.report.annotation import FilmAnnotations
from core.report.annotation_svg import annotation_pixels
from core.report.case import CaseRecord, case_of, nameless, without_name
from core.report.content import report_of
from core.report.dicom.deidentify import deidentified
from core.report.dicom.objects import dicom_files, dicom_objects, left_out
from core.report.dicom.source import SourceInstance
from core.report.figure import FigureFiles, case_figure
from core.report.html import report_html
from core.report.pdf import report_pdf
from core.types import Cleaning, Explanation, Radiograph
from dashboard import dicom_sources, draw
from dashboard.bound_field import BoundField
from dashboard.cache import film_properties, networks, verdict_requests
from dashboard.file_names import file_name, stem
from dashboard.pacs import sending
from dashboard.selection import MapView
from dashboard.state import Session, session

_DEIDENTIFIED = (
    "Leaves out the file's name and texts drawn on the film. DICOM objects keep an allow-list of elements only, with "
    "new identifiers, and the film is saved with them."
)


def menu(chosen: MapView) -> None:
    """The menu; it is empty until the map is ready."""
    map_, here = chosen.answered, session()
    with st.popover("Save", icon=":material/download:", type="tertiary", key="save"):
        if map_ is None:
            st.caption("Available once the map is ready.")
            return
        deidentify_switch(chosen.radiograph, chosen.cleaning, here)
        film = _film(chosen, here)
        name = partial(file_name, film, map_)
        for label, make, ending, help in (
            ("Overlay", _overlay, "png", "The heat map over the whole film, with colour bar and notice (PNG)"),
            (
                "Map",
                _map,
                "npz",
                "The raw values with their position on the film, method, finding and model (NumPy .npz)",
            ),
            ("Report (PDF)", _pdf, "pdf", "One page in plain language, then all details"),
            ("Report (web page)", _html, "html", "The same as one file that opens offline"),
            (
                "Figure for a paper",
                _figure,
                "zip",
                "Film and map for a paper: vector PDF, PNG at 300 dpi, text of the caption",
            ),
        ):
            draw.download(label, partial(make, chosen, map_, here), name(ending), help=help)
        reason = dicom_sources.obstacle(chosen.radiograph)
        draw.download(
            "DICOM",
            partial(_dicom_zip, chosen, map_, here),
            f"{stem(film)}-dicom.zip",
            help=reason or "Capture, segmentation, parametric map, structured report and presentation state (ZIP)",
            disabled=bool(reason),
        )
        if reason:
            st.caption("DICOM only for films that came as DICOM.")


def deidentify_switch(radiograph: Radiograph, cleaning: Cleaning, here: Session) -> None:
    """The switch, and a warning of burnt-in marks: they are pixels, which stay without a header."""
    st.toggle("De-identify", **BoundField("deidentified").widget(), help=_DEIDENTIFIED)
    if here.deidentified and any(
        check.name == "burnt-in" and check.figure > 0 for check in film_properties.quality(radiograph, cleaning)
    ):
        st.caption("Burnt-in marks stay in the pixels. If one names the patient, open a copy with black marks first.")


def send_button(chosen: MapView) -> None:
    """The button of the dialog that sends results to a PACS; only for a film from DICOM, if a PACS is set up."""
    map_ = chosen.answered
    if map_ is None or not is_set_up() or dicom_sources.obstacle(chosen.radiograph):
        return
    words = "Send the results to the film's own study on a PACS; a dialog shows them first"
    if st.button("Send", icon=":material/send:", type="tertiary", key="send to pacs", help=words):
        case, source = _case(chosen, map_, session(), deidentify=False), _source(chosen)
        sending.dialog(map_.key, dicom_objects(case, source), left_out(case, source))


def figure_zip(figure: FigureFiles, name: str) -> bytes:
    """The figure's three files in a ZIP archive."""
    return _zip({f"{name}.pdf": figure.pdf, f"{name}.png": figure.png, f"{name}.txt": figure.caption.encode()})


def _overlay(chosen: MapView, map_: Explanation, here: Session) -> bytes:
    source = source_line(chosen.checkpoint, chosen.prediction, map_.finding)
    drawn = here.annotations.get(chosen.radiograph.key, FilmAnnotations()).complete
    drawing = annotation_pixels(_case(chosen, map_, here)) if drawn else None
    return overlay_png(_film(chosen, here), map_, source=source, scale=chosen.scale, drawing=drawing)


def _map(chosen: MapView, map_: Explanation, here: Session) -> bytes:
    return map_npz(_film(chosen, here), map_, checkpoint=chosen.checkpoint, prediction=chosen.prediction)


def _pdf(chosen: MapView, map_: Explanation, here: Session) -> bytes:
    return report_pdf(report_of(_case(chosen, map_, here)))


def _html(chosen: MapView, map_: Explanation, here: Session) -> bytes:
    return report_html(report_of(_case(chosen, map_, here)))


def _figure(chosen: MapView, map_: Explanation, here: Session) -> bytes:
    return figure_zip(case_figure(_case(chosen, map_, here)), file_name(_film(chosen, here), map_, "figure"))


def film_for_export(radiograph: Radiograph, here: Session) -> Radiograph:
    """The film, under its digest instead of its name if exports are de-identified."""
    return without_name(radiograph) if here.deidentified else radiograph


def case_for_export(radiograph: Radiograph, tile: Tile, here: Session, *, deidentify: bool | None = None) -> CaseRecord:
    """The case of a map with all that the session has of it; deidentify: None for the person's choice.

    Its verdicts are those by all measures if Trust has taken them, else by the quick ones.
    """
    map_, card = tile.explanation, tile.checkpoint
    case = case_of(networks.classifier(card), radiograph, tile.prediction, [map_])
    case = replace(
        case,
        verdicts=verdict_requests.known_in_full(map_, map_.cleaning) or case.verdicts,
        annotations=here.annotations.get(radiograph.key, FilmAnnotations()),
        attempts=tuple(each for each in here.what_if.tried if each.film == radiograph.name),
        similar=here.cohort.similar_shown.get((radiograph.key, card.key, map_.finding)),
    )
    return nameless(case) if (here.deidentified if deidentify is None else deidentify) else case


def _film(chosen: MapView, here: Session) -> Radiograph:
    return film_for_export(chosen.radiograph, here)


def _case(chosen: MapView, map_: Explanation, here: Session, *, deidentify: bool | None = None) -> CaseRecord:
    tile = Tile(chosen.checkpoint.name, chosen.checkpoint, chosen.prediction, map_)
    return case_for_export(chosen.radiograph, tile, here, deidentify=deidentify)


def _source(chosen: MapView) -> SourceInstance:
    source = dicom_sources.source(chosen.radiograph)
    if source is None:
        raise ValueError(f"{chosen.radiograph.name} has no DICOM instance")
    return source


def _dicom_zip(chosen: MapView, map_: Explanation, here: Session) -> bytes:
    case, source = _case(chosen, map_, here), _source(chosen)
    source = deidentified(case, source) if here.deidentified else source
    reasons = left_out(case, source)
    notes = {"left out.txt": "\n".join(reasons.values()).encode()} if reasons else {}
    return _zip(dicom_files(case, source) | notes)


def _zip(contents: Mapping[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in contents.items():
            archive.writestr(name, data)
    return file.getvalue()
