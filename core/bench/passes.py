"""Methods that need many passes: the cost of one of their passes relative to a bare one in an equally large batch."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from core.bench.map_costs import BenchInput
from core.bench.timing import TimedCall
from core.explain import memory
from core.explain.evidence import Tape
from core.explain.method import methods

_ENOUGH = 200  # bare passes; beyond that only the first ones are run, and the rest is assumed to cost the same


@dataclass(frozen=True)
class Path:
    """A method with its settings. graph: whether each pass of it is followed by a backward pass."""

    key: str
    method: str
    settings: Mapping[str, int]
    graph: bool

    def count(self, side: int) -> int:
        """Passes at (side × side) px."""
        if self.method == "occlusion":
            window, stride = self.settings["window"], self.settings["stride"]
            return int((-(-(side - window) // stride) + 1) ** 2)
        return next(iter(self.settings.values()))


FULL = (
    Path("integrated_gradients_per_pass", "integrated-gradients", {"steps": 50}, True),
    Path("smoothgrad_per_pass", "smoothgrad", {"samples": 25}, True),
    Path("occlusion_per_pass", "occlusion", {"window": 32, "stride": 16}, False),
    Path("rise_per_pass", "rise", {"masks": 1000}, False),
)
QUICK = (
    Path("integrated_gradients_per_pass", "integrated-gradients", {"steps": 16}, True),
    Path("smoothgrad_per_pass", "smoothgrad", {"samples": 8}, True),
    Path("occlusion_per_pass", "occlusion", {"window": 32, "stride": 32}, False),
    Path("rise_per_pass", "rise", {"masks": 100}, False),
)


def cases(inputs: BenchInput, paths: tuple[Path, ...]) -> tuple[list[TimedCall], dict[str, str]]:
    """The cases, and why other methods have none."""
    missing = {path.key: f"there is no method {path.method}" for path in paths if path.method not in methods}
    return [_case(inputs, path) for path in paths if path.key not in missing], missing


def _case(inputs: BenchInput, path: Path) -> TimedCall:
    """Both sides begin with the one forward pass that gives the prediction."""
    method, network, images = methods[path.method], inputs.network, inputs.images
    settings = method.parse(path.settings)
    count = path.count(images.shape[-1])
    size = memory.batch_size(network, images[0], graph=path.graph)
    batches = [min(size, count - start) for start in range(0, min(count, _ENOUGH), size)]

    def run() -> object:
        tape = Tape(network, images, grad_from=network.last_stage)
        return method.rule(inputs.evidence(tape, 0, network.last_stage), **settings)

    def bare() -> None:
        inputs.forward()
        for batch in batches:
            copies = images.expand(batch, -1, -1, -1).contiguous()
            if path.graph:
                copies.requires_grad_()
                torch.autograd.grad(network(copies)[:, 0].sum(), copies)
            else:
                with torch.inference_mode():
                    network(copies)

    return TimedCall(path.key, run, bare, (1 + count) / (1 + sum(batches)))
