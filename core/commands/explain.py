"""`explain`: where a network looked, as pictures and as raw maps."""

import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from core.commands import files, options
from core.commands.files import Record
from core.errors import BadSetting

if TYPE_CHECKING:
    from core.explain.run import Request
    from core.models.classifier import Classifier
    from core.types import Checkpoint, Cleaning, Explanation, Radiograph


@click.command(short_help="Where the network looked: overlays and raw maps.")
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
    "--layer", "layers", multiple=True, metavar="NAME", help="A stage of the network, or all.  [default: the last]"
)
@click.option("--setting", "settings", multiple=True, metavar="NAME=VALUE", help="Of the method; `methods` lists them.")
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
    settings: tuple[str, ...],
    out: Path,
    force: bool,
    opacity: float,
    threshold: float,
    colours: str | None,
    as_json: bool,
    cleaning: "Cleaning",
) -> None:
    """Maps of where the network looked: an overlay to look at and the raw values to compute with.

    FILE is a DICOM, PNG, JPEG, TIFF, WebP or BMP file, a folder of them, or - for standard input. All maps of a film
    share one pass of the network. Names of the written files end in the map's key, a digest of film, network, method
    and values: the same map gets the same name, another map another one, and no file is replaced unasked.

    \b
    Examples:
      python -m core explain film.dcm
      python -m core explain film.dcm --finding all --layer all --out maps
      python -m core explain film.dcm --method integrated-gradients --setting steps=64
      python -m core explain films/ --method saliency --finding covid --json > maps.jsonl

    The .npz holds heat (h, w) in its own small size; box (x0, y0, x1, y1, pixels of the film) and turn (quarter turns)
    that place it; film (H, W); and how it was made. numpy.load reads it without pickle.
    """
    from core.explain.export import map_npz, overlay_png
    from core.explain.run import explain_many
    from core.models.findings import leading

    classifier = options.classifier(checkpoint, weights)
    names = files.paths(given)
    wanted = _settings(settings, chosen_methods)
    for finding in {*findings} - {"all"}:
        _check(finding, "finding", list(classifier.checkpoint.findings))

    def look(path: str, radiograph: "Radiograph") -> Iterator[Record]:
        asked = findings or (leading(classifier.predict(radiograph, cleaning=cleaning), classifier.checkpoint),)
        requests = _requests(classifier, chosen_methods, asked, layers, wanted)
        said, maps = explain_many(classifier, radiograph, requests, cleaning=cleaning)
        for map_ in maps:
            probability = said.probability(map_.finding)
            stem = _stem(path, map_)
            written = {
                out / f"{stem}.png": overlay_png(
                    radiograph, map_, opacity=opacity, threshold=threshold, colours=colours
                ),
                out / f"{stem}.npz": map_npz(radiograph, map_, classifier.checkpoint, said),
            }
            in_the_way = [] if force else [str(file) for file, data in written.items() if _differs(file, data)]
            if in_the_way:
                hint = "Choose another --out, or replace it with --force."
                yield {"path": path, "error": f"{in_the_way[0]} is there with other content. {hint}"}
                continue
            out.mkdir(parents=True, exist_ok=True)
            for file, data in written.items():
                file.write_bytes(data)
            yield _record(path, classifier.checkpoint, map_, probability, *written)

    files.each(names, look, show=None if as_json else _told, doing="explaining")


def _record(
    path: str, checkpoint: "Checkpoint", map_: "Explanation", probability: float, overlay: Path, raw: Path
) -> Record:
    return {
        "path": path,
        "checkpoint": checkpoint.name,
        "finding": map_.finding,
        "probability": round(probability, 6),
        "method": map_.method,
        "layer": map_.layer,
        "peak": map_.peak,
        "unit": map_.unit,
        "passes": list(map_.passes),
        "seconds": round(map_.seconds, 4),
        "overlay": str(overlay),
        "map": str(raw),
    }


def _requests(
    classifier: "Classifier",
    chosen: tuple[str, ...],
    findings: tuple[str, ...],
    layers: tuple[str, ...],
    settings: dict[str, str],
) -> "list[Request]":
    """Every method for every finding at every layer; maps of the input once for each finding."""
    from core.explain.method import methods
    from core.explain.run import Request

    if "all" in findings:
        findings = classifier.checkpoint.findings
    if "all" in layers:
        with classifier.alone() as network:
            layers = tuple(network.stages)
    return [
        Request(method, finding, layer, settings)
        for method, finding in itertools.product(dict.fromkeys(chosen), dict.fromkeys(findings))
        for layer in (dict.fromkeys(layers or (None,)) if methods[method].layered else (None,))
    ]


def _settings(given: tuple[str, ...], chosen: tuple[str, ...]) -> dict[str, str]:
    if given and len(chosen) > 1:
        raise BadSetting(
            f"--setting goes with one --method, but there are {len(chosen)}. Run the command once for each."
        )
    parts = [entry.partition("=") for entry in given]
    for entry, (name, equals, _) in zip(given, parts, strict=True):
        if not (name and equals):
            raise BadSetting(f"--setting is {entry!r}; it must be NAME=VALUE, as in steps=64.")
    return {name.strip(): value.strip() for name, _, value in parts}


def _check(name: str, noun: str, known: list[str]) -> None:
    from core.registry import unknown

    if name not in known:
        raise unknown(noun, name, known)


def _stem(path: str, map_: "Explanation") -> str:
    """The file's name without its ending, what the map is, and the map's key; safe on every file system."""
    file = "stdin" if path == files.STDIN else Path(click.format_filename(path)).stem
    parts = [file[:80], map_.finding, map_.method, *([map_.layer] if map_.layer else []), map_.key]
    return ".".join(re.sub(r"[^\w+-]+", "-", part).strip("-") or "film" for part in parts)


def _differs(file: Path, data: bytes) -> bool:
    return file.exists() and file.read_bytes() != data


def _told(record: Record) -> str:
    path = click.format_filename(record["path"])
    if "error" in record:
        return f"{path}: {record['error']}"
    at = f" at {record['layer']}" if record["layer"] else ""
    return (
        f"{path}: {record['finding']} {record['probability']:.3f}, {record['method']}{at}, "
        f"peak {record['peak']:.3g} {record['unit']}\n  {record['overlay']}\n  {record['map']}"
    )
