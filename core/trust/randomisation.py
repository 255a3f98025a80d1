"""Whether a map depends on the learned weights: cascading randomisation, top down."""

import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from core.errors import NoLungs, Unfit
from core.explain.method import methods
from core.explain.run import explain
from core.image.phantom import Opacity, draw
from core.models import library
from core.models.architecture import Network
from core.models.classifier import Classifier
from core.registry import unknown
from core.trust.altered import heat_of, prepared, rank_correlation
from core.trust.measure import Figure, Question, measure, no_map
from core.types import Checkpoint, Cleaning, Level, Radiograph

_TITLE = "Depends on the learned weights"
ENDING = ".randomisation.json"  # of the table beside the weights
DOUBTFUL, LIMIT = 0.45, 0.65  # mean rank correlation of magnitudes while the later half of the network is random
_PHANTOMS = 2
CascadeTable = Mapping[str, Sequence[float]]  # method -> rank correlation after each step of the cascade


def _no_table(question: Question) -> str:
    explanation = question.explanation
    if reason := no_map(question):
        return reason
    if explanation.changed or explanation.layer not in (None, _last_stage(question.classifier)):
        return "The shipped test covers each method with its default settings and layer; test this film instead."
    if explanation.method not in read_table(question.classifier.checkpoint):
        return (
            f"{explanation.title or explanation.method} of {question.classifier.checkpoint.name} was not tested on "
            "random weights. Test it: python -m core randomise."
        )
    return ""


@measure("randomisation", title=_TITLE, aspect="faithfulness", obstacle=_no_table)
def randomisation(question: Question) -> Figure:
    """Rank correlation of the method's maps with those of the same network whose weights were replaced by random ones,
    from the last layer to the first; measured once on phantoms.

    Value: mean over phantoms and the first half of the steps, -1 to 1; near 0 if the map shows what was learned.
    Source: Adebayo et al. 2018, arXiv:1810.03292.
    """
    cascade = read_table(question.classifier.checkpoint)[question.explanation.method]
    return _figure("randomisation", cascade, f"On {_PHANTOMS} phantoms")


@measure("randomisation-film", title=f"{_TITLE}, this film", aspect="faithfulness", cost="passes", obstacle=no_map)
def randomisation_of_film(question: Question) -> Figure:
    """Rank correlation of this film's map with maps of the same network with random weights; noisier, since it is one
    film.

    Value: mean over the first half of the steps, -1 to 1.
    Source: Adebayo et al. 2018, arXiv:1810.03292.
    """
    return _figure("randomisation-film", cascade(question), "On this film")


def _figure(name: str, cascade: Sequence[float], where: str) -> Figure:
    value = sameness(cascade)
    title = _TITLE if name == "randomisation" else f"{_TITLE}, this film"
    level: Level = "warning" if value > LIMIT else "note" if value > DOUBTFUL else "ok"
    verdict = {
        "ok": "The map depends on the learned weights.",
        "note": "Part of the map does not depend on the learned weights.",
        "warning": "The map hardly depends on the learned weights: it shows the film, not the model.",
    }[level]
    steps = ", ".join(f"{value:.2f}" for value in cascade)
    sentence = f"{where}, rank correlation with the map while weights become random, last layers first: {steps}."
    return Figure(name, title, level, value, "rank correlation", sentence, verdict)


def cascade(question: Question, *, seed: int = 0) -> list[float]:
    """Rank correlation of magnitudes with the question's map, after the head, the last stage, ... are random."""
    image = prepared(question).image
    base = np.abs(heat_of(question, image))
    return [
        rank_correlation(base, np.abs(np.nan_to_num(heat_of(question, image, classifier=random))))
        for random in randomised(question.classifier, seed)
    ]


def sameness(cascade: Sequence[float]) -> float:
    """Mean of the first half of the steps, in which the deciding layers are random, but not those that detect edges."""
    return float(np.mean(cascade[: max(1, len(cascade) // 2)]))


def randomised(classifier: Classifier, seed: int) -> Iterator[Classifier]:
    """The classifier with more and more random weights: the head, then one stage after another, the last first.

    Layers are initialised anew, as in Quantus's ModelParameterRandomisation. The networks share their layers: use each
    before the next.
    """
    with classifier.alone() as network:
        fresh: Network = copy.deepcopy(network)
    for part in _parts(fresh):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            for module in (each for layer in part for each in layer.modules()):
                if callable(reset := getattr(module, "reset_parameters", None)):
                    reset()
        yield Classifier(classifier.checkpoint, fresh.eval().requires_grad_(False))


def _parts(network: Network) -> Iterator[list[nn.Module]]:
    """The head, then the layers of each stage, last stage first."""
    ends = {child: stage for stage, child in network.stages.items()}
    stages: list[list[nn.Module]] = [[]]
    for child, module in network.features.named_children():
        stages[-1].append(module)
        if child in ends:
            stages.append([])
    yield [network.head, *stages[-1]]
    yield from reversed(stages[:-1])


def table(
    classifier: Classifier, names: Sequence[str], *, phantoms: int = _PHANTOMS
) -> Iterator[tuple[str, list[float]]]:
    """Each method that the network supports, with its cascade, the mean over phantoms."""
    films = [_phantom(seed) for seed in range(phantoms)]
    for name in names:
        results = []
        for seed, film in enumerate(films):
            finding = classifier.predict(film).likeliest[0]
            try:
                explanation = explain(classifier, film, finding=finding, method=name)
            except (Unfit, NoLungs):
                continue
            if not explanation.void and not explanation.regions:
                results.append(cascade(Question(classifier, film, explanation, Cleaning()), seed=seed))
        if results:
            yield name, [round(float(value), 3) for value in np.mean(results, axis=0)]


def read_table(checkpoint: Checkpoint, folder: Path | None = None) -> CascadeTable:
    """The table beside the weights; empty if there is none, or it belongs to other weights."""
    try:
        path = (folder or library.place(checkpoint.name)) / f"{checkpoint.name}{ENDING}"
        stored = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError):
        return {}
    return stored["methods"] if stored.get("sha256") == checkpoint.sha256 else {}


def write_table(checkpoint: Checkpoint, results: CascadeTable, folder: Path) -> Path:
    """Writes the table beside the weights; returns its path."""
    path = folder / f"{checkpoint.name}{ENDING}"
    contents = {"sha256": checkpoint.sha256, "phantoms": _PHANTOMS, "methods": dict(results)}
    path.write_text(json.dumps(contents, indent=1) + "\n", encoding="utf-8")
    return path


def testable() -> list[str]:
    """Methods that are tested by default: those that take few passes and are not a baseline."""
    return [name for name, each in methods.items() if each.cost in ("shared", "few") and each.family != "baseline"]


def known_methods(names: Sequence[str]) -> list[str]:
    """The names, or all that are tested by default. Raises: UnknownName."""
    for name in names:
        if name not in methods:
            raise unknown("method", name, list(methods))
    return list(names) or testable()


def _phantom(seed: int) -> Radiograph:
    return draw(seed=seed, height=512, width=512, opacity=Opacity(0.3, 0.45) if seed % 2 else None).radiograph


def _last_stage(classifier: Classifier) -> str:
    with classifier.alone() as network:
        return network.last_stage
