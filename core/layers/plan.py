"""The network's plan: its stages and the layers in them, with shapes, parameters and receptive fields.

One pass over a private copy without weights (torch's meta device computes shapes only) gives all of it: the tracer sees
every torch operation, so that concatenations, additions, branches and gates need no declaration by the network. The
network itself is not changed.
"""

import copy
import functools
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from core.errors import Unfit
from core.layers.receptive_field import ReceptiveField, union
from core.models.architecture import Network

_JOINS = {"add": "sum", "cat": "concatenation", "mul": "product"}  # operations between layers that get a line
_KINDS: dict[type[nn.Module], str] = {
    nn.Conv2d: "convolution",
    nn.Linear: "fully connected",
    nn.BatchNorm2d: "batch norm",
    nn.MaxPool2d: "max pooling",
    nn.AvgPool2d: "average pooling",
    nn.AdaptiveAvgPool2d: "average over cells",
    nn.ReLU: "ReLU",
    nn.Flatten: "flattening",
    nn.Dropout: "dropout, in training only",
}


@dataclass(frozen=True)
class Layer:
    """One step of the network.

    name:       its path in the network, as in a checkpoint's weights; joins are named by their place.
    kind:       in words: "convolution 3 × 3, stride 2".
    shape:      of its output: (K, h, w), or (K,) after the last cell.
    parameters: number of its own weights.
    field:      receptive field of its cells; None if unknown.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int
    field: ReceptiveField | None


@dataclass(frozen=True)
class Stage:
    """A named part of the network and its last layer; "head" is the part after the last stage."""

    name: str
    shape: tuple[int, ...]
    parameters: int
    field: ReceptiveField | None
    layers: tuple[Layer, ...]


@dataclass(frozen=True)
class NetworkPlan:
    """The whole network for films of `size` px per side and a number of channels."""

    size: int
    channels: int
    stages: tuple[Stage, ...]
    head: Stage

    @property
    def parameters(self) -> int:
        return sum(stage.parameters for stage in (*self.stages, self.head))

    @cached_property
    def within(self) -> Mapping[str, Layer]:
        """Name -> the layers whose units can be shown (core.layers.layer_hook): they give maps, once per pass."""
        layers = [layer for stage in (*self.stages, self.head) for layer in stage.layers]
        often = Counter(layer.name for layer in layers)
        return {
            layer.name: layer
            for layer in layers
            if often[layer.name] == 1
            and layer.kind not in _JOINS.values()
            and len(layer.shape) == 3
            and min(layer.shape[1:]) > 1
        }

    def stage(self, name: str) -> Stage:
        """Raises: KeyError for an unknown name."""
        return {stage.name: stage for stage in self.stages}[name]


def traced_plan(network: Network, *, size: int, channels: int) -> NetworkPlan:
    """The network's stages and layers for films of `size` px a side.

    Raises: Unfit if the network does not accept that size.
    """
    bare = _bare(network)
    tracer = _Tracer()
    for name, module in bare.named_modules():
        module.forward = functools.partial(_within, tracer, name, module, module.forward)  # only in the copy
    precision = next(bare.parameters()).dtype
    flow = torch.empty(1, channels, size, size, dtype=precision, device="meta")
    tracer.seen(flow, ReceptiveField())
    stages, ends = [], {child: stage for stage, child in bare.stages.items()}
    parts: list[nn.Module] = []
    try:
        with torch.no_grad(), tracer:
            for child, module in bare.features.named_children():
                flow = module(flow)
                parts.append(module)
                if child in ends:
                    stages.append(_stage(ends[child], parts, flow, tracer))
                    parts = []
            flow = bare.head(flow)
    except RuntimeError as error:  # torch raises it for shapes that do not fit
        raise Unfit(f"The network does not accept films of {size} px with {channels} channels ({error}).") from error
    return NetworkPlan(size, channels, tuple(stages), _stage("head", [*parts, bare.head], flow, tracer))


class _Tracer(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's own
    """Records each layer that runs, and propagates the receptive field from tensor to tensor."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # as above
        self.layers: list[Layer] = []
        self.path: list[tuple[str, bool]] = []  # names of the running modules, and whether each is a layer of its own
        self._fields: dict[int, tuple[Tensor, ReceptiveField | None]] = {}  # holds the tensors, so that ids stay unique

    def seen(self, tensor: Tensor, field: ReceptiveField | None) -> None:
        self._fields[id(tensor)] = tensor, field

    def field(self, tensor: Tensor) -> ReceptiveField | None:
        return self._fields.get(id(tensor), (tensor, None))[1]

    def __torch_dispatch__(self, function: Any, types: object, args: Any = (), kwargs: Any = None) -> Any:
        output = function(*args, **(kwargs or {}))
        name = function._schema.name.split("::")[1]
        reached = [tensor for tensor in _tensors(args) if id(tensor) in self._fields]
        if reached:
            field = self._through(name, args, reached, output)
            for tensor in _tensors([output]):
                self.seen(tensor, field)
            if name in _JOINS and self.path and not self.path[-1][1]:
                self._join(name, args, output, field)
        return output

    def _join(self, name: str, args: Any, output: Tensor, field: ReceptiveField | None) -> None:
        place = f"{self.path[-1][0]}.{name}"
        twice = sum(layer.name.split(" ")[0] == place for layer in self.layers)
        own = sum(tensor.numel() for tensor in _tensors(args) if isinstance(tensor, nn.Parameter))
        label = f"{place} {twice + 1}" if twice else place
        self.layers.append(Layer(label, _JOINS[name], tuple(output.shape[1:]), own, field))

    def _through(self, name: str, args: Any, reached: Sequence[Tensor], output: Any) -> ReceptiveField | None:
        """The field of the operation's output."""
        fields = [self.field(tensor) for tensor in reached]
        if any(field is None for field in fields):
            return None
        before = self.field(reached[0]) or ReceptiveField()
        if name in _WINDOWS:
            return _moved(before, _WINDOWS[name](args))
        if name == "constant_pad_nd":
            edges = (*args[1], 0, 0)  # left, right, top, bottom, if all are given
            return _moved(before, ((1, 1, edges[2], 1), (1, 1, edges[0], 1)))
        if name in _AVERAGES:
            return _averaged(before, reached[0], next(_tensors([output])))
        if name == "native_group_norm" or (name == "native_layer_norm" and len(args[1]) > 1):
            return replace(before, whole=True)  # its statistics are over all cells
        if name not in _CELL_BY_CELL:
            return None
        return _reshaped(reached, [field for field in fields if field], next(_tensors([output])))


Windows = tuple[tuple[int, int, int, int], tuple[int, int, int, int]]  # kernel, stride, padding, dilation of each axis


def _convolution(args: Any) -> Windows | None:
    _, weight, _, stride, padding, dilation, transposed = args[:7]
    return None if transposed else _axes(weight.shape[2:], stride, padding, dilation)


def _pooling(args: Any) -> Windows:
    kernel, stride, padding, dilation = [*args[1:5], *((None,) * (5 - len(args)))][:4]
    return _axes(kernel, stride or kernel, padding or 0, dilation or 1)


def _average_pooling(args: Any) -> Windows:
    return _pooling(args[:4])  # the argument after the padding is not a dilation


_WINDOWS: dict[str, Callable[[Any], Windows | None]] = {
    "convolution": _convolution,
    "max_pool2d_with_indices": _pooling,
    "avg_pool2d": _average_pooling,
}
_CELL_BY_CELL = {  # these only mix channels or change the layout; anything else is unknown
    *("add", "sub", "mul", "div", "neg", "abs", "exp", "sqrt", "pow", "clamp", "clamp_min", "cat", "where"),
    *("relu", "hardtanh", "hardswish", "hardsigmoid", "silu", "gelu", "sigmoid", "tanh", "elu", "leaky_relu", "mish"),
    *("native_batch_norm", "_native_batch_norm_legit_no_training", "native_layer_norm", "mm", "addmm", "softplus"),
    *("view", "_unsafe_view", "permute", "transpose", "clone", "_to_copy", "alias", "detach", "expand", "unsqueeze"),
    *("squeeze", "bmm", "native_dropout", "prelu", "_prelu_kernel", "t", "contiguous"),
}
_AVERAGES = ("mean", "_adaptive_avg_pool2d", "adaptive_max_pool2d", "amax", "sum")


def _axes(*settings: Any) -> Windows:
    pairs = [(each, each) if isinstance(each, int) else (each[0], each[-1]) for each in settings]
    rows, columns = zip(*pairs, strict=True)
    return tuple(rows), tuple(columns)


def _moved(before: ReceptiveField, windows: Windows | None) -> ReceptiveField | None:
    if windows is None:
        return None
    rows, columns = (
        span.through(kernel=kernel, stride=stride, padding=padding, dilation=dilation)
        for span, (kernel, stride, padding, dilation) in zip((before.rows, before.columns), windows, strict=True)
    )
    return replace(before, rows=rows, columns=columns)


def _averaged(before: ReceptiveField, tensor: Tensor, output: Tensor) -> ReceptiveField | None:
    """The field after an average over all cells, over blocks of them, or over channels."""
    if tensor.dim() != 4:
        return before
    sides, cells = tensor.shape[-2:], output.shape[-2:] if output.dim() == 4 else (1, 1)
    if sides == cells:
        return before
    spans = []
    for span, side, count in zip((before.rows, before.columns), sides, cells, strict=True):
        kernel = max(math.ceil((cell + 1) * side / count) - cell * side // count for cell in range(count))
        spans.append(span.through(kernel=kernel, stride=max(1, side // count)))
        if side % count and count > 1:
            return None  # the cells are no longer evenly spaced
    rows, columns = spans
    return ReceptiveField(rows, columns, whole=before.whole or tuple(cells) == (1, 1))


def _reshaped(reached: Sequence[Tensor], fields: Sequence[ReceptiveField], output: Tensor) -> ReceptiveField | None:
    """The field after a cell-by-cell operation; a gate with one cell extends it to the whole film."""
    wide = [
        field
        for tensor, field in zip(reached, fields, strict=True)
        if tensor.dim() != 4 or tensor.shape[-2:] != (1, 1) or output.shape[-2:] == (1, 1)
    ]
    field = union(wide or fields)
    return None if field is None else replace(field, whole=any(each.whole for each in fields))


def _within(tracer: _Tracer, name: str, module: nn.Module, forward: Any, *args: Any, **kwargs: Any) -> Any:
    """The module's own forward, recorded."""
    layer = not any(True for _ in module.children())
    tracer.path.append((name, layer))
    output = forward(*args, **kwargs)
    tracer.path.pop()
    if layer and not isinstance(module, nn.Identity):
        own = sum(weights.numel() for weights in module.parameters())
        shape = tuple(output.shape[1:])
        field = tracer.field(output) if output.dim() == 4 else ReceptiveField(whole=True)
        tracer.layers.append(Layer(name, _kind(module), shape, own, field))
    return output


def _kind(module: nn.Module) -> str:
    kind = _KINDS.get(type(module), type(module).__name__)
    kernel, stride = getattr(module, "kernel_size", None), getattr(module, "stride", None)
    if kernel is None:
        return kind
    (high, _, _, _), (wide, _, _, _) = _axes(kernel, stride or 1, 0, 1)
    down = _axes(kernel, stride or 1, 0, 1)[0][1]
    alone = ", each map alone" if isinstance(module, nn.Conv2d) and module.groups == module.in_channels > 1 else ""
    return f"{kind} {high} × {wide}{f', stride {down}' if down != 1 else ''}{alone}"


def _stage(name: str, parts: Sequence[nn.Module], flow: Tensor, tracer: _Tracer) -> Stage:
    """The layers since the last stage, as a named part."""
    layers, tracer.layers = tuple(tracer.layers), []
    field = tracer.field(flow) if flow.dim() == 4 else ReceptiveField(whole=True)
    own = sum(weights.numel() for part in parts for weights in part.parameters())
    return Stage(name, tuple(flow.shape[1:]), own, field, layers)


def _bare(network: Network) -> Network:
    """A copy of the network's layers without values, in evaluation mode."""
    memory: dict[int, Any] = {
        id(weights): nn.Parameter(torch.empty_like(weights, device="meta"), requires_grad=False)
        for weights in network.parameters()
    }
    memory |= {id(buffer): torch.empty_like(buffer, device="meta") for buffer in network.buffers()}
    return copy.deepcopy(network, memory).eval()


def _tensors(values: Any) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from _tensors(value)
