"""How many images fit through a network at once."""

import weakref

import psutil
import torch
from torch import Tensor
from torch.func import functional_call

from core.models.architecture import Network

BUDGET = 2e9  # maximum bytes per batch of a path or sampling method
_MOST = {"cpu": 8}  # images per batch; more is no faster on two cores
_MOST_ELSEWHERE = 64  # on a GPU
# Fitted to the peak memory of fresh processes with 1 and 8 images of 224 px, the backward pass for three findings (a
# test repeats it): with a graph it was 0.82 to 0.97 of this estimate for every architecture. Without one, 8 images of
# DenseNet-121 reached all of it, the others less.
_WITH_GRAPH = 1.35, 4.0  # × saved tensors, and × the largest activation for the gradients in flight
_WITHOUT_GRAPH = 7.0  # × the largest activation: the tensors alive at once where none is saved
_COSTS: weakref.WeakKeyDictionary[Network, dict[tuple[int, ...], tuple[int, int]]] = weakref.WeakKeyDictionary()


def batch_size(network: Network, image: Tensor, *, graph: bool, budget: float = BUDGET) -> int:
    """Images per batch, 1 or more, that stay within `budget` bytes and half of the memory that is free now.

    image: (C, S, S).
    graph: whether a backward pass follows, for which every activation is kept.
    """
    room = min(budget, free(image.device) / 2)
    most = _MOST.get(image.device.type, _MOST_ELSEWHERE)
    return max(1, min(most, int(room / needed(network, image, graph=graph))))


def needed(network: Network, image: Tensor, *, graph: bool) -> float:
    """Peak bytes per image (C, S, S) of a batch."""
    saved, largest = cost(network, image)
    if not graph:
        return _WITHOUT_GRAPH * largest
    for_all, for_largest = _WITH_GRAPH
    return for_all * saved + for_largest * largest


def cost(network: Network, image: Tensor) -> tuple[int, int]:
    """Bytes per image: all that a forward pass saves for the backward pass, and its largest tensor.

    Counted on torch's meta device, which computes shapes only; remembered for each network and input shape.
    """
    known = _COSTS.setdefault(network, {})
    shape = tuple(image.shape)
    if shape not in known:
        known[shape] = _counted(network, shape, image.dtype)
    return known[shape]


def free(device: torch.device) -> float:
    """Bytes of memory that are free where the network runs."""
    if device.type == "cuda":
        return float(torch.cuda.mem_get_info(device)[0])
    return float(psutil.virtual_memory().available)


def _counted(network: Network, shape: tuple[int, ...], dtype: torch.dtype) -> tuple[int, int]:
    def shapes(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        return {name: torch.empty_like(tensor, device="meta") for name, tensor in tensors.items()}

    saved_tensors: dict[int, Tensor] = {}  # by storage: a tensor that several layers save counts once

    def keep(tensor: Tensor) -> Tensor:
        saved_tensors[tensor.untyped_storage()._cdata] = tensor
        return tensor

    empty = shapes(dict(network.named_parameters())) | shapes(dict(network.named_buffers()))
    image = torch.empty((1, *shape), dtype=dtype, device="meta", requires_grad=True)
    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        functional_call(network, empty, (image,))
    for weights in empty.values():
        saved_tensors.pop(weights.untyped_storage()._cdata, None)
    sizes = [tensor.untyped_storage().nbytes() for tensor in saved_tensors.values()] or [image.nbytes]
    return sum(sizes), max(sizes)
