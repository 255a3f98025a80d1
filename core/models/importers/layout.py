"""Recognises the network of a dictionary of tensors by the names and shapes of all its layers.

Each supported network is built once on torch's meta device, which has shapes without values. A file fits a network if
it has, under one prefix, every layer of the features with the right shape and no other layer, and one linear layer (or
this network's chain of them) is left for the findings.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

from torch import Tensor

from core.errors import BadCheckpoint
from core.models.architecture import originals, shapes_only
from core.models.importers.text import listing, plain, shape_text

Shapes = Mapping[str, tuple[int, ...]]
Spelling = Literal["as torchvision spells it", "numbered", "as torch did before 2018", "as MONAI does"]
_NETWORKS = 16  # networks per file after which the search stops: only one can be imported
_COUNTER = ".num_batches_tracked"  # of batch norm; not needed, and missing in old files
_TRAINING_ONLY = "AuxLogits."  # Inception's second classifier
THRESHOLDS = "op_threshs"  # TorchXRayVision's operating points
# Parts of a training program that are saved beside the network and do not affect its output.
_BESIDE = re.compile(
    r"(^|[._])(criterion|loss|losses|loss_fn|metrics?|acc|accuracy|auc|auroc|pos_weight|class_weights?)([._]|$)"
)


@dataclass(frozen=True, eq=False)
class Template:
    """One network with its authors' layer names.

    trunk:   name below `base` -> shape, of the features; the first is the first convolution's.
    base:    "features." if all of these names begin with it, else "".
    heads:   name of each linear or norm layer of the head, in order -> (weight's shape, whether it has a bias); the
             last one's first side is 0: the number of findings, whatever it is.
    ours:    their name -> our name, for every tensor.
    numbers: first part of a name below `base` -> its place among the layers, for files that number them.
    """

    name: str
    trunk: Shapes
    base: str
    heads: Mapping[str, tuple[int, ...]]
    ours: Mapping[str, str]
    numbers: Mapping[str, str]


@dataclass(frozen=True, eq=False)
class LayoutMatch:
    """A dictionary that fits a template.

    names:     our name -> their name in the file; counters of old files may be missing.
    outputs:   F, scores that the last layer gives.
    channels:  of the first.
    prefix:    in front of the names of the features.
    spelling:  how their layers are named.
    left_over: names in the file that the network does not need.
    norm:      name in the file of a batch norm before the last layer; empty if there is none.
    notes:     assumptions about the head, one sentence each.
    """

    template: Template
    names: Mapping[str, str]
    outputs: int
    channels: int
    prefix: str
    spelling: Spelling
    left_over: tuple[str, ...]
    norm: str = ""
    notes: tuple[str, ...] = ()

    @property
    def parent(self) -> str:
        """The prefix of the whole network, without the point at its end."""
        return self.prefix.removesuffix(self.template.base).rstrip(".")


@cache
def template(name: str) -> Template:
    """The template of an entry of `originals`."""
    with shapes_only():
        layers = originals[name].make(num_classes=1)
        theirs = layers.state_dict(keep_vars=True)
        children = [child for child, _ in layers.named_children()]
        below = (
            [child for child, _ in layers.get_submodule("features").named_children()] if "features" in children else []
        )
        network = originals[name].wrap(layers)
    known = {id(tensor): key for key, tensor in theirs.items()}
    ours = {known[id(tensor)]: key for key, tensor in network.state_dict(keep_vars=True).items()}
    ours = {key: ours[key] for key in theirs}  # in their order
    base = "features." if below else ""
    trunk = {key.removeprefix(base): tuple(theirs[key].shape) for key in ours if ours[key].startswith("features.")}
    heads = {
        key.removesuffix(".weight"): tuple(theirs[key].shape)
        for key in ours
        if ours[key].startswith("head.") and key.endswith(".weight")
    }
    last = next(reversed(heads))
    heads[last] = (0, *heads[last][1:])
    numbers = {child: str(place) for place, child in enumerate(below or children)}
    return Template(name, trunk, base, heads, ours, numbers)


def fits(tensors: Mapping[str, Tensor], name: str) -> list[LayoutMatch]:
    """The networks that the tensors fit, usually one; a dictionary with a copy under another prefix holds two.

    name:   of the file, for messages.
    Raises: BadCheckpoint naming what is missing, extra or of another shape compared with the nearest network.
    """
    shapes = {key: tuple(tensor.shape) for key, tensor in tensors.items()}
    trials = [trial for each in sorted(originals) for trial in _trials(template(each), shapes)]
    whole = [trial for trial in trials if not trial.wrong]
    if not whole:
        raise BadCheckpoint(_nearest(trials, shapes, name))
    matches, refusals = [], []
    for trial in whole:
        others = tuple(other.parent for other in whole if other is not trial and other.parent != trial.parent)
        own = {
            key: shape
            for key, shape in shapes.items()
            if not any(other and key.startswith(other) and not trial.parent.startswith(other) for other in others)
            and not (trial.parent and not key.startswith(trial.parent) and "" in others)
        }
        try:
            matches.append(_with_head(trial, own, name))
        except BadCheckpoint as error:
            refusals.append(error)
    if not matches:
        raise refusals[0]
    return matches


@dataclass(frozen=True, eq=False)
class _Trial:
    """How well the features of a template match under a prefix.

    names: name in the template, below `base` -> name in the file; those that are there with the right shape.
    wrong: the differences, in words.
    """

    template: Template
    prefix: str
    spelling: Spelling
    names: Mapping[str, str]
    channels: int
    wrong: tuple[str, ...]

    @property
    def parent(self) -> str:
        """The prefix of the whole network."""
        return self.prefix.removesuffix(self.template.base)


def _trials(template: Template, shapes: Shapes) -> list[_Trial]:
    """Every prefix and spelling under which the first layer is found with its own shape; the nearest ones."""
    spellings: dict[Spelling, list[str]] = {
        "as torchvision spells it": list(template.trunk),
        "numbered": [_numbered(key, template.numbers) for key in template.trunk],
        "as torch did before 2018": [
            re.sub(r"(denselayer\d+\.(?:norm|conv))(\d)\.", r"\1.\2.", key) for key in template.trunk
        ],
        "as MONAI does": [re.sub(r"(denselayer\d+)\.", r"\1.layers.", key) for key in template.trunk],
    }
    trials: list[_Trial] = []
    tried: list[list[str]] = []
    wanted = next(iter(template.trunk.values()))
    for spelling, names in spellings.items():
        if names in tried:
            continue
        tried.append(names)
        starts = [
            key
            for key, shape in shapes.items()
            if len(shape) == 4 and (shape[0], *shape[2:]) == (wanted[0], *wanted[2:])
            if key == names[0] or key.endswith(f".{names[0]}")
        ]
        for key in starts[:_NETWORKS]:
            trials.append(_trial(template, key.removesuffix(names[0]), spelling, names, shapes))
    best = max((len(trial.names) for trial in trials), default=0)
    return [trial for trial in trials if len(trial.names) == best or not trial.wrong]


def _numbered(key: str, numbers: Mapping[str, str]) -> str:
    layer, _, rest = key.partition(".")
    return f"{numbers[layer]}.{rest}"


def _trial(template: Template, prefix: str, spelling: Spelling, names: Sequence[str], shapes: Shapes) -> _Trial:
    there: dict[str, str] = {}
    wrong: list[str] = []
    channels = shapes[prefix + names[0]][1]
    for (key, wanted), spelled in zip(template.trunk.items(), names, strict=True):
        file = prefix + spelled
        shape = shapes.get(file)
        if shape == wanted or (shape and spelled == names[0]):
            there[key] = file
        elif shape is not None:
            wrong.append(f"{plain(file)} is {shape_text(shape)}, not {shape_text(wanted)}")
        elif not key.endswith(_COUNTER):
            wrong.append(f"{plain(file)} is missing")
    expected = {prefix + spelled for spelled in names}
    layers = tuple({f"{prefix}{spelled.partition('.')[0]}." for spelled in names})
    wrong += [f"{plain(key)} is one layer too many" for key in shapes if key not in expected and key.startswith(layers)]
    return _Trial(template, prefix, spelling, there, channels, tuple(wrong))


def _with_head(trial: _Trial, shapes: Shapes, name: str) -> LayoutMatch:
    """The fit with its last layers, found by shape among the remaining tensors, whatever their names."""
    title = originals[trial.template.name].title
    if trial.channels not in (1, 3):
        raise BadCheckpoint(
            f"{plain(name)} is a {title} for {trial.channels} channels. A radiograph has one grey value per pixel: "
            "networks for one channel or for three equal ones can be imported."
        )
    matched = set(trial.names.values())
    parent = trial.prefix.removesuffix(trial.template.base)
    rest = {key: shape for key, shape in shapes.items() if key not in matched and not _is_beside(key, shape, parent)}
    heads = _heads(trial, rest, name, title)
    names = {trial.template.ours[trial.template.base + key]: file for key, file in trial.names.items()}
    names |= {
        trial.template.ours[f"{theirs}.{part}"]: f"{file}.{part}"
        for theirs, file in heads.items()
        for part in ("weight", "bias")
        if f"{file}.{part}" in shapes
    }
    used = set(names.values())
    norm, notes = _before_last(trial, rest, list(heads.values())[-1])
    used |= {key for key in rest if norm and key.startswith(f"{norm}.")}
    if more := [key for key in rest if key not in used]:
        raise BadCheckpoint(
            f"{plain(name)} has the features of a {title}, a last layer ({plain(list(heads.values())[-1])}), and more: "
            f"{listing(f'{key} ({shape_text(shapes[key])})' for key in more)}. Without that its output would differ. "
            f"Only {_chain(trial.template)} can be imported; save that network by itself."
        )
    outputs = shapes[f"{list(heads.values())[-1]}.weight"][0]
    left = tuple(key for key in shapes if key not in used)
    if len(shapes[f"{list(heads.values())[-1]}.weight"]) == 4:
        notes.append("Its last layer is a 1 × 1 convolution; its scores are assumed to be averaged over the film.")
    return LayoutMatch(
        trial.template, names, outputs, trial.channels, trial.prefix, trial.spelling, left, norm, tuple(notes)
    )


def _before_last(trial: _Trial, rest: Shapes, last: str) -> tuple[str, list[str]]:
    """A batch norm of the features right before the only layer of the head, which can be folded into it; and the
    assumptions about it. Empty if there is none."""
    if len(trial.template.heads) != 1:
        return "", []
    features = rest[f"{last}.weight"][1]
    norms = [
        name
        for name in (key.removesuffix(".running_var") for key in rest if key.endswith(".running_var"))
        if all(rest.get(f"{name}.{part}") == (features,) for part in ("weight", "bias", "running_mean", "running_var"))
    ]
    if len(norms) != 1 or norms == [last]:
        return "", []
    (above, _, place), (last_above, _, last_place) = norms[0].rpartition("."), last.rpartition(".")
    numbered = place.isdecimal() and last_place.isdecimal() and above == last_above
    if numbered and int(last_place) == int(place) + 1:
        return norms[0], []
    if numbered and int(last_place) < int(place):
        return "", []
    return norms[0], [
        f"A batch norm ({plain(norms[0])}) stands before the last layer. It is assumed that only dropout lies between "
        "them."
    ]


def _is_beside(key: str, shape: Sequence[int], parent: str) -> bool:
    """Whether the tensor does not affect the output: counters, thresholds, losses and other training state."""
    if key.endswith((_COUNTER, THRESHOLDS)) or key.removeprefix(parent).startswith(_TRAINING_ONLY):
        return True
    return not shape or bool(_BESIDE.search(key))


def _heads(trial: _Trial, rest: Shapes, name: str, title: str) -> dict[str, str]:
    """Name of each layer of the head in the template -> its name in the file."""
    layers = {key.removesuffix(".weight"): shape for key, shape in rest.items() if key.endswith(".weight")}
    heads: dict[str, str] = {}
    for theirs, wanted in trial.template.heads.items():
        fitting = [
            key
            for key in sorted(layers, key=_natural)
            if key not in heads.values()
            and (
                layers[key][1:] == wanted[1:]
                or (len(trial.template.heads) == 1 and layers[key][1:] == (*wanted[1:], 1, 1))
            )
            and wanted[0] in (0, layers[key][0])
        ]
        last = wanted[0] == 0
        if not fitting or (last and len(fitting) > 1):
            there = listing(f"{key} ({shape_text(shape)})" for key, shape in layers.items()) or "nothing"
            lacking = "more than one last layer" if fitting else f"no layer that takes its {wanted[-1]:,} features"
            raise BadCheckpoint(
                f"{plain(name)} has the features of a {title} and {lacking}; beside the features there is {there}. "
                f"Only {_chain(trial.template)} can be imported."
            )
        heads[theirs] = fitting[0]
    return heads


def _chain(template: Template) -> str:
    count = len(template.heads)
    return (
        "one linear layer from the features to the findings" if count == 1 else f"torchvision's head of {count} layers"
    )


def _nearest(trials: Sequence[_Trial], shapes: Shapes, name: str) -> str:
    """Why nothing fits, for the nearest network."""
    best = max(trials, key=lambda trial: (len(trial.names), -len(trial.wrong)), default=None)
    if best is None or len(best.names) < max(4, len(best.template.trunk) // 10):
        titles = ", ".join(sorted({originals[each].title for each in originals}))
        return (
            f"{plain(name)} is not a supported network: it has {len(shapes):,} tensors, such as "
            f"{listing(shapes)}. Supported are {titles}, with torchvision's layer names."
        )
    more = f", and {len(best.wrong) - 3:,} more differences" if len(best.wrong) > 3 else ""
    return (
        f"{plain(name)} is nearest to {originals[best.template.name].title} "
        f"({len(best.names):,} of {len(best.template.trunk):,} tensors of its features fit), but "
        f"{'; '.join(best.wrong[:3])}{more}."
    )


def _natural(key: str) -> list[tuple[bool, int, str]]:
    """Sorts classifier.10 after classifier.9."""
    numbers = [int(part) if part.isdecimal() and len(part) < 10 else 0 for part in key.split(".")]
    return [(part.isdecimal(), number, part) for part, number in zip(key.split("."), numbers, strict=True)]
