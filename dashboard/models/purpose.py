"""Purpose and data: intended use, and the training films."""

from collections import Counter
from collections.abc import Mapping

import streamlit as st

from core.codec import dump
from core.models.findings import words
from core.overlay import NOTICE
from core.types import Checkpoint
from dashboard import markup
from dashboard.models import export, plots
from dashboard.models.limitations import lines, missing


def part(card: Checkpoint) -> None:
    """Intended use, then the films by source, finding and split."""
    sentences = lines(card.intended_use)
    with export.section("Intended use"):
        st.html("".join(map(markup.paragraph, [*sentences, NOTICE])))
    _data(card)


def _data(card: Checkpoint) -> None:
    trained_on = card.trained_on
    counts = trained_on.counts
    if not counts:
        with export.section("Training films"):
            st.html(
                "".join(map(markup.paragraph, lines(trained_on.data)))
                + missing("how many films came from which source")
            )
        return
    films: Counter[tuple[str, str, str]] = Counter()
    for row in counts:
        films[row.source, row.finding, row.split] += row.n
    training = {(source, finding): n for (source, finding, split), n in films.items() if split == "train"}
    names = sorted({source for source, _, _ in films})
    with export.titled("Training films", [dump(each) for each in counts], name=f"{card.name} films"):
        st.html("".join(map(markup.paragraph, lines(trained_on.data))))
        export.chart(
            plots.sources(training, card.findings),
            name=f"{card.name} films",
            alt="Training films of each source, stacked by finding; the table below has the numbers.",
        )
        rows = [[source, *(_cell(films, source, finding) for finding in card.findings)] for source in names]
        st.html(
            markup.table(
                ["Source", *map(words, card.findings)],
                rows,
                caption="Films for training / validation / test. A source of one colour gives the finding away: "
                "the network can learn the source instead of the disease.",
            )
        )
        licence = lines(trained_on.licence)
        if licence:
            st.html(markup.facts([("Licence of the films", " ".join(licence))]))


def _cell(films: Mapping[tuple[str, str, str], int], source: str, finding: str) -> str:
    counts = [films.get((source, finding, split), 0) for split in ("train", "val", "test")]
    return " / ".join(f"{n:,}" for n in counts) if any(counts) else "–"
