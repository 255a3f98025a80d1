"""Whether an answer is shown or withheld: the film checks and the models' gates decide, here and nowhere else."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from core.errors import Withheld
from core.image.film_checks import Check, withheld
from core.lung_network import inspect_film
from core.models.classifier import Classifier
from core.models.ensemble import Model, members
from core.trust.gate import GateResult, gate_result
from core.types import Cleaning, Radiograph

Ruling = Literal["accepted", "doubtful", "refused", "drawn", "no gate"]
RULINGS: dict[Ruling, str] = {
    "accepted": "like the films that the model learned from",
    "doubtful": "barely like the films that the model learned from",
    "refused": "unlike the films that the model learned from: the answer is withheld",
    "drawn": "drawn, not a film: the answer is shown because the truth is known",
    "no gate": "the model has no gate",
}


@dataclass(frozen=True)
class Admission:
    """Whether the answer of one or more models about a film is shown.

    reason:  why it is withheld, in a sentence; "" where it is shown.
    rulings: checkpoint -> its gate's ruling; empty if the film checks already withhold the answer.
    scores:  checkpoint -> the gate's score; only for those whose gate judged the film.
    """

    reason: str
    rulings: dict[str, Ruling]
    scores: dict[str, float]

    @property
    def by_gate(self) -> bool:
        """Whether a gate, not the film checks, withholds the answer."""
        return bool(self.reason) and bool(self.rulings)

    def card(self) -> dict[str, dict[str, Any]]:
        """For JSON: checkpoint -> ruling and score."""
        return {
            name: {"ruling": word, "score": round(self.scores[name], 4) if name in self.scores else None}
            for name, word in self.rulings.items()
        }


def admission(models: Sequence[Model], radiograph: Radiograph, cleaning: Cleaning) -> Admission:
    """Whether these models may be asked about the film; `cleaning.anyway` is ignored."""
    return admission_by(inspect_film(radiograph, cleaning), models, radiograph, cleaning)


def admission_by(
    checks: Sequence[Check], models: Sequence[Model], radiograph: Radiograph, cleaning: Cleaning
) -> Admission:
    """As `admission`, with the film checks already computed."""
    if reason := withheld(checks):
        return Admission(reason, {}, {})
    networks = {each.checkpoint.name: each for model in models for each in members(model)}
    results = {name: ruling(network, radiograph, cleaning) for name, network in networks.items()}
    reasons = [result.sentence for word, result in results.values() if word == "refused" and result]
    return Admission(
        " ".join(reasons),
        {name: word for name, (word, _) in results.items()},
        {name: result.score for name, (_, result) in results.items() if result},
    )


def ruling(classifier: Classifier, radiograph: Radiograph, cleaning: Cleaning) -> tuple[Ruling, GateResult | None]:
    """The ruling of one checkpoint's gate; a drawn film is never refused, since its truth is known."""
    if radiograph.drawn:
        return "drawn", None
    result = gate_result(classifier, radiograph, cleaning)
    return (result.ruling, result) if result else ("no gate", None)


def refuse_meaningless(radiograph: Radiograph, cleaning: Cleaning, models: Sequence[Model]) -> Cleaning:
    """The cleaning for this film, with the reader's override of the film checks and the gates.

    Raises: Withheld if they withhold the answer and `cleaning.anyway` does not override them.
    """
    reason = admission(models, radiograph, cleaning).reason
    if reason and not cleaning.anyway:
        raise Withheld(reason)
    return replace(cleaning, anyway=bool(reason))
