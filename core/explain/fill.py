"""What stands where a part of the film is hidden."""

from typing import Annotated, Literal

import cv2
import numpy as np
import torch
from torch import Tensor

from core.explain.evidence import Evidence
from core.explain.method import Choice

Fill = Annotated[Literal["black", "mean", "blurred"], Choice("what stands in for a hidden part")]
_BLUR = 16  # the film's side over the standard deviation of the blur: 14 px at 224 px


def filled(evidence: Evidence, fill: str) -> Tensor:
    """(C, S, S) the film with every part hidden: black, its mean grey, or blurred beyond findings."""
    image = evidence.image
    if fill == "black":
        return torch.full_like(image, evidence.black)
    if fill == "mean":
        return image.mean(dim=(1, 2), keepdim=True).expand_as(image)
    deviation = image.shape[-1] / _BLUR
    soft = [cv2.GaussianBlur(channel, (0, 0), deviation) for channel in image.cpu().numpy()]
    return torch.from_numpy(np.stack(soft)).to(image)
