"""The picture that excites a unit most, found by optimisation (feature visualisation).

The picture is drawn by its Fourier coefficients, whose step sizes fall with the frequency as the amplitudes of chest
radiographs do, so that broad shading comes as easily as an edge. A sigmoid keeps each pixel between black and white,
and the card's own preparation makes the network's input of it. In each step the picture is shifted, turned and scaled a
little, so that what is drawn excites the unit wherever it lies, and not by the grain of single pixels.

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
SIDE = {"free": 128, "chest": 192}  # px at most; a free picture has no place to keep to, a chest is seen whole
STEPS = {"free": 128, "chest": 72}
# A free picture has no places: one cell gives one clean pattern. In a chest the unit may choose where.
AIM: dict[Prior, Objective] = {"free": "centre", "chest": "mean"}
_RATE = 0.1  # of Adam, in units of a coefficient's noise
_START = 0.1  # of that noise: what a free picture starts from
_CONTRAST = 1.1  # logits of grey: deviation of a free picture, which then has that of a film (0.22 of the grey scale)
_NEAR = 0.08  # of the grey scale: root mean square by which a picture may leave the mean chest
_SMOOTH = 0.1  # length of the step against total variation, as a share of that towards the activation
_SHIFT = 1 / 16  # of the side: the most that a step moves the picture, and half a cell at most: it knows no finer place
_TURN, _SCALE = 7.0, 0.08  # degrees and share, at most
_CHESTS = 12  # drawn chests in the mean
_CHEST = 256  # px a side of each


@dataclass(frozen=True)
class PictureSettings:
    """How a picture was made; of equal settings and weights comes the same picture.

    prior:     what it starts from and keeps to.
    objective: what is made large: the mean of the unit's map, or its cell in the middle.
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

    picture: (S, S) uint8, read-only, black to white; one of its pixels is one of the network's.
    before, after: the unit's greatest activation for the picture that it started from, and for this one.
    curve:   (steps,) float32, read-only: the objective step by step, of the picture as it was moved about.
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
        """What was done, in a sentence."""
        settings = self.settings
        return (
            f"{settings.steps} steps, {PRIORS[settings.prior]}; made large was {OBJECTIVES[settings.objective]}; "
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

    objective: None for that of AIM. steps: None for those of STEPS.
    size:   px a side; None for the network's own, at most that of SIDE.
    Raises: UnknownName for a stage; BadSetting for a unit, prior, number or size that is not there; Stopped as `work`
            says.
    """
    start, work, card = time.perf_counter(), work or Work(), classifier.checkpoint
    if prior not in PRIORS or objective not in (None, *OBJECTIVES):
        raise BadSetting(f"{prior!r} and {objective!r}: the prior is free or chest, the objective mean or centre.")
    settings = PictureSettings(
        prior,
        objective or AIM[prior],
        STEPS[prior] if steps is None else steps,
        min(card.input.size, SIDE[prior]) if size is None else size,
        seed,
    )
    if settings.steps < 1 or not 16 <= settings.size <= 512:
        raise BadSetting(f"{settings.steps} steps at {settings.size} px: it takes 1 step or more at 16 to 512 px.")
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


def mean_chest(size: int) -> NDArray[np.float32]:
    """(size, size) float32, 0 to 1: the mean of some drawn chests without opacity; nobody's film."""
    wanted = Input(size=size)
    pictures = np.stack([prepare(film, wanted).picture for film in _chests()])
    mean: NDArray[np.float32] = pictures.astype(np.float32).mean(axis=0) / 255
    return mean


class _Canvas:
    """The picture as Fourier coefficients, and the optimiser that changes them."""

    def __init__(self, settings: PictureSettings, card: Input, device: torch.device) -> None:
        side, self._near = settings.size, settings.prior == "chest"
        self._own = "film" in (card.mean, card.std)  # each film's own grey level and contrast: the network sees neither
        rows, columns = np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None]
        amplitude = np.maximum(np.hypot(rows, columns), 1 / side) ** -DECAY
        # One unit of noise in each coefficient gives a picture of deviation 1.
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
        # No weight of a penalty would fit all units: what a picture may leave the chest by is a bound.
        ground = torch.sigmoid(self._ground)
        apart = grey - ground
        length = apart.square().mean().add(1e-12).sqrt()
        return (ground + apart * (_NEAR / length).clamp(max=1)).clamp(0, 1)

    def step(self, loss: Tensor, rough: Tensor) -> None:
        """One step of the optimiser, by the directions of both alone: so one weight suits units of any size."""
        down, smooth = (torch.autograd.grad(each, [self._coefficients], retain_graph=True)[0] for each in (loss, rough))
        self._coefficients.grad = _direction(down) + _SMOOTH * _direction(smooth)
        self._optimiser.step()


class _Unit:
    """What the unit answers to a grey picture."""

    def __init__(self, network: Network, card: Input, stage: str, channel: int, objective: Objective) -> None:
        self._network, self._card, self._stage, self._channel = network, card, stage, channel
        self._middle = objective == "centre"
        self.cell = 1.0  # px, once a map was made

    def map(self, grey: Tensor, *, redirected: bool = False) -> Tensor:
        """(h, w) the unit's map. Raises: BadSetting where the stage has no such unit."""
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
    """Takes the steps. Returns: the objective before each."""
    chance, curve = torch.Generator().manual_seed(settings.seed + 1), []
    for _ in range(settings.steps):
        grey = canvas.grey()
        moved = _moved(grey, chance, cell=unit.cell)
        loss = -unit.objective(moved)
        if float(loss.detach()) >= 0:
            loss = -unit.objective(moved, redirected=True)
        curve.append(-float(loss.detach()))
        canvas.step(loss, _variation(grey))
        del grey, moved, loss  # others are let in now: no graph may be left
        work.step()
    return curve


def _moved(grey: Tensor, chance: torch.Generator, *, cell: float) -> Tensor:
    """The picture shifted, turned and scaled a little; what comes in at the rim is its mirror image.

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
    """(1, C, S, S) as `prepare` makes it of grey, and with a gradient."""
    values = grey * (card.high - card.low) + card.low
    mean: Any = values.mean() if card.mean == "film" else grey.new_tensor(card.mean).reshape(1, -1, 1, 1)
    std: Any = values.std().clamp(min=1e-3) if card.std == "film" else grey.new_tensor(card.std).reshape(1, -1, 1, 1)
    images: Tensor = (values.expand(-1, card.channels, -1, -1) - mean) / std
    return images


class _Redirected(Function):
    """ReLU through whose shut side the gradient of a loss passes if it opens it: a silent unit has no other way out."""

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
    """As `reached`, with redirected ReLUs; a network with other activations, hardly ever silent, stays as it is."""
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
