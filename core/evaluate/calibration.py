"""Whether a probability of 0.8 is right eight times in ten."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional


def temperature(logits: Tensor, labels: Tensor) -> float:
    """The temperature (> 0) that makes the log-likelihood of the labels largest; fit it on validation films.

    logits: (N, F); labels: (N,) index of the finding.
    Source: Guo et al. 2017, arXiv:1706.04599.
    """
    log_temperature = torch.zeros((), requires_grad=True)
    optimiser = torch.optim.LBFGS([log_temperature], lr=0.1, max_iter=100)

    def loss() -> Tensor:
        optimiser.zero_grad()
        value = functional.cross_entropy(logits / log_temperature.exp(), labels)
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimiser.step(loss)  # type: ignore[no-untyped-call]
    return float(log_temperature.detach().exp())


def expected_calibration_error(
    probabilities: NDArray[np.floating], labels: NDArray[np.integer], *, bins: int = 15
) -> float:
    """Mean gap between confidence and accuracy of the likeliest finding, 0 to 1, over equally wide bins.

    probabilities: (N, F); labels: (N,).
    Source: Naeini et al. 2015, doi:10.1609/aaai.v29i1.9602.
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    bin_of = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [
        (bin_of == index).mean() * abs(right[bin_of == index].mean() - confidence[bin_of == index].mean())
        for index in np.unique(bin_of)
    ]
    return float(np.sum(gaps))
