"""`gate`: what a checkpoint needs to refuse films and to say how sure it is."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from core.commands import options
from core.commands.registry import command

if TYPE_CHECKING:
    from core.evaluate.manifest import Row
    from core.models.classifier import Classifier
    from core.trust.conformal import PredictionSets


@command("gate", short_help="Fit a gate for strange films, and prediction sets.")
@click.option(
    "--data",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Labelled films that the checkpoint was trained on: a manifest with the splits train, val and test.",
)
@options.one_model
@options.limit(600)
@options.seed("Random seed for the choice of films.")
@options.as_json
def gate(data: Path, choice: options.ModelChoice, limit: int, seed: int, as_json: bool) -> None:
    """Fits a gate on a checkpoint's training films: it recognises films that the model must not be asked about. Also
    fits prediction sets, which name the findings that cannot be excluded at 90 % coverage.

    Both are written beside the weights, where `trust` and the app read them; your own imported checkpoints can have
    them, too. At most `--limit` films of each split are read; a tenth of the training films is spoiled in nine ways
    (turned, inverted, cut, ...) to teach the gate what it must refuse. Figures are by source.

    \b
    Examples:
      python -m core gate --data ../shared/cxr --checkpoint efficientnet-lite0
      python -m core gate --data films.csv --checkpoint my-import --limit 2000
    """
    import numpy as np

    from core.errors import BadData
    from core.evaluate.manifest import read_manifest
    from core.models import library
    from core.trust import conformal, gate, gate_fit

    classifier = choice.classifier()
    card = classifier.checkpoint
    folder = choice.weights or library.place(card.name)
    rows = read_manifest(data)
    chance = np.random.default_rng(seed)
    shuffled = [rows[place] for place in chance.permutation(len(rows))]
    train, val, test = ([row for row in shuffled if row.split == name][:limit] for name in ("train", "val", "test"))
    fit = gate_fit.fit_gate(classifier, train, val)
    gate.write_gate(fit, folder / f"{card.name}{gate.ENDING}")
    record: dict[str, Any] = {"checkpoint": card.name, **fit.report, "prediction_sets": None}
    try:
        sets = _sets(classifier, val, test)
        conformal.write_sets(sets, folder / f"{card.name}{conformal.ENDING}")
        record["prediction_sets"] = {"thresholds": sets.thresholds, "coverage": sets.coverage, "test": sets.test}
    except BadData as error:
        record["prediction_sets_error"] = str(error)
    click.echo(options.line(record) if as_json else _text(record))


def _sets(classifier: "Classifier", val: "list[Row]", test: "list[Row]") -> "PredictionSets":
    """The prediction sets by films whose label is one of the checkpoint's findings."""
    import numpy as np

    from core.errors import BadData
    from core.evaluate.manifest import row_radiograph
    from core.trust.conformal import fitted_sets

    card = classifier.checkpoint
    if card.multi_label:
        raise BadData("Prediction sets are fitted for models that give each film one label.")
    known = [[row for row in rows if row.label in card.findings] for rows in (val, test)]
    likely = [
        np.array([classifier.predict(row_radiograph(row)).probabilities for row in rows]).reshape(
            -1, len(card.findings)
        )
        for rows in known
    ]
    labels = [[row.label for row in rows] for rows in known]
    sources = [row.source or "films" for row in known[1]]
    return fitted_sets(card, (likely[0], labels[0]), (likely[1], labels[1], sources))


def _text(record: dict[str, Any]) -> str:
    rows = [["validation films of", "refused"]]
    rows += [[source, f"{share:.1%}"] for source, share in record["refused_by_source"].items()]
    lines = [
        f"{record['checkpoint']}: gate fitted on {record['train']} training films",
        f"AUC for spoiled and drawn pictures {record['auc_made']:.3f}, {record['refused_made']:.0%} of them refused",
        options.table(rows),
    ]
    if sets := record["prediction_sets"]:
        rows = [["test films of", "label in the set", "films"]]
        rows += [[source, f"{share:.1%}", str(films)] for source, (share, films) in sets["test"].items()]
        lines += [f"prediction sets at {sets['coverage']:.0%} coverage", options.table(rows)]
    else:
        lines.append(record["prediction_sets_error"])
    return "\n".join(lines)
