"""The picture that excites a unit most, by optimisation (feature visualisation).

The picture is given by its Fourier coefficients, with step sizes that fall with the frequency like the amplitudes of
chest radiographs, so that broad shading forms as easily as an edge. A sigmoid keeps each pixel between black and white,
and the card's preprocessing converts it to the network's input. In each step the picture is shifted, turned and scaled
a little, so that the result excites the unit at any position, and not by the noise of single pixels.

Source: Olah, Mordvintsev and Schubert 2017, doi:10.23915/distill.00007; redirected ReLU as in their Lucid.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd import Function
from torch.nn import functional

from core.errors import BadSetting
from core.explain.evidence import reached
from core.explain.flow import LINEAR, Flow, NoRule, OperationRule, each
from core.image.phantom import draw
from core.image.prepare import prepare
from core.layers.activations import known_stage
from core.layers.unit_maps import check_channel
from core.models.architecture import Network
from core.models.classifier import Classifier
from core.types import Input, seal
from core.work import Work

Prior = Literal["free", "chest"]
Objective = Literal["mean", "centre"]
PRIORS: dict[Prior, str] = {
    "free": "from noise: only the spectrum is that of radiographs",
    "chest": "from a drawn mean chest, and near it",
}
OBJECTIVES: dict[Objective, str] = {"mean": "all its cells", "centre": "the cell in the middle"}

# Of 150 real radiographs at 224 px, amplitude falls with frequency to the power -1.66 (median; 90 % lie between -1.86
# and -1.47): steeper than photographs, whose power is -1 (Field 1987).
DECAY = 1.66
SIDE = {"free": 128, "chest": 192}  # px at most; a free picture shows one pattern, a chest is shown whole
STEPS = {"free": 128, "chest": 72}
# In a free picture the place is arbitrary, so one cell gives one clean pattern. In a chest the optimisation chooses it.
AIM: dict[Prior, Objective] = {"free": "centre", "chest": "mean"}
_RATE = 0.1  # Adam's learning rate, in units of a coefficient's noise
_START = 0.1  # share of that noise at the start of a free picture
_CONTRAST = 1.1  # logits of grey: standard deviation of a free picture, equal to a film's (0.22 of the grey scale)
_NEAR = 0.08  # of the grey scale: largest root-mean-square distance from the mean chest
_SMOOTH = 0.1  # step length against total variation, as a share of that towards the activation
_SHIFT = 1 / 16  # of the side: the largest shift per step, and at most half a cell
_TURN, _SCALE = 7.0, 0.08  # degrees and share, at most
_CHESTS = 12  # drawn chests in the mean chest
_CHEST = 256  # px a side of each


@dataclass(frozen=True)
class PictureSettings:
    """The settings of a picture; equal settings and weights give the same picture.

    prior:     its start and constraint.
    objective: what is maximised: the mean of the unit's map, or its middle cell.
    size:      px a side.
    """

    prior: Prior
    objective: Objective
    steps: int
    size: int
    seed: int


@dataclass(frozen=True, eq=False)
class Preferred:
    """A unit's preferred picture.

    picture: (S, S) uint8, read-only, black to white; one pixel per pixel of the network's input.
    before, after: the unit's greatest activation for the starting picture, and for this one.
    curve:   (steps,) float32, read-only: the objective per step, for the jittered picture.
    """

    checkpoint: str
    stage: str
    channel: int
    picture: NDArray[np.uint8]
    before: float
    after: float
    curve: NDArray[np.float32]
    seconds: float
    settings: PictureSettings

    def __post_init__(self) -> None:
        object.__setattr__(self, "picture", seal(self.picture))
        object.__setattr__(self, "curve", seal(self.curve))

    @property
    def recipe(self) -> str:
        """The procedure in one sentence."""
        settings = self.settings
        return (
            f"{settings.steps} steps, {PRIORS[settings.prior]}; maximised over {OBJECTIVES[settings.objective]}; "
            f"{settings.size} × {settings.size} px, seed {settings.seed}."
        )


def optimised_picture(
    classifier: Classifier,
    stage: str,
    channel: int,
    *,
    prior: Prior = "free",
    objective: Objective | None = None,
    steps: int | None = None,
    size: int | None = None,
    seed: int = 0,
    work: Work | None = None,
) -> Preferred:
    """The picture that excites the unit most.

    objective: None for the value in AIM.
    steps:     None for the value in STEPS.
    size:      px a side; None for the network's own, limited to the value in SIDE.
    Raises:    UnknownName for a stage; BadSetting for an invalid unit, prior, number or size; Stopped by `work`.
    """
    start, work, card = time.perf_counter(), work or Work(), classifier.checkpoint
    settings = _settings(card.input, prior, objective, steps, size, seed)
    work.expect(settings.steps)
    with torch.inference_mode(False), torch.enable_grad(), classifier.alone(work) as network:
        known_stage(card, network, stage)
        canvas = _Canvas(settings, card.input, classifier.device)
        unit = _Unit(network, card.input, stage, channel, settings.objective)
        before = unit.greatest(canvas.grey().detach())
        curve = _climbed(canvas, unit, settings, work)
        grey = canvas.grey().detach()
        picture = (grey[0, 0] * 255).round().to(torch.uint8)
        after = unit.greatest(picture.to(grey)[None, None] / 255)
    return Preferred(
        checkpoint=card.key,
        stage=stage,
        channel=channel,
        picture=picture.cpu().numpy().copy(),
        before=before,
        after=after,
        curve=np.array(curve, np.float32),
        seconds=time.perf_counter() - start,
        settings=settings,
    )


def _settings(
    card: Input, prior: Prior, objective: Objective | None, steps: int | None, size: int | None, seed: int
) -> PictureSettings:
    """The settings with the defaults of the prior filled in. Raises: BadSetting."""
    if prior not in PRIORS or objective not in (None, *OBJECTIVES):
        raise BadSetting(f"{prior!r} and {objective!r}: the prior is free or chest, the objective mean or centre.")
    settings = PictureSettings(
        prior,
        objective or AIM[prior],
        STEPS[prior] if steps is None else steps,
        min(card.size, SIDE[prior]) if size is None else size,
        seed,
    )
    if settings.steps < 1 or not 16 <= settings.size <= 512:
        raise BadSetting(f"{settings.steps} steps at {settings.size} px: use 1 step or more at 16 to 512 px.")
    return settings


def mean_chest(size: int) -> NDArray[np.float32]:
    """(size, size) float32, 0 to 1: the mean of some drawn chests without opacity."""
    wanted = Input(size=size)
    pictures = np.stack([prepare(film, wanted).picture for film in _chests()])
    mean: NDArray[np.float32] = pictures.astype(np.float32).mean(axis=0) / 255
    return mean


class _Canvas:
    """The picture as Fourier coefficients, and the optimiser that changes them."""

    def __init__(self, settings: PictureSettings, card: Input, device: torch.device) -> None:
        side, self._near = settings.size, settings.prior == "chest"
        self._own = "film" in (card.mean, card.std)  # standardised: grey level and contrast have no effect
        rows, columns = np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None]
        amplitude = np.maximum(np.hypot(rows, columns), 1 / side) ** -DECAY
        # Unit noise in each coefficient gives a picture of standard deviation 1.
        both = np.where((columns > 0) & (columns < 0.5), 2.0, 1.0)
        scale = amplitude / math.sqrt(float((both * amplitude**2).sum())) * side
        self._scale = torch.tensor(scale, dtype=torch.float32, device=device)
        chance = torch.Generator().manual_seed(settings.seed)
        noise = torch.randn(1, 1, side, side // 2 + 1, 2, generator=chance) / math.sqrt(2)
        self._coefficients = (noise * (0.0 if self._near else _START)).to(device).requires_grad_()
        self._ground = torch.zeros(1, 1, side, side, device=device)
        if self._near:
            chest = torch.from_numpy(mean_chest(side)).to(device)
            self._ground = chest.clamp(0.01, 0.99).logit()[None, None]
        self._side = side
        self._optimiser = torch.optim.Adam([self._coefficients], lr=_RATE, betas=(0.9, 0.99))

    def grey(self) -> Tensor:
        """(1, 1, S, S), 0 black to 1 white."""
        drawn = torch.view_as_complex(self._coefficients) * self._scale
        added = torch.fft.irfft2(drawn, s=(self._side, self._side), norm="ortho")
        if self._own and not self._near:
            added = (added - added.mean()) / added.std().clamp(min=1e-6) * _CONTRAST
        grey = torch.sigmoid(self._ground + added)
        if not self._near:
            return grey
        # No penalty weight fits all units, so the distance from the chest is bounded.
        ground = torch.sigmoid(self._ground)
        apart = grey - ground
        length = apart.square().mean().add(1e-12).sqrt()
        return (ground + apart * (_NEAR / length).clamp(max=1)).clamp(0, 1)

    def step(self, loss: Tensor, rough: Tensor) -> None:
        """One step of the optimiser along both normalised gradients, so that one weight suits all units."""
        down, smooth = (torch.autograd.grad(each, [self._coefficients], retain_graph=True)[0] for each in (loss, rough))
        self._coefficients.grad = _direction(down) + _SMOOTH * _direction(smooth)
        self._optimiser.step()


class _Unit:
    """The unit's response to a grey picture."""

    def __init__(self, network: Network, card: Input, stage: str, channel: int, objective: Objective) -> None:
        self._network, self._card, self._stage, self._channel = network, card, stage, channel
        self._middle = objective == "centre"
        self.cell = 1.0  # px, known after the first map

    def map(self, grey: Tensor, *, redirected: bool = False) -> Tensor:
        """(h, w) the unit's map. Raises: BadSetting if the stage has no such unit."""
        images = _normalised(grey, self._card)
        maps = _open(self._network, images, self._stage) if redirected else reached(self._network, images, self._stage)
        check_channel(maps, self._stage, self._channel)
        self.cell = grey.shape[-1] / maps.shape[-1]
        return maps[0, self._channel]

    def greatest(self, grey: Tensor) -> float:
        with torch.no_grad():
            return float(self.map(grey).max())

    def objective(self, grey: Tensor, *, redirected: bool = False) -> Tensor:
        activation = self.map(grey, redirected=redirected)
        return activation[activation.shape[0] // 2, activation.shape[1] // 2] if self._middle else activation.mean()


def _climbed(canvas: _Canvas, unit: _Unit, settings: PictureSettings, work: Work) -> list[float]:
    """Runs the optimisation. Returns: the objective before each step."""
    chance, curve = torch.Generator().manual_seed(settings.seed + 1), []
    for _ in range(settings.steps):
        grey = canvas.grey()
        moved = _moved(grey, chance, cell=unit.cell)
        loss = -unit.objective(moved)
        if float(loss.detach()) >= 0:
            loss = -unit.objective(moved, redirected=True)
        curve.append(-float(loss.detach()))
        canvas.step(loss, _variation(grey))
        del grey, moved, loss  # other threads may run here, so no graph may be left
        work.step()
    return curve


def _moved(grey: Tensor, chance: torch.Generator, *, cell: float) -> Tensor:
    """The picture shifted, turned and scaled a little; the border is mirrored.

    cell: px from one cell of the unit to the next.
    """
    x, y, turn, scale = (2 * torch.rand(4, generator=chance) - 1).tolist()
    shift = 2 * min(_SHIFT, cell / 2 / grey.shape[-1])  # affine_grid counts a side as 2
    angle, size = math.radians(_TURN * turn), 1 + _SCALE * scale
    cos, sin = math.cos(angle) / size, math.sin(angle) / size
    theta = grey.new_tensor([[cos, -sin, shift * x], [sin, cos, shift * y]])[None]
    places = functional.affine_grid(theta, list(grey.shape), align_corners=False)
    sampled: Tensor = functional.grid_sample(grey, places, padding_mode="reflection", align_corners=False)
    return sampled


def _direction(gradient: Tensor) -> Tensor:
    direction: Tensor = gradient / torch.linalg.vector_norm(gradient).clamp(min=1e-20)
    return direction


def _variation(grey: Tensor) -> Tensor:
    """Total variation: the mean difference between neighbours."""
    return grey.diff(dim=2).abs().mean() + grey.diff(dim=3).abs().mean()


def _normalised(grey: Tensor, card: Input) -> Tensor:
    """(1, C, S, S) the grey picture as `prepare` would give it, with its gradient."""
    values = grey * (card.high - card.low) + card.low
    mean: Any = values.mean() if card.mean == "film" else grey.new_tensor(card.mean).reshape(1, -1, 1, 1)
    std: Any = values.std().clamp(min=1e-3) if card.std == "film" else grey.new_tensor(card.std).reshape(1, -1, 1, 1)
    images: Tensor = (values.expand(-1, card.channels, -1, -1) - mean) / std
    return images


class _Redirected(Function):
    """ReLU that passes gradients below zero if they would activate it, so that a silent unit can be optimised."""

    @staticmethod
    def forward(context: Any, values: Tensor) -> Tensor:
        context.save_for_backward(values)
        return values.clamp(min=0)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor]:
        (gradient,) = gradients
        return (gradient * ((context.saved_tensors[0] > 0) | (gradient < 0)),)


def _relu(_: Any, flow: Flow, **__: Any) -> tuple[Tensor, ...]:
    output: Tensor = _Redirected.apply(flow.parts[0])  # type: ignore[no-untyped-call]
    return (output,)


_RULES: dict[str, OperationRule] = {**LINEAR, "max_pool2d": each, "relu": _relu}


def _open(network: Network, images: Tensor, stage: str) -> Tensor:
    """As `reached`, with redirected ReLUs; other activations are hardly ever silent and are not changed."""
    try:
        anything: Callable[..., Any] = reached
        features: Tensor = anything(network, Flow(_RULES, images), stage).parts[0]
        return features
    except NoRule:
        return reached(network, images, stage)


@cache
def _chests() -> tuple[Any, ...]:
    make: Callable[..., Any] = draw
    return tuple(make(seed=seed, height=_CHEST, width=_CHEST).radiograph for seed in range(_CHESTS))
