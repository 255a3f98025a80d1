"""A checkpoint that others trained: the contents of its file, the proposed settings, and the checkpoint it becomes."""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from core.card import ImportRecord
from core.errors import BadCheckpoint, BadSetting
from core.models.architecture import Network, known, originals, shapes_only
from core.models.importers.file import FileKind, sha256
from core.models.importers.layout import THRESHOLDS, LayoutMatch, fits
from core.models.importers.normalisation import name_of, normalised
from core.models.importers.proposal import LONGEST, MOST, is_name, propose
from core.models.importers.tensors import Contents, is_average, read
from core.models.importers.text import listing, plain
from core.registry import unknown
from core.types import Checkpoint, Input

SIZES = (32, 1024)  # px a side
Square = Literal["stretch", "pad", "crop"]
_EPSILON = 1e-5  # of torch's batch norm, which is not stored


@dataclass(frozen=True, eq=False)
class ImportCandidate:
    """The contents of a file, with the settings for the user to confirm. It holds the weights: the file may be deleted.

    file, sha256, kind: of the file.
    architecture: of the checkpoint made from it; a name that `known` accepts.
    layout:      whose network it is, in words ("CheXNet (DenseNet-121)").
    outputs:     scores that its last layer gives; those without a finding are dropped.
    channels:    of its first layer.
    findings:    one for each score that is kept; empty if there are none (an ImageNet network).
    named:       False where the findings' names are made up.
    multi_label, input, thresholds: as in a Checkpoint.
    stripped:    the prefix of the layers' names, and their place in the file.
    left_over:   names in the file that the network does not need.
    facts:       notes for the reader, one sentence each.
    guesses:     as in a Proposal, without those that the user settled.
    weights:     our names -> float32 tensors.
    label_check: the results on labelled films with these settings, one sentence each; empty if not tested.
    part:        name of this set of weights in the file ("state_dict_ema"); empty if there is only one.
    others:      the other sets of weights by name, such as a moving average.
    """

    file: str
    sha256: str
    kind: FileKind
    architecture: str
    layout: str
    outputs: int
    channels: Literal[1, 3]
    findings: tuple[str, ...]
    named: bool
    multi_label: bool
    input: Input
    thresholds: Mapping[str, float]
    stripped: tuple[str, ...]
    left_over: tuple[str, ...]
    facts: tuple[str, ...]
    guesses: Mapping[str, str]
    weights: Mapping[str, Tensor]
    label_check: tuple[str, ...] = ()
    part: str = ""
    others: "Mapping[str, ImportCandidate]" = field(default_factory=dict)

    @property
    def notes(self) -> tuple[str, ...]:
        """Facts and remaining guesses, one sentence each."""
        return (*self.facts, *self.guesses.values())

    @property
    def title(self) -> str:
        """The network's usual name."""
        return known(self.architecture).title

    @property
    def normalisation(self) -> str:
        """The name of its grey values in NORMALISATIONS."""
        return name_of(self.input)

    def checkpoint(self, name: str) -> Checkpoint:
        """The checkpoint under that name; its weights are not stored yet."""
        return Checkpoint(
            name=name,
            architecture=self.architecture,
            findings=self.findings,
            multi_label=self.multi_label,
            input=self.input,
            sha256=self.sha256,
            thresholds=dict(self.thresholds),
            imported=ImportRecord(
                file=self.file,
                sha256=self.sha256,
                kind=self.kind,
                layout=self.layout,
                date=datetime.date.today().isoformat(),
                stripped=self.stripped,
                left_over=self.left_over,
                notes=self.notes,
                label_check=self.label_check,
            ),
        )

    def network(self) -> Network:
        """The network with these weights, in evaluation mode. Raises: BadCheckpoint if its output is not finite."""
        with shapes_only():
            network = known(self.architecture).build(len(self.weights["head.linear.weight"]), self.channels)
        network.load_state_dict(dict(self.weights), assign=True)
        network = network.eval().requires_grad_(False)
        self._try(network)
        return network

    def _try(self, network: Network) -> None:
        side = self.input.size
        with torch.inference_mode():
            try:
                logits = network(torch.zeros(1, self.channels, side, side))
            except RuntimeError as error:  # torch raises it for shapes that do not fit
                raise BadSetting(
                    f"{self.title} does not accept films of {side} px. Give a larger size; it was made for "
                    f"{originals[self.architecture].size} px."
                ) from error
        if not logits.isfinite().all():
            raise BadCheckpoint(f"{plain(self.file)} gives no finite output for a uniform film. The file is broken.")


def inspect(path: Path, *, name: str | None = None) -> ImportCandidate:
    """The contents of the file; nothing in it is run, and nothing is written.

    name:   the file's name in messages; its own by default.
    Raises: BadCheckpoint if it is not a checkpoint that can be imported; Unsafe if opening it would run code or take
            more memory than the file has bytes. Each message gives the reason in a sentence.
    """
    name = name or path.name
    before = _identity(path)
    contents = read(path, name)
    digest = sha256(path)
    if _identity(path) != before:
        raise BadCheckpoint(f"{plain(name)} was changed while it was read. Try again when no program is writing to it.")
    if any("head.linear.weight" in tensors for tensors in contents.sets.values()):
        raise BadCheckpoint(
            f"{plain(name)} is one of Lightbox's own checkpoints, and its card describes it: keep both in one folder, "
            "and give that folder with --weights."
        )
    matches = _matches(contents, name)
    several = len(matches) > 1
    candidates: dict[str, ImportCandidate] = {}
    for part, (place, match) in matches.items():
        try:
            candidates[part] = _candidate(contents, place, match, name, digest, part if several else "")
        except BadCheckpoint:
            if not candidates:  # the message about the likeliest set fits the file best
                raise
    if several:
        candidates = {
            part: replace(candidate, facts=(_which(part, list(candidates)), *candidate.facts))
            for part, candidate in candidates.items()
        }
    first, *rest = candidates
    return replace(candidates[first], others={part: candidates[part] for part in rest})


def _which(part: str, parts: Sequence[str]) -> str:
    """The sentence on a file with several sets of weights, which says that this part is used."""
    others = [plain(other) for other in parts if other != part]
    if not others:
        return "The file holds other sets of weights, too, none of which can be imported."
    return f"The file holds several sets of weights: {plain(part)} is used, not {listing(others)}."


def chosen(candidate: ImportCandidate, part: str) -> ImportCandidate:
    """The same file with another of its sets of weights. Raises: UnknownName if it has none of that name."""
    if part == candidate.part:
        return candidate
    if part not in candidate.others:
        raise unknown("set of weights", part, [candidate.part, *candidate.others] if candidate.others else [])
    rest = {name: other for name, other in candidate.others.items() if name != part}
    return replace(candidate.others[part], others={candidate.part: replace(candidate, others={}), **rest})


def _matches(contents: Contents, name: str) -> dict[str, tuple[str, LayoutMatch]]:
    """Name of each set of weights -> its place in the file, and the network that it fits; the likeliest first.

    Raises:   BadCheckpoint as `fits`, for the likeliest dictionary, if none fits.
    """
    matches: dict[str, tuple[str, LayoutMatch]] = {}
    refusals = []
    for place, tensors in contents.sets.items():
        try:
            for match in fits(tensors, name):
                matches[" ".join(filter(None, (place, match.parent))) or "the weights"] = place, match
        except BadCheckpoint as error:
            refusals.append(error)
    if not matches:
        raise refusals[0]
    return {part: matches[part] for part in sorted(matches, key=is_average)}


def _candidate(
    contents: Contents, place: str, match: LayoutMatch, name: str, digest: str, part: str
) -> ImportCandidate:
    tensors = contents.sets[place]
    _refuse_bad_numbers(match, tensors, name)
    proposal = propose(match, tensors, contents.names)
    return ImportCandidate(
        file=plain(name),
        sha256=digest,
        kind=contents.kind,
        architecture=match.template.name,
        layout=proposal.layout,
        outputs=match.outputs,
        channels=1 if match.channels == 1 else 3,
        findings=proposal.findings,
        named=proposal.named,
        multi_label=proposal.multi_label,
        input=proposal.input,
        thresholds=proposal.thresholds,
        stripped=tuple(filter(None, (place, match.parent))),
        left_over=tuple(
            plain(key) for key in match.left_over if not (proposal.thresholds and key.endswith(THRESHOLDS))
        ),
        facts=(*match.notes, *proposal.notes),
        guesses=proposal.guesses,
        weights=_converted(match, tensors, proposal.outputs or tuple(range(match.outputs))),
        part=part,
    )


def _identity(path: Path) -> tuple[int, ...]:
    """Identifies the file, to detect a replacement; empty for a missing file, which is reported on reading."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return ()
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def corrected(
    candidate: ImportCandidate,
    *,
    findings: Sequence[str] | None = None,
    multi_label: bool | None = None,
    size: int | None = None,
    normalisation: str | None = None,
    square: Square | None = None,
    channels: int | None = None,
) -> ImportCandidate:
    """The candidate with the user's corrections; None keeps the value.

    findings: one for each score that is kept, in order; operating points keep their place.
    square:   how the film is fitted to a square: `fit` of Input.
    channels: cannot be changed, only confirmed: the first layer fixes them.
    Raises:   BadSetting, UnknownName for invalid values.
    """
    if channels is not None and channels != candidate.channels:
        raise BadSetting(
            f"The first layer of {candidate.file} takes {candidate.channels} "
            f"channel{'s' if candidate.channels > 1 else ''}, not "
            f"{channels}: its weights fix that, and it cannot be changed."
        )
    if size is not None and not SIZES[0] <= size <= SIZES[1]:
        raise BadSetting(f"The size is {size} px; it must lie between {SIZES[0]} and {SIZES[1]} px per side.")
    input = replace(candidate.input, size=size or candidate.input.size, fit=square or candidate.input.fit)
    if normalisation is not None:
        input = normalised(input, normalisation)
    wanted = candidate.findings if findings is None else named(candidate, findings)
    several = candidate.multi_label if multi_label is None else multi_label
    if len(wanted) == 1 and not several:
        raise BadSetting(
            f"{candidate.file} gives one score, and a softmax over one score is always 1. Choose several findings per "
            "film."
        )
    given = {"findings": findings, "multi_label": multi_label, "normalisation": normalisation}
    points = [candidate.thresholds.get(finding) for finding in candidate.findings]
    return replace(
        candidate,
        label_check=(),
        findings=wanted,
        named=candidate.named or findings is not None,
        guesses={about: guess for about, guess in candidate.guesses.items() if given[about] is None},
        multi_label=several,
        input=input,
        thresholds={finding: point for finding, point in zip(wanted, points, strict=False) if point is not None},
    )


def named(candidate: ImportCandidate, findings: Sequence[str]) -> tuple[str, ...]:
    """The findings' names without surrounding spaces. Raises: BadSetting if they do not fit the file."""
    names = tuple(finding.strip() for finding in findings)
    wanted = len(candidate.findings) or candidate.outputs
    if len(names) != wanted:
        raise BadSetting(
            f"{len(names)} finding{'s are' if len(names) != 1 else ' is'} named, but {candidate.file} gives {wanted} "
            f"score{'s' if wanted != 1 else ''}. Name one for each, in their order."
        )
    if wanted > MOST:
        raise BadSetting(f"{candidate.file} gives {wanted:,} scores; at most {MOST} findings can be shown.")
    if not all(names):
        raise BadSetting("A finding has no name. Name one for each score, in their order.")
    strange = [name for name in names if not is_name(name)]
    if strange:
        raise BadSetting(
            f"{plain(strange[0])} is not a valid name of a finding: use up to {LONGEST} characters on one line, "
            "without commas."
        )
    twice = [name for place, name in enumerate(names) if name in names[:place]]
    if twice:
        raise BadSetting(f"{plain(twice[0])} is named twice. Each score needs a name of its own.")
    return names


def _refuse_bad_numbers(layout: LayoutMatch, tensors: Mapping[str, Tensor], name: str) -> None:
    """Raises: BadCheckpoint if weights are not floating-point, not finite, or impossible."""
    files = [file for ours, file in layout.names.items() if not ours.endswith("num_batches_tracked")]
    if layout.norm:
        files += [f"{layout.norm}.{part}" for part in ("weight", "bias", "running_mean", "running_var")]
    strange = [file for file in files if not _is_plain(tensors[file])]
    if strange:
        kinds = sorted({str(tensors[file].dtype).removeprefix("torch.") for file in strange})
        raise BadCheckpoint(
            f"{plain(name)} holds weights as {', '.join(kinds)} ({listing(strange)}): it was quantised or packed. Only "
            "floating-point weights can be imported. Save them before that step."
        )
    broken = [file for file in files if not bool(tensors[file].isfinite().all())]
    if broken:
        raise BadCheckpoint(
            f"{plain(name)} holds NaN or infinite numbers in {listing(broken)}: its training diverged, or the file is "
            "broken."
        )
    negative = [file for file in files if file.endswith("running_var") and bool((tensors[file] < 0).any())]
    if negative:
        raise BadCheckpoint(f"{plain(name)} holds variances below zero in {listing(negative)}. The file is broken.")


def _is_plain(tensor: Tensor) -> bool:
    return tensor.dtype in (torch.float64, torch.float32, torch.float16, torch.bfloat16) and (
        tensor.layout == torch.strided and not tensor.is_quantized and tensor.device.type == "cpu"
    )


def _converted(layout: LayoutMatch, tensors: Mapping[str, Tensor], outputs: tuple[int, ...]) -> dict[str, Tensor]:
    """Our names -> float32 tensors; from the last layer only the scores that are kept."""
    with shapes_only():
        wanted = known(layout.template.name).build(layout.outputs, layout.channels).state_dict()
    last = [f"head.linear.{part}" for part in ("weight", "bias")]
    converted: dict[str, Tensor] = {}
    for ours, shape in wanted.items():
        file = layout.names.get(ours)
        if file is None:  # a counter of batch norm, or the bias of a layer that has none
            tensor = torch.zeros(shape.shape, dtype=shape.dtype)
        else:
            tensor = tensors[file].detach().to(shape.dtype, copy=True)
        converted[ours] = tensor.reshape(shape.shape) if ours == last[0] else tensor
    if layout.norm:
        converted[last[0]], converted[last[1]] = _folded(layout.norm, tensors, *(converted[each] for each in last))
    return {
        ours: (tensor[list(outputs)] if ours in last else tensor).contiguous() for ours, tensor in converted.items()
    }


def _folded(norm: str, tensors: Mapping[str, Tensor], weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """Weight (F, K) and bias (F,) of one linear layer that equals a batch norm and the layer after it."""
    scale, shift, mean, variance = (
        tensors[f"{norm}.{part}"].detach().double() for part in ("weight", "bias", "running_mean", "running_var")
    )
    scale = scale / torch.sqrt(variance + _EPSILON)
    moved = bias.double() + weight.double() @ (shift - mean * scale)
    return (weight.double() * scale).to(weight.dtype), moved.to(bias.dtype)
