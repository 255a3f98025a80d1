"""Calibration: whether a probability of 0.8 is right eight times in ten."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

BINS = 15  # bins of equal width from 0 to 1


_BOUNDS = (0.05, 20.0)  # limits of the temperature: a network at chance could get any value


def temperature(logits: Tensor, labels: Tensor, *, multi_label: bool = False) -> float:
    """The temperature (0.05 to 20) that maximises the log-likelihood of the labels; fit it on validation films.

    logits: (N, F).
    labels: (N, F) bool, or (N,) index of the finding in a single-label network.
    Source: Guo et al. 2017, arXiv:1706.04599.
    """
    loss_of = functional.binary_cross_entropy_with_logits if multi_label else functional.cross_entropy
    target = labels.float() if labels.ndim == 2 else labels
    log_temperature = torch.zeros((), requires_grad=True)
    optimiser = torch.optim.LBFGS([log_temperature], lr=0.1, max_iter=100)

    def loss() -> Tensor:
        optimiser.zero_grad()
        value = loss_of(logits / log_temperature.exp(), target)
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimiser.step(loss)  # type: ignore[no-untyped-call]
    return float(log_temperature.detach().exp().clamp(*_BOUNDS))


def expected_calibration_error(
    confidence: NDArray[np.floating], right: NDArray[np.bool_], *, bins: int = BINS
) -> float:
    """Mean gap between confidence and share right, 0 to 1, over equally wide bins, each weighted by its size.

    confidence: (n,) 0 to 1.
    right:      (n,) bool. See `stated` for both.
    Source:     Naeini et al. 2015, doi:10.1609/aaai.v29i1.9602.
    """
    bin_of = _bin_of(confidence, bins)
    gaps = np.bincount(bin_of, confidence - right, minlength=bins)
    return float(np.abs(gaps).sum() / len(confidence))


def reliability(
    confidence: NDArray[np.floating], right: NDArray[np.bool_], *, bins: int = BINS
) -> list[dict[str, float | int]]:
    """The non-empty bins: low, high, mean confidence, accuracy (share right) and n."""
    bin_of = _bin_of(confidence, bins)
    return [
        {
            "low": round(index / bins, 4),
            "high": round((index + 1) / bins, 4),
            "confidence": round(float(confidence[bin_of == index].mean()), 4),
            "accuracy": round(float(right[bin_of == index].mean()), 4),
            "n": int((bin_of == index).sum()),
        }
        for index in map(int, np.unique(bin_of))
    ]


def stated(
    probabilities: NDArray[np.floating], truth: NDArray[np.bool_], *, multi_label: bool
) -> tuple[NDArray[np.floating], NDArray[np.bool_]]:
    """A network's confidence, and whether it was right, for calibration.

    probabilities, truth: (N, F).
    Returns: single-label: the likeliest finding's probability and whether it is the label, (N,) each;
             multi-label: every finding's probability and whether it is there, (N * F,) each.
    """
    if multi_label:
        return probabilities.ravel(), truth.ravel()
    likeliest = probabilities.argmax(axis=1)
    films = np.arange(len(truth))
    return probabilities[films, likeliest], truth[films, likeliest]


def brier(probabilities: NDArray[np.floating], truth: NDArray[np.bool_], *, multi_label: bool) -> float:
    """Mean squared error of the probabilities.

    probabilities, truth: (N, F).
    Returns: single-label: summed over the findings, 0 to 2; multi-label: their mean, 0 to 1.
    Source:  Brier 1950, doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2; scikit-learn's brier_score_loss agrees.
    """
    errors = (probabilities - truth) ** 2
    return float(errors.mean() if multi_label else errors.sum(axis=1).mean())


def _bin_of(confidence: NDArray[np.floating], bins: int) -> NDArray[np.intp]:
    return np.minimum((confidence * bins).astype(np.intp), bins - 1)
