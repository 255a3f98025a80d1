"""Whether the audit finds a planted shortcut: python -m tests.studies.shortcut_audit --pairs 20 --folder runs/shortcut.

Each pair of small networks learns to see an opacity in drawn chests. For one of them every film with an opacity, and no
other, carries a mark in one corner: a plate, a letter or a word. Both learn until they fit their films, and are audited
on the same films, new to them and marked alike. The flag is the share of tests that fail; doubtful ones count half.
Beside it stands the AUC on the same films without marks, and with the marks on the films without an opacity: whether
the clean twin is a control, and whether the other one relies on the mark. A pair that is finished is kept.
"""

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from sklearn.metrics import roc_auc_score
from torch.nn import functional

from core.audit.collection import collected
from core.audit.observations import observed
from core.audit.report import AuditReport, audited
from core.evaluate.manifest import read_manifest
from core.image.phantom import draw
from core.image.prepare import prepare
from core.models.architecture import architectures
from core.models.checkpoints import input_card, write
from core.models.classifier import Classifier, load
from core.types import Input, Origin, Radiograph

SIDE, INPUT = 160, Input(size=64)  # px of a film, and of the networks' input
FINDINGS = ("opacity", "none")
KINDS = ("plate", "letter", "word")
MARKED = 1.0, 0.0  # share of the films with and without an opacity that carry the mark
POOL = 64  # chests to learn from, and as many others to audit with, from which each pair draws its own
_TRAIN, _AUDIT = 56, 20  # chests of a pair, each without and with an opacity
_EPOCHS, _FITTED = 40, 0.2  # at most; mean cross entropy of an epoch that ends training (label smoothing leaves 0.12)
_RESAMPLES = 200
_CONTRAST = 90  # of 255: the opacity is harder to see than the mark, so that the mark is worth learning

Pixels8 = NDArray[np.uint8]


def chests(pool: int, count: int, folder: Path, seed: int) -> tuple[Pixels8, NDArray[np.bool_]]:
    """(2 N, SIDE, SIDE) N drawn chests, each without and with an opacity in a lung, and (2 N,) which have one.

    pool: seed of the first chest of the pool, of which N are drawn. A chest is drawn once and kept in the folder; the
    opacity is a bright disc with a soft rim, placed anew for each pair.
    """
    films, opaque, chance = [], [], np.random.default_rng((pool, seed))
    for number in chance.choice(POOL, count, replace=False).tolist():
        path = folder / f"chest-{pool + number}.npz"
        if not path.exists():
            phantom = draw(seed=pool + number, height=SIDE, width=SIDE)
            np.savez_compressed(path, film=(phantom.radiograph.pixels // 16).astype(np.uint8), lungs=phantom.lungs)
        stored = np.load(path)
        films.append(stored["film"])
        opaque.append(with_opacity(stored["film"], stored["lungs"], chance))
    together: Pixels8 = np.stack([*films, *opaque]).astype(np.uint8)
    return together, np.repeat([False, True], count)


def with_opacity(film: Pixels8, lungs: NDArray[np.bool_], chance: np.random.Generator) -> Pixels8:
    """The film (SIDE, SIDE) with a disc, a tenth of its side in radius, somewhere in a lung."""
    inner = cv2.erode(lungs.astype(np.uint8), np.ones((15, 15), np.uint8))
    y, x = chance.choice(np.argwhere(inner)).tolist()
    disc = np.zeros(film.shape, np.uint8)
    cv2.circle(disc, (x, y), SIDE // 10, (_CONTRAST,), -1)
    soft = cv2.GaussianBlur(disc, (0, 0), 3)
    return np.asarray(cv2.add(film, soft), np.uint8)


def marked(film: Pixels8, kind: str, corner: int) -> Pixels8:
    """The film (SIDE, SIDE) with a mark of that kind in a corner, 0 to 3."""
    mark = np.zeros(film.shape, np.uint8)
    x, y = (0.05, 0.83)[corner % 2] * SIDE, (0.12, 0.95)[corner // 2] * SIDE
    at = round(x), round(y)
    if kind == "plate":
        cv2.rectangle(mark, at, (at[0] + 8, at[1] - 8), (255,), -1)
    elif kind == "letter":
        cv2.putText(mark, "L", at, cv2.FONT_HERSHEY_SIMPLEX, 0.6, (255,), 2)
    else:
        cv2.putText(mark, "ICU", at, cv2.FONT_HERSHEY_SIMPLEX, 0.35, (255,), 1)
    return np.maximum(film, mark)


def with_marks(films: Pixels8, opaque: NDArray[np.bool_], seed: int) -> Pixels8:
    """The films, marked as the finding says; kind and corner are those of the pair."""
    chance = np.random.default_rng(seed)
    kind, corner = KINDS[seed % len(KINDS)], int(chance.integers(4))
    chosen = chance.random(len(films)) < np.where(opaque, *MARKED)
    return np.stack([marked(film, kind, corner) if own else film for film, own in zip(films, chosen, strict=True)])


def trained(films: Pixels8, opaque: NDArray[np.bool_], seed: int, name: str, folder: Path) -> None:
    """Writes the small network that learned from the films until it fits them."""
    torch.manual_seed(seed)
    images = _images(films)
    targets = torch.from_numpy((~opaque).astype(np.int64))
    network = architectures["small-cnn"].build(len(FINDINGS), 1).train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=0.05)
    for _ in range(_EPOCHS):
        losses = []
        for batch in torch.split(torch.randperm(len(images)), 16):
            shift = torch.randint(-3, 4, (2,)).tolist()
            moved = torch.roll(images[batch], shift, dims=(2, 3))
            loss = functional.cross_entropy(network(moved), targets[batch], label_smoothing=0.05)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            losses.append(float(loss.detach()))
        if np.mean(losses) < _FITTED:
            break
    card = {
        "architecture": "small-cnn",
        "findings": list(FINDINGS),
        "multi_label": False,
        "input": input_card(INPUT),
        "temperature": 1.0,
    }
    write(network.eval(), card, name, folder)


@dataclass(frozen=True)
class Pair:
    """What the study reads of a network that learned from marked films ("marked") and of its twin ("clean").

    unmarked: AUC on the films of the audit without marks; swapped: with the marks on the films without an opacity.
    """

    reports: Mapping[str, AuditReport]
    unmarked: Mapping[str, float]
    swapped: Mapping[str, float]


def pair(seed: int, folder: Path, *, train: int = _TRAIN, audit: int = _AUDIT) -> Pair:
    """Both networks, trained and audited. train, audit: chests, each without and with an opacity."""
    films, opaque = chests(0, train, folder, seed)
    for name, own in (("marked", with_marks(films, opaque, seed)), ("clean", films)):
        trained(own, opaque, seed, f"{name}-{seed}", folder / "weights")
    new, opaque = chests(10_000, audit, folder, seed)
    place = folder / f"films-{seed}"
    place.mkdir(exist_ok=True)
    lines = ["file,label,patient"]
    for number, pixels in enumerate(with_marks(new, opaque, seed)):
        Image.fromarray(pixels).save(place / f"{number}.png")
        lines.append(f"{number}.png,{FINDINGS[0] if opaque[number] else FINDINGS[1]},{number % audit}")
    (place / "films.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    rows = read_manifest(place)
    networks = {name: load(f"{name}-{seed}", folder / "weights") for name in ("marked", "clean")}
    run = collected([each.checkpoint for each in networks.values()], rows, weights=folder / "weights")
    swapped = with_marks(new, ~opaque, seed)
    return Pair(
        {
            name: audited(observed(run, each, rows, repeats=_RESAMPLES), set="drawn", split="")
            for name, each in networks.items()
        },
        {name: _auc(each, new, opaque) for name, each in networks.items()},
        {name: _auc(each, swapped, opaque) for name, each in networks.items()},
    )


def _auc(classifier: Classifier, films: Pixels8, opaque: NDArray[np.bool_]) -> float:
    logits = classifier.logits(_images(films))
    return float(roc_auc_score(opaque, logits[:, 0] - logits[:, 1]))


def auroc(pairs: Sequence[dict[str, float]]) -> float:
    """Of the flag: how often that of a marked network is above that of a clean one."""
    flags = [each[name] for name in ("marked", "clean") for each in pairs]
    return float(roc_auc_score(np.repeat([1, 0], len(pairs)), flags))


def _images(films: Pixels8) -> torch.Tensor:
    return torch.stack([prepare(_film(pixels), INPUT).image for pixels in films])


def _film(pixels: Pixels8) -> Radiograph:
    return Radiograph(pixels, "drawn", 0, 255, Origin(format="PNG", mode="L", bits=8))


def main() -> None:
    """Prints each pair and the AUROC of the flag."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--first", type=int, default=0, help="seed of the first pair")
    parser.add_argument("--folder", type=Path, required=True)
    given = parser.parse_args()
    torch.set_num_threads(1)
    given.folder.mkdir(parents=True, exist_ok=True)
    pairs = []
    for seed in range(given.first, given.first + given.pairs):
        path, start = given.folder / f"pair-{seed}.json", time.process_time()
        if not path.exists():
            result = pair(seed, given.folder)
            record = {name: report.flag for name, report in result.reports.items()}
            words = {name: {each.name: each.word for each in report.results} for name, report in result.reports.items()}
            skill = {"unmarked": dict(result.unmarked), "swapped": dict(result.swapped)}
            cpu = time.process_time() - start
            path.write_text(json.dumps({**record, **skill, "words": words, "cpu_s": cpu}, indent=1), encoding="utf-8")
        pairs.append(json.loads(path.read_text(encoding="utf-8")))
        print(seed, {key: value for key, value in pairs[-1].items() if key != "words"}, flush=True)
    resampled = np.random.default_rng(0).integers(len(pairs), size=(2000, len(pairs)))
    low, high = np.quantile([auroc([pairs[place] for place in places]) for places in resampled], (0.025, 0.975))
    print(f"AUROC of the flag over {len(pairs)} pairs: {auroc(pairs):.3f} ({low:.3f} to {high:.3f})")


if __name__ == "__main__":
    main()
