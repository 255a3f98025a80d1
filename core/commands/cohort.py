"""`cohort`: predictions, maps and their figures for all films of a folder, as tables."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from core.commands import files, options
from core.commands.cohort_progress import CohortProgress
from core.commands.registry import command

if TYPE_CHECKING:
    from core.types import Cleaning


@command("cohort", short_help="Run models and methods over many films, into tables.")
@click.argument("given", metavar="INPUT")
@click.option(
    "--checkpoint",
    "checkpoints",
    multiple=True,
    metavar="NAME",
    help="Model to use; `models` lists them. Repeatable.  [default: the first one]",
)
@options.weights
@click.option(
    "--methods",
    default="grad-cam",
    show_default=True,
    metavar="NAME,NAME",
    help="Attribution methods for every finding, separated by commas; `methods` lists them. Empty for none.",
)
@click.option(
    "--measures",
    default="",
    metavar="NAME,NAME",
    help="Trust measures of each map, separated by commas, or all.  [default: none]",
)
@click.option(
    "--out", required=True, type=click.Path(file_okay=False, path_type=Path), metavar="RUN", help="Folder of the run."
)
@click.option("--split", metavar="NAME", help="Only films of this split of a table.  [default: all]")
@click.option("--checks/--no-checks", default=True, show_default=True, help="Run the film checks.")
@click.option("--lungs/--no-lungs", default=True, show_default=True, help="Find the lungs, to locate the heat.")
@click.option("--maps/--no-maps", default=True, show_default=True, help="Store the maps, in float16.")
@click.option("--features/--no-features", default=True, show_default=True, help="Store the features of the last stage.")
@click.option("--earlier-stages", is_flag=True, help="Also store the features of the stages before the last.")
@click.option("--untrained", is_flag=True, help="Also store the features of the same networks with random weights.")
@click.option("--thumbnails/--no-thumbnails", default=True, show_default=True, help="Store thumbnails of 128 px.")
@click.option(
    "--workers",
    type=click.IntRange(0),
    metavar="N",
    help="Processes that decode films; 0 to decode in the main one.  [default: one less than there are cores]",
)
@click.option(
    "--ray",
    metavar="auto|ADDRESS",
    help="Run on a Ray cluster: the one of this machine, or host:port of its head (requirements-cluster.txt).",
)
@options.as_json
@options.cleaning
def cohort(
    given: str,
    checkpoints: tuple[str, ...],
    weights: Path | None,
    methods: str,
    measures: str,
    out: Path,
    split: str | None,
    checks: bool,
    lungs: bool,
    maps: bool,
    features: bool,
    earlier_stages: bool,
    untrained: bool,
    thumbnails: bool,
    workers: int | None,
    ray: str | None,
    as_json: bool,
    cleaning: "Cleaning",
) -> None:
    """Predictions, maps, film checks and trust measures of many films: one row per film, model, finding and method.

    INPUT is a folder (with all below it), a table as for `evaluate` (CSV or Parquet with the columns file and label),
    a glob in quotes, a ZIP archive or a DICOMDIR. RUN/rows/ opens as one Parquet data set; RUN/manifest.json says what
    each column means. A file that cannot be read is a row with `error`. Run the same command
    again to resume after an interruption. A run holds no path or name from outside INPUT.

    \b
    Examples:
      python -m core cohort films/ --checkpoint densenet121-lungs --out runs/first
      python -m core cohort films.csv --methods grad-cam,saliency --measures lungs,edge --out runs/second
      python -m core cohort "films/**/*.dcm" --no-thumbnails --out runs/third
      python -m core cohort /shared/films --ray auto --out /shared/runs/fourth
      python -c "import pyarrow.dataset as d; print(d.dataset('runs/first/rows').to_table().to_pandas())"
    """
    from core.cohort.films import films_of
    from core.cohort.run import run
    from core.cohort.settings import Settings
    from core.trust.measure import measures as known_measures

    settings = Settings(
        checkpoints=checkpoints or (options.first(weights),),
        methods=_names(methods),
        measures=tuple(known_measures) if measures.strip() == "all" else _names(measures),
        checks=checks,
        lungs=lungs,
        maps=maps,
        features=features,
        thumbnails=thumbnails,
        cleaning=cleaning,
        earlier_stages=earlier_stages,
        untrained=untrained,
    )
    files.refuse_out(out)
    source = films_of(given, split=split)
    with CohortProgress() as bar:
        progress = run(
            source, out, settings, weights=weights, workers=workers, ray=ray, command=_command(given), tell=bar.tell
        )
    record = {"run": str(out), "films": progress.total, "skipped": source.skipped}
    click.echo(options.line(record) if as_json else f"{progress.total} films in {out}.")


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _command(given: str) -> list[str]:
    """The command line for the manifest; folders are shortened to the last part of their path."""
    context = click.get_current_context()
    words = ["python", "-m", "core", "cohort", Path(given).resolve().name]
    for option in context.command.params:
        source = context.get_parameter_source(option.name or "")
        if not isinstance(option, click.Option) or source is not click.core.ParameterSource.COMMANDLINE:
            continue
        value = context.params[option.name or ""]
        if option.is_flag:
            words.append(option.opts[0] if value else (option.secondary_opts or option.opts)[0])
            continue
        for each in value if isinstance(value, tuple) else (value,):
            words += [option.opts[0], each.name if isinstance(each, Path) else str(each)]
    return words
