"""What a run computes for each film."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from core.cohort.alterations import ALTERATIONS
from core.errors import BadSetting
from core.explain.method import methods
from core.explain.run import Request
from core.models.ensemble import JOIN
from core.trust.measure import measures
from core.types import Cleaning


@dataclass(frozen=True)
class Settings:
    """The settings of a run. Two runs with the same settings, weights and films give the same rows.

    checkpoints: names of models.
    methods:     attribution methods, each at its default settings and layer, for every finding; may be empty.
    measures:    trust measures of each map; may be empty.
    checks:      whether the film checks and the models' gates run; they withhold predictions that mean nothing.
    lungs:       whether the lungs are found, for the share of the heat in them and the zone that it points at.
    maps, features, thumbnails: whether these are stored.
    earlier_stages: whether the features of the earlier stages are stored, too.
    untrained:   whether the features of the same networks with random weights are stored, for comparison.
    alterations: names from `core.cohort.alterations`: altered films that are predicted as well.
    """

    checkpoints: tuple[str, ...]
    methods: tuple[str, ...] = ("grad-cam",)
    measures: tuple[str, ...] = ()
    checks: bool = True
    lungs: bool = True
    maps: bool = True
    features: bool = True
    thumbnails: bool = True
    cleaning: Cleaning = field(default_factory=Cleaning)
    alterations: tuple[str, ...] = ()
    earlier_stages: bool = False
    untrained: bool = False

    def __post_init__(self) -> None:
        for name in self.methods:
            methods[name]
        for name in self.measures:
            measures[name]
        if unknown := [name for name in self.alterations if name not in ALTERATIONS]:
            raise BadSetting(f"There is no alteration {unknown[0]!r}; there are {', '.join(ALTERATIONS)}.")
        for noun, names in (("model", self.checkpoints), ("method", self.methods), ("measure", self.measures)):
            if len(set(names)) < len(names):
                raise BadSetting(f"A {noun} is named twice in {', '.join(names)}. Name each one once.")
        if (self.earlier_stages or self.untrained) and not self.features:
            raise BadSetting("Earlier stages and untrained networks are stored as features. Leave out --no-features.")
        if not self.checkpoints:
            raise BadSetting("A cohort needs a model: give --checkpoint NAME. `models` lists them.")
        for name in self.checkpoints:
            if JOIN in name:
                raise BadSetting(f"{name} is an ensemble. Name its models, each with a --checkpoint of its own.")

    def requests(self, findings: Sequence[str]) -> list[Request]:
        """The maps of one film."""
        return [Request(method, finding) for method in self.methods for finding in findings]

    def card(self) -> dict[str, Any]:
        """For JSON; leaves out newer settings that are off, so that runs made before them can be resumed."""
        fields = asdict(self)
        later = ("alterations", "earlier_stages", "untrained")
        return {name: value for name, value in fields.items() if value or name not in later}
