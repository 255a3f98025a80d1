"""How much of the map lies on devices."""

from collections.abc import Mapping

from core import device_network
from core.lung_network import dilated
from core.trust.measure import Figure, Question, heat_on, measure, no_area
from core.types import Level

_TITLE = "Heat on devices"
_AROUND = 0.02  # of the film's long side: a rim around each device, since maps are coarse
_VERDICTS: Mapping[Level, str] = {
    "ok": "The map does not single out the devices.",
    "note": "Part of the answer may come from the devices.",
    "warning": "The answer may come from the devices, which reveal that a patient is treated, not the finding.",
}


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
    inside = dilated(marked, _AROUND)
    return heat_on("devices", _TITLE, heat, inside, what="cables, tubes or other devices", verdicts=_VERDICTS)
