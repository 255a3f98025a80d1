"""The parts of a model's card beyond the network itself: training, figures, origin.

Every field that something reads has a type; all others are kept in `raw` and written again (core.codec).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from core.codec import NullableFloat, key, raw
from core.estimate import Estimate

Text = str | tuple[str, ...]  # one sentence or several
Counts = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, eq=False)
class FilmCount:
    """How many films of a source have a finding, in a split ("train", "val" or "test")."""

    source: str
    finding: str
    split: str
    n: int
    raw: Mapping[str, Any] = raw()


@dataclass(frozen=True, eq=False)
class Epoch:
    """One line of a training's log; `of`: epochs planned, size: px a side; val_auc: finding -> AUC."""

    epoch: int
    of: int = 0
    size: int | None = None
    loss: float | None = None
    val_loss: float | None = None
    val_auc: Mapping[str, float | None] | None = None
    val_accuracy: float | None = None
    val_dice: float | None = None
    seconds: float = 0.0
    raw: Mapping[str, Any] = raw()


@dataclass(frozen=True, eq=False)
class EarlierTraining:
    """The training of the checkpoint that this one was initialised from."""

    name: str = ""
    sha256: str = ""
    epochs: tuple[Epoch, ...] = ()
    seconds: float = 0.0
    raw: Mapping[str, Any] = raw()


@dataclass(frozen=True, eq=False)
class LabelCorrection:
    """The number of films of a split that second readings relabelled (core.evaluate.rereads)."""

    before: str = key("from", "")
    after: str = key("to", "")
    split: str = ""
    n: int = 0
    raw: Mapping[str, Any] = raw()


@dataclass(frozen=True, eq=False)
class TrainedOn:
    """The training: films, recipe, log.

    counts:   films by source, finding and split.
    data, annotation, licence: sentences about them.
    digests:  perceptual hashes of the training films, with blanks between (core.evaluate.leakage).
    films:    digest of the list of films.
    recipe:   as core.train.recipe.Recipe.
    teachers: checkpoints whose predictions it also learned from (core.train.teacher).
    """

    counts: tuple[FilmCount, ...] = ()
    data: Text = ()
    annotation: Text = ()
    licence: Text = ()
    digests: str = ""
    films: str = ""
    recipe: Mapping[str, Any] = field(default_factory=dict)
    epochs: tuple[Epoch, ...] = ()
    seconds: float | None = None
    hardware: str = ""
    started_from: EarlierTraining | None = None
    teachers: tuple[EarlierTraining, ...] = ()
    corrected_labels: tuple[LabelCorrection, ...] = ()
    raw: Mapping[str, Any] = raw()


@dataclass(frozen=True, eq=False)
class RocCurve:
    """Columns of equal length: false-positive rate, true-positive rate and its 95 % band."""

    fpr: tuple[NullableFloat, ...]
    tpr: tuple[NullableFloat, ...]
    low: tuple[NullableFloat, ...]
    high: tuple[NullableFloat, ...]
    raw: Mapping[str, Any] = raw()


@dataclass(frozen=True, eq=False)
class PrecisionRecallCurve:
    """Columns of equal length: recall, precision and its 95 % band."""

    recall: tuple[NullableFloat, ...]
    precision: tuple[NullableFloat, ...]
    low: tuple[NullableFloat, ...]
    high: tuple[NullableFloat, ...]
    raw: Mapping[str, Any] = raw()


@dataclass(frozen=True, eq=False)
class ReliabilityBin:
    """Predictions with a confidence from low to high: their mean confidence, the share that is right, their number."""

    low: float
    high: float
    confidence: float
    accuracy: float
    n: int
    raw: Mapping[str, Any] = raw()


@dataclass(frozen=True, eq=False)
class Reliability:
    """The bins before and after temperature."""

    before: tuple[ReliabilityBin, ...] = ()
    after: tuple[ReliabilityBin, ...] = ()
    raw: Mapping[str, Any] = raw()


@dataclass(frozen=True, eq=False)
class Copies:
    """Pairs of near-identical films; `across`: those on both sides of a split."""

    n: int = 0
    across: int = 0
    raw: Mapping[str, Any] = raw()


@dataclass(frozen=True, eq=False)
class Leakage:
    """The leakage check of the test films; others: films of the other splits; patients: on both sides."""

    others: int = 0
    identical: Copies = Copies()
    near_duplicates: Copies = Copies()
    patients: Copies = Copies()
    raw: Mapping[str, Any] = raw()


@dataclass(frozen=True, eq=False)
class SubsetFigures:
    """Figures of some films: a group of the test, a source left out, or the test films with parts painted black.

    name, by:  of a group: "nih", and the attribute that defines it ("source", "age", "sex", "view", "shortcut").
    source:    of a source left out; the figures are then of another network, trained without it.
    auc:       finding -> AUC, if there are enough films with and without it.
    certainty: mean probability of the most likely finding.
    ece:       calibration error, with the temperature from films like those of training.
    hit_rate:  of films with lesions marked, how often the maximum of Grad-CAM hits one.
    """

    n: int
    patients: int | None = None
    name: str = ""
    by: str = ""
    source: str = ""
    accuracy: Estimate | None = None
    auc: Mapping[str, Estimate] = field(default_factory=dict)
    macro_auc: Estimate | None = None
    certainty: Estimate | None = None
    ece: Estimate | None = None
    hit_rate: Estimate | None = None
    raw: Mapping[str, Any] = raw()


@dataclass(frozen=True, eq=False)
class SourceMean:
    """The mean of the macro AUCs within each of the sources: the source is constant there and reveals no label."""

    macro_auc: Estimate | None = None
    sources: tuple[str, ...] = ()
    raw: Mapping[str, Any] = raw()


@dataclass(frozen=True, eq=False)
class TestFigures:
    """Figures of the test films (core.evaluate.run.report); mappings go from finding to figure.

    confusion: single-label (F, F) counts, a row per label; multi-label: finding -> 2 x 2 counts.
    """

    n: int | None = None
    patients: int | None = None
    accuracy: Estimate | None = None
    balanced_accuracy: Estimate | None = None
    macro_auc: Estimate | None = None
    ece: Estimate | None = None
    ece_before: Estimate | None = None
    brier: Estimate | None = None
    auc: Mapping[str, Estimate] = field(default_factory=dict)
    average_precision: Mapping[str, Estimate] = field(default_factory=dict)
    sensitivity: Mapping[str, Estimate] = field(default_factory=dict)
    specificity: Mapping[str, Estimate] = field(default_factory=dict)
    roc: Mapping[str, RocCurve] = field(default_factory=dict)
    precision_recall: Mapping[str, PrecisionRecallCurve] = field(default_factory=dict)
    reliability: Reliability = Reliability()
    confusion: Counts | Mapping[str, Counts] | None = None
    groups: tuple[SubsetFigures, ...] = ()
    leakage: Leakage | None = None
    warnings: tuple[str, ...] = ()
    raw: Mapping[str, Any] = raw()


@dataclass(frozen=True, eq=False)
class LungFigures:
    """Location of the heat, and the figures without the lungs and with the lungs only.

    lung_ratio:     share of the heat inside the lungs.
    lung_area:      share of the film that they cover.
    hit_rate, miou: of films with lesions marked.
    """

    lung_ratio: Estimate | None = None
    lung_area: Estimate | None = None
    hit_rate: Estimate | None = None
    miou: Estimate | None = None
    whole: SubsetFigures | None = None
    lungs_out: SubsetFigures | None = None
    lungs_only: SubsetFigures | None = None
    raw: Mapping[str, Any] = raw()


@dataclass(frozen=True, eq=False)
class LesionFigures:
    """How well one method's maps locate lesions (core.evaluate.lesions.lesion_figures)."""

    hit_rate: Estimate | None = None
    miou: Estimate | None = None
    lesion_ratio: Estimate | None = None
    lesion_area: Estimate | None = None
    raw: Mapping[str, Any] = raw()


@dataclass(frozen=True, eq=False)
class LesionTest:
    """The methods compared on the films of a set and split whose lesions are marked; n: the films."""

    set: str
    split: str
    n: int
    methods: Mapping[str, LesionFigures] = field(default_factory=dict)
    raw: Mapping[str, Any] = raw()


@dataclass(frozen=True, eq=False)
class Schedule:
    """Epochs at each input size (px) of a training."""

    epochs: tuple[int, ...] = ()
    sizes: tuple[int, ...] = ()
    raw: Mapping[str, Any] = raw()


@dataclass(frozen=True, eq=False)
class Metrics:
    """All figures of a card; None or empty if not measured.

    other_source:      one entry per source or hospital left out, of networks trained without it by
                       other_source_recipe.
    other_source_mean: over the sources left out.
    """

    test: TestFigures | None = None
    lungs: LungFigures | None = None
    lesions: tuple[LesionTest, ...] = ()
    other_source: tuple[SubsetFigures, ...] = ()
    other_source_recipe: Schedule | None = None
    other_source_mean: SourceMean | None = None
    raw: Mapping[str, Any] = raw()


@dataclass(frozen=True, eq=False)
class ImportRecord:
    """The origin of an imported checkpoint, and the importer's notes.

    layout:      whose network it is, in words.
    stripped, left_over: names in the file.
    label_check: the results on labelled films, one sentence each.
    """

    file: str
    sha256: str
    kind: str
    layout: str
    date: str
    stripped: tuple[str, ...]
    left_over: tuple[str, ...]
    notes: tuple[str, ...]
    label_check: tuple[str, ...] = key("judged", ())
    raw: Mapping[str, Any] = raw()
