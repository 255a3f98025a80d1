"""What papers most often leave out, and a reader needs first.

Source: the items of Mitchell et al. 2019, arXiv:1810.03993 (model cards), and of CLAIM, update 2024,
doi:10.1148/ryai.240300.
"""

from collections import Counter

import streamlit as st

from core.card import LungFigures, SubsetFigures, Text
from core.estimate import FEW, Estimate, available, estimate_text
from core.models.summary import architecture_title, retrained
from core.types import Checkpoint
from dashboard import cache, markup
from dashboard.models import export, own_models, plots
from dashboard.models.axes import NEUTRAL
from dashboard.models.plots import Mark


def part(card: Checkpoint) -> None:
    """Five short sections."""
    _annotation(card)
    _numbers(card)
    _robustness(card)
    _failures(card)
    _availability(card)


def lines(text: Text) -> list[str]:
    """A card's sentence or sentences as a list; empty where it has none."""
    if isinstance(text, str):
        return [text] if text else []
    return list(text)


def unsaid(what: str) -> str:
    """The sentence for a part that the card lacks."""
    return markup.paragraph(f"The card does not say {what}.", quiet=True)


def confused(card: Checkpoint, *, most: int = 3) -> list[str]:
    """The commonest mistakes in words, by the share of the films that they befall."""
    counts = card.metrics.test.confusion if card.metrics.test else None
    if not isinstance(counts, tuple):  # a multi-label card counts each finding by itself
        return []
    mistakes = [
        (count / sum(row), count, sum(row), card.findings[line], card.findings[column])
        for line, row in enumerate(counts)
        for column, count in enumerate(row)
        if line != column and count
    ]
    return [
        f"{truth.capitalize()} taken for {said}: {count} of {total} test films ({share:.0%})."
        for share, count, total, truth, said in sorted(mistakes, reverse=True)[:most]
    ]


def _annotation(card: Checkpoint) -> None:
    told = lines(card.trained_on.annotation)
    with export.section("Annotation quality", "who labelled the films, and how well"):
        st.html("".join(map(markup.paragraph, told)) or unsaid("who labelled its films, and how well"))


def _numbers(card: Checkpoint) -> None:
    counts = card.trained_on.counts
    if not counts:
        with export.section("Sample size"):
            st.html(unsaid("how many films it was trained on"))
        return
    films: Counter[tuple[str, str]] = Counter()
    for row in counts:
        films[row.finding, row.split] += row.n
    splits = [split for split in ("train", "val", "test") if any(key[1] == split for key in films)]
    rows = [[finding, *(f"{films[finding, split]:,}" for split in splits)] for finding in card.findings]
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
    """What the leakage check found, in a sentence; nothing where it was not made."""
    found = card.metrics.test.leakage if card.metrics.test else None
    if not found:
        return []
    return [
        f"Leakage check, test films against the {found.others:,} others: {found.identical.across} identical pairs, "
        f"{found.near_duplicates.across} near-duplicates, {found.patients.n} patients on both sides."
    ]


def _robustness(card: Checkpoint) -> None:
    marks = robustness(card)
    aside = "on other films; of other networks where a source was left out"
    if len(marks) < 2:
        with export.section("Robustness", aside):
            missing = "Not measured without a source, on groups, or with the lungs blacked out."
            st.html(markup.paragraph(missing, quiet=True))
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
    """How the figures on other films are to be read."""
    found = []
    if not card.metrics.other_source:
        found.append("No source was left out: nothing here says how it does at another hospital.")
    else:
        told = f"Left out: not of these weights, which saw that source, but of {retrained(card)}."
        found.append(f"{told} It says how far such a training carries to another hospital.")
    lungs = card.metrics.lungs
    if lungs and lungs.lungs_out and available(lungs.lungs_out.macro_auc):
        found.append("What it still tells with the lungs blacked out, it cannot have from the lungs.")
    return found


def _elsewhere(card: Checkpoint) -> None:
    """Each source that was left out; one with a single finding has an accuracy and no AUC."""
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
        "Source by source", exported, name=f"{card.name} sources left out", aside="each of another network, without it"
    ):
        st.html(
            markup.table(
                ["Source left out", "Films", "Macro AUC", "Accuracy"],
                rows,
                caption="A dash: only one finding comes from there.",
            )
        )


def robustness(card: Checkpoint) -> list[Mark]:
    """Macro AUC inside, with a source left out, without and with nothing but the lungs, and in the groups that matter.

    Age bands, sex and view are left to the table of groups.
    """
    test, lungs = card.metrics.test, card.metrics.lungs or LungFigures()
    found: list[tuple[str, Estimate | None, str]] = [
        ("Inside, all test films", test.macro_auc if test else None, plots.ACCENT)
    ]
    found += [
        (f"{each.source} left out, another network", each.macro_auc, plots.ACCENT) for each in card.metrics.other_source
    ]
    found += [
        (name, films.macro_auc if films else None, plots.ACCENT)
        for name, films in (
            ("Films with a lung outline, whole", lungs.whole),
            ("The same, lungs blacked out", lungs.lungs_out),
            ("The same, only the lungs left", lungs.lungs_only),
        )
    ]
    found += [
        (short_name(each), each.macro_auc, NEUTRAL) for each in groups(card) if each.by not in ("age", "sex", "view")
    ]
    return [Mark(name, figure, colour) for name, figure, colour in found if figure and available(figure)]


def groups(card: Checkpoint) -> tuple[SubsetFigures, ...]:
    """The groups of test films for which the card has figures."""
    return card.metrics.test.groups if card.metrics.test else ()


def group_name(group: SubsetFigures) -> str:
    """What the group is: "Source nih", "Age 18-39"; the name alone where it needs no more."""
    return group.name if group.by in ("", "shortcut") else f"{group.by.capitalize()} {group.name}"


def short_name(group: SubsetFigures) -> str:
    """As `group_name`, without what stands in brackets; the table of groups has it."""
    return group_name(group).split(" (")[0]


def _failures(card: Checkpoint) -> None:
    known = lines(card.known_failures)
    told = markup.sentences(known) if known else unsaid("where it is known to fail")
    mistakes = confused(card)
    if mistakes:
        told += markup.paragraph("Its commonest mistakes:") + markup.sentences(mistakes)
    with export.section("Failure analysis", "where it goes wrong, as far as is known"):
        st.html(told)


def _availability(card: Checkpoint) -> None:
    weights = cache.weights_path(card)
    size = f", {weights.stat().st_size / 1e6:.1f} MB" if weights.exists() else ""
    shipped = weights.parent == cache.WEIGHTS
    pairs = [
        ("Weights", f"{f'weights/{weights.name}' if shipped else weights}{size}"),
        ("SHA-256", card.sha256),
        ("Licence", " ".join(lines(card.licence)) or "not stated"),
        ("Architecture", f"{architecture_title(card)}, core/models"),
    ]
    evaluate = f"python -m core evaluate MANIFEST.csv --checkpoint {card.name}"
    if card.imported:
        with export.section("Availability", "what was imported, and how to judge it"):
            told = markup.paragraph("Evaluate it on films of your own:", quiet=True)
            st.html(markup.facts([*pairs, *own_models.origin(card.imported)]) + told)
            st.code(evaluate, language="bash", wrap_lines=True)
        return
    recipe = cache.WEIGHTS / "recipes" / f"{card.name}.toml"
    how = f"--recipe weights/recipes/{recipe.name}" if recipe.exists() else f"--architecture {card.architecture}"
    with export.section("Availability", "everything needed to have it, judge it and make it again"):
        st.html(
            markup.facts(pairs) + markup.paragraph("Train it again, and evaluate it on films of your own:", quiet=True)
        )
        st.code(
            f"python -m core train --data DIR {how} --name {card.name}\n{evaluate}",
            language="bash",
            wrap_lines=True,
        )


def _split(name: str) -> str:
    return {"train": "Training", "val": "Validation", "test": "Test"}[name]
