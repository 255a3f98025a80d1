"""One forward and, per finding, at most one backward, shared by all maps of a radiograph."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from core.models.architecture import Network


class Tape:
    """What one forward pass of a network left behind: logits, stage features and, on demand, their gradients.

    Everything is computed at most once and remembered. The forward pass keeps a graph only from `grad_from` on:
    "images", a stage, or the last stage, whose gradients cost one pass through the head alone.
    No hook is set, so the network may be read by others in between; its weights collect no gradient.

    images:    (N, C, S, S), normalised.
    grad_from: "images" or a stage name; gradients of anything earlier cannot be had.
    """

    def __init__(self, network: Network, images: Tensor, *, grad_from: str) -> None:
        self.network = network
        self.images = images.detach()
        self.forwards = 0
        self.backwards = 0
        self._grad_from = grad_from
        self._gradients: dict[int, dict[str, Tensor]] = {}
        self._roots: dict[str, Tensor] = {}  # what gradients are taken with respect to, in order
        self._features: dict[str, Tensor] = {}
        self.logits = self._forward()

    def features(self, stage: str) -> Tensor:
        """(N, K, h, w) output of the stage."""
        return self._features[stage].detach()

    def gradient(self, source: str, finding: int) -> Tensor:
        """d logit / d source, shaped like the source: "images" or a stage.

        Raises: ValueError if the source lies before `grad_from`.
        """
        if source not in self._roots:
            raise ValueError(f"no gradient of {source!r}: the graph begins at {self._grad_from!r}")
        if finding not in self._gradients:
            roots = list(self._roots.values())
            found = torch.autograd.grad(self._graph_logits[:, finding].sum(), roots, retain_graph=True)
            self._gradients[finding] = dict(zip(self._roots, found, strict=True))
            self.backwards += self._grad_from != self.network.last_stage
        gradient: Tensor = self._gradients[finding][source]
        return gradient

    def _forward(self) -> Tensor:
        self.forwards += 1
        names = {child: stage for stage, child in self.network.stages.items()}
        with torch.enable_grad():
            flow = self.images
            if self._grad_from == "images":
                flow = self._root("images", flow)
            for child, module in self.network.features.named_children():
                with torch.set_grad_enabled(bool(self._roots)):
                    flow = module(flow)
                stage = names.get(child)
                if stage is None:
                    continue
                if self._roots:
                    self._roots[stage] = flow
                elif stage == self._grad_from:
                    flow = self._root(stage, flow)
                self._features[stage] = flow
            self._graph_logits: Tensor = self.network.head(flow)
        logits: Tensor = self._graph_logits.detach()
        return logits

    def _root(self, name: str, tensor: Tensor) -> Tensor:
        leaf = tensor.detach().requires_grad_()
        self._roots[name] = leaf
        return leaf


@dataclass(frozen=True)
class Evidence:
    """What a method sees: the tape, looked at for one finding and one stage.

    finding: index of the logit.
    stage:   a stage name; methods that explain the input ignore it.
    black:   value of the film's black in `images`, for methods that need a baseline.
    """

    tape: Tape
    finding: int
    stage: str
    black: float

    @property
    def network(self) -> Network:
        return self.tape.network

    @property
    def images(self) -> Tensor:
        """(N, C, S, S), normalised."""
        return self.tape.images

    @property
    def features(self) -> Tensor:
        """(N, K, h, w) output of the stage."""
        return self.tape.features(self.stage)

    @property
    def feature_gradient(self) -> Tensor:
        """(N, K, h, w), d logit / d features."""
        return self.tape.gradient(self.stage, self.finding)

    @property
    def image_gradient(self) -> Tensor:
        """(N, C, S, S), d logit / d images."""
        return self.tape.gradient("images", self.finding)

    def ran(self, *, forwards: int, backwards: int) -> None:
        """Counts passes that the method ran by itself, so that the cost on screen is the true one."""
        self.tape.forwards += forwards
        self.tape.backwards += backwards


def earliest(sources: Sequence[str], stages: Mapping[str, Any]) -> str:
    """The source from which a graph serves them all: "images" before the stages in order; the last stage for none."""
    order = ["images", *stages]
    return min(sources, key=order.index, default=order[-1])
