"""Limitations: what papers most often leave out and readers need first.

Source: the items of Mitchell et al. 2019, arXiv:1810.03993 (model cards), and of CLAIM, update 2024,
doi:10.1148/ryai.240300.
"""

from collections import Counter

import streamlit as st

from core.card import LungFigures, SubsetFigures, Text
from core.estimate import FEW, Estimate, available, estimate_text
from core.models.findings import words
from core.models.summary import architecture_title, retrained
from core.types import Checkpoint
from dashboard import markup
from dashboard.cache import model_files
from dashboard.models import export, gate_table, own_models, plots
from dashboard.models.axes import NEUTRAL
from dashboard.models.plots import IntervalMark


def part(card: Checkpoint) -> None:
    """Short sections, one per question."""
    _annotation(card)
    _numbers(card)
    _robustness(card)
    gate_table.part(card)
    _failures(card)
    _availability(card)


def lines(text: Text) -> list[str]:
    """A card's sentence or sentences as a list; empty if it has none."""
    if isinstance(text, str):
        return [text] if text else []
    return list(text)


def missing(what: str) -> str:
    """The sentence for a part that the card lacks."""
    return markup.paragraph(f"The card does not state {what}.", quiet=True)


def mistakes(card: Checkpoint, *, most: int = 3) -> list[str]:
    """The most common mistakes in words, by their share of a finding's films."""
    counts = card.metrics.test.confusion if card.metrics.test else None
    if not isinstance(counts, tuple):  # a multi-label card counts each finding separately
        return []
    cells = [
        (count / sum(row), count, sum(row), card.findings[line], card.findings[column])
        for line, row in enumerate(counts)
        for column, count in enumerate(row)
        if line != column and count
    ]
    return [
        f"{words(label).capitalize()} called {words(predicted)}: {count} of {total} test films ({share:.0%})."
        for share, count, total, label, predicted in sorted(cells, reverse=True)[:most]
    ]


def _annotation(card: Checkpoint) -> None:
    sentences = lines(card.trained_on.annotation)
    with export.section("Annotation quality", "who labelled the films, and how well"):
        st.html("".join(map(markup.paragraph, sentences)) or missing("who labelled its films, or how well"))


def _numbers(card: Checkpoint) -> None:
    counts = card.trained_on.counts
    if not counts:
        with export.section("Sample size"):
            st.html(missing("how many films it was trained on"))
        return
    films: Counter[tuple[str, str]] = Counter()
    for row in counts:
        films[row.finding, row.split] += row.n
    splits = [split for split in ("train", "val", "test") if any(key[1] == split for key in films)]
    rows = [[words(finding), *(f"{films[finding, split]:,}" for split in splits)] for finding in card.findings]
    rows.append(["all", *(f"{sum(films[each, split] for each in card.findings):,}" for split in splits)])
    exported = [
        {"finding": finding, "split": split, "n": films[finding, split]}
        for finding in card.findings
        for split in splits
    ]
    with export.titled(
        "Sample size", exported, name=f"{card.name} sample size", aside="films; no patient in two splits"
    ):
        small = [group_name(each) for each in groups(card) if each.n < FEW]
        few = f"Groups of fewer than {FEW} test films: {', '.join(small)}. Read their intervals, not their values."
        st.html(
            markup.table(["Finding", *map(_split, splits)], rows, caption="", label="Films by finding and split")
            + "".join(markup.paragraph(line, quiet=True) for line in [*([few] if small else []), *leakage(card)]),
            width=620,
        )


def leakage(card: Checkpoint) -> list[str]:
    """The result of the leakage check in sentences; empty if there was none."""
    report = card.metrics.test.leakage if card.metrics.test else None
    if not report:
        return []
    return [
        f"Leakage check, test films against the {report.others:,} others: {report.identical.across} identical pairs, "
        f"{report.near_duplicates.across} near-duplicates, {report.patients.n} patients on both sides."
    ]


def _robustness(card: Checkpoint) -> None:
    marks = robustness(card)
    aside = "held-out hospitals: other networks, trained without them"
    if len(marks) < 2:
        with export.section("Robustness", aside):
            text = "Not measured: held-out hospitals, groups, lungs blacked out."
            st.html(markup.paragraph(text, quiet=True))
        return
    rows = [{"films": mark.row, **export.columns(mark.figure, "macro_auc_")} for mark in marks]
    with export.titled("Robustness", rows, name=f"{card.name} robustness", aside=aside):
        export.chart(
            plots.intervals(marks, quantity="Macro AUC; the ticks at 0.5 are chance"),
            name=f"{card.name} robustness",
            alt="; ".join(f"{mark.row}: macro AUC {estimate_text(mark.figure)}" for mark in marks),
        )
        st.html("".join(markup.paragraph(note, quiet=True) for note in _notes(card)))
    _elsewhere(card)


def _notes(card: Checkpoint) -> list[str]:
    """How to read the figures on other films."""
    notes = []
    if not card.metrics.other_source:
        notes.append("No hospital was held out: its performance at another hospital is unknown.")
    else:
        text = f"Held out: not these weights, which saw that hospital, but {retrained(card)}."
        notes.append(f"{text} It shows how well this training transfers to another hospital.")
    lungs = card.metrics.lungs
    if lungs and lungs.lungs_out and available(lungs.lungs_out.macro_auc):
        notes.append("What it still recognises with the lungs blacked out cannot come from the lungs.")
    return notes


def _elsewhere(card: Checkpoint) -> None:
    """Each held-out hospital; one with a single finding has an accuracy and no AUC."""
    others = card.metrics.other_source
    if not others:
        return
    exported = [
        {"source_left_out": each.source, "of": retrained(card), "n": each.n}
        | export.columns(each.macro_auc, "macro_auc_")
        | export.columns(each.accuracy, "accuracy_")
        for each in others
    ]
    rows = [
        [each.source, f"{each.n:,}", estimate_text(each.macro_auc), estimate_text(each.accuracy)] for each in others
    ]
    with export.titled(
        "Figures by hospital",
        exported,
        name=f"{card.name} sources left out",
        aside="each of another network, trained without it",
    ):
        st.html(
            markup.table(
                ["Held-out hospital", "Films", "Macro AUC", "Accuracy"],
                rows,
                caption="A dash: it has films of one finding only.",
            )
        )


def robustness(card: Checkpoint) -> list[IntervalMark]:
    """Macro AUC on all test films, on held-out hospitals, without the lungs, with the lungs only, and in groups.

    Age bands, sex and view are in the table of groups only.
    """
    test, lungs = card.metrics.test, card.metrics.lungs or LungFigures()
    figures: list[tuple[str, Estimate | None, str]] = [
        ("Internal test, all films", test.macro_auc if test else None, plots.ACCENT)
    ]
    figures += [
        (f"{each.source} held out, another network", each.macro_auc, plots.ACCENT) for each in card.metrics.other_source
    ]
    figures += [
        (name, films.macro_auc if films else None, plots.ACCENT)
        for name, films in (
            ("Films with lungs found, unchanged", lungs.whole),
            ("The same, lungs blacked out", lungs.lungs_out),
            ("The same, lungs only", lungs.lungs_only),
        )
    ]
    figures += [
        (short_name(each), each.macro_auc, NEUTRAL) for each in groups(card) if each.by not in ("age", "sex", "view")
    ]
    return [IntervalMark(name, figure, colour) for name, figure, colour in figures if figure and available(figure)]


def groups(card: Checkpoint) -> tuple[SubsetFigures, ...]:
    """The groups of test films for which the card has figures."""
    return card.metrics.test.groups if card.metrics.test else ()


def group_name(group: SubsetFigures) -> str:
    """The group as a label: "Source nih", "Age 18-39"; only the name if that says it all."""
    return group.name if group.by in ("", "shortcut") else f"{group.by.capitalize()} {group.name}"


def short_name(group: SubsetFigures) -> str:
    """`group_name` without the words in brackets, which stand in the table of groups."""
    return group_name(group).split(" (")[0]


def _failures(card: Checkpoint) -> None:
    known = lines(card.known_failures)
    html = markup.sentences(known) if known else missing("where it is known to fail")
    if common := mistakes(card):
        html += markup.paragraph("Most common mistakes:") + markup.sentences(common)
    with export.section("Failure analysis", "known failures and most common mistakes"):
        st.html(html)


def _availability(card: Checkpoint) -> None:
    weights = model_files.weights_path(card)
    size = f", {weights.stat().st_size / 1e6:.1f} MB" if weights.exists() else ""
    shipped = weights.parent == model_files.WEIGHTS
    pairs = [
        ("Weights", f"{f'weights/{weights.name}' if shipped else weights}{size}"),
        ("SHA-256", card.sha256),
        ("Licence", " ".join(lines(card.licence)) or "not stated"),
        ("Architecture", f"{architecture_title(card)}, core/models"),
    ]
    evaluate = f"python -m core evaluate MANIFEST.csv --checkpoint {card.name}"
    if card.imported:
        with export.section("Availability", "origin and evaluation"):
            text = markup.paragraph("Evaluate it on your own films:", quiet=True)
            st.html(markup.facts([*pairs, *own_models.origin(card.imported)]) + text)
            st.code(evaluate, language="bash", wrap_lines=True)
        return
    recipe = model_files.WEIGHTS / "recipes" / f"{card.name}.toml"
    how = f"--recipe weights/recipes/{recipe.name}" if recipe.exists() else f"--architecture {card.architecture}"
    with export.section("Availability", "everything needed to use, evaluate and reproduce it"):
        st.html(
            markup.facts(pairs) + markup.paragraph("Train it again, and evaluate it on your own films:", quiet=True)
        )
        st.code(
            f"python -m core train --data DIR {how} --name {card.name}\n{evaluate}",
            language="bash",
            wrap_lines=True,
        )


def _split(name: str) -> str:
    return {"train": "Training", "val": "Validation", "test": "Test"}[name]
