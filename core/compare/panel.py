"""Several networks for the same films, and their common findings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from core.compare.tile import Tile
from core.errors import BadSetting
from core.explain.method import methods
from core.explain.run import Request, check, explain_many
from core.models.classifier import Classifier
from core.models.findings import words
from core.registry import unknown
from core.types import Checkpoint, Cleaning, Prediction, Radiograph
from core.work import Work


@dataclass(frozen=True, eq=False)
class Panel:
    """The networks of a comparison, and their common request.

    names:    (C,) unique names of the networks in sentences and tables.
    findings: (F,) the common ones, spelled as in the first network.
    own:      (C, F) the same, as each one spells them.
    finding:  of the compared maps, one of `findings`; "" for the likeliest of each film.
    layer:    of all networks; None for the last of each.
    together: whether one pass gives the maps of all findings.
    notes:    what is left out of the comparison, one sentence each.
    """

    classifiers: tuple[Classifier, ...]
    names: tuple[str, ...]
    findings: tuple[str, ...]
    own: tuple[tuple[str, ...], ...]
    finding: str
    method: str
    layer: str | None
    settings: Mapping[str, Any]
    cleaning: Cleaning
    together: bool
    notes: tuple[str, ...] = ()
    checkpoints: tuple[Checkpoint, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "checkpoints", tuple(each.checkpoint for each in self.classifiers))

    @property
    def key(self) -> tuple[object, ...]:
        """The content that its results depend on."""
        cards = tuple((card.key, card.name, *sorted(card.thresholds.items())) for card in self.checkpoints)
        return cards, self.method, self.finding, self.layer, *sorted(self.settings.items()), repr(self.cleaning)

    @property
    def passes(self) -> int:
        """Forward passes per film, besides those of the method itself."""
        return len(self.classifiers) * (1 if self.finding or self.together else 2)


def panel(
    classifiers: Sequence[Classifier],
    *,
    method: str = "grad-cam",
    finding: str | None = None,
    layer: str | None = None,
    settings: Mapping[str, Any] | None = None,
    cleaning: Cleaning | None = None,
) -> Panel:
    """The networks with one request for all of them; checked before any film is read.

    finding: of the compared maps; None for the likeliest on each film, by the mean of all networks.
             Findings are matched by name, ignoring case: "Pneumonia" is "pneumonia".
    Raises:  BadSetting for fewer than two networks, for the same one twice, or without a common finding;
             UnknownName for a method, finding, layer or setting; Unfit if a network does not support the method.
    """
    cards = [each.checkpoint for each in classifiers]
    if len(cards) < 2:
        raise BadSetting("A comparison needs two checkpoints or more. Name another one.")
    if len({card.key for card in cards}) < len(cards):
        raise BadSetting(f"The checkpoints are {', '.join(card.name for card in cards)}; name each one once.")
    own = [{plain(name): name for name in card.findings} for card in cards]
    common = [key for key in own[0] if all(key in each for each in own)]
    if not common:
        known = "; ".join(f"{card.name} knows {', '.join(map(words, card.findings))}" for card in cards)
        raise BadSetting(f"The checkpoints have no finding in common: {known}. Choose some that share one.")
    findings = tuple(own[0][key] for key in common)
    common_finding = _common_finding(finding, findings)
    entry = methods[method]
    parsed = entry.parse(settings or {})
    for each, names in zip(classifiers, own, strict=True):
        check(each, [Request(method, names[common[0]], layer, parsed)])
    return Panel(
        classifiers=tuple(classifiers),
        names=_unique_names(cards),
        findings=findings,
        own=tuple(tuple(each[key] for key in common) for each in own),
        finding=common_finding,
        method=method,
        layer=layer,
        settings=parsed,
        cleaning=cleaning or Cleaning(),
        together=entry.cost == "shared" and entry.layered and all(_is_last(each, layer) for each in classifiers),
        notes=tuple(_notes(cards, common)),
    )


def answers(panel: Panel, film: Radiograph, *, work: Work | None = None) -> tuple[Tile, ...]:
    """Each network's prediction for the film, with a map of the same finding.

    Raises:  as `core.explain.run.explain_many`.
    """
    wanted = panel.findings if panel.together and not panel.finding else (panel.finding,) if panel.finding else ()
    if not wanted:
        predictions = [each.predict(film, cleaning=panel.cleaning) for each in panel.classifiers]
        if work:
            work.step(len(predictions))
        wanted = (_likeliest(panel, predictions),)
    indices = [panel.findings.index(name) for name in wanted]
    results = []
    for classifier, own in zip(panel.classifiers, panel.own, strict=True):
        requests = [Request(panel.method, own[index], panel.layer, panel.settings) for index in indices]
        results.append(explain_many(classifier, film, requests, cleaning=panel.cleaning, work=work))
        if work:
            work.step()
    chosen = wanted.index(_likeliest(panel, [prediction for prediction, _ in results])) if len(wanted) > 1 else 0
    return tuple(
        Tile(name, card, prediction, maps[chosen])
        for name, card, (prediction, maps) in zip(panel.names, panel.checkpoints, results, strict=True)
    )


def plain(finding: str) -> str:
    """The normalised name that matches findings of several networks, and labels."""
    return words(finding).casefold()


def _likeliest(panel: Panel, predictions: Sequence[Prediction]) -> str:
    """The finding with the highest probability on average."""
    means = {
        name: sum(each.probability(own[index]) for each, own in zip(predictions, panel.own, strict=True))
        for index, name in enumerate(panel.findings)
    }
    return max(means, key=means.__getitem__)


def _common_finding(finding: str | None, findings: Sequence[str]) -> str:
    if finding is None:
        return ""
    known = {plain(name): name for name in findings}
    if plain(finding) not in known:
        raise unknown("finding common to all checkpoints", finding, list(findings))
    return known[plain(finding)]


def _is_last(classifier: Classifier, layer: str | None) -> bool:
    with classifier.alone() as network:
        return layer in (None, network.last_stage)


def _unique_names(cards: Sequence[Checkpoint]) -> tuple[str, ...]:
    """The checkpoints' names; for duplicates with the beginning of their key."""
    double = {name for name, group in groupby(sorted(card.name for card in cards)) if len(list(group)) > 1}
    return tuple(f"{card.name} {card.key[:6]}" if card.name in double else card.name for card in cards)


def _notes(cards: Sequence[Checkpoint], common: Sequence[str]) -> list[str]:
    notes = []
    left_out = [(card.name, [words(name) for name in card.findings if plain(name) not in common]) for card in cards]
    if any(names for _, names in left_out):
        missing = [f"{', '.join(names)} of {card}" for card, names in left_out if names]
        notes.append(f"Compared on {', '.join(common)} only; not known to all models: {'; '.join(missing)}.")
    if len({card.multi_label for card in cards}) > 1:
        single = [card.name for card in cards if not card.multi_label]
        notes.append(
            f"The probabilities of {' and '.join(single)} add up to 1, the others give each finding its own: equal "
            "numbers do not mean the same."
        )
    return notes
