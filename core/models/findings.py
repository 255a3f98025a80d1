"""Named sets of findings, and the findings that a network calls present."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from core.errors import BadSetting
from core.registry import unknown
from core.types import Checkpoint, Prediction

# Official spelling and order. Source: Wang et al. 2017, arXiv:1705.02315.
CHESTXRAY14 = (
    "Atelectasis",
    "Cardiomegaly",
    "Effusion",
    "Infiltration",
    "Mass",
    "Nodule",
    "Pneumonia",
    "Pneumothorax",
    "Consolidation",
    "Edema",
    "Emphysema",
    "Fibrosis",
    "Pleural_Thickening",
    "Hernia",
)
# Order of the outputs of torchxrayvision.models, spelled as there. Source: Cohen et al. 2022, arXiv:2111.00595.
XRAYVISION18 = (
    "Atelectasis",
    "Consolidation",
    "Infiltration",
    "Pneumothorax",
    "Edema",
    "Emphysema",
    "Fibrosis",
    "Effusion",
    "Pneumonia",
    "Pleural_Thickening",
    "Cardiomegaly",
    "Nodule",
    "Mass",
    "Hernia",
    "Lung Lesion",
    "Fracture",
    "Lung Opacity",
    "Enlarged Cardiomediastinum",
)
# Order of the label table. Source: Irvin et al. 2019, arXiv:1901.07031.
CHEXPERT14 = (
    "No Finding",
    "Enlarged Cardiomediastinum",
    "Cardiomegaly",
    "Lung Opacity",
    "Lung Lesion",
    "Edema",
    "Consolidation",
    "Pneumonia",
    "Atelectasis",
    "Pneumothorax",
    "Pleural Effusion",
    "Pleural Other",
    "Fracture",
    "Support Devices",
)
SETS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "cxr3": ("covid", "pneumonia", "normal"),
        "chestxray14": CHESTXRAY14,
        "chestxray15": (*CHESTXRAY14, "covid"),
        "xrayvision18": XRAYVISION18,
        "chexpert14": CHEXPERT14,
    }
)
EVEN = 0.5  # operating point where the card has none


def place_of(findings: Sequence[str], name: str) -> int:
    """The index of the finding. Raises: UnknownName."""
    if name not in findings:
        raise unknown("finding", name, list(findings))
    return findings.index(name)


def parse(text: str) -> tuple[str, ...]:
    """The findings of "covid,normal", or of a set's name ("chestxray14"), or of both together, each once.

    Raises: BadSetting if nothing is named, or a part between the commas is empty.
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(parts):
        raise BadSetting(
            f"The findings are {text!r}; separate them by commas, as in covid,normal, or give a set: {', '.join(SETS)}."
        )
    return tuple(dict.fromkeys(finding for part in parts for finding in SETS.get(part, (part,))))


def present(prediction: Prediction, checkpoint: Checkpoint) -> tuple[str, ...]:
    """The findings that reach their operating point, the likeliest first; empty if there are none.

    A finding without an operating point is present from 0.5 on.
    """
    reached = [
        (probability, finding)
        for finding in prediction.findings
        if (probability := prediction.probability(finding)) >= checkpoint.thresholds.get(finding, EVEN)
    ]
    return tuple(finding for _, finding in sorted(reached, key=lambda pair: -pair[0]))


def leading(prediction: Prediction, checkpoint: Checkpoint) -> str:
    """The finding to show first.

    For a single-label network the likeliest. For a multi-label network the likeliest of those present: a rare finding
    above its low operating point matters more than a common one below its high one; the likeliest of all if none is.
    """
    calls = present(prediction, checkpoint) if checkpoint.multi_label else ()
    return calls[0] if calls else prediction.likeliest[0]


def words(finding: str) -> str:
    """The finding as written on pages and in reports: "pleural thickening" for "Pleural_Thickening"."""
    return finding.replace("_", " ").lower()
