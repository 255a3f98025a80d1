"""`report`: one film, its prediction and its maps as a document, a figure for a paper, or DICOM objects."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from core.commands import files, method_settings, options, report_files
from core.commands.registry import command
from core.errors import BadData, BadSetting

if TYPE_CHECKING:
    from core.explain.run import Request
    from core.models.classifier import Classifier
    from core.report.annotation import FilmAnnotations
    from core.report.case import CaseRecord
    from core.report.manifest import Manifest
    from core.trust.measure import MeasureCost
    from core.types import Cleaning, Radiograph

    Change = Callable[[Radiograph], Radiograph]

_KINDS = (".pdf", ".html")
_FEW = 4  # findings up to which each has a map


@command("report", short_help="Write a report, a figure or DICOM objects of one film.")
@click.argument("file", metavar="FILE")
@options.one_model
@click.option(
    "--out",
    "outs",
    multiple=True,
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Report to write, .pdf or .html. Repeatable.",
)
@click.option(
    "--figure",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Figure for a paper: FILE.pdf (vector), FILE.png (300 dpi) and FILE.txt (caption).",
)
@click.option(
    "--dicom",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Folder for DICOM objects of the film's own study: secondary capture, segmentation, parametric map, "
    "structured report (TID 1500), presentation state.",
)
@click.option(
    "--length",
    "lengths",
    multiple=True,
    metavar="X0,Y0,X1,Y1",
    help="Length to draw on the film, from one pixel to another. Repeatable.",
)
@click.option(
    "--measurements",
    "measurements",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Measurements to draw on the film and to list: the CSV that the viewer saves.",
)
@click.option(
    "--what-if",
    "log",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="What-if log (JSON) to list in the report: saved by the page, or printed by `what-if --edit --json`.",
)
@click.option(
    "--run",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="RUN",
    help="Cohort run whose most similar films the report lists.",
)
@click.option(
    "--deidentify",
    is_flag=True,
    help="Write nothing that names the patient: no file name, and in DICOM objects only an allow-list of elements "
    "(DICOM basic profile), new identifiers, and the film with them.",
)
@click.option(
    "--blacken",
    "blacken",
    multiple=True,
    metavar="X0,Y0,X1,Y1",
    help="Part of the film to paint black before anything else, or `marks` for all burnt-in marks. Repeatable.",
)
@click.option(
    "--from",
    "source",
    type=click.Path(path_type=Path),
    metavar="REPORT",
    help="Compute the maps of a report, or of its manifest, again.",
)
@click.option(
    "--method",
    "methods_",
    multiple=True,
    default=["grad-cam"],
    show_default=True,
    metavar="NAME",
    help="Attribution method. Repeatable; the first one is on the first page.",
)
@click.option(
    "--finding",
    "findings",
    multiple=True,
    metavar="NAME",
    help="Finding to explain. Repeatable; the first one is on the first page.  [default: the most likely one, then the "
    "others if there are few]",
)
@click.option("--layer", metavar="NAME", help="Stage of the network.  [default: the last]")
@click.option("--setting", "pairs", multiple=True, metavar="NAME=VALUE", help="Setting of a method. Repeatable.")
@click.option("--thorough", is_flag=True, help="Also the trust measures that take tens of network passes or more.")
@click.option("--force", is_flag=True, help="Overwrite existing files.")
@options.as_json
@options.frame
@options.cleaning
def report(
    file: str,
    choice: options.ModelChoice,
    outs: tuple[Path, ...],
    figure: Path | None,
    dicom: Path | None,
    lengths: tuple[str, ...],
    measurements: Path | None,
    log: Path | None,
    run: Path | None,
    deidentify: bool,
    blacken: tuple[str, ...],
    source: Path | None,
    methods_: tuple[str, ...],
    findings: tuple[str, ...],
    layer: str | None,
    pairs: tuple[str, ...],
    thorough: bool,
    force: bool,
    as_json: bool,
    frame: int | None,
    cleaning: "Cleaning",
) -> None:
    """A report of one film: first a page for every reader, then the details.

    The first page gives the question, the model's answer and its certainty, where it looked, and whether to believe
    it. The report contains a manifest; --from computes the same maps again, equal to the last bit, and
    reports if the film or the weights differ.

    DICOM objects refer to the film's instance, patient and study, have new identifiers, and name the model and the
    digest of its weights as the device that made them. They are for research.

    \b
    Examples:
      python -m core report film.dcm --out case.pdf --out case.html
      python -m core report film.png --finding pneumonia --method grad-cam --method lrp --out case.pdf
      python -m core report film.png --figure figures/fig2
      python -m core report film.dcm --dicom objects --length 310,420,505,420
      python -m core report film.dcm --out case.pdf --measurements film-measurements.csv
      python -m core report film.dcm --dicom objects --out case.pdf --deidentify --blacken marks
      python -m core report film.dcm --from case.pdf
    """
    from core.report.manifest import read_manifest

    _refuse_outs(outs, figure, dicom, source)
    instance = report_files.instance(file, frame) if dicom else None
    annotations = report_files.annotations(measurements, lengths, nameless=deidentify)
    attempts = report_files.attempts(log)
    change = partial(_changed, annotations=annotations, blacken=blacken, nameless=deidentify)
    manifest = read_manifest(source) if source else None
    name = choice.name or (manifest.checkpoint if manifest else None)
    classifier = options.classifier(name, choice.weights)
    table = report_files.table_of_run(run, classifier)
    if manifest is not None:
        case = _again(file, manifest, classifier, frame, change, thorough)
    else:
        case = _case(file, classifier, methods_, findings, layer, pairs, frame, cleaning, change, thorough)
    similar = report_files.similar(case, table, classifier)
    case = replace(case, annotations=annotations, attempts=attempts, similar=similar)
    if deidentify:
        report_files.warn_of_text(case)
    contents = report_files.documents(case, outs) | (report_files.figure_files(case, figure) if figure else {})
    if dicom and instance:
        contents |= report_files.dicom_objects(case, instance, dicom, deidentify=deidentify)
    maps = f"{len(case.maps)} {'map' if len(case.maps) == 1 else 'maps'}"
    record = {
        "path": file,
        "checkpoint": case.checkpoint.name,
        "maps": [each.key for each in case.maps],
        "equal": source is not None,
    }
    equal = [f"{maps} computed again: identical to the last bit."] if source else []
    files.finish(
        record,
        contents,
        show=None if as_json else lambda done: "\n".join([*equal, *done["written"]]),
        force=force,
    )


def _refuse_outs(outs: Sequence[Path], figure: Path | None, dicom: Path | None, source: Path | None) -> None:
    """Raises: BadSetting if there is nothing to do, or for a report of another kind; BadData for a bad folder."""
    if not outs and not any((figure, dicom, source)):
        raise BadSetting(
            "There is nothing to write. Give --out case.pdf, --out case.html, --figure NAME or --dicom DIR."
        )
    for out in outs:
        if out.suffix.lower() not in _KINDS:
            raise BadSetting(f"A report is a .pdf or .html file, but --out is {out.name}. Use one of these endings.")
    for out in (*outs, *([figure] if figure else [])):
        files.refuse_out(out.parent)
    files.refuse_out(dicom)


def _changed(
    radiograph: "Radiograph", *, annotations: "FilmAnnotations", blacken: Sequence[str], nameless: bool
) -> "Radiograph":
    """The film with parts painted black, and under its digest instead of its name.

    Raises: BadData if the annotations belong to another film.
    """
    from core.image.blacken import blackened, boxes_of
    from core.report.case import without_name

    annotations.refuse_other(radiograph)
    radiograph = blackened(radiograph, boxes_of(radiograph, blacken))
    return without_name(radiograph) if nameless else radiograph


def _case(
    file: str,
    classifier: "Classifier",
    methods_: Sequence[str],
    findings: Sequence[str],
    layer: str | None,
    pairs: Sequence[str],
    frame: int | None,
    cleaning: "Cleaning",
    change: "Change",
    thorough: bool,
) -> "CaseRecord":
    from core.explain.method import methods
    from core.explain.run import Request, check
    from core.models.findings import place_of
    from core.report.case import make_case

    chosen = [methods[name] for name in dict.fromkeys(methods_)]
    _, entered = method_settings.split([file], pairs, chosen, [])
    for finding in findings:
        place_of(classifier.checkpoint.findings, finding)

    def requests(of: Sequence[str]) -> "list[Request]":
        return [
            Request(method.name, finding, layer if method.layered else None, method_settings.of(method, entered))
            for method in chosen
            for finding in dict.fromkeys(of)
        ]

    check(classifier, requests(findings or classifier.checkpoint.findings))
    radiograph, cleaning = files.read_meaningful(file, cleaning, classifier, frame=frame)
    radiograph = change(radiograph)
    return make_case(
        classifier,
        radiograph,
        requests(findings or _explained(classifier, radiograph, cleaning)),
        cleaning=cleaning,
        costs=_costs(thorough),
    )


def _costs(thorough: bool) -> "tuple[MeasureCost, ...]":
    from core.trust.measure import CHEAP, COSTS

    return tuple(COSTS) if thorough else CHEAP


def _explained(classifier: "Classifier", radiograph: "Radiograph", cleaning: "Cleaning") -> list[str]:
    """The most likely finding, then the others if there are few."""
    from core.models.findings import leading

    card = classifier.checkpoint
    first = leading(classifier.predict(radiograph, cleaning=cleaning), card)
    others = [finding for finding in card.findings if finding != first]
    return [first, *(others if len(card.findings) <= _FEW else [])]


def _again(
    file: str,
    manifest: "Manifest",
    classifier: "Classifier",
    frame: int | None,
    change: "Change",
    thorough: bool,
) -> "CaseRecord":
    """The case of the manifest, computed again. Raises: BadData if film, weights or maps differ."""
    import torch

    from core.report.case import make_case

    radiograph = change(files.read_film(file, frame=frame))
    manifest.refuse_others(radiograph, classifier.checkpoint)
    torch.set_num_threads(manifest.threads)
    case = make_case(classifier, radiograph, manifest.requests, cleaning=manifest.cleaning, costs=_costs(thorough))
    other = [map_ for map_, recorded in zip(case.maps, manifest.maps, strict=True) if map_.key != recorded.key]
    if other:
        raise BadData(
            f"{len(other)} of {len(case.maps)} maps differ from the report in their last bits: it was made with torch "
            f"{manifest.torch} and Captum {manifest.captum}, here is torch {torch.__version__}. Use the same versions "
            "and the same kind of machine."
        )
    return case
