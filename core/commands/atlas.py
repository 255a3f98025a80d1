"""`atlas`: one pass over a set of films that describes every unit of a network."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from core.commands import files, options
from core.commands.registry import command
from core.errors import BadSetting

if TYPE_CHECKING:
    from core.layers.atlases import Atlas


@command("atlas", short_help="Describe what every unit of a network responds to.")
@options.one_model
@click.option(
    "--data",
    type=click.Path(exists=True, path_type=Path),
    metavar="DIR",
    help="A table of films (MANIFEST.csv, or a folder with cxr.csv), or a folder of them.",
)
@options.phantoms
@click.option("--split", metavar="NAME", help="Only films of this split of the table.  [default: all]")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Use N films, chosen at random.")
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Folder for the atlas.",
)
@click.option("--top", default=8, show_default=True, type=click.IntRange(1, 100), help="Films listed for each unit.")
@click.option(
    "--every",
    default=8,
    show_default=True,
    type=click.IntRange(0),
    metavar="N",
    help="Compute the relevance of inner units for one film in N; 1 for all films, 0 for none.",
)
@click.option(
    "--pictures",
    is_flag=True,
    help="Also store a small picture of each listed film; for patient films these are patient pixels.",
)
@options.as_json
def atlas(
    choice: options.ModelChoice,
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
    """Describe every unit of every stage over a set of films: the films that excite it most, and where on them; the
    films for which it is most relevant; its usual activation; its AUC for each finding; and the findings it supports.

    Run the same command again to resume after an interruption. An atlas of other weights or films is never overwritten.

    \b
    Examples:
      python -m core atlas --checkpoint densenet121-lungs --data ../shared/cxr --split test --out build/atlas
      python -m core atlas --phantoms 200 --pictures --out build/phantoms
    """
    from core.layers import atlas_survey, patches, reference

    if (data is None) == (phantoms is None):
        raise BadSetting("An atlas needs films: give either --data DIR or --phantoms N.")
    files.refuse_out(out)
    classifier = choice.classifier()
    films = reference.phantoms(phantoms) if phantoms else reference.from_data(data or Path(), split=split)
    films = reference.some(films, limit) if limit else films
    built = atlas_survey.build(classifier, films, out, top=top, every=every, progress=True)
    stored = patches.store(built, films, classifier.checkpoint, progress=True) if pictures else None
    if as_json:
        click.echo(options.line({**built.metadata, "out": str(out), "pictures": stored}))
        return
    click.echo(_text(built, stored))


def _text(atlas: "Atlas", pictures: int | None) -> str:
    about: Any = atlas.metadata
    error = f", with ranks off by at most {about['rank_error']:.1%}" if about["rank_error"] else ""
    lines = [
        f"{about['checkpoint']} over {about['films']} films ({about['set']}), {atlas.table.num_rows} units.",
        f"Quantiles and AUC are from {about['sample']} films{error}; relevance of inner stages from "
        f"{about['relevant']}.",
    ]
    if pictures is not None:
        lines.append(f"{pictures} pictures.")
    if about["skipped"]:
        name, reason = about["skipped_first"][0]
        films = "film" if about["skipped"] == 1 else "films"
        lines.append(f"{about['skipped']} {films} could not be read; {name}: {reason}")
    rows = [["", "most relevant unit", "best unit by AUC", "AUC"]]
    for finding in atlas.findings:
        most, best = atlas.ranked(finding)[0], atlas.ranked(finding, by="auc")[0]
        area = atlas.unit(*best).auc[finding]
        known = area == area  # NaN without labels
        rows.append([finding, _unit(most), _unit(best) if known else "-", f"{area:.3f}" if known else ""])
    return "\n".join(lines) + "\n\n" + options.table(rows)


def _unit(unit: tuple[str, int]) -> str:
    return f"{unit[0]}, unit {unit[1]}"
