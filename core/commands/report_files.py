"""Files of a report: documents, figure, DICOM objects."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from core.commands import files
from core.errors import BadData, BadSetting

if TYPE_CHECKING:
    from core.cohort.table import CohortTable
    from core.models.classifier import Classifier
    from core.report.annotation import FilmAnnotations
    from core.report.case import CaseRecord
    from core.report.dicom.source import SourceInstance
    from core.report.similar_cases import SimilarCases
    from core.what_if.log import Attempt


def documents(case: "CaseRecord", outs: Sequence[Path]) -> dict[Path, bytes]:
    """The report in each of these files."""
    from core.report.content import report_of
    from core.report.html import report_html
    from core.report.pdf import report_pdf

    if not outs:
        return {}
    content = report_of(case)
    return {out: report_pdf(content) if out.suffix.lower() == ".pdf" else report_html(content) for out in outs}


def figure_files(case: "CaseRecord", name: Path) -> dict[Path, bytes]:
    """The figure as PDF and PNG, and the text of its caption."""
    from core.report.figure import case_figure

    made = case_figure(case)
    stem = name.with_suffix("") if name.suffix.lower() in (".pdf", ".png", ".txt") else name
    contents = {".pdf": made.pdf, ".png": made.png, ".txt": made.caption.encode()}
    return {stem.with_name(stem.name + suffix): data for suffix, data in contents.items()}


def instance(file: str, frame: int | None) -> "SourceInstance":
    """The film's DICOM instance. Raises: BadData for a file that is not a film."""
    from core.report.dicom.source import read_source

    if file == files.STDIN:
        raise BadSetting("DICOM objects need the film as a file, not on standard input. Give its name.")
    try:
        data = Path(file).read_bytes()
    except OSError as error:
        raise BadData(f"{file} cannot be opened: {error.strerror}. Give the film as a file of its own.") from error
    return read_source(data, name=Path(file).name, frame=frame)


def dicom_objects(case: "CaseRecord", source: "SourceInstance", folder: Path, *, deidentify: bool) -> dict[Path, bytes]:
    """The DICOM objects, including a de-identified film itself. Anything left out is reported on stderr."""
    from core.report.dicom.deidentify import deidentified
    from core.report.dicom.objects import dicom_files, left_out

    source = deidentified(case, source) if deidentify else source
    for reason in left_out(case, source).values():
        click.echo(reason, err=True)
    return {folder / name: content for name, content in dicom_files(case, source).items()}


def annotations(table: Path | None, lengths: Sequence[str], *, nameless: bool) -> "FilmAnnotations":
    """The measurements of the table and the lengths; without their texts where nothing may name the patient.

    Raises: BadData for a table that cannot be read; BadSetting for an invalid length.
    """
    from core.report.annotation import FilmAnnotations, length_of, read_measurements, without_texts

    result = FilmAnnotations()
    if table is not None:
        try:
            result = read_measurements(table.read_bytes(), name=table.name)
        except OSError as error:
            raise BadData(
                f"{table} cannot be opened: {error.strerror}. Give the CSV that the viewer saves as measurements."
            ) from error
    result = replace(result, items=(*result.items, *map(length_of, lengths)))
    if nameless and any(each.text for each in result.items):
        click.echo("Texts, also those of arrows, are left out: they may name the patient.", err=True)
    return without_texts(result) if nameless else result


def attempts(log: Path | None) -> "tuple[Attempt, ...]":
    """The what-if attempts of the log. Raises: BadData for a file that is not such a log."""
    from core.what_if.log import read_log

    if log is None:
        return ()
    try:
        return read_log(log.read_bytes(), name=log.name)
    except OSError as error:
        raise BadData(f"{log} cannot be opened: {error.strerror}. Give a what-if log as JSON.") from error


def table_of_run(run: Path | None, classifier: "Classifier") -> "CohortTable | None":
    """The run's rows. Raises: BadData if there is no run, it has other weights, or no features of the last stage."""
    if run is None:
        return None
    from core.cohort.similar import stage_in_run
    from core.cohort.table import CohortTable

    table = CohortTable(run)
    stage_in_run(table, classifier)
    return table


def similar(case: "CaseRecord", table: "CohortTable | None", classifier: "Classifier") -> "SimilarCases | None":
    """The films of the run most like the case's, by the last stage."""
    if table is None:
        return None
    from core.cohort.similar import film_features, neighbour_precision, similar_films
    from core.cohort.table import Selection
    from core.report.similar_cases import LAST, similar_cases

    method = next(iter(table.manifest["settings"]["methods"]), None)
    selection = Selection(case.checkpoint.name, case.finding, method)
    features = film_features(classifier, case.radiograph, "", cleaning=case.cleaning)
    films = similar_films(table, selection, features, digest=case.radiograph.key)
    every = [(each.row, each.similarity) for each in (*films.same, *films.other, *films.unlabelled)]
    return similar_cases(table.folder.path.name, case.finding, LAST, every, neighbour_precision(table, selection))


def warn_of_text(case: "CaseRecord") -> None:
    """Warns on stderr that burnt-in marks may name the patient."""
    count = sum(round(check.figure) for check in case.checks if check.name == "burnt-in" and check.figure > 0)
    if count:
        click.echo(
            f"{count} burnt-in {'mark' if count == 1 else 'marks'} on the film: check that none names the patient, or "
            "paint them black with --blacken marks.",
            err=True,
        )
