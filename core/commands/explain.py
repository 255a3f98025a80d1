"""`explain`: where a network looked, as overlays and raw maps."""

import itertools
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from core.commands import files, map_files, method_settings, options
from core.commands.registry import command
from core.errors import BadSetting

if TYPE_CHECKING:
    from core.explain.method import Method
    from core.explain.run import Request
    from core.models.classifier import Classifier
    from core.models.ensemble import Model
    from core.types import Cleaning, Radiograph


@command(
    "explain",
    short_help="Write attribution maps: overlays and raw values.",
    context_settings={"ignore_unknown_options": True},  # settings of methods: method_settings parses them
)
@click.argument("arguments", metavar="FILE...", nargs=-1, required=True)
@options.model_or_ensemble
@click.option(
    "--method",
    "chosen_methods",
    multiple=True,
    default=["grad-cam"],
    show_default=True,
    metavar="NAME",
    help="Attribution method; `methods` lists them. Repeatable.",
)
@click.option(
    "--finding",
    "findings",
    multiple=True,
    metavar="NAME",
    help="Finding to explain, or all. Repeatable.  [default: the most likely one; for a multi-label model, of those "
    "present]",
)
@click.option(
    "--layer",
    "layers",
    multiple=True,
    metavar="NAME",
    help='Stage of the network, all, or several fused: "stage 3+stage 4". Repeatable.  [default: the last]',
)
@click.option(
    "--setting",
    "pairs",
    multiple=True,
    metavar="NAME=VALUE",
    help="Setting of a method, as `methods` lists them; --NAME VALUE is the same. Repeatable.",
)
@click.option(
    "--limit",
    type=click.FloatRange(min=0),
    default=600,
    show_default=True,
    metavar="SECONDS",
    help="Time limit per film; 0 for none.",
)
@click.option(
    "--precision",
    type=click.Choice(["float32", "bfloat16"]),
    default="float32",
    show_default=True,
    help="Number format of the computation; `methods` says which methods support bfloat16.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("explanations"),
    show_default=True,
    metavar="DIR",
    help="Folder for the overlays (.png) and raw maps (.npz).",
)
@click.option("--force", is_flag=True, help="Overwrite existing files.")
@click.option(
    "--opacity", type=click.FloatRange(0, 1), default=0.45, show_default=True, help="Maximum opacity of the overlay."
)
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    help="Hide heat below this share of the map's peak.",
)
@click.option(
    "--scale",
    type=click.Choice(["own", "common"]),
    default="own",
    show_default=True,
    help="Colour range: up to the peak of each map, or up to the largest peak of all maps in the same unit.",
)
@click.option("--colours", metavar="NAME", help="Colour map.  [default: the one that fits the method]")
@options.as_json
@options.frame
@options.cleaning
def explain(
    arguments: tuple[str, ...],
    choice: options.ModelChoice,
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
    frame: int | None,
    cleaning: "Cleaning",
) -> None:
    """Maps of where the network looked: an overlay to look at and the raw values to compute with.

    FILE is a DICOM, PNG, JPEG, JPEG 2000, TIFF, WebP, AVIF or BMP file, a folder or ZIP archive of them, the DICOMDIR
    of a disc, or - for standard input. Nothing is drawn for a film whose checks say that no answer is meaningful,
    unless --anyway is given. All maps of a film share one pass of the network. File names end in the map's key, a
    digest of film, network, method and values: the same map gets the same name. --force overwrites other files.

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
    from core.explain.ensemble import explain_any, refuse_layers
    from core.explain.method import methods
    from core.explain.run import check
    from core.models.ensemble import Ensemble, members
    from core.models.findings import leading
    from core.overlay import palette
    from core.trust.admission import refuse_meaningless
    from core.work import Work

    files.refuse_out(out)
    chosen = [methods[name] for name in dict.fromkeys(chosen_methods)]
    own = [option for parameter in explain.params for option in parameter.opts]
    names, entered = method_settings.split(arguments, pairs, chosen, own)
    for method in chosen:
        palette(colours, signed=method.signs(method.parse(method_settings.of(method, entered))))
    if limit != limit:
        raise BadSetting("--limit is nan; it must be a number of seconds, 0 for none.")
    classifier = choice.model()
    for finding in {*findings} - {"all"}:
        _refuse_unknown(finding, "finding", list(classifier.checkpoint.findings))
    half = precision == "bfloat16"
    if isinstance(classifier, Ensemble):
        refuse_layers(layers)
    for member in members(classifier):
        _refuse_unknown_layers(member, layers)
        check(member, _requests(member, chosen, findings or ("all",), layers, entered), bfloat16=half)
    slow = any(method.slow for method in chosen)
    wanted = cleaning

    def make(radiograph: "Radiograph") -> "map_files.Results":
        cleaning = refuse_meaningless(radiograph, wanted, [classifier])
        explained = findings or (leading(classifier.predict(radiograph, cleaning=cleaning), classifier.checkpoint),)
        requests = _requests(classifier, chosen, explained, layers, entered)
        with map_files.bar(radiograph.name, visible=slow) as tell:
            work = Work(limit=limit, tell=tell)
            return explain_any(classifier, radiograph, requests, cleaning=cleaning, work=work, bfloat16=half)

    folder = map_files.Folder(out, force, opacity, threshold, colours)
    map_files.each(
        files.film_paths(names),
        make,
        lambda path, radiograph, results, ends: folder.write(path, radiograph, classifier.checkpoint, results, ends),
        common=scale == "common",
        show=None if as_json else map_files.text,
        open_film=partial(files.read_film, frame=frame),
    )


def _refuse_unknown_layers(classifier: "Classifier", layers: tuple[str, ...]) -> None:
    """Raises: UnknownName for a layer that does not exist, even next to "all"."""
    from core.types import FUSED

    with classifier.alone() as network:
        stages = list(network.stages)
    named = [part.strip() for layer in layers if layer != "all" for part in layer.split(FUSED)]
    for name in named:
        _refuse_unknown(name, f"layer of {classifier.checkpoint.architecture}", stages)


def _requests(
    classifier: "Model",
    chosen: "list[Method]",
    findings: tuple[str, ...],
    layers: tuple[str, ...],
    entered: Mapping[str, str],
) -> "list[Request]":
    """Every method for every finding at every layer; methods of the input once per finding."""
    from core.explain.run import Request

    if "all" in findings:
        findings = classifier.checkpoint.findings
    return [
        Request(method.name, finding, layer, method_settings.of(method, entered))
        for method, finding in itertools.product(chosen, dict.fromkeys(findings))
        for layer in _layers(classifier, method, layers)
    ]


def _layers(classifier: "Model", method: "Method", layers: tuple[str, ...]) -> list[str | None]:
    """The named layers; for "all" every stage at which the method is available, or the last, to say why none is."""
    if not method.layered:
        return [None]
    if "all" not in layers:
        return list(dict.fromkeys(layers)) or [None]
    from core.models.ensemble import members

    (single,) = members(classifier)  # for an ensemble no layer is named
    with single.alone() as network:
        fit: list[str | None] = [stage for stage in network.stages if not method.fits(network, stage)]
    return fit or [None]


def _refuse_unknown(name: str, noun: str, known: list[str]) -> None:
    from core.registry import unknown

    if name not in known:
        raise unknown(noun, name, known)
