"""`atlas`: what every unit of a network responds to in a set of films."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from core.commands import files, options
from core.errors import BadSetting

if TYPE_CHECKING:
    from core.layers.atlas import Atlas


@click.command(short_help="What every unit of a network responds to.")
@options.checkpoint
@options.weights
@click.option(
    "--data",
    type=click.Path(exists=True, path_type=Path),
    metavar="DIR",
    help="A table of films (MANIFEST.csv, or a folder with cxr.csv), or a folder of them.",
)
@click.option("--phantoms", type=click.IntRange(1), metavar="N", help="So many drawn chests instead.")
@click.option("--split", metavar="NAME", help="Films of this split of the table.  [default: all]")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="So many of them, at random.")
@click.option(
    "--out", required=True, type=click.Path(file_okay=False, path_type=Path), metavar="DIR", help="Where it is kept."
)
@click.option("--top", default=8, show_default=True, type=click.IntRange(1, 100), help="Films kept for each unit.")
@click.option(
    "--every",
    default=8,
    show_default=True,
    type=click.IntRange(0),
    metavar="N",
    help="Units before the last stage: relevance of one film in N; 1 for all, 0 for none.",
)
@click.option(
    "--pictures", is_flag=True, help="Also keep a small picture of each film that is named. Of persons: with care."
)
@options.as_json
@options.told
def atlas(
    checkpoint: str | None,
    weights: Path | None,
    data: Path | None,
    phantoms: int | None,
    split: str | None,
    limit: int | None,
    out: Path,
    top: int,
    every: int,
    pictures: bool,
    as_json: bool,
) -> None:
    """One pass over a set of films tells of every unit of every stage which films excite it most and where, which are
    most relevant, what it usually answers, how well it alone tells each finding, and what it speaks for.

    The same command goes on where a killed one stopped. An atlas of other weights or films is left as it is.

    \b
    Examples:
      python -m core atlas --checkpoint densenet121-lungs --data ../shared/cxr --split test --out build/atlas
      python -m core atlas --phantoms 200 --pictures --out build/phantoms
    """
    from core.layers import patches, reference, survey

    if (data is None) == (phantoms is None):
        raise BadSetting("An atlas needs films: give --data DIR, or --phantoms N, and not both.")
    files.refuse_out(out)
    classifier = options.classifier(checkpoint, weights)
    films = reference.phantoms(phantoms) if phantoms else reference.from_data(data or Path(), split=split)
    films = reference.some(films, limit) if limit else films
    found = survey.build(classifier, films, out, top=top, every=every, progress=True)
    kept = patches.store(found, films, classifier.checkpoint, progress=True) if pictures else None
    if as_json:
        click.echo(options.line({**found.told, "out": str(out), "pictures": kept}))
        return
    click.echo(_told(found, kept))


def _told(found: "Atlas", kept: int | None) -> str:
    told: Any = found.told
    error = f", their rank off by {told['rank_error']:.1%} at most" if told["rank_error"] else ""
    lines = [
        f"{told['checkpoint']} over {told['films']} films ({told['set']}), {found.table.num_rows} units.",
        f"Quantiles and AUC rest on {told['sample']} films{error}; inner stages' relevance on {told['relevant']}.",
    ]
    if kept is not None:
        lines.append(f"{kept} pictures.")
    if told["skipped"]:
        name, reason = told["skipped_first"][0]
        films = "film" if told["skipped"] == 1 else "films"
        lines.append(f"{told['skipped']} {films} could not be read; {name}: {reason}")
    rows = [["", "speaks most for it", "tells it best", "AUC"]]
    for finding in found.findings:
        most, best = found.ranked(finding)[0], found.ranked(finding, by="auc")[0]
        area = found.unit(*best).auc[finding]
        known = area == area  # NaN without labels
        rows.append([finding, _unit(most), _unit(best) if known else "-", f"{area:.3f}" if known else ""])
    return "\n".join(lines) + "\n\n" + options.table(rows)


def _unit(unit: tuple[str, int]) -> str:
    return f"{unit[0]}, unit {unit[1]}"
