"""The researcher's story in four steps: bring a checkpoint, measure it, click a mistake, export. All computed live.

It uses the model of the sidebar and drawn chests with a known ground truth, so that it runs anywhere; each step names
the page and the command that do the same for your own weights and films. Its address is ?story=checkpoint.
"""

import csv
import io
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st
import torch

from core.estimate import estimate_text
from core.evaluate.intervals import proportion
from core.explain.export import overlay_png, source_line
from core.explain.run import Request
from core.explain.sharing import FIRST_LOOK
from core.models.architecture import originals
from core.models.findings import leading, words
from core.models.importers import inspect
from core.types import Checkpoint, Cleaning, Explanation, Prediction, Radiograph
from dashboard import draw, film_upload, labels, markup, progress, selection
from dashboard.cache import film_properties, map_requests, verdict_requests
from dashboard.file_names import file_name
from dashboard.state import session
from dashboard.viewer import viewer

NAME = "checkpoint"  # in the address
LABEL = "Bring a checkpoint: measure it, find a mistake, export, two minutes"
_FILMS = (*range(3), *range(6, 15))  # numbers of drawn chests; 3 to 5 are not plain
_NORMAL, _OPACITY = "normal", "pneumonia"  # labels of a chest without and with a drawn opacity
_NETWORK = "mobilenet-v3-small"  # of the example file: quick to write and to read
_HEIGHT = 420  # px of a film
_FEW = 6  # findings that fit in a confusion matrix, whether or not each one occurs


@dataclass(frozen=True, eq=False)
class StoryAnswer:
    """The answer to one drawn chest; right is None where the model does not know the label."""

    number: int
    film: Radiograph
    label: str
    prediction: Prediction
    right: bool | None


def _bring(card: Checkpoint) -> None:
    """The importer's result for a newly written file in a format common to many trainings."""
    with st.spinner("Reading a file"), tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "somebodys-model.pth"
        torch.save(_foreign(), file)
        inspected = inspect(file)
    st.html(
        markup.paragraph(
            "A checkpoint is read as data: no code in it runs. Network, outputs and channels are recognised from the "
            "tensors alone. Here is what Lightbox reads from a file saved a moment ago, the way many training scripts "
            "save theirs (untrained, three outputs, every tensor name prefixed with “module.”):"
        )
    )
    facts = [
        ("Network", inspected.title),
        *([("Recognised as", inspected.layout)] if inspected.layout != inspected.title else []),
        ("Outputs", str(inspected.outputs)),
        ("Findings", ", ".join(map(words, inspected.findings)) + ("" if inspected.named else " (placeholder names)")),
        ("Input", f"{inspected.input.size} px, {inspected.channels} channel{'s' if inspected.channels > 1 else ''}"),
        ("SHA-256", f"{inspected.sha256[:16]}…"),
    ]
    st.html(markup.facts(facts))
    if inspected.guesses:
        st.html(markup.paragraph("Not stored in the file; you confirm it:", quiet=True))
        st.html(markup.sentences(inspected.guesses.values()))
    _same(
        "Models → Import a checkpoint",
        "python -m core import weights.pth --findings covid,pneumonia,normal --name mine",
    )
    st.html(markup.paragraph(f"The next steps use {card.name}, the model of the sidebar.", quiet=True))


def _measure(card: Checkpoint) -> None:
    """Accuracy on the drawn chests, and the card's figures on real test films."""
    judged = [each for each in _answers(card) if each.right is not None]
    if not judged:
        st.html(markup.paragraph(f"{card.name} knows neither {_NORMAL} nor {_OPACITY}: choose another model."))
        return
    right = np.array([bool(each.right) for each in judged])
    estimate = proportion(right, np.array([each.film.key for each in judged]))
    st.html(
        markup.paragraph(
            f"{card.name} answers {len(judged)} drawn chests; a drawn opacity counts as {_OPACITY}. "
            f"Right: {int(right.sum())} of {len(judged)} (95 % interval {estimate.low:.2f} to {estimate.high:.2f})."
        )
    )
    answers = sorted({leading(each.prediction, card) for each in judged})
    given = list(card.findings) if len(card.findings) <= _FEW else answers
    pairs = Counter((each.label, leading(each.prediction, card)) for each in judged)
    rows = [[words(label), *(str(pairs[label, answer]) for answer in given)] for label in (_NORMAL, _OPACITY)]
    test = card.metrics.test
    real = f"On the test films of its card: macro AUC {estimate_text(test.macro_auc)}. " if test else ""
    strange = "Drawn chests are unfamiliar to a model trained on patients: an exercise, not evidence."
    head = ["Truth ↓ answer →", *map(words, given)]
    st.html(markup.table(head, rows, caption=f"{real}{strange}", label="Confusion matrix"))
    _same("Compare → Over many films, or Cohort", f"python -m core evaluate films.csv --checkpoint {card.name}")


def _mistake(card: Checkpoint) -> None:
    """The wrong answers, each a button; the chosen one with its map and verdicts."""
    wrong = [each for each in _answers(card) if each.right is False]
    if not wrong:
        st.html(markup.paragraph("No mistake on these chests. Choose another model in the sidebar."))
        return
    one = _chosen(wrong)
    _mistakes(card, wrong, one)
    map_ = _map(card, one)
    picture, beside = st.columns([3, 2], gap="medium")
    with picture:
        source = source_line(card, one.prediction, map_.finding)
        viewer(one.film, [map_], key="story mistake", height=_HEIGHT, source=source, compact=True)
    with beside:
        draw.section("Probabilities", card.name)
        draw.probabilities(one.prediction, card, explained=map_.finding)
        draw.section("Four verdicts", "quick checks")
        note = st.empty()
        judged = verdict_requests.trust(card, one.film, map_, Cleaning(), one.prediction)
        draw.verdicts(judged.result(progress.reporter(note, "Verdicts")))
        note.empty()
    _same("a cell of the confusion matrix", f"python -m core trust film.png --checkpoint {card.name}")


def _export(card: Checkpoint) -> None:
    """All answers as a table, the mistake's overlay, and a button that opens the film."""
    answers = _answers(card)
    wrong = [each for each in answers if each.right is False] or answers
    one = _chosen(wrong)
    map_ = _map(card, one)
    st.html(
        markup.paragraph(
            "Each export names what produced it: the table names the model and its weights; the picture carries "
            "method, finding, probability and digest."
        )
    )
    with st.container(horizontal=True, key="story exports", gap="small"):
        draw.download("All answers (CSV)", table(answers, card), f"{card.name}-answers.csv")
        source = source_line(card, one.prediction, map_.finding)
        draw.download(
            f"Map of chest {one.number} (PNG)",
            partial(overlay_png, one.film, map_, source=source),
            file_name(one.film, map_, "png"),
        )
        if st.button(f"Open chest {one.number} in Read", key="story open mistake", type="primary"):
            film_upload.open_case(one.number)
            session().finding = map_.finding
            session().story = 0
            st.switch_page("views/read.py")
    st.html(markup.paragraph("In Read, Save makes a report (PDF, web page), a figure, and DICOM.", quiet=True))
    _same("Read → Save", f"python -m core report film.png --checkpoint {card.name} --out case.pdf")


STEPS = (
    ("Bring a checkpoint", _bring),
    ("Measure it", _measure),
    ("Click a mistake", _mistake),
    ("Export", _export),
)


def tell(step: int) -> None:
    """Draws the contents of a step, from 1."""
    card = selection.card()
    if card is None:
        draw.problem("The story needs a model. Restore the folder weights/, or import a checkpoint.")
        return
    STEPS[step - 1][1](card)


def _foreign() -> dict[str, Any]:
    """The state of an untrained network, as `nn.DataParallel` stores it."""
    torch.manual_seed(0)
    layers = originals[_NETWORK].make(num_classes=3)
    return {"state_dict": {f"module.{name}": tensor for name, tensor in layers.state_dict().items()}, "epoch": 12}


def table(answers: Sequence[StoryAnswer], card: Checkpoint) -> str:
    """The answers as CSV, one line per film."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["film", "label", "answer", "right", *card.findings, "checkpoint", "weights_sha256"])
    for each in answers:
        figures = [f"{each.prediction.probability(finding):.6f}" for finding in card.findings]
        right = "" if each.right is None else int(each.right)
        row = [f"drawn chest {each.number}", each.label, leading(each.prediction, card), right]
        writer.writerow([*row, *figures, card.name, card.sha256])
    return text.getvalue()


def _answers(card: Checkpoint) -> list[StoryAnswer]:
    note, results = st.empty(), []
    for number in _FILMS:
        film = film_properties.drawn_film(number)
        label = _OPACITY if film.planes else _NORMAL
        prediction = map_requests.predict(card, film, Cleaning(), report=progress.reporter(note, "Answers"))
        results.append(StoryAnswer(number, film, label, prediction, labels.agrees(prediction, card, label)))
    note.empty()
    return results


def _chosen(wrong: Sequence[StoryAnswer]) -> StoryAnswer:
    return next((each for each in wrong if each.number == session().story_film), wrong[0])


def _choose(number: int) -> None:
    session().story_film = number


def _map(card: Checkpoint, one: StoryAnswer) -> Explanation:
    request = Request(FIRST_LOOK, leading(one.prediction, card), None)
    return map_requests.explain(card, one.film, Cleaning(), request).result().of(request)


def _mistakes(card: Checkpoint, wrong: Sequence[StoryAnswer], one: StoryAnswer) -> None:
    """A button for each mistake, grouped in rows by kind."""
    kinds: dict[str, list[StoryAnswer]] = {}
    for each in wrong:
        kinds.setdefault(f"{words(each.label)} called {words(leading(each.prediction, card))}", []).append(each)
    with st.container(key="mistakes", gap="xsmall"):
        for kind, chests in kinds.items():
            with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
                st.html(markup.paragraph(f"{kind[:1].upper()}{kind[1:]}:"), width="content")
                for each in chests:
                    st.button(
                        f"Chest {each.number}",
                        key=f"mistake {each.number}",
                        type="primary" if each is one else "secondary",
                        on_click=partial(_choose, each.number),
                    )


def _same(place: str, command: str) -> None:
    """The page and command that do the same with your own weights and films."""
    st.html(markup.paragraph(f"With your own data: {place}. On the command line:", quiet=True))
    st.code(command, language=None, wrap_lines=True)
