"""Where the relevance of a score comes from, layer by layer, conserved on the way to the film.

Every value in the network is held as a sum of what pushes it up and what pushes it down; biases push nothing.

  film             a pixel pushes by how much it is brighter than black and darker than white (z^B rule)
  convolution,     a push times a positive weight stays on its side, times a negative one changes sides; a unit's
  linear, average  relevance goes to its pushes by their share in the side it came through (z+ rule)
  addition         the same: one wider layer
  batch norm       one value in, one out: it gets all; where its factor is negative, the sides change places. After a
                   convolution that is the z+ rule of the two merged; before one, as in DenseNet, nothing leaks either
  ReLU             an active unit was pushed up: all its relevance goes to that side
  max pooling      to the winner
  concatenation    to each its own
  score            both sides are followed back, each with what it pushed (LRP-0)

Where nothing pushed and a bias alone made a unit active, its relevance is spread over its inputs: each push carries
a faint one as well.

Sources: Bach et al. 2015, doi:10.1371/journal.pone.0130140; Montavon et al. 2017, arXiv:1512.02479 (z+, z^B);
Montavon et al. 2019, doi:10.1007/978-3-030-28954-6_10 (composites).
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from core.explain.flow import Flow, NoRule, OperationRule, each, logits_of, refuse_no_relu
from core.models.architecture import Network

_NOTHING = 1e-30  # smaller pushes count as none: dividing by them would overflow
_FAINT = 1e-6  # of the strongest push of a layer


class _Share(Function):
    """The sum of an operation's pushes; relevance flows back to each in proportion to its share."""

    @staticmethod
    def forward(context: Any, operation: Callable[..., Tensor], *pushes: Tensor) -> Tensor:
        with torch.enable_grad():
            context.pushes = [push.detach().requires_grad_() for push in pushes]
            context.whole = operation(*context.pushes)
        output: Tensor = context.whole.detach()
        return output

    @staticmethod
    def backward(context: Any, *relevance: Tensor) -> tuple[Tensor | None, ...]:
        whole = context.whole.detach()
        share = torch.where(whole.abs() < _NOTHING, 0, relevance[0] / whole)
        gradients = torch.autograd.grad(context.whole, context.pushes, share, retain_graph=True)
        return None, *(push.detach() * part for push, part in zip(context.pushes, gradients, strict=True))


class _RelevanceRelu(Function):
    """The output of a ReLU; its relevance goes to what pushed the unit up."""

    @staticmethod
    def forward(context: Any, up: Tensor, active: Tensor) -> Tensor:
        return active

    @staticmethod
    def backward(context: Any, *relevance: Tensor) -> tuple[Tensor, None]:
        return relevance[0], None


def _shared(operation: Callable[..., Tensor], *pushes: Tensor) -> Tensor:
    output: Tensor = _Share.apply(operation, *pushes)  # type: ignore[no-untyped-call]
    return output


def _faint(pushes: Tensor) -> Tensor:
    return _FAINT * pushes.detach().abs().amax().clamp(min=_FAINT)


# A flow is (value, up > 0) after a ReLU and (value, up >= 0, down <= 0) elsewhere; only the pushes carry a graph.


def _weighted(
    function: Any, flow: Flow, weight: Tensor, bias: Tensor | None = None, *args: Any, **kwargs: Any
) -> tuple[Tensor, ...]:
    value, *pushes = flow.parts
    more, less = weight.clamp(min=0), weight.clamp(max=0)

    def through(above: Tensor, below: Tensor) -> Callable[..., Tensor]:
        def pushed(up: Tensor, down: Tensor | None = None) -> Tensor:
            output: Tensor = function(up, above, None, *args, **kwargs)
            return output if down is None else output + function(down, below, None, *args, **kwargs)

        return pushed

    whole = function(value, weight, bias, *args, **kwargs)
    return whole, _shared(through(more, less), *pushes), _shared(through(less, more), *pushes)


def _normalised(
    function: Any, flow: Flow, mean: Tensor, variance: Tensor, weight: Tensor | None, *args: Any, **kwargs: Any
) -> tuple[Tensor, ...]:
    up, down = _sides(flow)
    ends = up.new_tensor([0.0, 1.0]).reshape(2, 1, 1, 1).expand(2, up.shape[1], 1, 1)
    low, high = function(ends, mean, variance, weight, *args, **kwargs)
    more, less = (high - low).clamp(min=0), (high - low).clamp(max=0)
    return (
        function(flow.parts[0], mean, variance, weight, *args, **kwargs),
        _shared(lambda up, down: more * up + less * down, up, down),
        _shared(lambda up, down: less * up + more * down, up, down),
    )


def _relu(_: Any, flow: Flow, **__: Any) -> tuple[Tensor, ...]:
    value, up = flow.parts[:2]
    active = value.clamp(min=0)
    output: Tensor = _RelevanceRelu.apply(up, active + _faint(active))  # type: ignore[no-untyped-call]
    return active, output


def _hardtanh(_: Any, flow: Flow, min_val: float, max_val: float, **__: Any) -> tuple[Tensor, ...]:
    refuse_no_relu(min_val)
    value, up = flow.parts[:2]
    active = value.clamp(0, max_val)
    output: Tensor = _RelevanceRelu.apply(up, active + _faint(active))  # type: ignore[no-untyped-call]
    return active, output


def _max_pool(function: Any, flow: Flow, *args: Any, **kwargs: Any) -> tuple[Tensor, ...]:
    if len(flow.parts) > 2:
        raise NoRule(
            "the network takes the largest of values that no ReLU has passed, for which the method has no rule"
        )
    return each(function, flow, *args, **kwargs)


def _averaged(function: Any, flow: Flow, *args: Any, **kwargs: Any) -> tuple[Tensor, ...]:
    value, *pushes = flow.parts
    return function(value, *args, **kwargs), *(
        _shared(lambda push: function(push, *args, **kwargs), push) for push in pushes
    )


def _added(function: Any, first: Flow, second: Flow) -> tuple[Tensor, ...]:
    sides = zip(_sides(first), _sides(second), strict=True)
    return function(first.parts[0], second.parts[0]), *(_shared(torch.add, *side) for side in sides)


def _joined(function: Any, flows: list[Flow], *args: Any, **kwargs: Any) -> tuple[Tensor, ...]:
    if any(len(flow.parts) > 2 for flow in flows):
        flows = [Flow(flow.rules, flow.parts[0], *_sides(flow)) for flow in flows]
    return each(function, flows, *args, **kwargs)


def _sides(flow: Flow) -> tuple[Tensor, Tensor]:
    """What pushes up and what pushes down; the latter faint after a ReLU."""
    up, *down = flow.parts[1:]
    return up, down[0] if down else _shared(lambda up: -_FAINT * up, up)


RULES: Mapping[str, OperationRule] = {
    "conv2d": _weighted,
    "linear": _weighted,
    "batch_norm": _normalised,
    "relu": _relu,
    "hardtanh": _hardtanh,
    "pad": each,
    "max_pool2d": _max_pool,
    "avg_pool2d": _averaged,
    "adaptive_avg_pool2d": _averaged,
    "add": _added,
    "cat": _joined,
    "flatten": each,
    "dropout": each,
}


class RelevancePass:
    """The relevance of every logit of some images, ready to be followed back to the film.

    images:    (N, C, S, S).
    low, high: the least and the greatest value of a pixel, (C, 1, 1) or one number; widened where the images go
               beyond.
    Raises:    NoRule.
    """

    def __init__(self, network: Network, images: Tensor, low: Tensor | float, high: Tensor | float) -> None:
        low = torch.minimum(torch.as_tensor(low).to(images), images.amin(dim=(0, 2, 3), keepdim=True)[0])
        high = torch.maximum(torch.as_tensor(high).to(images), images.amax(dim=(0, 2, 3), keepdim=True)[0])
        brighter, darker = images - low, images - high
        faint = _faint(brighter - darker)
        self._film = [(brighter + faint).requires_grad_(), (darker - faint).requires_grad_()]
        with torch.enable_grad():
            self.logits, self._up, self._down = logits_of(network, Flow(RULES, images, *self._film)).parts

    def pushed(self, finding: int) -> tuple[Tensor, Tensor]:
        """(N,) each: what pushes the logit up, >= 0, and down, <= 0; they add up to the logit minus the last bias."""
        return self._up[:, finding].detach(), self._down[:, finding].detach()

    def of(self, finding: int) -> Tensor:
        """(N, C, S, S) relevance of each pixel, in logits; adds up to what pushes the logit up and down."""
        begun = [torch.zeros_like(side) for side in (self._up, self._down)]
        for side, push in zip(begun, self.pushed(finding), strict=True):
            side[:, finding] = push
        return self._followed(*begun)

    @property
    def rest(self) -> Tensor:
        """(N, F) the part of the logits that is not a push: if the rules are exact, the last layer's biases, the same
        for every film.
        """
        return (self.logits - self._up - self._down).detach()

    @property
    def arriving(self) -> float:
        """Share of all logits' relevance that arrives at the film: 1 if it is conserved.

        Negative pushes are sign-flipped first, so that they cannot hide a loss.
        """
        up, down = self._up.detach(), self._down.detach()
        left = float((up - down).sum())
        return float(self._followed(up, -down).sum()) / left if left else 0.0

    def _followed(self, up: Tensor, down: Tensor) -> Tensor:
        brighter, darker = torch.autograd.grad((self._up, self._down), self._film, (up, down), retain_graph=True)
        return brighter + darker
