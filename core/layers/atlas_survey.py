"""One pass over a reference set to build an atlas; it resumes where an interrupted pass stopped.

Memory does not grow with the set: sums, the best films of each unit, and the greatest activations of the first SAMPLE
films. The films come in a random order, so these are a random sample: quantiles and AUC are exact up to SAMPLE films,
and beyond it the rank of a quantile is off by at most 3.0 % (in 95 of 100 atlases; Dvoretzky, Kiefer and Wolfowitz 1956
with Massart's constant 1990, doi:10.1214/aop/1176990746).
"""

import json
import math
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.errors import BadData, Stopped
from core.explain import memory
from core.explain.evidence import behind
from core.explain.replay import IMAGES
from core.film_stream import StreamedFilm, film_batches
from core.image.prepare import prepare
from core.layers import atlases
from core.layers.plan import NetworkPlan, traced_plan
from core.layers.receptive_field import ReceptiveField
from core.layers.reference import ReferenceFilm, ReferenceSet, shuffled
from core.layers.unit_statistics import LEVELS, SAMPLE, AnyArray, Tally, UnitResponses, columns
from core.models.architecture import Network
from core.models.classifier import Classifier
from core.types import Checkpoint, Input, digest
from core.work import Work

TOP = 8  # films kept per unit
EVERY = 8  # one block in this many gets the relevance of inner stages: a backward pass costs two forward passes
FOLLOWED = 200  # number of films that is enough for the relevance of inner stages
_BLOCK = 8  # films
_STATE = "atlas.part.npz"


def build(
    classifier: Classifier,
    films: ReferenceSet,
    folder: Path,
    *,
    top: int = TOP,
    every: int = EVERY,
    work: Work | None = None,
    progress: bool = False,
    save_every: float = 60.0,
) -> atlases.Atlas:
    """The atlas of all stages over the films; returned at once if the folder already holds it.

    top:        films kept for each unit, by activation and by relevance.
    every:      the relevance of units before the last stage needs a backward pass; it is computed for one film in
                `every`.
    save_every: seconds between two saves of the state, from which the same call resumes.
    Raises:     BadData if the folder holds an atlas of other weights, films or settings, or no film can be read;
                Stopped by `work`, after saving the state.
    """
    card, work = classifier.checkpoint, work or Work(limit=0)
    order = shuffled(films.films)
    signature = digest(atlases.FORMAT, card.key, card.sha256, [(film.name, film.labels) for film in order], top, every)
    if _complete(folder, card, signature):
        return atlases.read(folder, card)
    folder.mkdir(parents=True, exist_ok=True)
    with classifier.alone(work) as network:
        drawn = traced_plan(network, size=card.input.size, channels=card.input.channels)
    tally = _resumed(folder, card, signature) or Tally.fresh(drawn, len(card.findings), top, len(order))
    work.expect(len(order) - tally.seen)
    saved = time.monotonic()
    read, coming = partial(_prepared, card.input), order[tally.seen :]
    title = "atlas" if progress else ""
    with closing(film_batches(coming, read, batch=_BLOCK, progress=title, done=tally.seen)) as blocks:
        for block in blocks:
            try:
                _survey(classifier, block, tally, work, inner=every > 0 and tally.seen // _BLOCK % every == 0)
                tally.seen += len(block)
                work.step(len(block))
            except Stopped:  # before or after a block
                _save(folder, tally, card, signature)
                raise
            if time.monotonic() - saved >= save_every and tally.seen < len(order):
                _save(folder, tally, card, signature)
                saved = time.monotonic()
    if not tally.films:
        first = tally.skipped[0] if tally.skipped else ("none", "the set is empty")
        raise BadData(f"None of the {len(order)} films can be read; {first[0]}: {first[1]} Give others.")
    metadata = _metadata(card, films, drawn, tally, signature, top=top, every=every)
    atlases.write(folder, metadata, columns(tally, drawn, order, card.findings))
    (folder / _STATE).unlink(missing_ok=True)
    return atlases.read(folder, card)


def spread(films: int) -> int:
    """`every` for a set of this size, so that about FOLLOWED films get inner relevance, or all of a small set."""
    return max(1, films // FOLLOWED)


def _prepared(input: Input, film: ReferenceFilm) -> NDArray[np.float32]:
    """(C, S, S) the film as the network reads it."""
    return prepare(film.open(), input).image.numpy()


def _survey(
    classifier: Classifier,
    block: Sequence[StreamedFilm[ReferenceFilm, NDArray[np.float32]]],
    tally: Tally,
    work: Work,
    *,
    inner: bool,
) -> None:
    """Adds the responses to the films of one block."""
    card = classifier.checkpoint
    places = [place for place, film in enumerate(block) if film.value is not None]
    skipped = [(film.item.name, film.error) for film in block if film.value is None]
    labels = [film.item.labels for film in block]
    truth = np.array([[-1 if own is None else finding in own for finding in card.findings] for own in labels], np.int8)
    if not places:
        tally.skipped += tuple(skipped)
        return
    with torch.inference_mode(False), classifier.alone(work) as network:
        prepared = torch.from_numpy(np.stack([block[place].read for place in places])).to(classifier.device)
        size = memory.batch_size(network, prepared[0], graph=inner)
        for start in range(0, len(places), size):
            part = slice(start, start + size)
            responses = answers(network, prepared[part], inner=inner)
            tally.add(responses, [tally.seen + place for place in places[part]], truth[places[part]])
        tally.skipped += tuple(skipped)


def answers(network: Network, images: Tensor, *, inner: bool) -> UnitResponses:
    """The responses of the units of all stages to the images (N, C, S, S): one forward pass, one pass through the
    head alone per finding, and with `inner` one backward pass for each image's most likely finding.
    """
    stages: dict[str, Tensor] = {}
    flow, graph = images.detach(), False
    for stage, module in behind(network, IMAGES):
        with torch.set_grad_enabled(graph):
            flow = module(flow)
        if stage is not None:
            if not graph and (inner or stage == network.last_stage):
                flow, graph = flow.detach().requires_grad_(), True
            stages[stage] = flow
    with torch.enable_grad():
        logits = network.head(flow)
    likeliest = logits.argmax(dim=1)
    last = [torch.autograd.grad(logits[:, place].sum(), flow, retain_graph=True)[0] for place in range(logits.shape[1])]
    for_all = torch.stack([(flow.detach() * gradient).sum(dim=(2, 3)) for gradient in last], dim=1)
    gradients = {network.last_stage: torch.stack(last, dim=1)[torch.arange(len(images)), likeliest]}
    earlier = {stage: maps for stage, maps in stages.items() if stage != network.last_stage}
    if inner and earlier:
        chosen = logits.gather(1, likeliest[:, None]).sum()
        gradients |= dict(zip(earlier, torch.autograd.grad(chosen, list(earlier.values())), strict=True))
    parts = [_of_stage(maps.detach(), gradients.get(stage)) for stage, maps in stages.items()]
    mean, greatest, cell, relevance, relevance_cell = (
        torch.cat(each, dim=1).cpu().numpy() for each in zip(*parts, strict=True)
    )
    return UnitResponses(
        mean, greatest, cell, relevance, relevance_cell, for_all.cpu().numpy(), likeliest.cpu().numpy(), inner
    )


def _of_stage(maps: Tensor, gradient: Tensor | None) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """(N, K) each: mean, maximum and its cell, relevance and the cell with the most of it; maps (N, K, h, w)."""
    flat = maps.flatten(2)
    greatest, cell = flat.max(dim=2)
    if gradient is None:
        return flat.mean(dim=2), greatest, cell, torch.full_like(greatest, torch.nan), torch.zeros_like(cell)
    product = flat * gradient.flatten(2)
    return flat.mean(dim=2), greatest, cell, product.sum(dim=2), product.argmax(dim=2)


def _complete(folder: Path, card: Checkpoint, signature: str) -> bool:
    """Whether the folder holds this atlas. Raises: BadData if it holds another one, finished or not."""
    if (folder / atlases.FILE).exists():
        metadata = atlases.account(folder / atlases.FILE)
    elif (folder / _STATE).exists():
        metadata = _state(folder)[1]
    else:
        return False
    if metadata["sha256"] != card.sha256:
        raise BadData(atlases.other_weights(folder, metadata, card))
    if metadata["signature"] != signature:
        raise BadData(
            f"{folder} holds an atlas of {card.name} over other films or with other settings; it was left as it is. "
            "Choose another --out."
        )
    return (folder / atlases.FILE).exists()


def _save(folder: Path, tally: Tally, card: Checkpoint, signature: str) -> None:
    """Saves the state atomically."""
    state: dict[str, Any] = {"checkpoint": card.name, "sha256": card.sha256, "signature": signature}
    state |= {
        "widths": tally.widths,
        "seen": tally.seen,
        "films": tally.films,
        "followed": tally.followed,
        "skipped": tally.skipped,
    }
    part = folder / f"{_STATE}.part"
    with part.open("wb") as file:
        np.savez(file, told=json.dumps(state), **cast(Any, tally.arrays))
    part.replace(folder / _STATE)


def _state(folder: Path) -> tuple[dict[str, AnyArray], dict[str, Any]]:
    try:
        with np.load(folder / _STATE, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files if name != "told"}
            return arrays, json.loads(str(file["told"]))
    except (ValueError, KeyError, OSError) as error:
        raise BadData(f"{folder / _STATE} is not the state of an atlas ({error}). Choose another --out.") from error


def _resumed(folder: Path, card: Checkpoint, signature: str) -> Tally | None:
    """The state of an interrupted call, or None."""
    if not (folder / _STATE).exists():
        return None
    arrays, state = _state(folder)
    skipped = tuple((name, reason) for name, reason in state["skipped"])
    return Tally(arrays, tuple(state["widths"]), state["seen"], state["films"], state["followed"], skipped)


def _metadata(
    card: Checkpoint, films: ReferenceSet, drawn: NetworkPlan, tally: Tally, signature: str, *, top: int, every: int
) -> dict[str, Any]:
    """The atlas's metadata."""
    sample = min(tally.films, SAMPLE)
    return {
        "checkpoint": card.name,
        "sha256": card.sha256,
        "key": card.key,
        "signature": signature,
        "findings": list(card.findings),
        "set": films.description,
        "drawn": films.drawn,
        "films": tally.films,
        "relevant": tally.followed,
        "every": every,
        "sample": sample,
        "rank_error": 0.0 if tally.films <= SAMPLE else math.sqrt(math.log(2 / 0.05) / (2 * SAMPLE)),
        "skipped": len(tally.skipped),
        "skipped_first": [list(each) for each in tally.skipped[:20]],
        "levels": list(LEVELS),
        "top": top,
        "size": card.input.size,
        "stages": {stage.name: {"shape": list(stage.shape), "field": _field(stage.field)} for stage in drawn.stages},
    }


def _field(field: ReceptiveField | None) -> dict[str, Any] | None:
    if field is None:
        return None
    return {"rows": asdict(field.rows), "columns": asdict(field.columns), "whole": field.whole}
