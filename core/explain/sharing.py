"""Which requests share the network passes of a request."""

from collections.abc import Mapping, Sequence

from core.explain.compatibility import unplaced
from core.explain.method import methods
from core.explain.run import Request
from core.types import FUSED

FIRST_LOOK = "grad-cam"  # the map that needs no backward pass at the last stage


def batch(
    request: Request, *, findings: Sequence[str], sizes: Mapping[str, tuple[int, int]], stages: Sequence[str]
) -> tuple[Request, ...]:
    """The request and all others that its passes serve.

    findings: of the network.
    sizes:    stage -> (h, w) of its maps, the last stage last.
    stages:   those at which the network supports the method.
    """
    request = without_defaults(request)
    if request.method == FIRST_LOOK and not request.settings and request.layer == list(sizes)[-1]:
        return first_look_requests(findings, sizes)
    if stands_alone(request):
        return (request,)
    return all_stages(request, stages)


def first_look_requests(findings: Sequence[str], sizes: Mapping[str, tuple[int, int]]) -> tuple[Request, ...]:
    """The map of every finding at the last stage, from the forward pass of the prediction; none for a single cell."""
    last, size = list(sizes.items())[-1]
    return () if unplaced(size) else tuple(Request(FIRST_LOOK, finding, last) for finding in findings)


def all_stages(request: Request, stages: Sequence[str]) -> tuple[Request, ...]:
    """The same map of each of the stages: one forward and at most one backward pass."""
    request = without_defaults(request)
    return tuple(Request(request.method, request.finding, stage, request.settings) for stage in stages)


def stands_alone(request: Request) -> bool:
    """Whether no other map is computed along with this one.

    A setting that fits one stage need not fit the others, and a slow map is computed only on request.
    """
    layer = request.layer
    return layer is None or FUSED in layer or methods[request.method].cost != "shared" or bool(request.settings)


def without_defaults(request: Request) -> Request:
    """The same request with only those settings that differ from the default, so that equal requests compare equal."""
    method = methods[request.method]
    given, defaults = method.parse(request.settings), method.parse({})
    changed = {name: value for name, value in given.items() if value != defaults[name]}
    return Request(request.method, request.finding, request.layer, changed)
