"""How often the verdicts are right where the truth is known: python -m tests.studies.trust_verdicts --cases 200.

planted: a network that reads the contrast within one square of the film, and nothing else. The map of that square must
         not fail the third question, the map of another square must fail it.
place:   heat on, or away from, the opacity drawn into a phantom. The fourth verdict must agree.
random:  networks with random weights and batch norms that saw phantoms, like an import: never "holds" on all four, and
         at least one verdict fails or is doubtful.
"""

import argparse
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import nn

from core.explain.run import explain
from core.image.cases import case
from core.image.phantom import Opacity, draw
from core.image.prepare import prepare
from core.models.architecture import Network, architectures
from core.models.classifier import Classifier
from core.trust.measure import CHEAP, Question, measures
from core.trust.verdicts import combined, verdicts
from core.types import Checkpoint, Cleaning, Explanation, Heat, Input, Placement, Radiograph

SIZE, SQUARE, GRID = 96, 24, 12  # px, px, cells a side
_FINDINGS = ("covid", "pneumonia", "normal")


class Contrast(nn.Module):
    """The contrast within one square of SQUARE px, and nothing else."""

    def __init__(self, top: int, left: int) -> None:
        super().__init__()
        self.top, self.left = top, left

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        part = images[:, :, self.top : self.top + SQUARE, self.left : self.left + SQUARE]
        return part.diff(dim=3).abs()


def square_reader(image: torch.Tensor, top: int, left: int) -> Classifier:
    """The network whose answer is about 0.9 on this image (1, SIZE, SIZE) and 0.1 without contrast in the square."""
    contrast = float(Contrast(top, left)(image[None]).mean())
    linear = nn.Linear(1, 1)
    nn.init.constant_(linear.weight, 4.4 / contrast)
    nn.init.constant_(linear.bias, -2.2)
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), linear)
    network = Network(nn.Sequential(Contrast(top, left)), {"contrast": "0"}, head).eval().requires_grad_(False)
    return Classifier(Checkpoint("square", "by hand", ("mass",), True, Input(size=SIZE), sha256=""), network)


def planted(seed: int) -> bool:
    """Whether the third verdict is right on the map of the right square (even seeds) or of another one (odd seeds)."""
    chance = np.random.default_rng(seed)
    film = draw(seed=seed, height=256, width=256).radiograph
    places = [(top, left) for top in range(8, 72, 8) for left in range(8, 72, 8)]
    top, left = places[chance.integers(len(places))]
    classifier = square_reader(prepare(film, Input(size=SIZE)).image, top, left)
    away = [each for each in places if abs(each[0] - top) > SQUARE or abs(each[1] - left) > SQUARE]
    marked = (top, left) if seed % 2 == 0 else away[chance.integers(len(away))]
    heat = np.zeros((GRID, GRID), np.float32)
    cells = SIZE // GRID
    heat[marked[0] // cells : (marked[0] + SQUARE) // cells, marked[1] // cells : (marked[1] + SQUARE) // cells] = 1
    question = _question(classifier, film, heat, "mass")
    figures = [(measures[name](question), "counts") for name in ("deletion", "curves")]
    word = combined("faithfulness", figures).word  # type: ignore[arg-type]
    return (word in ("holds", "doubtful")) if seed % 2 == 0 else word == "fails"


def place(seed: int) -> bool:
    """Whether the fourth verdict agrees with heat on the drawn opacity (even seeds) or away from it (odd seeds)."""
    number = next(each for each in range(10 + 40 * seed, 10**6) if "opacity is drawn" in case(each).story)
    film = case(number).film(256)
    drawn = np.logical_or.reduce([plane.shape for plane in film.planes if plane.is_truth])
    wanted = drawn if seed % 2 == 0 else np.roll(drawn, film.pixels.shape[1] // 2, axis=1)
    cells = film.pixels.shape[0] // 16
    heat = wanted.reshape(16, cells, 16, cells).mean(axis=(1, 3)).astype(np.float32)
    chance = np.random.default_rng(seed)
    heat += 0.02 * chance.random(heat.shape, np.float32)
    classifier = square_reader(prepare(film, Input(size=SIZE)).image, 32, 32)
    question = _question(classifier, film, heat, "mass")
    word = combined("reason", [(measures["truth"](question), "alone")]).word
    return word in ("holds", "doubtful") if seed % 2 == 0 else word == "fails"


def random_weights(seed: int) -> bool:
    """Whether a network with random weights is flagged, and never holds on all four questions."""
    torch.manual_seed(seed)
    network = architectures["small-cnn"].build(len(_FINDINGS), 1)
    films = [draw(seed=number, height=128, width=128, opacity=Opacity(0.3, 0.45)).radiograph for number in range(4)]
    input = Input(size=SIZE)
    with torch.no_grad():
        network.train()(torch.stack([prepare(film, input).image for film in films]))
    card = Checkpoint(f"random-{seed}", "small-cnn", _FINDINGS, False, input, sha256=str(seed))
    classifier = Classifier(card, network.eval().requires_grad_(False))
    film = draw(seed=1000 + seed, height=256, width=256).radiograph
    finding = classifier.predict(film).likeliest[0]
    explanation = explain(classifier, film, finding=finding)
    words = [each.word for each in verdicts(Question(classifier, film, explanation, Cleaning()), costs=CHEAP)]
    return set(words) != {"holds"} and any(word in ("fails", "doubtful") for word in words[2:])


STUDIES: Mapping[str, Callable[[int], bool]] = {"planted": planted, "place": place, "random": random_weights}


def _question(classifier: Classifier, film: Radiograph, heat: Heat, finding: str) -> Question:
    height, width = film.pixels.shape
    area = Placement(0, 0, width, height)
    explanation = Explanation(film.key, "c", heat, area, False, "", "saliency", finding, None, {}, 0.0, (1, 0))
    return Question(classifier, film, explanation, Cleaning(crop_borders=False))


def main() -> None:
    """Prints how many cases of each study are right; --out keeps each case, so that a stopped study goes on."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--study", choices=[*STUDIES], action="append")
    parser.add_argument("--out", type=Path, help="JSON lines: study, seed, right")
    chosen = parser.parse_args()
    for name in chosen.study or STUDIES:
        right = _known(chosen.out, name)
        for seed in range(chosen.cases):
            if seed not in right:
                right[seed] = STUDIES[name](seed)
                if chosen.out:
                    with chosen.out.open("a", encoding="utf-8") as file:
                        file.write(json.dumps({"study": name, "seed": seed, "right": right[seed]}) + "\n")
        wrong = [seed for seed in range(chosen.cases) if not right[seed]]
        print(f"{name}: {chosen.cases - len(wrong)} of {chosen.cases} right; wrong: {wrong[:20]}", flush=True)


def _known(out: Path | None, study: str) -> dict[int, bool]:
    """Seed -> whether it was right, of an earlier run."""
    lines = out.read_text(encoding="utf-8").splitlines() if out and out.exists() else []
    cases = [json.loads(line) for line in lines]
    return {case["seed"]: case["right"] for case in cases if case["study"] == study}


if __name__ == "__main__":
    main()
