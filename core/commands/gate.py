"""`gate`: what a checkpoint needs to refuse films and to say how sure it is."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from core.commands import options
from core.commands.registry import command

if TYPE_CHECKING:
    from core.evaluate.manifest import Row
    from core.models.classifier import Classifier
    from core.trust.gate import Array
    from core.types import Radiograph


@command("gate", short_help="Fit a gate for strange films, and prediction sets.")
@click.option(
    "--data",
    required=True,
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Labelled films that the checkpoint was trained on: a manifest with the splits train, val and test. "
    "Repeatable.",
)
@click.option(
    "--unknown",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Labelled films, to measure how often those with findings that the model does not know are noticed.",
)
@click.option(
    "--strange",
    type=click.Path(exists=True, path_type=Path),
    metavar="FOLDER",
    help="Pictures that are not upright frontal chests, to measure how often they are refused.",
)
@options.one_model
@options.limit(1200)
@click.option(
    "--precision",
    type=click.Choice(["float32", "bfloat16"]),
    default="float32",
    show_default=True,
    help="Number format while fitting; bfloat16 is faster on processors that have it.",
)
@options.seed("Random seed for the choice of films.")
@options.as_json
def gate(
    data: tuple[Path, ...],
    unknown: Path | None,
    strange: Path | None,
    choice: options.ModelChoice,
    limit: int,
    precision: str,
    seed: int,
    as_json: bool,
) -> None:
    """Fits a gate on a checkpoint's training films: it recognises films that the model must not be asked about. Also
    fits prediction sets, which name the findings that cannot be excluded at 90 % coverage.

    Both are written beside the weights, where `trust` and the app read them; your own imported checkpoints can have
    them, too. At most `--limit` films of each split are read, from every source and label; a twelfth of the training
    films is spoiled in nine ways (turned, inverted, cut, ...) to teach the gate what it must refuse. Figures are by
    source, on test films. With --checkpoint all, every checkpoint gets both.

    \b
    Examples:
      python -m core gate --data ../shared/cxr --checkpoint efficientnet-lite0
      python -m core gate --data films.csv --checkpoint my-import --limit 2000
      python -m core gate --data ../shared/cxr --unknown ../shared/cxr-adults --strange odd/ --checkpoint all
    """
    from core.evaluate.labelled_films import read_labelled_films

    rows = [row for path in data for row in read_labelled_films(path)]
    others = read_labelled_films(unknown) if unknown else []
    pictures = _pictures(strange)
    for classifier in _classifiers(choice):
        record = _fit(classifier, choice, rows, others, pictures, limit, seed, half=precision == "bfloat16")
        click.echo(options.line(record) if as_json else _text(record))


def _classifiers(choice: options.ModelChoice) -> "list[Classifier]":
    """The named classifier, or all of them. Raises: UnknownName, BadCheckpoint."""
    if choice.name != options.ALL:
        return [choice.classifier()]
    return [options.classifier(name, choice.weights) for name in options.all_names(choice.weights)]


def _pictures(folder: Path | None) -> "dict[str, Callable[[], Radiograph]]":
    """The pictures of a folder, by name; without those that no reader accepts. Raises: BadData if there is none."""
    from functools import partial

    from core.commands.files import film_paths, read_film
    from core.errors import UnreadableFile

    readable: dict[str, Callable[[], Radiograph]] = {}
    for name in film_paths((str(folder),)) if folder else ():
        try:
            read_film(name)
        except UnreadableFile as error:
            click.echo(f"{Path(name).name} is refused on reading and left out: {error}", err=True)
        else:
            readable[Path(name).name] = partial(read_film, name)
    return readable


def _fit(
    classifier: "Classifier",
    choice: options.ModelChoice,
    rows: "list[Row]",
    others: "list[Row]",
    pictures: "dict[str, Callable[[], Radiograph]]",
    limit: int,
    seed: int,
    *,
    half: bool,
) -> dict[str, Any]:
    """Fits, measures and writes both; gives the record. Raises: BadData for too few films."""
    from dataclasses import asdict, replace

    from core.errors import BadData
    from core.evaluate.manifest import known
    from core.models import library
    from core.trust import conformal, gate, gate_figures, gate_fit

    card = classifier.checkpoint
    folder = choice.weights or library.place(card.name)
    labelled = known(rows, card.findings, multi_label=card.multi_label)
    train, val, test = (
        gate_fit.stratified([row for row in labelled if row.split == name], limit, seed)
        for name in ("train", "val", "test")
    )
    foreign = [row for row in others if row.labels and not set(row.labels) & set(card.findings)]
    fit, on_val = gate_fit.fit_gate(classifier, train, val, bfloat16=half)

    def score(films: "Sequence[Callable[[], Radiograph]]") -> "Array":
        return fit.scores(gate_fit.film_responses(classifier, films, stages=fit.stages, bfloat16=half).features)[0]

    opened = gate_figures.opened(test or val)
    on_test = gate_fit.film_responses(classifier, opened, stages=fit.stages, bfloat16=half)
    report = gate_figures.gate_report(
        fit,
        test or val,
        fit.scores(on_test.features)[0],
        unknown=gate_fit.stratified(foreign, limit // 4, seed),
        pictures=pictures,
        score=score,
    )
    fit = replace(fit, report=fit.report | report)
    gate.write_gate(fit, folder / f"{card.name}{gate.ENDING}")
    record: dict[str, Any] = {"checkpoint": card.name, **fit.report, "prediction_sets": None}
    try:
        sets = conformal.sets_of_responses(card, (on_val.logits, val), (on_test.logits, test))
        conformal.write_sets(sets, folder / f"{card.name}{conformal.ENDING}")
        record["prediction_sets"] = {key: value for key, value in asdict(sets).items() if key != "sha256"}
    except BadData as error:
        record["prediction_sets_error"] = str(error)
    return record


def _text(record: dict[str, Any]) -> str:
    test = record["test"]
    rows = [["films or pictures", "number", "refused", "AUC"]]
    rows += [[name, *_share(each)] for name, each in record["test_by_source"].items()]
    if record["children"]["n"]:
        rows.append(["children", *_share(record["children"])])
    groups = {**record["made"], **record["unseen"]}
    rows += [["spoiled and drawn pictures" if name == "all" else name, *_share(each)] for name, each in groups.items()]
    if pictures := record.get("pictures"):
        rows.append(["pictures of --strange", *_share(pictures)])
    if unknown := record.get("unknown"):
        rows.append(["findings that it does not know", *_share(unknown)])
    lines = [
        f"{record['checkpoint']}: gate fitted on {record['train']} training films; of {test['n']} test films "
        f"{test['refused']:.1%} are refused",
        options.table(rows),
    ]
    if sets := record["prediction_sets"]:
        rows = [["test films of", "label in the set", "films"]]
        rows += [[source, f"{share:.1%}", str(films)] for source, (share, films) in sets["test"].items()]
        lines += [f"prediction sets at {sets['coverage']:.0%} coverage", options.table(rows)]
        if left_out := sets["left_out"]:
            rows = [["hospital left out of the fit", "label in the set", "films"]]
            rows += [[name, f"{share:.1%}", str(films)] for name, (share, films) in left_out.items()]
            lines.append(options.table(rows))
    else:
        lines.append(record["prediction_sets_error"])
    return "\n".join(lines)


def _share(group: dict[str, Any]) -> list[str]:
    """n, refused, AUC as words."""
    refused, auc = group["refused"], group.get("auc")
    return [str(group["n"]), "–" if refused is None else f"{refused:.1%}", "" if auc is None else f"{auc:.3f}"]
