"""How much of the map lies on devices."""

import cv2
import numpy as np

from core import device_network
from core.trust.measure import CHANCE, Figure, Question, measure, no_area
from core.types import Level

_TITLE = "Heat on devices"
_RIM = 5  # px of 256: around each device, since maps are coarse


@measure("devices", title=_TITLE, aspect="reason", obstacle=no_area)
def devices(question: Question) -> Figure:
    """Share of the heat on cables, electrodes, tubes and pacemakers with a narrow rim, beside the share of the film
    that they cover.

    Value: 0 to 1; an even map has the share that they cover. Devices reveal that a patient is in bed or in intensive
    care, which goes with some labels.
    Source: core.device_network, which learned from drawn devices; faint real ones may be missed.
    """
    heat, likely = question.beside(*device_network.probabilities(question.radiograph, question.cleaning))
    marked = device_network.pieces(likely)
    if not marked.any():
        sentence = "No cable, electrode, tube or pacemaker is found; faint ones may be missed."
        verdict = "Devices are not the reason."
        return Figure("devices", _TITLE, "ok", 0.0, "of the heat", sentence, verdict, is_share=True)
    inside = cv2.dilate(marked.astype(np.uint8), np.ones((2 * _RIM + 1, 2 * _RIM + 1), np.uint8)).astype(bool)
    share, area = float(heat[inside].sum() / heat.sum()), float(inside.mean())
    level: Level = "warning" if share > area + 2 * CHANCE else "note" if share > area + CHANCE else "ok"
    verdict = {
        "ok": "The map does not single out the devices.",
        "note": "Part of the answer may come from the devices.",
        "warning": "The answer may come from the devices, which reveal that a patient is treated, not the finding.",
    }[level]
    sentence = f"{share:.0%} of the heat lies on cables, tubes or other devices, which cover {area:.0%} of the film."
    return Figure("devices", _TITLE, level, share, "of the heat", sentence, verdict, is_share=True)
