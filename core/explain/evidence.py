"""One forward and, per finding, at most one backward, shared by all maps of a radiograph."""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.errors import NoLungs
from core.explain import memory
from core.explain.replay import IMAGES, Replay
from core.models.architecture import Network
from core.work import Work

Remembered = TypeVar("Remembered")


class Tape:
    """The result of one forward pass: logits, stage features and, on demand, their gradients.

    Everything is computed at most once and remembered. The forward pass keeps a graph only from `grad_from` on:
    "images", a stage, or the last stage, whose gradients cost one pass through the head alone.
    No hook is set, so other threads may use the network in between; its weights accumulate no gradient.

    images:    (N, C, S, S), normalised, on the network's device.
    grad_from: "images" or a stage name; gradients of anything earlier are not available.
    wanted:    finding -> the sources whose gradients will be needed, so that one backward pass serves them all and
               stops at the earliest of them; for a finding that is not named, all are computed at once.
    bfloat16:  whether passes run under autocast; results are float32 in either case.
    """

    def __init__(
        self,
        network: Network,
        images: Tensor,
        *,
        grad_from: str,
        wanted: Mapping[int, Sequence[str]] | None = None,
        bfloat16: bool = False,
    ) -> None:
        self.network = network
        self.images = images.detach()
        self.bfloat16 = bfloat16
        self.forwards = 0
        self.backwards = 0
        self._grad_from = grad_from
        self._wanted = wanted or {}
        self._gradients: dict[tuple[int, str], Tensor] = {}
        self._roots: dict[str, Tensor] = {}  # what gradients are taken with respect to, in order
        self._features: dict[str, Tensor] = {}
        self._memory: dict[Hashable, Any] = {}
        self.logits = self._forward()

    def features(self, stage: str) -> Tensor:
        """(N, K, h, w) output of the stage."""
        return self._as_image(self._features[stage].detach())

    def gradient(self, source: str, finding: int) -> Tensor:
        """d logit / d source, shaped like the source: "images" or a stage.

        Raises: ValueError if the source lies before `grad_from`.
        """
        if source not in self._roots:
            raise ValueError(f"no gradient of {source!r}: the graph begins at {self._grad_from!r}")
        if (finding, source) not in self._gradients:
            wanted = {source, *self._wanted.get(finding, ())}
            if finding not in self._wanted and source != self.network.last_stage:
                wanted |= set(self._roots)
            known = {name for each, name in self._gradients if each == finding}
            roots = {name: root for name, root in self._roots.items() if name in wanted - known}
            with torch.enable_grad():  # also within Captum's backward pass
                logit = self._graph_logits[:, finding].sum()
            gradients = torch.autograd.grad(logit, list(roots.values()), retain_graph=True)
            for name, each in zip(roots, gradients, strict=True):
                self._gradients[finding, name] = self._as_image(each)
            self.backwards += next(iter(roots)) != self.network.last_stage
        return self._gradients[finding, source]

    def remember(self, key: Hashable, make: Callable[[], Remembered]) -> Remembered:
        """The value of `make`, computed once per key; for what several maps share."""
        if key not in self._memory:
            self._memory[key] = make()
        value: Remembered = self._memory[key]
        return value

    def run(self, flow: Tensor, *, after: str = IMAGES) -> Tensor:
        """(N, F) logits of other images, or of other features of a stage; with a graph if they need one.

        Passes through the head alone are not counted: they cost next to nothing.
        """
        if after != self.network.last_stage:
            self.forwards += len(flow)
        with self._precision():
            for _, module in behind(self.network, after):
                flow = module(flow)
            logits: Tensor = self.network.head(flow)
        return self._as_image(logits)

    def _as_image(self, tensor: Tensor) -> Tensor:
        """The tensor in the images' precision (float32), whatever the pass ran in."""
        return tensor.to(self.images.dtype)

    def _precision(self) -> torch.autocast:
        return torch.autocast(self.images.device.type, dtype=torch.bfloat16, enabled=self.bfloat16)

    def _forward(self) -> Tensor:
        self.forwards += 1
        with torch.enable_grad(), self._precision():
            flow = self.images
            if self._grad_from == IMAGES:
                flow = self._root(IMAGES, flow)
            for stage, module in behind(self.network, IMAGES):
                with torch.set_grad_enabled(bool(self._roots)):
                    flow = module(flow)
                if stage is None:
                    continue
                if self._roots:
                    self._roots[stage] = flow
                elif stage == self._grad_from:
                    flow = self._root(stage, flow)
                self._features[stage] = flow
            self._graph_logits: Tensor = self._as_image(self.network.head(flow))
        logits: Tensor = self._graph_logits.detach()
        return logits

    def _root(self, name: str, tensor: Tensor) -> Tensor:
        leaf = tensor.detach().requires_grad_()
        self._roots[name] = leaf
        return leaf


def _no_lungs() -> NDArray[np.bool_]:
    raise NoLungs("No lung mask was computed. Call core.explain.run.explain.")


@dataclass(frozen=True)
class Evidence:
    """The input of a method: the tape, for one finding and one stage.

    finding:  index of the logit.
    stage:    a stage name; methods that explain the input ignore it.
    black, white: (C, 1, 1) the film's black and white in `images`, for methods that need a baseline; or one number.
    together: all findings with the same method, stage and settings, including this one.
    lungs:    gives the (S, S) bool lungs in the network's square, or raises NoLungs.
    work:     progress, cancellation, deadline.
    budget:   maximum bytes per batch.
    """

    tape: Tape
    finding: int
    stage: str
    black: Tensor | float
    white: Tensor | float = 1.0
    together: tuple[int, ...] = ()
    lungs: Callable[[], NDArray[np.bool_]] = _no_lungs
    work: Work = field(default_factory=Work)
    budget: float = memory.BUDGET

    @property
    def network(self) -> Network:
        return self.tape.network

    @property
    def images(self) -> Tensor:
        """(N, C, S, S), normalised."""
        return self.tape.images

    @property
    def image(self) -> Tensor:
        """(C, S, S), the only one; for methods that look at many altered copies of it.

        Raises: ValueError where there are several.
        """
        if len(self.images) != 1:
            raise ValueError(f"the method takes one image at a time, not {len(self.images)}")
        return self.images[0]

    @property
    def replay(self) -> Replay:
        """The shared pass as a network, with the stage as its layer, for Captum."""
        return Replay(self.tape, self.stage)

    @property
    def features(self) -> Tensor:
        """(N, K, h, w) output of the stage."""
        return self.tape.features(self.stage)

    @property
    def feature_gradient(self) -> Tensor:
        """(N, K, h, w), d logit / d features."""
        return self.tape.gradient(self.stage, self.finding)

    def batch(self, *, graph: bool) -> int:
        """Images per batch that fit into memory; `graph` if a backward pass follows."""
        return memory.batch_size(self.network, self.images[0], graph=graph, budget=self.budget)

    def answers(self, key: Hashable, count: int, make: Callable[[int, int], Tensor], *, after: str = IMAGES) -> Tensor:
        """(count, F) logits of altered images (or features of the stage `after`), in batches, once for all findings.

        key:  what the alterations depend on besides the image: name, settings, stage. Equal keys share one result.
        make: (start, stop) -> (stop - start, ...) the altered images of that range; called for one batch at a time.
        """

        def ask() -> Tensor:
            size = self.batch(graph=False)
            self.work.expect(count)
            batches = []
            for start in range(0, count, size):
                stop = min(start + size, count)
                with torch.inference_mode():
                    batches.append(self.tape.run(make(start, stop), after=after))
                self.work.step(stop - start)  # outside inference mode: other threads may compute gradients meanwhile
            return torch.cat(batches)

        return self.tape.remember(("answers", key, after), ask)

    def shared(self, key: Hashable, make: Callable[[Sequence[int]], Mapping[int, Tensor]]) -> Tensor:
        """This finding's part of the result of `make`, which is called once for all findings `together`."""
        findings = self.together or (self.finding,)
        return self.tape.remember((key, findings), lambda: make(findings))[self.finding]

    def ran(self, *, forwards: int, backwards: int) -> None:
        """Counts passes that the method ran itself, so that the cost on screen is right."""
        self.tape.forwards += forwards
        self.tape.backwards += backwards


def behind(network: Network, source: str) -> Iterator[tuple[str | None, nn.Module]]:
    """The parts of the features that run after "images" or a stage, each with the stage that it ends, if any."""
    stages = {child: stage for stage, child in network.stages.items()}
    past = source == IMAGES
    for child, module in network.features.named_children():
        if past:
            yield stages.get(child), module
        past = past or stages.get(child) == source


def up_to(network: Network, stage: str) -> nn.Sequential:
    """The network's own layers up to the stage, and one more that passes its features on, for Captum to hook."""
    layers: list[nn.Module] = []
    for name, module in behind(network, IMAGES):
        layers.append(module)
        if name == stage:
            break
    return nn.Sequential(*layers, nn.Identity())


def reached(network: Network, images: Tensor, stage: str) -> Tensor:
    """(N, K, h, w) features of the stage; later layers are not run."""
    features: Tensor = up_to(network, stage)(images)
    return features


def earliest(sources: Sequence[str], stages: Mapping[str, Any]) -> str:
    """The earliest of the sources ("images" comes before all stages); the last stage if there are none."""
    order = [IMAGES, *stages]
    return min(sources, key=order.index, default=order[-1])
