"""Proposed properties of a network that its tensors do not contain: findings, preprocessing, one label or several.

The user confirms or corrects them, and labelled films can test them (core/evaluate/polarity).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor

from core.errors import BadCheckpoint
from core.models.architecture import Original, originals
from core.models.findings import CHESTXRAY14, XRAYVISION18
from core.models.importers.layout import THRESHOLDS, LayoutMatch
from core.models.importers.normalisation import normalised
from core.models.importers.text import listing
from core.types import Input

IMAGENET = 1000  # outputs
MOST = 100  # findings that can be shown
LONGEST = 60  # characters of a finding's name
_FEW = 4  # outputs, from two, up to which a network more often gives one label per film than several


@dataclass(frozen=True)
class Proposal:
    """The settings that the user confirms.

    layout:      whose network it is, in words.
    findings:    one for each output that is kept; empty if the network has none.
    kept:        which of the outputs these are.
    named:       False where the names are made up ("finding 1").
    multi_label: True for a sigmoid each, False for one softmax.
    thresholds:  finding -> operating point that the file holds.
    notes:       facts for the reader, one sentence each.
    guesses:     one sentence per guess, by the name of the correction that settles it (candidate.corrected).
    """

    layout: str
    findings: tuple[str, ...]
    outputs: tuple[int, ...]
    named: bool
    multi_label: bool
    input: Input
    thresholds: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    guesses: Mapping[str, str] = field(default_factory=dict)


def propose(fit: LayoutMatch, tensors: Mapping[str, Tensor], lists: Mapping[str, tuple[str, ...]]) -> Proposal:
    """The probable settings of the network.

    tensors: of the file.
    lists:   lists of words stored beside the weights; one with as many words as outputs names the findings.
    """
    entry = originals[fit.template.name]
    points = next((tensor for key, tensor in tensors.items() if key.rpartition(".")[2] == THRESHOLDS), None)
    if points is not None and tuple(points.shape) != (fit.outputs,):
        points = None
    if fit.channels == 1 and (points is not None or fit.outputs == len(XRAYVISION18)):
        return _xrayvision(fit, points)
    wanted, notes, guesses = _input(fit, entry)
    alike = {
        key: words
        for key, words in lists.items()
        if len(words) == fit.outputs == len(set(words)) <= MOST and all(map(is_name, words))
    }
    if alike:
        key, words = next(iter(alike.items()))
        notes.append(f"The findings are stored in the file, under {key}.")
        return _of(fit, entry.title, words, wanted, notes, guesses, named=True)
    if fit.outputs == len(CHESTXRAY14):
        guesses["findings"] = (
            "14 outputs are assumed to be the findings of ChestX-ray14 in their official order, as in CheXNet. "
            "CheXpert has 14 labels, too (set chexpert14)."
        )
        old = fit.spelling == "as torch did before 2018"
        chexnet = entry.name == "densenet121" and fit.channels == 3
        layout = f"CheXNet ({entry.title}{', names of 2017' if old else ''})" if chexnet else entry.title
        return _of(fit, layout, CHESTXRAY14, wanted, notes, guesses, named=True)
    if fit.outputs == IMAGENET:
        notes.append(
            "Its 1,000 outputs are those of ImageNet: dogs, tools and vehicles. It has no finding, and cannot be "
            "saved as a classifier of radiographs before its last layer is retrained."
        )
        return _of(fit, f"{entry.title} of ImageNet", (), wanted, notes, guesses, named=True)
    guesses["findings"] = "The file does not name its outputs. Name them in the order in which they were trained."
    return _of(fit, entry.title, _numbered(fit.outputs), wanted, notes, guesses, named=False)


def _input(fit: LayoutMatch, entry: Original) -> tuple[Input, list[str], dict[str, str]]:
    """The probable input, with notes and guesses about it."""
    plain = Input(size=entry.size, channels=1 if fit.channels == 1 else 3, filter="bilinear")
    if fit.channels == 3 and entry.name == "inception-v3":
        note = "torchvision's Inception-V3 converts ImageNet's grey values to -1 to 1 itself: that is used here."
        return normalised(plain, "signed"), [note], {}
    if fit.channels == 3:
        return normalised(plain, "imagenet"), [], {}
    guess = (
        "The grey values of its training are not stored in the file: black 0 and white 1 are a guess. Labelled films "
        "can test it."
    )
    return normalised(plain, "unit"), [], {"normalisation": guess}


def is_name(finding: str) -> bool:
    """Whether the text is a valid name of a finding: on screen, in tables and between commas."""
    return 0 < len(finding.strip()) <= LONGEST and finding.isprintable() and "," not in finding


def _of(
    fit: LayoutMatch,
    layout: str,
    findings: tuple[str, ...],
    input: Input,
    notes: list[str],
    guesses: dict[str, str],
    *,
    named: bool,
) -> Proposal:
    several = not 1 < fit.outputs <= _FEW
    if fit.outputs == 1:
        notes.append("One output: how likely the finding is, by a sigmoid.")
    elif fit.outputs not in (len(CHESTXRAY14), IMAGENET):
        what = "several findings per film" if several else "one finding per film"
        guess = f"Whether its outputs exclude each other is not stored in the file; {what} is assumed."
        guesses["multi_label"] = guess
    outputs = tuple(range(len(findings)))
    return Proposal(layout, findings, outputs, named, several, input, notes=tuple(notes), guesses=guesses)


def _xrayvision(fit: LayoutMatch, points: Tensor | None) -> Proposal:
    """A network of TorchXRayVision: one channel, black -1024 and white 1024, a sigmoid each.

    points: (F,) its operating points, NaN for outputs that were never trained; None where the file has none.

    TorchXRayVision itself rescales each probability p to op_norm(p), so that its operating point t lands on 0.5: p / 2t
    below it, 1 - (1 - p) / 2(1 - t) above. Here p stays the network's own and t goes into the card: p reaches t exactly
    where op_norm(p) reaches 0.5, and films are ranked alike. The logits, and so the maps, are the same in both.
    Outputs without an operating point, which TorchXRayVision answers with 0.5 whatever the film, are left out.

    Source: Cohen et al. 2022, arXiv:2111.00595; torchxrayvision.models.op_norm.
    """
    entry = originals[fit.template.name]
    size = 512 if entry.name == "resnet50" else entry.size
    wanted = normalised(Input(size=size, channels=1, filter="bilinear", fit="crop"), "xrayvision")
    known = fit.outputs == len(XRAYVISION18)
    names = XRAYVISION18 if known else _numbered(fit.outputs)
    levels = points.double().real.tolist() if points is not None and not points.is_complex() else []
    outputs = tuple(place for place in range(fit.outputs) if not levels or 0 < levels[place] < 1)
    if not outputs:
        raise BadCheckpoint(
            "None of the network's outputs has an operating point between 0 and 1: TorchXRayVision never trained one. "
            "Give a file of trained weights."
        )
    notes = []
    if not levels:
        notes.append("The file holds no operating points: 0.5 is used, where TorchXRayVision has others.")
        notes.append("Outputs that were never trained, which some of its networks have, cannot be recognised.")
    if len(outputs) < fit.outputs:
        untrained = listing(names[place] for place in range(fit.outputs) if place not in outputs)
        notes.append(
            f"Left out, as they were never trained: {fit.outputs - len(outputs)} of {fit.outputs} outputs "
            f"({untrained})."
        )
    findings = tuple(names[place] for place in outputs)
    return Proposal(
        layout=f"TorchXRayVision ({entry.title})",
        findings=findings,
        outputs=outputs,
        named=known,
        multi_label=True,
        input=wanted,
        thresholds={names[place]: levels[place] for place in outputs} if levels else {},
        notes=tuple(notes),
    )


def _numbered(count: int) -> tuple[str, ...]:
    return tuple(f"finding {place}" for place in range(1, count + 1))
