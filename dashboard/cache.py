"""Results that are computed once and shared by all sessions; the only file with st.cache_*.

Values are read-only, so they are kept without a copy (`cache_resource`): a hit costs a tenth of a millisecond.
"""

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from PIL import Image

from core.audit.report import ENDING, AuditReport, read_report
from core.cohort import similar
from core.cohort.drift import Drift, drift
from core.cohort.projection import Projection, ProjectionName, projection
from core.cohort.similar import SimilarFilms, similar_films
from core.cohort.table import CohortTable, Selection
from core.compare import film_set
from core.compare.anatomical_regions import AnatomicalRegions, HeatLocation, anatomical_places, locate_heat
from core.compare.cka import Likeness, cka
from core.compare.film_comparison import FilmComparison, Refused
from core.compare.map_agreement import Agreement, agreement_matrix
from core.compare.masked_films import MaskedFilms, masked_films
from core.compare.panel import Panel
from core.compare.sentences import Sentences, disagreement
from core.compare.tile import Tile
from core.errors import NoLungs
from core.estimate import Estimate
from core.evaluate import chestxray14, manifest
from core.explain import compatibility
from core.explain.compatibility import unplaced
from core.explain.method import methods
from core.explain.run import Explained, Request, explain_many
from core.explain.sharing import FIRST_LOOK, all_stages, batch, first_look_requests
from core.image import cases
from core.image.arrangement import arranged
from core.image.film_checks import Check, inspect, withheld
from core.image.prepare import prepare
from core.layers import atlas_paths, atlas_survey, atlases, patches, probe_table, reference
from core.layers.ablation_curve import AblationCurve, ablation_curves
from core.layers.activations import Activations, stage_activations
from core.layers.concepts.result import Sensitivity
from core.layers.concepts.synthetic import synthetic_concepts
from core.layers.concepts.tcav import tcav_results
from core.layers.labelled import LabelledSet
from core.layers.linear_probes import Probes, stage_probes, unit_means
from core.layers.parts import Parts, stage_parts
from core.layers.plan import NetworkPlan, traced_plan
from core.layers.preferred import Preferred, Prior, optimised_picture
from core.layers.stage_relevance import StageRelevance, relevances_by_stage
from core.layers.unit_ablation import AblationResult, UnitFill, UnitSwitches, UsualMeans, ablation_result
from core.layers.unit_maps import UnitMethod, unit_gradient_map
from core.lung_network import inspect_film
from core.models import checkpoints, library
from core.models.classifier import Classifier, load
from core.overlay import display, regions
from core.trust.admission import Admission, admission_by, refuse_meaningless
from core.trust.gate import read_gate
from core.trust.measure import CHEAP, Question, assess
from core.trust.verdicts import Verdict, verdicts
from core.types import Checkpoint, Cleaning, Explanation, Origin, Placement, Prediction, Radiograph, digest
from core.what_if.answer import EditedAnswer, edited_answer
from core.what_if.edit import Edit, EditContext, parsed_edit
from core.what_if.preprocessing import VariantAnswer, preprocessing_answers
from core.what_if.sweep import Sweep, sweep
from core.what_if.turning import Turning, turning
from core.what_if.zones import zone_names
from core.work import Work
from dashboard import memory, paths
from dashboard.request_queue import Keyed, QueuedRequest, RequestQueue
from dashboard.state import session

_KEYS: dict[str | type[Any], Callable[[Any], Any]] = {
    Radiograph: lambda radiograph: radiograph.key,
    Checkpoint: lambda checkpoint: checkpoint.key,
    Cleaning: repr,
    Explanation: lambda explanation: explanation.key,
    CohortTable: lambda table: (table.folder.path, paths.changed(table.folder.path / "rows")),
    Tile: lambda tile: (tile.name, card_key(tile.checkpoint), tile.explanation.key, repr(tile.explanation.cleaning)),
}
REGIONS = 1200  # px, the long side of a picture of regions
EXAMPLE = 360  # px, the long side of a film with a concept: twice what is shown
WEIGHTS = checkpoints.SHIPPED  # the folder of those that come with Lightbox
_QUEUE: RequestQueue = RequestQueue(  # results, of some hundred kilobytes each; a larger one counts as several
    room=2048,
    keys={
        Checkpoint: lambda checkpoint: (checkpoint.key, paths.changed(weights_path(checkpoint))),
        Prediction: lambda prediction: digest(prediction.logits),  # not its seconds
    },
)
_USUAL = 300_000  # bytes of an answer that counts as one
THUMBNAIL = 112  # px, the long side: twice what is shown, for dense screens
PATCH = 160  # px a side, as dense

Misfits = Mapping[str, Mapping[str | None, str]]  # method -> stage -> why the network cannot serve it
ReportProgress = Callable[[QueuedRequest[Any]], None]  # shows progress on the page


def card_key(checkpoint: Checkpoint) -> tuple[object, ...]:
    """Key for sentences about a network, which depend on its name and operating points, too."""
    return checkpoint.key, checkpoint.name, tuple(sorted(checkpoint.thresholds.items()))


def names() -> list[str]:
    """Names of the checkpoints: those shipped with Lightbox, then the user's own."""
    shipped = _names_in(WEIGHTS)
    return [*shipped, *(name for name in own() if name not in shipped)]


def own() -> list[str]:
    """Names of the user's own checkpoints, which can be changed."""
    return list(_names_in(library.folder()))


def folder(name: str) -> Path:
    """The folder of the checkpoint. Raises: UnknownName."""
    if name in _names_in(WEIGHTS):
        return WEIGHTS
    return library.place(name, WEIGHTS)


def _names_in(folder: Path) -> tuple[str, ...]:
    """Names in one folder, listed anew only after a file was added, renamed or removed: a page needs them often."""
    return _listing(folder, paths.changed(folder))


@lru_cache(maxsize=16)
def _listing(folder: Path, changed: int) -> tuple[str, ...]:
    return tuple(checkpoints.names(folder))


def card(name: str) -> Checkpoint:
    """The card of the checkpoint as the file is now. Raises: UnknownName, BadCheckpoint."""
    path = folder(name) / f"{name}.json"
    return _card(name, path.parent, paths.changed(path))


@st.cache_resource(max_entries=64, show_spinner=False)
def _card(name: str, folder: Path, changed: int) -> Checkpoint:
    return checkpoints.read_card(name, folder)


def classifier(checkpoint: Checkpoint) -> Classifier:
    """The network behind its door, loaded once. Raises: BadCheckpoint."""
    return _loaded(checkpoint.name, folder(checkpoint.name), checkpoint.key)


@st.cache_resource(max_entries=10, show_spinner=False)  # a board of nine models, and the one beside it
def _loaded(name: str, folder: Path, key: str) -> Classifier:
    classifier = load(name, folder)
    _warm_up(classifier.checkpoint)
    return classifier


def weights_path(checkpoint: Checkpoint) -> Path:
    """Where the weights of the checkpoint lie."""
    return folder(checkpoint.name) / f"{checkpoint.name}.safetensors"


# Computed by the networks: each call returns a request in the queue.


@_QUEUE.queued()
def _warm_up(work: Work, checkpoint: Checkpoint) -> None:
    """Does once, on noise, what the Read page needs, so that the first person need not wait for the imports."""
    noise = np.random.default_rng(0).integers(0, 255, (256, 256)).astype(np.uint8)
    film = Radiograph(pixels=noise, name="noise", black=0, white=255, origin=Origin("drawn", "L", 8))
    network = classifier(checkpoint)
    stages = [stage for stage, size in compatibility.stage_sizes(network).items() if not unplaced(size)]
    explained = explain_many(network, film, [Request(FIRST_LOOK, checkpoint.findings[0], stage) for stage in stages])
    assess(network, film, explained.maps[-1])
    inspect(film)
    memory.freeze_once(checkpoint.key)


@_QUEUE.queued()
def sizes(work: Work, checkpoint: Checkpoint) -> Mapping[str, tuple[int, int]]:
    """Stage name -> (h, w) of its maps, the last stage last. Loads the network. Raises: BadCheckpoint."""
    return compatibility.stage_sizes(classifier(checkpoint), work)


@_QUEUE.queued(later=True)
def unsupported(work: Work, checkpoint: Checkpoint) -> Misfits:
    """Methods that the network does not support; some have to be tried on it."""
    return compatibility.incompatibilities(classifier(checkpoint), work)


@_QUEUE.queued(
    slow=lambda checkpoint, radiograph, cleaning, requests: any(methods[each.method].slow for each in requests)
)
def maps(
    work: Work, checkpoint: Checkpoint, radiograph: Radiograph, cleaning: Cleaning, requests: tuple[Request, ...]
) -> Explained:
    """The prediction and these maps, in the fewest passes."""
    return explain_many(classifier(checkpoint), radiograph, requests, cleaning=cleaning, work=work)


@_QUEUE.queued()
def _admission(
    work: Work, checkpoints: tuple[Checkpoint, ...], radiograph: Radiograph, cleaning: Cleaning
) -> Admission:
    models = [classifier(checkpoint) for checkpoint in checkpoints]
    return admission_by(quality(radiograph, cleaning), models, radiograph, cleaning)


@_QUEUE.queued(later=True)
def trust(
    work: Work,
    checkpoint: Checkpoint,
    radiograph: Radiograph,
    explanation: Explanation,
    cleaning: Cleaning,
    prediction: Prediction,
) -> tuple[Verdict, ...]:
    """The four verdicts on the answer and its map, by the cheap measures."""
    question = Question(classifier(checkpoint), radiograph, explanation, cleaning, known=prediction)
    return tuple(verdicts(question, costs=CHEAP, work=work))


_in_full: dict[tuple[str, Cleaning], tuple[Verdict, ...]] = {}  # (key of the map, cleaning) -> by all measures
_MOST_IN_FULL = 500


@_QUEUE.queued(slow=True)
def trust_in_full(
    work: Work,
    checkpoint: Checkpoint,
    radiograph: Radiograph,
    explanation: Explanation,
    cleaning: Cleaning,
    prediction: Prediction,
) -> tuple[Verdict, ...]:
    """The four verdicts by all measures: tens to hundreds of passes."""
    question = Question(classifier(checkpoint), radiograph, explanation, cleaning, known=prediction, work=work)
    judged = tuple(verdicts(question, work=work))
    _in_full[explanation.key, cleaning] = judged
    while len(_in_full) > _MOST_IN_FULL:
        del _in_full[next(iter(_in_full))]
    return judged


def known_in_full(explanation: Explanation, cleaning: Cleaning) -> tuple[Verdict, ...] | None:
    """The verdicts by all measures, where they were computed before; never waits."""
    return _in_full.get((explanation.key, cleaning))


@_QUEUE.queued(slow=lambda checkpoint, context, changes, request: request is not None and methods[request.method].slow)
def edited_film(
    work: Work, checkpoint: Checkpoint, context: Keyed[EditContext], changes: tuple[str, ...], request: Request | None
) -> EditedAnswer:
    """The answer for the film after these edits (as text), with the map."""
    made = [parsed_edit(text) for text in changes]
    return edited_answer(classifier(checkpoint), context.value, made, request=request, work=work)


@_QUEUE.queued(slow=True)
def smallest_blur(
    work: Work, checkpoint: Checkpoint, context: Keyed[EditContext], changes: tuple[str, ...], finding: str
) -> Turning:
    """The smallest blur that turns the answer for the film after these edits."""
    earlier, before = _after_edits(work, checkpoint, context, changes)
    return turning(classifier(checkpoint), context.value, finding=finding, before=before, earlier=earlier, work=work)


@_QUEUE.queued(slow=True)
def edit_sweep(
    work: Work, checkpoint: Checkpoint, context: Keyed[EditContext], changes: tuple[str, ...], swept: str, finding: str
) -> Sweep:
    """The answers while the strength of an edit varies, after these edits."""
    earlier, before = _after_edits(work, checkpoint, context, changes)
    network, change = classifier(checkpoint), parsed_edit(swept)
    return sweep(network, context.value, change, finding=finding, before=before, earlier=earlier, work=work)


def _after_edits(
    work: Work, checkpoint: Checkpoint, context: Keyed[EditContext], changes: tuple[str, ...]
) -> tuple[list[Edit], Prediction]:
    """The edits, and the prediction for the film after them."""
    earlier = [parsed_edit(text) for text in changes]
    return earlier, edited_answer(classifier(checkpoint), context.value, earlier, work=work).prediction


@_QUEUE.queued()
def other_preprocessing(
    work: Work, checkpoint: Checkpoint, radiograph: Radiograph, cleaning: Cleaning, finding: str
) -> tuple[VariantAnswer, ...]:
    """The answers for the film as others read it."""
    network = classifier(checkpoint)
    before = network.predict(radiograph, cleaning=cleaning)
    return preprocessing_answers(network, radiograph, finding=finding, before=before, cleaning=cleaning, work=work)


@_QUEUE.queued()
def network_plan(work: Work, checkpoint: Checkpoint) -> NetworkPlan:
    """The network's stages and layers. Raises: BadCheckpoint."""
    with classifier(checkpoint).alone(work) as network:
        return traced_plan(network, size=checkpoint.input.size, channels=checkpoint.input.channels)


@_QUEUE.queued(size=lambda result: 1 + result.maps.nbytes // _USUAL)
def unit_activations(
    work: Work, checkpoint: Checkpoint, radiograph: Radiograph, cleaning: Cleaning, stage: str, finding: str
) -> Activations:
    """The map of every unit of the stage, with the relevance for this finding."""
    return stage_activations(
        classifier(checkpoint), radiograph, stage, findings=[finding], cleaning=cleaning, work=work
    )


@_QUEUE.queued()
def relevance(
    work: Work, checkpoint: Checkpoint, radiograph: Radiograph, cleaning: Cleaning, stage: str
) -> Mapping[str, NDArray[np.float32]]:
    """Finding -> (K,) the relevance of the stage's units, for all findings."""
    network = classifier(checkpoint)
    findings = checkpoint.findings
    return stage_activations(network, radiograph, stage, findings=findings, cleaning=cleaning, work=work).relevance


@_QUEUE.queued(slow=True)
def stage_similarity(
    work: Work,
    first: Checkpoint,
    second: Checkpoint,
    films: tuple[Radiograph, ...],
    cleanings: tuple[Cleaning, ...],
) -> Likeness:
    """How alike the stages of two networks are, over the films, or over the places of a single one."""
    by_film = {film.key: cleaning for film, cleaning in zip(films, cleanings, strict=True)}
    total = len(films) if len(films) > 1 else None
    return cka(classifier(first), classifier(second), films, cleaning=by_film, total=total, work=work)


@_QUEUE.queued(slow=True)
def film_comparison(work: Work, panel: Panel, case: Keyed[film_set.Case]) -> FilmComparison | Refused:
    """The answers of several networks on one film of many."""

    def admit(film: Radiograph) -> Cleaning:
        return refuse_meaningless(film, panel.cleaning, panel.classifiers)

    return film_set.read(panel, case.value, sentences=True, admit=admit, work=work)


@_QUEUE.queued(slow=True, counts="films")
def atlas_build(
    work: Work, checkpoint: Checkpoint, path: Path, *, split: str, most: int, pictures: bool, begun: float
) -> atlases.Atlas:
    """An atlas of one's own films; a stopped one resumes where it was.

    begun: start of the build: the films may have changed since an earlier one.
    """
    films = reference.some(reference.from_data(path, split=split or None), most)
    every = atlas_survey.spread(len(films.films))
    room = atlas_paths.room(checkpoint, films)
    atlas = atlas_survey.build(classifier(checkpoint), films, room, every=every, work=work)
    if pictures:
        patches.store(atlas, films, checkpoint, work=work)
    return atlas


@_QUEUE.queued()
def unit_attribution(
    work: Work,
    checkpoint: Checkpoint,
    radiograph: Radiograph,
    cleaning: Cleaning,
    stage: str,
    channel: int,
    kind: UnitMethod,
) -> Explanation:
    """The attribution of one unit to the film."""
    return unit_gradient_map(classifier(checkpoint), radiograph, stage, channel, kind, cleaning=cleaning, work=work)


@_QUEUE.queued(slow=True)
def preferred_picture(work: Work, checkpoint: Checkpoint, stage: str, channel: int, prior: Prior) -> Preferred:
    """The picture that excites a unit most."""
    return optimised_picture(classifier(checkpoint), stage, channel, prior=prior, work=work)


@_QUEUE.queued(
    slow=lambda checkpoint, radiograph, cleaning, switched, usual, requests: any(
        methods[each.method].slow for each in requests
    )
)
def ablation(
    work: Work,
    checkpoint: Checkpoint,
    radiograph: Radiograph,
    cleaning: Cleaning,
    switched: UnitSwitches,
    usual: UsualMeans | None,
    requests: tuple[Request, ...],
) -> AblationResult:
    """The prediction without some units, and these maps of the network without them.

    usual: the units' means, where they stand in their place (`usual_means`).
    """
    network = classifier(checkpoint)
    return ablation_result(network, radiograph, switched, requests, usual=usual, cleaning=cleaning, work=work)


@_QUEUE.queued(slow=True)
def removal(
    work: Work,
    checkpoint: Checkpoint,
    radiograph: Radiograph,
    cleaning: Cleaning,
    finding: str,
    stage: str,
    fill: UnitFill,
    usual: UsualMeans | None,
) -> tuple[AblationCurve, ...]:
    """How fast the finding falls as units of the stage are switched off."""
    network = classifier(checkpoint)
    return ablation_curves(
        network, radiograph, finding, stage=stage, fill=fill, usual=usual, cleaning=cleaning, work=work
    )


@_QUEUE.queued()
def relevance_by_stage(
    work: Work, checkpoint: Checkpoint, radiograph: Radiograph, cleaning: Cleaning, finding: str
) -> tuple[tuple[StageRelevance, ...], str]:
    """The relevance that passes through each stage, and why there is none by LRP."""
    return relevances_by_stage(classifier(checkpoint), radiograph, finding, cleaning=cleaning, work=work)


@_QUEUE.queued(slow=True)
def linear_probes(work: Work, checkpoint: Checkpoint, films: Keyed[Callable[[], LabelledSet]]) -> Probes:
    """A probe of each stage. Raises: BadData."""
    return stage_probes(classifier(checkpoint), films.value(), work=work)


def probes_in_advance(checkpoint: Checkpoint) -> Probes | None:
    """The probes that were trained before, beside the weights; None without them. Raises: BadData."""
    place = folder(checkpoint.name)
    file = probe_table.file_of(checkpoint, place)
    return _probes_beside(checkpoint, place, paths.changed(file)) if file.is_file() else None


@st.cache_resource(max_entries=16, show_spinner=False, hash_funcs=_KEYS)
def _probes_beside(checkpoint: Checkpoint, folder: Path, changed: int) -> Probes | None:
    return probe_table.read_probes(checkpoint, folder)


@_QUEUE.queued()
def stage_averages(
    work: Work, checkpoint: Checkpoint, radiograph: Radiograph, cleaning: Cleaning
) -> Mapping[str, NDArray[np.float32]]:
    """Mean activations of a film by stage, the input of the probes."""
    return unit_means(classifier(checkpoint), radiograph, cleaning=cleaning, work=work)


@_QUEUE.queued()
def film_parts(
    work: Work, checkpoint: Checkpoint, radiograph: Radiograph, cleaning: Cleaning, stage: str, count: int
) -> tuple[Parts, bytes]:
    """The stage's maps as parts, for all findings, and a picture of them, a WebP file."""
    network, findings = classifier(checkpoint), checkpoint.findings
    parts_of_film = stage_parts(
        network, radiograph, stage, count=count, findings=findings, cleaning=cleaning, work=work
    )
    return parts_of_film, _webp(regions(radiograph, parts_of_film.maps, parts_of_film.placement, longest=REGIONS))


@_QUEUE.queued(slow=True)
def concept_sensitivity(
    work: Work,
    checkpoint: Checkpoint,
    films: Keyed[Callable[[], reference.ReferenceSet]],
    examples: Keyed[Callable[[], reference.ReferenceSet]] | None,
    names: tuple[str, ...],
    *,
    stages: tuple[str, ...],
    finding: str,
) -> Sensitivity:
    """Whether the finding depends on the concepts."""
    example_films = examples.value() if examples else None
    network = classifier(checkpoint)
    return tcav_results(
        network, films.value(), names, examples=example_films, stages=stages, findings=(finding,), work=work
    )


@_QUEUE.queued()
def with_concept(
    work: Work, radiograph: Radiograph, name: str, seeds: tuple[int, ...]
) -> tuple[tuple[bytes, ...], str]:
    """The film with the concept, small WebP files; or none, and why it cannot have it."""
    pictures = []
    for seed in seeds:
        try:
            small = Image.fromarray(display(synthetic_concepts[name].on(radiograph, seed=seed)))
        except NoLungs as error:
            return (), str(error)
        small.thumbnail((EXAMPLE, EXAMPLE))
        pictures.append(_webp(np.asarray(small)))
    return tuple(pictures), ""


# What pages need of these.


def stage_sizes(checkpoint: Checkpoint) -> Mapping[str, tuple[int, int]]:
    """Waits for `sizes`. Raises: BadCheckpoint."""
    return sizes(checkpoint).result()


def incompatibilities(checkpoint: Checkpoint, method: str) -> Mapping[str | None, str]:
    """Stage (None for methods of the input) -> why this network cannot serve the method there; "" where it can."""
    if method == FIRST_LOOK:  # serves every network: the first look waits for nothing
        return {stage: unplaced(size) for stage, size in stage_sizes(checkpoint).items()}
    return unsupported(checkpoint).result()[method]


def all_unfit(checkpoint: Checkpoint) -> Misfits:
    """`incompatibilities` of every method; empty as long as that is not known."""
    trial = unsupported(checkpoint)  # never given up, so that the trial is made once for certain
    return trial.answer() if trial.wait(0) else {}


def fitting(checkpoint: Checkpoint, method: str) -> list[str]:
    """The stages at which the network can serve the method, the last one last."""
    return [stage for stage, reason in incompatibilities(checkpoint, method).items() if stage and not reason]


def first_look(checkpoint: Checkpoint, radiograph: Radiograph, cleaning: Cleaning) -> QueuedRequest[Explained]:
    """The prediction, with the maps of the same forward pass, for the first view of a film."""
    return maps(checkpoint, radiograph, cleaning, first_look_requests(checkpoint.findings, stage_sizes(checkpoint)))


def admission(
    checkpoints: Sequence[Checkpoint], radiograph: Radiograph, cleaning: Cleaning
) -> QueuedRequest[Admission] | Admission:
    """Whether the answers of these models are shown; a request only where a gate has to see the film."""
    checks = quality(radiograph, cleaning)
    if withheld(checks) or radiograph.drawn or not any(map(read_gate, checkpoints)):
        return admission_by(checks, (), radiograph, cleaning)
    return _admission(tuple(checkpoints), radiograph, replace(cleaning, anyway=False))


def predict(
    checkpoint: Checkpoint, radiograph: Radiograph, cleaning: Cleaning, *, report: ReportProgress | None = None
) -> Prediction:
    """Waits for the prediction."""
    return first_look(checkpoint, radiograph, cleaning).result(report).prediction


def explain(
    checkpoint: Checkpoint, radiograph: Radiograph, cleaning: Cleaning, request: Request
) -> QueuedRequest[Explained]:
    """The map, with those that share its passes; `Explained.of` finds it among them."""
    stages = fitting(checkpoint, request.method) if methods[request.method].layered else []
    requests = batch(request, findings=checkpoint.findings, sizes=stage_sizes(checkpoint), stages=stages)
    return maps(checkpoint, radiograph, cleaning, requests)


def stages(
    checkpoint: Checkpoint, radiograph: Radiograph, cleaning: Cleaning, request: Request
) -> QueuedRequest[Explained]:
    """The same map of each stage that can have one."""
    return maps(checkpoint, radiograph, cleaning, all_stages(request, fitting(checkpoint, request.method)))


def usual_means(checkpoint: Checkpoint, fill: UnitFill) -> UsualMeans | None:
    """The units' means over the films of the atlas, where they are wanted and there is one."""
    atlas_in_use = atlas(checkpoint) if fill == "mean" else None
    return atlas_in_use.usual if atlas_in_use else None


# Computed at once and kept for all sessions.


@st.cache_resource(max_entries=512, show_spinner=False, hash_funcs=_KEYS)
def placement(checkpoint: Checkpoint, radiograph: Radiograph, cleaning: Cleaning) -> Placement:
    """Where the network's square lies on the film."""
    return prepare(radiograph, checkpoint.input, cleaning).placement


@st.cache_resource(max_entries=512, show_spinner=False, hash_funcs=_KEYS)
def quality(radiograph: Radiograph, cleaning: Cleaning) -> tuple[Check, ...]:
    """The film checks on the film as displayed."""
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
def model_input(checkpoint: Checkpoint, radiograph: Radiograph, cleaning: Cleaning) -> Image.Image:
    """The input of the network as a picture."""
    return Image.fromarray(prepare(radiograph, checkpoint.input, cleaning).picture)


@st.cache_resource(max_entries=16, show_spinner=False)
def drawn_film(number: int) -> Radiograph:
    """The film of a drawn case."""
    return cases.case(number).film(cases.SIDE)


@st.cache_resource(max_entries=4, show_spinner=False, hash_funcs=_KEYS)
def masked(radiograph: Radiograph) -> MaskedFilms:
    """The film without its lungs, and its lungs alone. Raises: NoLungs."""
    return masked_films(radiograph)


@st.cache_resource(max_entries=256, show_spinner=False, hash_funcs=_KEYS)
def agreements(
    radiograph: Radiograph, maps: tuple[Explanation, ...], names: tuple[str, ...]
) -> tuple[tuple[Agreement, ...], ...]:
    """How far each of the maps agrees with each."""
    return agreement_matrix(radiograph, maps, names=names)


@st.cache_resource(max_entries=256, show_spinner=False, hash_funcs=_KEYS)
def disagreements(radiograph: Radiograph, tiles: tuple[Tile, ...], named: bool = False) -> Sentences:
    """Where the tiles agree and where not, in sentences; named: as in `disagreement`."""
    return disagreement(radiograph, tiles, ground=_places(radiograph, tiles[0].explanation.cleaning), named=named)


@st.cache_resource(max_entries=256, show_spinner=False, hash_funcs=_KEYS)
def heat_location(radiograph: Radiograph, explanation: Explanation) -> HeatLocation:
    """Where the map looks."""
    return locate_heat(_places(radiograph, explanation.cleaning), explanation)


@st.cache_resource(max_entries=64, show_spinner=False, hash_funcs=_KEYS)
def zones(radiograph: Radiograph, cleaning: Cleaning) -> tuple[str, ...]:
    """The names of the film's zones."""
    return zone_names(radiograph, cleaning)


@st.cache_resource(max_entries=64, show_spinner=False, hash_funcs=_KEYS)
def _places(radiograph: Radiograph, cleaning: Cleaning) -> AnatomicalRegions:
    return anatomical_places(radiograph, cleaning)


def cohort_table(path: Path) -> CohortTable:
    """The rows of a run as they are now. Raises: BadData, BadSetting."""
    return _cohort_table(path, paths.changed(path / "rows"), paths.changed(path / "manifest.json"))


@st.cache_resource(max_entries=3, show_spinner="Reading the run …")
def _cohort_table(path: Path, rows: int, manifest: int) -> CohortTable:
    return CohortTable(path)


@st.cache_resource(max_entries=16, show_spinner="Comparing the runs …", hash_funcs=_KEYS)
def cohort_drift(first: CohortTable, second: CohortTable, selection: Selection) -> Drift:
    """What differs between two runs. Raises: BadData."""
    return drift(first, second, selection)


@st.cache_resource(max_entries=64, show_spinner="Finding similar films …", hash_funcs=_KEYS | {np.ndarray: digest})
def similar_cases(
    table: CohortTable, selection: Selection, features: NDArray[np.float32], radiograph: str
) -> SimilarFilms:
    """The films of the run nearest to the features of a film, whose key is given. Raises: BadData."""
    return similar_films(table, selection, features, digest=radiograph)


@st.cache_resource(max_entries=64, show_spinner=False, hash_funcs=_KEYS)
def neighbour_precision(table: CohortTable, selection: Selection) -> tuple[Estimate, float]:
    """How often the nearest films of a run share a film's label, and what chance would give."""
    return similar.neighbour_precision(table, selection)


@st.cache_resource(max_entries=16, show_spinner="Laying out the films …", hash_funcs={np.ndarray: digest})
def case_projection(features: NDArray[np.float32], name: ProjectionName) -> Projection:
    """The films with these features (N, K) in two dimensions."""
    return projection(features, name)


@st.cache_resource(max_entries=8, show_spinner=False)
def table(path: Path, changed: int) -> tuple[manifest.Row, ...]:
    """The films of a table, or of a folder that holds one, as it was then. Raises: BadData."""
    return tuple(chestxray14.table(path) if chestxray14.lies_in(path) else manifest.read_manifest(path))


def atlas(checkpoint: Checkpoint) -> atlases.Atlas | None:
    """What a reference set says of every unit: the one that was chosen, else the first there is; None without any.

    Raises: BadData for one that cannot be read.
    """
    wanted, known = session().layers.atlas.used.get(checkpoint.key), atlas_folders(checkpoint)
    folder = wanted if wanted in known else next(iter(known), None)
    return _atlas(checkpoint, folder, paths.changed(folder / atlases.FILE)) if folder else None


def atlas_folders(checkpoint: Checkpoint) -> tuple[Path, ...]:
    """Where its atlases lie: this person's, the newest first, then that of drawn chests.

    Who does not sit at this machine gets the latter: the films of the first are not theirs to see.
    """
    return tuple(atlas_paths.places(checkpoint, WEIGHTS, mine=paths.local()))


@st.cache_resource(max_entries=16, show_spinner=False, hash_funcs=_KEYS)
def _atlas(checkpoint: Checkpoint, folder: Path, changed: int) -> atlases.Atlas:
    return atlases.read(folder, checkpoint)


def patch(atlas: atlases.Atlas, stage: str, seen: atlases.TopFilm) -> bytes | None:
    """What the unit saw of a film of the atlas, a small WebP file; None where no picture of the film was kept."""
    has_picture = patches.picture_file(atlas.folder, seen.film).exists()
    key = (str(atlas.folder), atlas.metadata["signature"], stage, seen.film, seen.row, seen.column)
    return _patch(key, atlas, seen) if has_picture else None


def audit_report(checkpoint: Checkpoint) -> AuditReport | None:
    """The shortcut audit stored beside the weights; None without one."""
    path = folder(checkpoint.name) / f"{checkpoint.name}{ENDING}"
    return _audit_report(checkpoint.sha256, path, path.stat().st_mtime_ns, checkpoint) if path.exists() else None


@st.cache_resource(max_entries=64, show_spinner=False)
def _audit_report(sha256: str, path: Path, changed: int, _checkpoint: Checkpoint) -> AuditReport | None:
    return read_report(_checkpoint, path.parent)


@st.cache_resource(max_entries=2048, show_spinner=False)
def _patch(key: tuple[str, str, str, str, int, int], _atlas: atlases.Atlas, _seen: atlases.TopFilm) -> bytes | None:
    grey = patches.patch(_atlas, key[2], _seen)
    if grey is None:
        return None
    file = io.BytesIO()
    side = Image.Resampling.NEAREST if max(grey.shape) < PATCH // 2 else Image.Resampling.LANCZOS
    Image.fromarray(grey).resize((PATCH, PATCH), side).save(file, "WebP", quality=80)
    return file.getvalue()


def _webp(picture: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "WebP", quality=88)
    return file.getvalue()
