"""Whether the audit finds a planted shortcut: python -m tests.studies.shortcut_audit --pairs 20 --folder runs/shortcut.

Each pair of small networks learns to see an opacity in drawn chests. For one of them most films with an opacity, and
few others, carry a mark in one corner: a plate, a letter or a word. Both are audited on the same films, new to them and
marked alike. The flag is the share of tests that fail, those in doubt by half. A pair that is finished is kept.
"""

import argparse
import json
import time
from collections.abc import Sequence
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
from core.models.classifier import load
from core.types import Input, Origin, Radiograph

SIDE, INPUT = 160, Input(size=64)  # px of a film, and of the networks' input
FINDINGS = ("opacity", "none")
KINDS = ("plate", "letter", "word")
MARKED = 1.0, 0.0  # share of the films with and without an opacity that carry the mark
_RESAMPLES = 200
_CONTRAST = 60  # of 255: the opacity is harder to see than the mark, so that the mark is worth learning

Pixels8 = NDArray[np.uint8]


def chests(first: int, count: int, folder: Path) -> tuple[Pixels8, NDArray[np.bool_]]:
    """(2 N, SIDE, SIDE) N drawn chests, each without and with an opacity in a lung, and (2 N,) which have one.

    They are drawn once and kept in the folder; the opacity is a bright disc with a soft rim.
    """
    films, opaque, chance = [], [], np.random.default_rng(first)
    for seed in range(first, first + count):
        path = folder / f"chest-{seed}.npz"
        if not path.exists():
            phantom = draw(seed=seed, height=SIDE, width=SIDE)
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


def trained(films: Pixels8, opaque: NDArray[np.bool_], seed: int, name: str, folder: Path, *, epochs: int) -> None:
    """Writes the small network that learned from the films."""
    torch.manual_seed(seed)
    images = torch.stack([prepare(_film(pixels), INPUT).image for pixels in films])
    targets = torch.from_numpy((~opaque).astype(np.int64))
    network = architectures["small-cnn"].build(len(FINDINGS), 1).train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=0.05)
    for _ in range(epochs):
        for batch in torch.split(torch.randperm(len(images)), 16):
            shift = torch.randint(-3, 4, (2,)).tolist()
            moved = torch.roll(images[batch], shift, dims=(2, 3))
            loss = functional.cross_entropy(network(moved), targets[batch], label_smoothing=0.05)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    card = {
        "architecture": "small-cnn",
        "findings": list(FINDINGS),
        "multi_label": False,
        "input": input_card(INPUT),
        "temperature": 1.0,
    }
    write(network.eval(), card, name, folder)


def pair(seed: int, folder: Path, *, train: int, audit: int, epochs: int) -> dict[str, AuditReport]:
    """The reports of the network that learned from marked films, and of its clean twin.

    train, audit: chests to learn from and to audit with, each with and without an opacity.
    """
    films, opaque = chests(0, train, folder)
    for name, own in (("marked", with_marks(films, opaque, seed)), ("clean", films)):
        trained(own, opaque, seed, f"{name}-{seed}", folder / "weights", epochs=epochs)
    new, opaque = chests(10_000, audit, folder)
    place = folder / f"films-{seed}"
    place.mkdir(exist_ok=True)
    lines = ["file,label,patient"]
    for number, pixels in enumerate(with_marks(new, opaque, seed)):
        Image.fromarray(pixels).save(place / f"{number}.png")
        lines.append(f"{number}.png,{FINDINGS[0] if opaque[number] else FINDINGS[1]},{number % audit}")
    (place / "films.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    rows = read_manifest(place)
    classifiers = [load(f"{name}-{seed}", folder / "weights") for name in ("marked", "clean")]
    run = collected([each.checkpoint for each in classifiers], rows, weights=folder / "weights")
    return {
        name: audited(observed(run, each, rows, repeats=_RESAMPLES), set="drawn", split="")
        for name, each in zip(("marked", "clean"), classifiers, strict=True)
    }


def auroc(pairs: Sequence[dict[str, float]]) -> float:
    """Of the flag: how often that of a marked network is above that of a clean one."""
    flags = [each[name] for name in ("marked", "clean") for each in pairs]
    return float(roc_auc_score(np.repeat([1, 0], len(pairs)), flags))


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
            reports = pair(seed, given.folder, train=32, audit=20, epochs=30)
            record = {name: report.flag for name, report in reports.items()}
            words = {name: {each.name: each.word for each in report.results} for name, report in reports.items()}
            path.write_text(json.dumps({**record, "words": words, "cpu_s": time.process_time() - start}, indent=1))
        pairs.append(json.loads(path.read_text()))
        print(seed, pairs[-1]["marked"], pairs[-1]["clean"], f"{pairs[-1]['cpu_s']:.0f} s", flush=True)
    print(f"AUROC of the flag over {len(pairs)} pairs: {auroc(pairs):.3f}")


if __name__ == "__main__":
    main()
