"""The report of a case as blocks: the first page, then the details."""

from dataclasses import replace
from math import isnan

from core.estimate import available, estimate_text
from core.explain.method import captum_version, methods
from core.image.arrangement import words as arrangement_words
from core.models.findings import words
from core.models.summary import architecture_title, held_out, retrained
from core.overlay import DRAWN, NOTICE, absence, caption, setting_words
from core.report import front_page
from core.report.annotation import Annotation
from core.report.annotation_svg import annotation_svg
from core.report.blocks import (
    Block,
    Facts,
    FilmRow,
    HeatLayers,
    Line,
    LinePlot,
    Paragraph,
    Remarks,
    Report,
    Section,
    TextTable,
)
from core.report.case import CaseRecord
from core.report.dimensions import Dimensions, dimensions
from core.report.film_picture import LONGEST, FilmPicture, film_picture, heat_png
from core.report.manifest import manifest_of
from core.types import Explanation

_SMALL = 640  # px, long side of a film in the details


def report_of(case: CaseRecord) -> Report:
    """The report, ready to be drawn as PDF or HTML."""
    remarks = front_page.remarks(case)
    return Report(
        title="What the model says about this X-ray",
        subtitle=case.radiograph.name,
        notices=(NOTICE, DRAWN) if case.radiograph.drawn else (NOTICE,),
        film=replace(_film(case, case.map, caption(case.map)), annotations=annotation_svg(case)),
        layers=None if absence(case.map) else _layers(case),
        answers=front_page.answers(case, remarks),
        belief=front_page.belief(remarks),
        bars=front_page.bars(case),
        remarks=remarks,
        sections=(
            _films(case),
            *_compared(case),
            *_measurements(case),
            *_attempts(case),
            *_similar(case),
            _probabilities(case),
            _verdicts(case),
            _checks(case),
            _model(case),
            _method(case),
            _origin(case),
        ),
        manifest=manifest_of(case).text,
    )


def _film(case: CaseRecord, explanation: Explanation | None, words: str, *, small: bool = False) -> FilmPicture:
    longest = _SMALL if small else LONGEST
    return film_picture(
        case.radiograph, explanation, cleaning=case.cleaning, checks=case.checks, caption=words, longest=longest
    )


def _layers(case: CaseRecord) -> HeatLayers:
    return HeatLayers(_film(case, None, "").data, heat_png(case.radiograph, case.map))


def _films(case: CaseRecord) -> Section:
    bare = _film(case, None, "The film without heat", small=True)
    maps = [_film(case, each, caption(each), small=True) for each in case.maps]
    notes = []
    if bare.sides[0].startswith("("):
        notes.append("Sides in brackets: as frontal films are hung; the file does not say which side is which.")
    elif not bare.sides[0]:
        notes.append("The file does not say which side is which.")
    if bare.scale is None:
        notes.append("No scale: the file gives no plausible pixel size.")
    notes += [f"{words(each.finding)}, {each.title}: {each.caveat}" for each in case.maps if each.caveat]
    paragraphs = [Paragraph(note, quiet=True) for note in notes]
    return Section("The film and its maps", (FilmRow((bare, *maps)), *paragraphs))


def _compared(case: CaseRecord) -> tuple[Section, ...]:
    """Every map of the board with its model and probability, and the sentences on agreement."""
    if case.compared is None:
        return ()
    films = tuple(
        film_picture(
            case.radiograph,
            tile.explanation,
            cleaning=tile.explanation.cleaning,
            checks=case.checks,
            caption=f"{tile.name}: {tile.checkpoint.name}, {caption(tile.explanation)}",
            longest=_SMALL,
        )
        for tile in case.compared.tiles
    )
    rows = tuple(
        (
            tile.name,
            tile.title,
            words(tile.says) or "none",
            f"{words(tile.explanation.finding)} {tile.prediction.probability(tile.explanation.finding):.2f}",
        )
        for tile in case.compared.tiles
    )
    table = TextTable(("", "Map", "The model's answer", "Probability"), rows)
    return (Section("Compared maps", (FilmRow(films), Paragraph(case.compared.words, quiet=True), table)),)


def _measurements(case: CaseRecord) -> tuple[Section, ...]:
    """The measurements of the annotations, one row per figure; no section without annotations."""
    annotations = case.annotations.complete
    if not annotations:
        return ()
    sizes = dimensions(case)
    rows = [
        row
        for number, (each, size) in enumerate(zip(annotations, sizes, strict=True), start=1)
        for row in _measurement_rows(number, each, size)
    ]
    note = f"Drawn by hand, numbered as on the first page. Scale: {sizes[0].scale.source}."
    if any(size.heat is not None for size in sizes):
        note += f" Heat: {caption(case.map)}."
    table = TextTable(("", "Measurement", "", "Figure", "Unit", "Scale"), tuple(rows), (3,))
    return (Section("Measurements", (table, Paragraph(note, quiet=True))),)


def _measurement_rows(number: int, annotation: Annotation, size: Dimensions) -> list[tuple[str, ...]]:
    scale, unit = size.scale, size.scale.unit
    decimals = 1 if unit == "mm" else 0
    long, short = ("long axis", "short axis") if annotation.kind == "diameter" else ("", "")
    figures = [
        (long, size.length, decimals, unit, scale.source),
        (short, size.width, decimals, unit, scale.source),
        ("", size.degrees, 1, "°", ""),
        ("area", size.area, decimals, f"{unit}²", scale.source),
        ("mean grey value", size.mean, 1, "stored value", ""),
        ("standard deviation", size.deviation, 1, "stored value", ""),
        ("share of the heat", None if size.heat is None else 100 * size.heat, 0, "%", ""),
    ]
    rows = [
        (what, f"{value:.{places}f}", of, source) for what, value, places, of, source in figures if value is not None
    ]
    rows = rows or [(annotation.text, "", "", "")]
    return [("" if place else str(number), "" if place else annotation.title, *row) for place, row in enumerate(rows)]


def _attempts(case: CaseRecord) -> tuple[Section, ...]:
    """The what-if log, one row per attempt; no section for an empty log."""
    if not case.attempts:
        return ()
    rows = []
    for number, each in enumerate(case.attempts, start=1):
        before, after = dict(each.before).get(each.finding), dict(each.after).get(each.finding)
        shift = "" if before is None or after is None else f"{before:.2f} → {after:.2f}"
        answer = "turns" if each.turned else "holds"
        rows.append(
            (str(number), "; ".join(each.edits) or each.words, each.checkpoint, words(each.finding), shift, answer)
        )
    table = TextTable(("", "Edit", "Model", "Finding", "Probability", "Answer"), tuple(rows), (4,))
    note = "Changes to the film and the answer after each. An answer that holds is not necessarily right."
    return (Section("What-if edits", (table, Paragraph(note, quiet=True))),)


def _similar(case: CaseRecord) -> tuple[Section, ...]:
    similar = case.similar
    if similar is None:
        return ()
    labels = {True: words(similar.finding), False: f"not {words(similar.finding)}", None: "no label"}
    rows = tuple(
        (f"film {each.digest}", f"{each.similarity:.3f}", labels[each.label], f"{each.probability:.2f}")
        for each in similar.films
    )
    note = (
        f"Films of the run {similar.run} with the most similar features at {similar.stage}; the model's "
        "similarity is not a reader's."
    )
    if not isnan(similar.precision) and not isnan(similar.chance):
        note += f" {similar.precision:.0%} of the five nearest films have its label ({similar.chance:.0%} by chance)."
    head = ("Film", "Similarity", "Label", f"Probability of {words(similar.finding)}")
    return (Section("Similar cases", (TextTable(head, rows, (1, 3)), Paragraph(note, quiet=True))),)


def _probabilities(case: CaseRecord) -> Section:
    card, prediction = case.checkpoint, case.prediction
    rows = []
    for finding, logit in zip(prediction.findings, prediction.logits.tolist(), strict=True):
        point, probability = card.thresholds.get(finding), prediction.probability(finding)
        rows.append(
            (
                words(finding),
                f"{probability:.3f}",
                "none" if point is None else f"{point:.3f}",
                "" if point is None else "reached" if probability >= point else "not reached",
                f"{logit:.2f}",
            )
        )
    kind = "Findings are independent." if card.multi_label else "The probabilities add up to 1."
    calibrated = f"Calibrated with temperature {card.temperature:.2f}." if card.temperature != 1 else "Not calibrated."
    table = TextTable(("Finding", "Probability", "Operating point", "", "Logit"), tuple(rows), (1, 2, 4))
    return Section("Probabilities", (table, Paragraph(f"{kind} {calibrated}", quiet=True)))


def _verdicts(case: CaseRecord) -> Section:
    blocks: list[Block] = []
    for verdict in case.verdicts:
        if verdict.figures:
            blocks.append(Paragraph(f"{verdict.title} {verdict.label.capitalize()}."))
            blocks.append(Remarks(tuple(map(front_page.figure_remark, verdict.figures))))
    if case.unmeasured:
        left_out = f"Left out because of its cost: {', '.join(case.unmeasured)} (report --thorough)."
        blocks.append(Paragraph(left_out, quiet=True))
    return Section("The figures behind the verdicts", tuple(blocks))


def _checks(case: CaseRecord) -> Section:
    order = sorted(case.checks, key=lambda check: ("warning", "note", "ok").index(check.level))
    return Section("Film checks", (Remarks(tuple(map(front_page.check_remark, order))),))


def _model(case: CaseRecord) -> Section:
    card = case.checkpoint
    test, lungs = card.metrics.test, card.metrics.lungs
    rows = []
    if test:
        rows += [
            ("AUC on test films of the training sources", estimate_text(available(test.macro_auc))),
            ("Accuracy on the same films", estimate_text(available(test.accuracy))),
            ("Calibration error (ECE)", estimate_text(available(test.ece))),
        ]
    rows += [
        (f"AUC on {source}, of {retrained(card)}", estimate_text(value)) for source, value in held_out(card).items()
    ]
    if lungs:
        rows.append(("Heat in the lungs (Grad-CAM)", estimate_text(available(lungs.lung_ratio))))
    if not rows:
        return Section("The model's figures", (Paragraph("This model has not been measured on labelled films."),))
    blocks: list[Block] = [
        TextTable(("Figure (95 % interval)", ""), tuple(rows)),
        Paragraph(
            "Figures on sources that training saw flatter a model; trust those of other sources more.", quiet=True
        ),
    ]
    if test and test.roc:
        blocks.append(
            LinePlot(
                "ROC on the test films",
                "1 − specificity",
                "Sensitivity",
                tuple(
                    Line(
                        f"{words(finding)}, AUC {estimate_text(test.auc.get(finding))}",
                        tuple(point for point in zip(curve.fpr, curve.tpr, strict=True) if not any(map(isnan, point))),
                    )
                    for finding, curve in list(test.roc.items())[:6]
                ),
            )
        )
    known = (card.known_failures,) if isinstance(card.known_failures, str) else tuple(card.known_failures)
    if known:
        blocks.append(Paragraph("Known failures"))
        blocks += [Paragraph(f"• {sentence}", quiet=True) for sentence in known]
    return Section("The model's figures", tuple(blocks))


def _method(case: CaseRecord) -> Section:
    method, first = methods[case.map.method], case.map
    height, width = first.heat.shape
    pairs = [
        ("Method", method.title),
        ("What it shows", method.plain),
        ("How it misleads", method.misleads),
        ("Layer", first.layer or "the film itself"),
        ("Settings", ", ".join(setting_words(*each) for each in first.settings.items()) or "none"),
        ("Size", f"{first.regions} regions" if first.regions else f"{height} × {width} values, enlarged smoothly"),
        ("Unit", first.unit),
        ("Computed by", f"{first.computed_by} (Captum {captum_version()})"),
        ("Source", method.source),
        ("Film as shown", arrangement_words(first.cleaning) or "as stored"),
        ("Preprocessing", _preprocessing(case)),
    ]
    return Section("How the map was made", (Facts(tuple(pairs)),))


def _preprocessing(case: CaseRecord) -> str:
    now, input = case.cleaning, case.checkpoint.input
    parts = [
        f"{input.fit} to {input.size} × {input.size} px",
        "empty borders cropped" if now.crop_borders else "",
        "CLAHE" if now.clahe else "",
        f"{now.denoise} filter" if now.denoise != "none" else "",
    ]
    return ", ".join(part for part in parts if part)


def _origin(case: CaseRecord) -> Section:
    film, card = case.radiograph, case.checkpoint
    height, width = film.pixels.shape
    spacing = f", {film.spacing[1]:.3g} mm per pixel" if film.spacing else ""
    pairs = [
        ("Film", f"{width} × {height} px{spacing}, {film.origin.format}, {film.origin.bits} bits"),
        ("Digest of the film", film.key),
        ("Model", f"{card.name}, {architecture_title(card)}"),
        ("SHA-256 of the weights", card.sha256),
        ("Digests of the maps", ", ".join(each.key for each in case.maps)),
        *(("Reading", step) for step in film.steps),
    ]
    note = (
        "The manifest in this file computes the same maps again: python -m core report --from REPORT FILM. "
        "It reports if the film or the weights differ."
    )
    return Section("Film, model, digests", (Facts(tuple(pairs)), Paragraph(note, quiet=True)))
