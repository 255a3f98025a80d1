"""`import`: inspect a checkpoint that somebody else trained, without running it, and add it to your own."""

import shlex
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from core.commands import options
from core.commands.registry import command

if TYPE_CHECKING:
    from core.evaluate.polarity import Polarity
    from core.models.importers import ImportCandidate

_WIDE = 96  # characters


@command("import", short_help="Import a checkpoint trained elsewhere.")
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--name", metavar="NAME", help="Save it under this name; without it, the file is only inspected.")
@click.option(
    "--findings", metavar="A,B,...", help="One finding per output, in order; or a set: chestxray14, chexpert14."
)
@click.option(
    "--multi-label/--single-label",
    default=None,
    help="Any number of findings per film (sigmoid), or exactly one (softmax).",
)
@click.option("--size", type=int, metavar="PX", help="Input size: side of the square.")
@click.option(
    "--normalisation",
    metavar="NAME",
    help="Normalisation of grey values: imagenet, unit, signed, xrayvision, bytes or film.",
)
@click.option("--square", type=click.Choice(["stretch", "pad", "crop"]), help="How a film is made square.")
@click.option(
    "--channels",
    type=click.Choice(["1", "3"]),
    help="Refuse the file if its first layer expects another number of channels.",
)
@click.option(
    "--part", metavar="NAME", help="Which set of weights of a file that holds several, such as a moving average."
)
@click.option(
    "--examples",
    type=click.Path(path_type=Path),
    metavar="MANIFEST.csv",
    help="Labelled films to check findings, grey values and polarity with; or a folder with cxr.csv.",
)
@options.as_json
def import_checkpoint(
    path: Path,
    name: str | None,
    findings: str | None,
    multi_label: bool | None,
    size: int | None,
    normalisation: str | None,
    square: Literal["stretch", "pad", "crop"] | None,
    channels: str | None,
    part: str | None,
    examples: Path | None,
    as_json: bool,
) -> None:
    """Inspect a checkpoint trained elsewhere, and save it with --name.

    FILE is .safetensors, or a .pt, .pth or .ckpt file of torch.save that holds a state_dict, plain or as training
    programs store it. No code in it is run: a file that contains code is refused, and the message names that code. The
    network is recognised by the names and shapes of its layers (torchvision's families, TorchXRayVision, CheXNet).
    Anything not stored in the file is proposed, and the options correct it. Your own checkpoints are stored in the
    folder named by LIGHTBOX_HOME, or in the system's folder for user data; `models --rename` and `models --remove`
    change them.

    \b
    Examples:
      python -m core import model.pth.tar
      python -m core import best.ckpt --name ours --findings normal,covid --single-label
      python -m core import xrv.safetensors --name xrv --examples films.csv
      python -m core import best.ckpt --examples ../shared/cxr --json
    """
    from core.models import library
    from core.models.findings import parse
    from core.models.importers import chosen, corrected, inspect

    if name is not None:
        library.refuse_name(name)  # before a large file is read
    candidate = inspect(path)
    proposal = corrected(
        candidate if part is None else chosen(candidate, part),
        findings=parse(findings) if findings else None,
        multi_label=multi_label,
        size=size,
        normalisation=normalisation,
        square=square,
        channels=int(channels) if channels else None,
    )
    if not as_json:
        click.echo(_text(proposal))
    judged = _judged(proposal, examples) if examples else None
    if judged and not as_json:
        click.echo("\n".join(["", *polarity_text(judged)]))
    if judged:
        proposal = replace(proposal, label_check=tuple(judged.sentences))
    stored = library.save(proposal, name) if name else None
    if as_json:
        click.echo(options.line(_record(proposal, judged, name if stored else None)))
    elif stored:
        click.echo(f"\nSaved as {stored.name} in {library.folder()}. It has not been evaluated here yet:")
        click.echo(f"python -m core evaluate MANIFEST.csv --checkpoint {stored.name}")
    else:
        click.echo(
            f"\nNot saved yet. Add --name {library.proposed(proposal.file)}, and options for anything to correct."
        )


def _judged(proposal: "ImportCandidate", examples: Path) -> "Polarity":
    from tqdm import tqdm

    from core.evaluate.labelled_films import read_labelled_films
    from core.evaluate.polarity import polarity
    from core.models.classifier import Classifier

    rows = read_labelled_films(examples)
    classifier = Classifier(proposal.checkpoint("imported"), proposal.network())
    with tqdm(desc="checking with labelled films", unit="film", disable=None) as bar:

        def tell(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        return polarity(classifier, rows, tell=tell)


def _text(proposal: "ImportCandidate") -> str:
    from core.models.importers.file import KINDS
    from core.models.importers.normalisation import NORMALISATIONS

    squares = {"stretch": "stretched to a square", "pad": "padded to a square", "crop": "cropped to a square"}
    grey = (
        NORMALISATIONS[proposal.normalisation].title if proposal.normalisation in NORMALISATIONS else "as in the file"
    )
    counts = f", {len(proposal.findings)} of them kept" if 0 < len(proposal.findings) < proposal.outputs else ""
    lines = [
        (
            "network",
            f"{proposal.title}, {_count(proposal.channels, 'channel')}, {_count(proposal.outputs, 'score')}{counts}",
        ),
        ("findings", ", ".join(proposal.findings) or "none"),
        ("", "placeholder names: the file has none" if not proposal.named else ""),
        ("labels", "" if not proposal.findings else "any number per film" if proposal.multi_label else "one per film"),
        ("film", f"{proposal.input.size} px, {squares[proposal.input.fit]}"),
        ("grey values", f"{proposal.normalisation}: {grey}"),
        (
            "thresholds",
            f"{_count(len(proposal.thresholds), 'operating point')} in the file" if proposal.thresholds else "",
        ),
        ("weights", f"{proposal.part}; --part for {', '.join(proposal.others)}" if proposal.others else ""),
        ("removed", ", ".join(proposal.stripped)),
        ("not used", _few(proposal.left_over)),
        ("file", f"{KINDS[proposal.kind]}, SHA-256 {proposal.sha256[:16]}…"),
    ]
    facts = [
        textwrap.fill(text, _WIDE, initial_indent=f"  {label:13}", subsequent_indent=" " * 15)
        for label, text in lines
        if text
    ]
    notes = [textwrap.fill(note, _WIDE, initial_indent="  ! ", subsequent_indent="    ") for note in proposal.notes]
    return "\n".join([f"{proposal.file}: {proposal.layout}", *facts, *notes])


def polarity_text(judged: "Polarity") -> list[str]:
    """The result of the check with labelled films, and the options that apply its suggestions."""
    marks = ["  ", *(["  ! "] * len(judged.warnings) or ["  "])]
    lines = [
        line
        for sentence, mark in zip(judged.sentences, marks, strict=True)
        for line in textwrap.wrap(sentence, _WIDE, initial_indent=mark, subsequent_indent=" " * len(mark))
    ]
    if judged.findings:
        lines.append(f"  To use that order: --findings {shlex.quote(','.join(judged.findings))}")
    if judged.normalisation:
        lines.append(f"  To use those grey values: --normalisation {judged.normalisation}")
    return lines


def _record(proposal: "ImportCandidate", judged: "Polarity | None", name: str | None) -> dict[str, Any]:
    """name: the name it was saved under; None if it was not."""
    from core.models.checkpoints import card_json

    return {
        "file": proposal.file,
        "layout": proposal.layout,
        "part": proposal.part,
        "parts": [proposal.part, *proposal.others] if proposal.others else [],
        "kept": name,
        "outputs": proposal.outputs,
        "named": proposal.named,
        "normalisation": proposal.normalisation,
        **{
            field: value
            for field, value in card_json(proposal.checkpoint("")).items()
            if field not in ("name", "sha256")
        },
        "polarity": judged
        and {
            "n": judged.n,
            "patients": judged.patients,
            "auc": {finding: area.card() for finding, area in judged.areas.items()},
            "feeds": {feed: area.card() for feed, area in judged.feeds.items()},
            "warnings": list(judged.warnings),
            "findings": list(judged.findings) if judged.findings else None,
            "normalisation": judged.normalisation,
        },
    }


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def _few(names: tuple[str, ...]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
