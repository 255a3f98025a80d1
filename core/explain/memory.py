"""How many images fit through a network at once."""

import weakref

import psutil
import torch
from torch import Tensor
from torch.func import functional_call

from core.models.architecture import Network

BUDGET = 2e9  # bytes that a batch of a path or sampling method may take
_MOST = {"cpu": 8}  # images a batch; more does not pay on two cores
_MOST_ELSEWHERE = 64  # on a GPU
_WITH_GRAPH = 1.2  # gradients come on top; what two layers keep together is counted twice already
_WITHOUT_GRAPH = 4.0  # largest activations that are alive at once when nothing is kept for a backward pass
_COSTS: weakref.WeakKeyDictionary[Network, dict[tuple[int, ...], tuple[int, int]]] = weakref.WeakKeyDictionary()


def batch_size(network: Network, image: Tensor, *, graph: bool, budget: float = BUDGET) -> int:
    """Images a batch, 1 or more, that stay within `budget` bytes and half of the memory that is free now.

    image: (C, S, S); graph: whether a backward pass follows, for which every activation is kept.
    """
    kept, largest = cost(network, image)
    each = _WITH_GRAPH * kept if graph else _WITHOUT_GRAPH * largest
    room = min(budget, free(image.device) / 2)
    return max(1, min(_MOST.get(image.device.type, _MOST_ELSEWHERE), int(room / each)))


def cost(network: Network, image: Tensor) -> tuple[int, int]:
    """Bytes an image: all that a forward pass keeps for the backward pass, and its largest tensor.

    Counted on torch's meta device, which computes shapes only; remembered for each network and input shape.
    """
    known = _COSTS.setdefault(network, {})
    shape = tuple(image.shape)
    if shape not in known:
        known[shape] = _counted(network, shape)
    return known[shape]


def free(device: torch.device) -> float:
    """Bytes of memory that are free where the network runs."""
    if device.type == "cuda":
        return float(torch.cuda.mem_get_info(device)[0])
    return float(psutil.virtual_memory().available)


def _counted(network: Network, shape: tuple[int, ...]) -> tuple[int, int]:
    def shapes(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        return {name: torch.empty_like(tensor, device="meta") for name, tensor in tensors.items()}

    kept: list[int] = []

    def keep(tensor: Tensor) -> Tensor:
        kept.append(tensor.nbytes)
        return tensor

    empty = shapes(dict(network.named_parameters())) | shapes(dict(network.named_buffers()))
    image = torch.empty((1, *shape), device="meta", requires_grad=True)
    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        functional_call(network, empty, (image,))
    weights = {tensor.nbytes for tensor in empty.values()}
    kept = [size for size in kept if size not in weights] or [image.nbytes]
    return sum(kept), max(kept)
