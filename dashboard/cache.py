"""What is computed once and shared by all sessions; the only file with st.cache_*.

Values are sealed, so they are kept as they are (`cache_resource`): a hit costs a tenth of a millisecond, not a copy.
"""

import io
from collections.abc import Callable, Hashable, Mapping
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from PIL import Image

from core.compare import film_set
from core.compare.anatomical_regions import AnatomicalRegions
from core.compare.anatomical_regions import places as places_of
from core.compare.cka import Likeness, cka
from core.compare.film_comparison import FilmComparison, Refused
from core.compare.map_agreement import Agreement, agreement_matrix
from core.compare.panel import Panel
from core.compare.sentences import Sentences, disagreement
from core.compare.tile import Tile
from core.errors import NoLungs
from core.evaluate import chestxray14, manifest
from core.explain.compatibility import incompatibilities as misfits
from core.explain.compatibility import stage_sizes as sizes_of
from core.explain.compatibility import unplaced
from core.explain.method import Value, methods
from core.explain.run import Request, explain_many, total_passes
from core.image import phantom
from core.image.arrangement import arranged
from core.image.prepare import prepare
from core.image.quality import Check, inspect
from core.layers import atlas as atlases
from core.layers import atlas_paths, patches, reference, survey
from core.layers.ablation_curve import AblationCurve, ablation_curves
from core.layers.activations import Activations
from core.layers.activations import activations as activations_of
from core.layers.concepts.result import Sensitivity
from core.layers.concepts.synthetic import synthetic_concepts
from core.layers.concepts.tcav import sensitivity as sensitivity_of
from core.layers.decision import Probes
from core.layers.decision import averaged as averaged_of
from core.layers.decision import probes as probes_of
from core.layers.labelled import LabelledSet
from core.layers.parts import Parts
from core.layers.parts import parts as parts_of
from core.layers.plan import NetworkPlan
from core.layers.plan import plan as plan_of
from core.layers.preferred import Preferred, Prior
from core.layers.preferred import preferred as preferred_of
from core.layers.stage_relevance import StageRelevance
from core.layers.stage_relevance import stage_relevances as passages_of
from core.layers.unit_ablation import AblationResult, UnitFill, UnitSwitches, UsualMeans
from core.layers.unit_ablation import without_units as without_of
from core.layers.unit_maps import UnitMethod
from core.layers.unit_maps import unit_map as unit_map_of
from core.lungs import inspect_film
from core.models import checkpoint as checkpoints
from core.models import library
from core.models.classifier import Classifier, load
from core.overlay import display, regions
from core.trust.measure import Figure, assess
from core.types import FUSED, Checkpoint, Cleaning, Explanation, Origin, Placement, Prediction, Radiograph, digest
from core.work import Work
from dashboard import memory, paths
from dashboard.request_queue import QueuedRequest, RequestQueue
from dashboard.state import session

_KEYS: dict[str | type[Any], Callable[[Any], Any]] = {
    Radiograph: lambda radiograph: radiograph.key,
    Checkpoint: lambda checkpoint: checkpoint.key,
    Cleaning: repr,
    Explanation: lambda explanation: explanation.key,
    Tile: lambda tile: (tile.name, named(tile.checkpoint), tile.explanation.key, repr(tile.explanation.cleaning)),
}
REGIONS = 1200  # px, the long side of a picture of regions
EXAMPLE = 360  # px, the long side of a film with a concept: twice what is shown
_LAST_STAGE = "grad-cam"  # the map that costs no backward pass at the last stage
WEIGHTS = checkpoints.SHIPPED  # the folder of those that come with Lightbox
_QUEUE = RequestQueue(
    room=2048
)  # all that people ask of networks; an answer is some hundred kilobytes, or counts as several
_USUAL = 300_000  # bytes of an answer that counts as one
THUMBNAIL = 112  # px, the long side: twice what is shown, for dense screens
PATCH = 160  # px a side, as dense

Settings = tuple[tuple[str, Value], ...]
Maps = tuple[Prediction, tuple[Explanation, ...]]  # what one call of the engine gave
Misfits = Mapping[str, Mapping[str | None, str]]  # method -> stage -> why the network cannot serve it
ReportProgress = Callable[[QueuedRequest[Any]], None]  # says on the page that somebody waits


def named(checkpoint: Checkpoint) -> tuple[object, ...]:
    """What sentences about a network depend on beside its answers: its name and its operating points."""
    return checkpoint.key, checkpoint.name, tuple(sorted(checkpoint.thresholds.items()))


def names() -> list[str]:
    """The checkpoints that are there, by name: those that come with Lightbox, then this person's own."""
    shipped = _names_in(WEIGHTS)
    return [*shipped, *(name for name in own() if name not in shipped)]


def own() -> list[str]:
    """Those of them that are this person's own, and can be changed."""
    return list(_names_in(library.folder()))


def folder(name: str) -> Path:
    """Where the checkpoint lies. Raises: UnknownName."""
    if name in _names_in(WEIGHTS):
        return WEIGHTS
    return library.place(name, WEIGHTS)


def _names_in(folder: Path) -> tuple[str, ...]:
    """Those of one folder, listed again when a file has been added, renamed or removed: a page asks dozens of times."""
    return _listing(folder, folder.stat().st_mtime_ns if folder.is_dir() else 0)


@lru_cache(maxsize=16)
def _listing(folder: Path, changed: int) -> tuple[str, ...]:
    return tuple(checkpoints.names(folder))


def card(name: str) -> Checkpoint:
    """The card of the checkpoint as the file is now. Raises: UnknownName, BadCheckpoint."""
    path = folder(name) / f"{name}.json"
    return _card(name, path.parent, path.stat().st_mtime_ns if path.exists() else 0)


@st.cache_resource(max_entries=64, show_spinner=False)
def _card(name: str, folder: Path, changed: int) -> Checkpoint:
    return checkpoints.read_card(name, folder)


def classifier(checkpoint: Checkpoint) -> Classifier:
    """The network behind its door, loaded once. Raises: BadCheckpoint."""
    return _loaded(checkpoint.name, folder(checkpoint.name), checkpoint.key)


@st.cache_resource(max_entries=10, show_spinner=False)  # a board of nine models, and the one beside it
def _loaded(name: str, folder: Path, key: str) -> Classifier:
    found = load(name, folder)
    _QUEUE.ask(("warm up", key), lambda work: _warm_up(found))
    return found


def stage_sizes(checkpoint: Checkpoint) -> Mapping[str, tuple[int, int]]:
    """Stage name -> (h, w) of its maps, the last stage last. Raises: BadCheckpoint."""
    return ready(checkpoint).result()


def incompatibilities(checkpoint: Checkpoint, method: str) -> Mapping[str | None, str]:
    """Stage (None for methods of the input) -> why this network cannot serve the method there; "" where it can."""
    if method == _LAST_STAGE:  # serves every network: the first look waits for nothing
        return {stage: unplaced(size) for stage, size in stage_sizes(checkpoint).items()}
    return tried(checkpoint).result()[method]


def all_unfit(checkpoint: Checkpoint) -> Misfits:
    """`unfit` of every method; empty as long as that is not known. Some have to be tried on the network."""
    trial = tried(checkpoint)
    return trial.answer() if trial.wait(0) else {}


def tried(checkpoint: Checkpoint) -> QueuedRequest[Misfits]:
    """A place in the line for what the network cannot serve.

    Nobody gives it up, so that the trial is made for certain, and once.
    """
    here = classifier(checkpoint)
    return _QUEUE.ask(("unfit", checkpoint.key), lambda work: misfits(here, work))


def _warm_up(classifier: Classifier) -> None:
    """Does once, on noise, what the Read page will ask for, so that the first person need not wait for the imports."""
    noise = np.random.default_rng(0).integers(0, 255, (256, 256)).astype(np.uint8)
    film = Radiograph(pixels=noise, name="noise", black=0, white=255, origin=Origin("drawn", "L", 8))
    stages = [stage for stage, size in sizes_of(classifier).items() if not unplaced(size)]
    requests = [Request(_LAST_STAGE, classifier.checkpoint.findings[0], stage) for stage in stages]
    _, maps = explain_many(classifier, film, requests)
    assess(classifier, film, maps[-1])
    inspect(film)
    memory.freeze_once(classifier.checkpoint.key)


def predict(
    checkpoint: Checkpoint, radiograph: Radiograph, cleaning: Cleaning, *, tell: ReportProgress | None = None
) -> Prediction:
    """What the network says; from the same pass as the first maps."""
    return predicted(checkpoint, radiograph, cleaning).result(tell)[0]


def explain(
    checkpoint: Checkpoint,
    radiograph: Radiograph,
    cleaning: Cleaning,
    *,
    finding: str,
    method: str,
    layer: str | None,
    settings: Settings = (),
) -> QueuedRequest[Maps]:
    """A place in the line for the map; it comes with those that share its passes. `picked` finds it among them.

    layer: None for methods that explain the input; several stages joined by "+" for one map of them.
    """
    entry = methods[method]
    plain = entry.parse(dict(settings)) == entry.parse({})
    if method == _LAST_STAGE and plain and layer == list(stage_sizes(checkpoint))[-1]:
        return predicted(checkpoint, radiograph, cleaning)
    if layer is None or FUSED in layer or entry.cost != "shared" or not plain:
        # alone: a setting that fits one stage need not fit the others, and a slow map is made only where it is wanted
        return _many(checkpoint, radiograph, cleaning, (finding,), method, (layer,), settings)
    return stages(checkpoint, radiograph, cleaning, finding=finding, method=method, settings=settings)


def picked(maps: Maps, *, finding: str, layer: str | None) -> tuple[Explanation, tuple[int, int], int]:
    """The map, with the seconds of all that shared its passes; these passes, (forward, backward); how many shared."""
    found = next(each for each in maps[1] if each.finding == finding and layer in (None, each.layer))
    return replace(found, seconds=sum(each.seconds for each in maps[1])), total_passes(maps[1]), len(maps[1])


def stages(
    checkpoint: Checkpoint,
    radiograph: Radiograph,
    cleaning: Cleaning,
    *,
    finding: str,
    method: str,
    settings: Settings = (),
) -> QueuedRequest[Maps]:
    """One map for each stage that can have one, from one forward and at most one backward pass."""
    layers = tuple(stage for stage, reason in incompatibilities(checkpoint, method).items() if not reason)
    return _many(checkpoint, radiograph, cleaning, (finding,), method, layers, settings)


def predicted(checkpoint: Checkpoint, radiograph: Radiograph, cleaning: Cleaning) -> QueuedRequest[Maps]:
    """One forward pass: the prediction and the last stage's map for every finding; what the first look needs.

    No map where the last stage has a single cell.
    """
    last, size = list(stage_sizes(checkpoint).items())[-1]
    layers = () if unplaced(size) else (last,)
    return _many(checkpoint, radiograph, cleaning, checkpoint.findings, _LAST_STAGE, layers, ())


def _many(
    checkpoint: Checkpoint,
    radiograph: Radiograph,
    cleaning: Cleaning,
    findings: tuple[str, ...],
    method: str,
    layers: tuple[str | None, ...],
    settings: Settings,
) -> QueuedRequest[Maps]:
    here = classifier(checkpoint)

    plain = methods[method].parse({})
    settings = tuple((name, value) for name, value in settings if value != plain[name])  # equal questions, equal keys

    def make(work: Work) -> Maps:
        requests = [Request(method, finding, layer, dict(settings)) for finding in findings for layer in layers]
        return explain_many(here, radiograph, requests, cleaning=cleaning, work=work)

    key = (checkpoint.key, radiograph.key, repr(cleaning), findings, method, layers, settings)
    return _QUEUE.ask(("maps", *key), make, slow=methods[method].slow)


def plan(checkpoint: Checkpoint) -> QueuedRequest[NetworkPlan]:
    """A place in the line for the network's stages and layers. Raises: BadCheckpoint."""
    here = classifier(checkpoint)

    def make(work: Work) -> NetworkPlan:
        with here.alone(work) as network:
            return plan_of(network, size=checkpoint.input.size, channels=checkpoint.input.channels)

    return _QUEUE.ask(("plan", checkpoint.key), make)


@st.cache_resource(max_entries=512, show_spinner=False, hash_funcs=_KEYS)
def placement(checkpoint: Checkpoint, radiograph: Radiograph, cleaning: Cleaning) -> Placement:
    """Where the network's square lies on the film."""
    return prepare(radiograph, checkpoint.input, cleaning).placement


def activations(
    checkpoint: Checkpoint, radiograph: Radiograph, cleaning: Cleaning, stage: str, finding: str
) -> QueuedRequest[Activations]:
    """A place in the line for what every unit of the stage answers, with the relevance for this finding."""
    here = classifier(checkpoint)
    key = ("activations", checkpoint.key, radiograph.key, repr(cleaning), stage, finding)

    def make(work: Work) -> Activations:
        return activations_of(here, radiograph, stage, findings=[finding], cleaning=cleaning, work=work)

    return _QUEUE.ask(key, make, size=lambda found: 1 + found.maps.nbytes // _USUAL)


def relevance(
    checkpoint: Checkpoint, radiograph: Radiograph, cleaning: Cleaning, stage: str
) -> QueuedRequest[Mapping[str, NDArray[np.float32]]]:
    """A place in the line for finding -> (K,) the relevance of the stage's units, for all findings."""
    here = classifier(checkpoint)
    key = ("relevance", checkpoint.key, radiograph.key, repr(cleaning), stage)

    def make(work: Work) -> Mapping[str, NDArray[np.float32]]:
        findings = checkpoint.findings
        return activations_of(here, radiograph, stage, findings=findings, cleaning=cleaning, work=work).relevance

    return _QUEUE.ask(key, make)


def trust(
    checkpoint: Checkpoint,
    radiograph: Radiograph,
    explanation: Explanation,
    cleaning: Cleaning,
    *,
    tell: ReportProgress | None = None,
) -> tuple[Figure, ...]:
    """How far the map can be believed, one figure a measure."""
    here = classifier(checkpoint)
    key = ("trust", checkpoint.key, radiograph.key, explanation.key, repr(cleaning))
    return _QUEUE.ask(key, lambda work: assess(here, radiograph, explanation, cleaning=cleaning)).result(tell)


@st.cache_resource(max_entries=512, show_spinner=False, hash_funcs=_KEYS)
def quality(radiograph: Radiograph, cleaning: Cleaning) -> tuple[Check, ...]:
    """What the checks found on the film as it is seen."""
    return inspect_film(radiograph, replace(cleaning, crop_borders=True, denoise="none", clahe=False, anyway=False))


@st.cache_resource(max_entries=512, show_spinner=False, hash_funcs=_KEYS)
def thumbnail(radiograph: Radiograph, cleaning: Cleaning) -> bytes:
    """The whole film, small, as it is seen; a PNG file."""
    film = arranged(radiograph, cleaning)
    height, width = film.pixels.shape
    small = Image.fromarray(display(film))
    share = THUMBNAIL / max(height, width)
    size = max(1, round(width * share)), max(1, round(height * share))
    file = io.BytesIO()
    small.resize(size, Image.Resampling.BOX).save(file, "PNG")
    return file.getvalue()


@st.cache_resource(max_entries=128, show_spinner=False, hash_funcs=_KEYS)
def received(checkpoint: Checkpoint, radiograph: Radiograph, cleaning: Cleaning) -> Image.Image:
    """What the network receives, as a person can look at it."""
    return Image.fromarray(prepare(radiograph, checkpoint.input, cleaning).picture)


@st.cache_resource(max_entries=4, show_spinner=False)
def drawn(seed: int) -> Radiograph:
    """The phantom with an opacity in the right lung (screen left)."""
    return phantom.draw(seed=seed, opacity=phantom.Opacity(x=0.28, y=0.56, radius=0.07)).radiograph


def weights_path(checkpoint: Checkpoint) -> Path:
    """Where the weights of the checkpoint lie."""
    return folder(checkpoint.name) / f"{checkpoint.name}.safetensors"


def ready(checkpoint: Checkpoint) -> QueuedRequest[Mapping[str, tuple[int, int]]]:
    """A place in the line for the network and its `stage_sizes`. A broken file is tried again when it changes."""
    path = weights_path(checkpoint)
    changed = path.stat().st_mtime_ns if path.exists() else 0
    return _QUEUE.ask(("sizes", checkpoint.key, changed), lambda work: sizes_of(classifier(checkpoint), work))


@st.cache_resource(max_entries=256, show_spinner=False, hash_funcs=_KEYS)
def agreements(
    radiograph: Radiograph, maps: tuple[Explanation, ...], names: tuple[str, ...]
) -> tuple[tuple[Agreement, ...], ...]:
    """How far each of the maps agrees with each."""
    return agreement_matrix(radiograph, maps, names=names)


@st.cache_resource(max_entries=256, show_spinner=False, hash_funcs=_KEYS)
def told(radiograph: Radiograph, tiles: tuple[Tile, ...], named: bool = False) -> Sentences:
    """Where the tiles agree and where not, in sentences; named: as in `disagreement`."""
    return disagreement(radiograph, tiles, ground=_places(radiograph, tiles[0].explanation.cleaning), named=named)


@st.cache_resource(max_entries=64, show_spinner=False, hash_funcs=_KEYS)
def _places(radiograph: Radiograph, cleaning: Cleaning) -> AnatomicalRegions:
    return places_of(radiograph, cleaning)


def alike(
    first: Checkpoint, second: Checkpoint, films: tuple[Radiograph, ...], cleanings: tuple[Cleaning, ...]
) -> QueuedRequest[Likeness]:
    """A place in the line for how alike the stages of two networks are, over the films, or the places of one."""
    one, other = classifier(first), classifier(second)
    key = ("alike", first.key, second.key, tuple(film.key for film in films), repr(cleanings))
    by_film = {film.key: cleaning for film, cleaning in zip(films, cleanings, strict=True)}

    def make(work: Work) -> Likeness:
        return cka(one, other, films, cleaning=by_film, total=len(films) if len(films) > 1 else None, work=work)

    return _QUEUE.ask(key, make, slow=True)


def compared(panel: Panel, case: film_set.Case, key: Hashable) -> QueuedRequest[FilmComparison | Refused]:
    """A place in the line for what several networks say of one film of many; key: what the answer depends on."""
    make = partial(film_set.read, panel, case, sentences=True, withhold=True)
    return _QUEUE.ask(("compared", key), lambda work: make(work=work), slow=True)


@st.cache_resource(max_entries=8, show_spinner=False)
def table(path: Path, changed: float) -> tuple[manifest.Row, ...]:
    """The films of a table, or of a folder that holds one, as it was then. Raises: BadData."""
    return tuple(chestxray14.table(path) if chestxray14.lies_in(path) else manifest.read(path))


def atlas(checkpoint: Checkpoint) -> atlases.Atlas | None:
    """What a reference set says of every unit: the one that was chosen, else the first there is; None without any.

    Raises: BadData for one that cannot be read.
    """
    wanted, known = session().layers.atlas.used.get(checkpoint.key), atlas_folders(checkpoint)
    folder = wanted if wanted in known else next(iter(known), None)
    return _atlas(checkpoint, folder, (folder / atlases.FILE).stat().st_mtime_ns) if folder else None


def atlas_folders(checkpoint: Checkpoint) -> tuple[Path, ...]:
    """Where its atlases lie: this person's, the newest first, then that of drawn chests.

    Who does not sit at this machine gets the latter: the films of the first are not theirs to see.
    """
    return tuple(atlas_paths.places(checkpoint, WEIGHTS, mine=paths.local()))


@st.cache_resource(max_entries=16, show_spinner=False, hash_funcs=_KEYS)
def _atlas(checkpoint: Checkpoint, folder: Path, changed: int) -> atlases.Atlas:
    return atlases.read(folder, checkpoint)


def gathered(
    checkpoint: Checkpoint, path: Path, *, split: str, most: int, pictures: bool, begun: float
) -> QueuedRequest[atlases.Atlas]:
    """A place in the line for an atlas of a person's own films; a stopped one goes on where it was.

    begun: when it was asked for: the films may have changed since another time.
    """
    here = classifier(checkpoint)

    def make(work: Work) -> atlases.Atlas:
        films = reference.some(reference.from_data(path, split=split or None), most)
        every = survey.spread(len(films.films))
        found = survey.build(here, films, atlas_paths.room(checkpoint, films), every=every, work=work)
        if pictures:
            patches.store(found, films, checkpoint, work=work)
        return found

    key = ("atlas", checkpoint.key, checkpoint.sha256, path, split, most, pictures, begun)
    return _QUEUE.ask(key, make, slow=True)


def unit_map(
    checkpoint: Checkpoint, radiograph: Radiograph, cleaning: Cleaning, stage: str, channel: int, kind: UnitMethod
) -> QueuedRequest[Explanation]:
    """A place in the line for one unit followed back to the film."""
    here = classifier(checkpoint)
    key = ("unit map", checkpoint.key, radiograph.key, repr(cleaning), stage, channel, kind)

    def make(work: Work) -> Explanation:
        return unit_map_of(here, radiograph, stage, channel, kind, cleaning=cleaning, work=work)

    return _QUEUE.ask(key, make)


def preferred(checkpoint: Checkpoint, stage: str, channel: int, prior: Prior) -> QueuedRequest[Preferred]:
    """A place in the line for the picture that excites a unit most."""
    here = classifier(checkpoint)
    key = ("preferred", checkpoint.key, stage, channel, prior)
    return _QUEUE.ask(key, lambda work: preferred_of(here, stage, channel, prior=prior, work=work), slow=True)


def without_units(
    checkpoint: Checkpoint, radiograph: Radiograph, cleaning: Cleaning, switched: UnitSwitches, request: Request | None
) -> QueuedRequest[AblationResult]:
    """A place in the line for what the network says without some units; with a request also for that map of it."""
    here, usual = classifier(checkpoint), _usual(checkpoint, switched.fill)
    settings = tuple(request.settings.items()) if request else ()
    asked = (request.method, request.finding, request.layer, settings) if request else ()
    key = ("without", checkpoint.key, radiograph.key, repr(cleaning), switched, _source(usual), asked)

    def make(work: Work) -> AblationResult:
        requests = [request] if request else []
        return without_of(here, radiograph, switched, requests, usual=usual, cleaning=cleaning, work=work)

    return _QUEUE.ask(key, make, slow=request is not None and methods[request.method].slow)


def removal(
    checkpoint: Checkpoint, radiograph: Radiograph, cleaning: Cleaning, finding: str, stage: str, fill: UnitFill
) -> QueuedRequest[tuple[AblationCurve, ...]]:
    """A place in the line for how fast the finding falls as units of the stage are switched off."""
    here, usual = classifier(checkpoint), _usual(checkpoint, fill)
    key = ("removal", checkpoint.key, radiograph.key, repr(cleaning), finding, stage, fill, _source(usual))

    def make(work: Work) -> tuple[AblationCurve, ...]:
        return ablation_curves(
            here, radiograph, finding, stage=stage, fill=fill, usual=usual, cleaning=cleaning, work=work
        )

    return _QUEUE.ask(key, make, slow=True)


def _usual(checkpoint: Checkpoint, fill: UnitFill) -> UsualMeans | None:
    """The units' means over the films of the atlas, where they are wanted and there is one."""
    found = atlas(checkpoint) if fill == "mean" else None
    return found.usual if found else None


def _source(usual: UsualMeans | None) -> str:
    return digest(*usual.values()) if usual else ""


def stage_relevances(
    checkpoint: Checkpoint, radiograph: Radiograph, cleaning: Cleaning, finding: str
) -> QueuedRequest[tuple[tuple[StageRelevance, ...], str]]:
    """A place in the line for what of the finding passes through each stage, and why LRP is not told."""
    here = classifier(checkpoint)
    key = ("passages", checkpoint.key, radiograph.key, repr(cleaning), finding)
    return _QUEUE.ask(key, lambda work: passages_of(here, radiograph, finding, cleaning=cleaning, work=work))


def probes(checkpoint: Checkpoint, source: Hashable, films: Callable[[], LabelledSet]) -> QueuedRequest[Probes]:
    """A place in the line for a probe of each stage; source: what the films depend on. Raises: BadData."""
    here = classifier(checkpoint)
    return _QUEUE.ask(("probes", checkpoint.key, source), lambda work: probes_of(here, films(), work=work), slow=True)


def averaged(
    checkpoint: Checkpoint, radiograph: Radiograph, cleaning: Cleaning
) -> QueuedRequest[Mapping[str, NDArray[np.float32]]]:
    """A place in the line for what the probes read of a film."""
    here = classifier(checkpoint)
    key = ("averaged", checkpoint.key, radiograph.key, repr(cleaning))
    return _QUEUE.ask(key, lambda work: averaged_of(here, radiograph, cleaning=cleaning, work=work))


def patch(atlas: atlases.Atlas, stage: str, seen: atlases.TopFilm) -> bytes | None:
    """What the unit saw of a film of the atlas, a small WebP file; None where no picture of the film was kept."""
    kept = patches.picture_file(atlas.folder, seen.film).exists()
    told = (str(atlas.folder), atlas.told["signature"], stage, seen.film, seen.row, seen.column)
    return _patch(told, atlas, seen) if kept else None


@st.cache_resource(max_entries=2048, show_spinner=False)
def _patch(told: tuple[str, str, str, str, int, int], _atlas: atlases.Atlas, _seen: atlases.TopFilm) -> bytes | None:
    found = patches.patch(_atlas, told[2], _seen)
    if found is None:
        return None
    file = io.BytesIO()
    side = Image.Resampling.NEAREST if max(found.shape) < PATCH // 2 else Image.Resampling.LANCZOS
    Image.fromarray(found).resize((PATCH, PATCH), side).save(file, "WebP", quality=80)
    return file.getvalue()


def parts(
    checkpoint: Checkpoint, radiograph: Radiograph, cleaning: Cleaning, stage: str, count: int
) -> QueuedRequest[tuple[Parts, bytes]]:
    """A place in the line for the stage's maps as parts, for all findings, and a picture of them, a WebP file."""
    here = classifier(checkpoint)

    def make(work: Work) -> tuple[Parts, bytes]:
        wanted = checkpoint.findings
        found = parts_of(here, radiograph, stage, count=count, findings=wanted, cleaning=cleaning, work=work)
        return found, _webp(regions(radiograph, found.maps, found.placement, longest=REGIONS))

    return _QUEUE.ask(("parts", checkpoint.key, radiograph.key, repr(cleaning), stage, count), make)


def sensitivity(
    checkpoint: Checkpoint,
    source: Hashable,
    films: Callable[[], reference.ReferenceSet],
    names: tuple[str, ...],
    *,
    stages: tuple[str, ...],
    finding: str,
    examples: Callable[[], reference.ReferenceSet] | None = None,
) -> QueuedRequest[Sensitivity]:
    """A place in the line for whether the finding hangs on the concepts; source: what films and examples depend on."""
    here = classifier(checkpoint)

    def make(work: Work) -> Sensitivity:
        shown = examples() if examples else None
        return sensitivity_of(here, films(), names, examples=shown, stages=stages, findings=(finding,), work=work)

    return _QUEUE.ask(("sensitivity", checkpoint.key, source, names, stages, finding), make, slow=True)


def with_concept(
    radiograph: Radiograph, name: str, seeds: tuple[int, ...]
) -> QueuedRequest[tuple[tuple[bytes, ...], str]]:
    """A place in the line for the film with the concept, small WebP files; or none, and why it cannot have it."""

    def make(work: Work) -> tuple[tuple[bytes, ...], str]:
        pictures = []
        for seed in seeds:
            try:
                small = Image.fromarray(display(synthetic_concepts[name].on(radiograph, seed=seed)))
            except NoLungs as error:
                return (), str(error)
            small.thumbnail((EXAMPLE, EXAMPLE))
            pictures.append(_webp(np.asarray(small)))
        return tuple(pictures), ""

    return _QUEUE.ask(("with concept", radiograph.key, name, seeds), make)


def _webp(picture: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "WebP", quality=88)
    return file.getvalue()
