"""`explain`: where a network looked, as pictures and as raw maps."""

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from core.commands import files, maps, options, settings
from core.errors import BadSetting

if TYPE_CHECKING:
    from core.explain.method import Method
    from core.explain.run import Request
    from core.models.classifier import Classifier
    from core.types import Cleaning, Radiograph


@click.command(
    short_help="Where the network looked: overlays and raw maps.",
    context_settings={"ignore_unknown_options": True},  # settings of methods: core.commands.settings reads them
)
@click.argument("given", metavar="FILE...", nargs=-1, required=True)
@options.checkpoint
@options.weights
@click.option(
    "--method",
    "chosen_methods",
    multiple=True,
    default=["grad-cam"],
    show_default=True,
    metavar="NAME",
    help="`methods` lists them. Give it again for more.",
)
@click.option(
    "--finding",
    "findings",
    multiple=True,
    metavar="NAME",
    help="What is asked after, or all.  [default: the likeliest; of a multi-label network, of those present]",
)
@click.option(
    "--layer",
    "layers",
    multiple=True,
    metavar="NAME",
    help='A stage of the network, all, or several fused: "stage 3+stage 4".  [default: the last]',
)
@click.option(
    "--setting",
    "pairs",
    multiple=True,
    metavar="NAME=VALUE",
    help="Of a method, as `methods` lists them; --NAME VALUE is the same.",
)
@click.option(
    "--limit",
    type=click.FloatRange(min=0),
    default=600,
    show_default=True,
    metavar="SECONDS",
    help="For the maps of one film; 0 for none.",
)
@click.option(
    "--precision",
    type=click.Choice(["float32", "bfloat16"]),
    default="float32",
    show_default=True,
    help="What the network computes in; `methods` says which are offered in bfloat16.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("explanations"),
    show_default=True,
    metavar="DIR",
    help="Where the overlay (.png) and the raw map (.npz) go.",
)
@click.option("--force", is_flag=True, help="Replace files that are there already.")
@click.option("--opacity", type=click.FloatRange(0, 1), default=0.45, show_default=True, help="Of the strongest heat.")
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    help="Share of the map's peak below which nothing is drawn.",
)
@click.option(
    "--scale",
    type=click.Choice(["own", "common"]),
    default="own",
    show_default=True,
    help="Colours up to each map's own peak, or up to the largest of all maps in one unit.",
)
@click.option("--colours", metavar="NAME", help="Colour map.  [default: the one that fits the method]")
@options.as_json
@options.cleaning
@options.told
def explain(
    given: tuple[str, ...],
    checkpoint: str | None,
    weights: Path | None,
    chosen_methods: tuple[str, ...],
    findings: tuple[str, ...],
    layers: tuple[str, ...],
    pairs: tuple[str, ...],
    limit: float,
    precision: str,
    out: Path,
    force: bool,
    opacity: float,
    threshold: float,
    scale: str,
    colours: str | None,
    as_json: bool,
    cleaning: "Cleaning",
) -> None:
    """Maps of where the network looked: an overlay to look at and the raw values to compute with.

    FILE is a DICOM, PNG, JPEG, TIFF, WebP or BMP file, a folder of them, or - for standard input. All maps of a film
    share one pass of the network. Names of the written files end in the map's key, a digest of film, network, method
    and values: the same map gets the same name, another map another one, and no file is replaced unasked.

    Every setting of a method is an option, too: --steps 64, --signed. It goes to whichever of the methods has it.

    \b
    Examples:
      python -m core explain film.dcm
      python -m core explain film.dcm --finding all --layer all --out maps
      python -m core explain film.dcm --method layer-cam --layer "stage 3+stage 4" --signed
      python -m core explain film.dcm --method integrated-gradients --steps 64 --limit 120
      python -m core explain films/ --method saliency --finding covid --json > maps.jsonl

    The .npz holds heat (h, w) in its own small size; box (x0, y0, x1, y1, pixels of the film) and turn (quarter turns)
    that place it; film (H, W); how it was made; and the caveat, if there is one. numpy.load reads it without pickle. A
    map with nothing to see in it is written as the bare film, and the legend says why.
    """
    from core.explain.method import methods
    from core.explain.run import check, explain_many
    from core.models.findings import leading
    from core.overlay import palette
    from core.work import Work

    files.refuse_out(out)
    chosen = [methods[name] for name in dict.fromkeys(chosen_methods)]
    own = [option for parameter in explain.params for option in parameter.opts]
    wanted, entered = settings.parted(given, pairs, chosen, own)
    for method in chosen:
        palette(colours, signed=method.signs(method.parse(settings.of(method, entered))))
    if limit != limit:
        raise BadSetting("--limit is nan; it must be a number of seconds, 0 for none.")
    classifier = options.classifier(checkpoint, weights)
    for finding in {*findings} - {"all"}:
        _check(finding, "finding", list(classifier.checkpoint.findings))
    _known(classifier, layers)
    half = precision == "bfloat16"
    check(classifier, _requests(classifier, chosen, findings or ("all",), layers, entered), bfloat16=half)
    slow = any(method.slow for method in chosen)

    def make(radiograph: "Radiograph") -> "maps.Maps":
        asked = findings or (leading(classifier.predict(radiograph, cleaning=cleaning), classifier.checkpoint),)
        requests = _requests(classifier, chosen, asked, layers, entered)
        with maps.bar(radiograph.name, shown=slow) as tell:
            work = Work(limit=limit, tell=tell)
            return explain_many(classifier, radiograph, requests, cleaning=cleaning, work=work, bfloat16=half)

    folder = maps.Folder(out, force, opacity, threshold, colours)
    maps.each(
        files.paths(wanted),
        make,
        lambda path, radiograph, made, ends: folder.write(path, radiograph, classifier.checkpoint, made, ends),
        common=scale == "common",
        show=None if as_json else maps.told,
    )


def _known(classifier: "Classifier", layers: tuple[str, ...]) -> None:
    """Raises: UnknownName for a layer that is not there, even where it stands beside "all"."""
    from core.types import FUSED

    with classifier.alone() as network:
        stages = list(network.stages)
    named = [part.strip() for layer in layers if layer != "all" for part in layer.split(FUSED)]
    for name in named:
        _check(name, f"layer of {classifier.checkpoint.architecture}", stages)


def _requests(
    classifier: "Classifier",
    chosen: "list[Method]",
    findings: tuple[str, ...],
    layers: tuple[str, ...],
    entered: Mapping[str, str],
) -> "list[Request]":
    """Every method for every finding at every layer; maps of the input once for each finding."""
    from core.explain.run import Request

    if "all" in findings:
        findings = classifier.checkpoint.findings
    return [
        Request(method.name, finding, layer, settings.of(method, entered))
        for method, finding in itertools.product(chosen, dict.fromkeys(findings))
        for layer in _layers(classifier, method, layers)
    ]


def _layers(classifier: "Classifier", method: "Method", layers: tuple[str, ...]) -> list[str | None]:
    """Those that were named; for "all" every stage that can serve the method, or the last one, to say why none can."""
    if not method.layered:
        return [None]
    if "all" not in layers:
        return list(dict.fromkeys(layers)) or [None]
    with classifier.alone() as network:
        fit: list[str | None] = [stage for stage in network.stages if not method.fits(network, stage)]
    return fit or [None]


def _check(name: str, noun: str, known: list[str]) -> None:
    from core.registry import unknown

    if name not in known:
        raise unknown(noun, name, known)
