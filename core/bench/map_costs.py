"""The cost of maps that share the passes of the prediction: ours, and those of other libraries."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec

import torch
from captum.attr import LayerGradCam, Saliency
from torch import Tensor

from core.bench.timing import TimedCall
from core.explain.evidence import Evidence, Tape
from core.explain.method import methods
from core.explain.replay import IMAGES
from core.image.prepare import Prepared
from core.models.architecture import Network
from core.models.classifier import probabilities
from core.types import Checkpoint

LAST = "last_stage_all_findings"
ALL = "all_stages_all_findings_plus_saliency"
ALL_BFLOAT16 = f"{ALL}_bfloat16"
CAPTUM, TORCH_CAM, GRAD_CAM = "captum", "torch-cam", "pytorch-grad-cam"


@dataclass(frozen=True)
class BenchInput:
    """The common input of our maps and those of other libraries: a network and one image."""

    checkpoint: Checkpoint
    network: Network
    prepared: Prepared

    @property
    def images(self) -> Tensor:
        """(1, C, S, S)."""
        return self.prepared.image[None].to(next(self.network.parameters()).device)

    @property
    def findings(self) -> range:
        return range(len(self.checkpoint.findings))

    @property
    def stages(self) -> list[str]:
        return list(self.network.stages)

    def forward(self) -> Tensor:
        """The bare forward pass, (1, F)."""
        with torch.inference_mode():
            logits: Tensor = self.network(self.images)
        return logits

    def prediction(self, logits: Tensor) -> object:
        """The prediction, up to its probabilities."""
        card = self.checkpoint
        return probabilities(logits[0].cpu().numpy(), card.temperature, multi_label=card.multi_label)

    def evidence(self, tape: Tape, finding: int, stage: str) -> Evidence:
        return Evidence(tape, finding, stage, self.prepared.black, self.prepared.white)


def ours(inputs: BenchInput) -> list[TimedCall]:
    """From the prepared image to probabilities and maps."""
    network, last = inputs.network, inputs.network.last_stage
    grad_cam, saliency = methods["grad-cam"], methods["saliency"]

    def last_stage() -> object:
        tape = Tape(network, inputs.images, grad_from=last)
        plain = grad_cam.parse({})
        return inputs.prediction(tape.logits), [
            grad_cam.rule(inputs.evidence(tape, finding, last), **plain) for finding in inputs.findings
        ]

    def everything(bfloat16: bool) -> object:
        tape = Tape(network, inputs.images, grad_from=IMAGES, bfloat16=bfloat16)
        maps = []
        for finding in inputs.findings:
            seen = [inputs.evidence(tape, finding, stage) for stage in inputs.stages]
            maps += [grad_cam.rule(each, **grad_cam.parse({})) for each in seen]
            maps.append(saliency.rule(seen[-1], **saliency.parse({})))
        return inputs.prediction(tape.logits), maps

    return [
        TimedCall(LAST, last_stage),
        TimedCall(ALL, lambda: everything(False)),
        TimedCall(ALL_BFLOAT16, lambda: everything(True)),
    ]


def peers(inputs: BenchInput) -> dict[str, dict[str, TimedCall | str]]:
    """The same for other libraries: key -> library -> case, or why there is none.

    torch-cam has no saliency; Captum's is added to it.
    """
    last, stages = [inputs.network.last_stage], inputs.stages

    def case(key: str, library: str, maps: Callable[[Sequence[str]], object], saliency: bool) -> TimedCall | str:
        module = {TORCH_CAM: "torchcam", GRAD_CAM: "pytorch_grad_cam"}.get(library)
        if module and find_spec(module) is None:
            return "not installed"

        def run() -> object:
            prediction = inputs.prediction(inputs.forward()) if library == CAPTUM else None  # the others return it
            explanations = maps(stages if key == ALL else last)
            return prediction, explanations, _captum_saliency(inputs) if saliency else None

        return TimedCall(f"{key} {library}", run)

    return {
        LAST: {
            CAPTUM: case(LAST, CAPTUM, lambda at: _captum(inputs, at), False),
            TORCH_CAM: case(LAST, TORCH_CAM, lambda at: _torch_cam(inputs, at), False),
            GRAD_CAM: case(LAST, GRAD_CAM, lambda at: _pytorch_grad_cam(inputs, at), False),
        },
        ALL: {
            CAPTUM: case(ALL, CAPTUM, lambda at: _captum(inputs, at), True),
            TORCH_CAM: case(ALL, TORCH_CAM, lambda at: _torch_cam(inputs, at), True),
        },
    }


def _fresh(inputs: BenchInput) -> Tensor:
    # A fresh leaf each time, or a library's gradient would accumulate in ours.
    return inputs.images.clone().requires_grad_()


def _captum(inputs: BenchInput, stages: Sequence[str]) -> list[Tensor]:
    network = inputs.network
    return [
        LayerGradCam(network, network.stage_module(stage)).attribute(
            inputs.images, target=finding, relu_attributions=True
        )
        for stage in stages
        for finding in inputs.findings
    ]


def _captum_saliency(inputs: BenchInput) -> list[Tensor]:
    return [Saliency(inputs.network).attribute(_fresh(inputs), target=finding) for finding in inputs.findings]


def _torch_cam(inputs: BenchInput, stages: Sequence[str]) -> list[Tensor]:
    """One forward pass and one backward pass per finding, for all stages together."""
    from torchcam.methods import GradCAM

    network = inputs.network
    with GradCAM(network, target_layer=[network.stage_module(stage) for stage in stages]) as extractor:
        logits = network(_fresh(inputs))
        *most, final = inputs.findings
        maps = [each for finding in most for each in extractor(finding, logits, retain_graph=True)]
        maps += extractor(final, logits)
    inputs.prediction(logits.detach())
    return maps


def _pytorch_grad_cam(inputs: BenchInput, stages: Sequence[str]) -> list[object]:
    """A forward and a backward pass per finding, and the map enlarged to the image, which the library cannot skip."""
    from pytorch_grad_cam import GradCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    network = inputs.network
    maps: list[object] = []
    for stage in stages:
        with GradCAM(model=network, target_layers=[network.stage_module(stage)]) as extractor:
            maps += [
                extractor(input_tensor=_fresh(inputs), targets=[ClassifierOutputTarget(finding)])
                for finding in inputs.findings
            ]
            inputs.prediction(extractor.outputs.detach())
    return maps
