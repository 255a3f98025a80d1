"""Answers for edited films, sweeps, the search for a turning region, and preprocessing, on networks known by hand."""

import csv
import io
import json

import numpy as np
import pytest
import torch
from torch import nn

from core.errors import BadSetting, Unfit
from core.explain.run import Request, explain
from core.image.phantom import draw
from core.models.architecture import Network
from core.models.classifier import Classifier
from core.types import Checkpoint, Cleaning, Input, Origin, Radiograph
from core.what_if.answer import answer_words, edited_answer, turned
from core.what_if.edit import EditContext, made_edit, parsed_edit, region_mask
from core.what_if.log import attempt, log_csv, log_json
from core.what_if.preprocessing import preprocessing_answers, preprocessing_warning
from core.what_if.sweep import sweep
from core.what_if.turning import turning

SIDE = 96
CELL = SIDE // 16  # px
INPUT = Input(size=SIDE, mean=(0.0,), std=(1.0,))


def differences(images: torch.Tensor) -> torch.Tensor:
    """Between neighbours in a row; without `Tensor.diff`, whose costs are counted by importing torch's compiler."""
    return (images[..., 1:] - images[..., :-1]).abs()


class Contrast(nn.Module):
    """Reads the contrast within one square and nothing else."""

    def __init__(self, rows: slice, columns: slice) -> None:
        super().__init__()
        self.rows, self.columns = rows, columns

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return differences(images[:, :, self.rows, self.columns])


class Brightness(nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images


def reader(
    features: nn.Module, *, weight: float, bias: float, findings: tuple[str, ...] = ("mass",), given: Input = INPUT
) -> Classifier:
    """Answers `mass` by a straight line of the mean feature; with two findings against `normal`, whose logit is 0."""
    linear = nn.Linear(1, len(findings))
    nn.init.zeros_(linear.weight)
    nn.init.zeros_(linear.bias)
    with torch.no_grad():
        linear.weight[0, 0], linear.bias[0] = weight, bias
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), linear)
    network = Network(nn.Sequential(features), {"features": "0"}, head).eval().requires_grad_(False)
    card = Checkpoint("planted", "by hand", findings, len(findings) == 1, given, sha256="")
    return Classifier(card, network)


def corner(rows: slice, columns: slice, findings: tuple[str, ...] = ("mass",)) -> Classifier:
    """The contrast of noise is about 0.33; the answer turns where two thirds of it are gone."""
    return reader(Contrast(rows, columns), weight=60.0, bias=-6.0, findings=findings)


def noise(seed: int = 0) -> Radiograph:
    pixels = np.random.default_rng(seed).integers(0, 255, (SIDE, SIDE)).astype(np.uint8)
    return Radiograph(pixels=pixels, name="noise", black=0.0, white=255.0, origin=Origin("PNG", "L", 8))


def flat(grey: int) -> Radiograph:
    """One grey, with a bright and a dark stripe so that it is not flat."""
    pixels = np.full((SIDE, SIDE), grey, np.uint8)
    pixels[:8, :32], pixels[:8, 32:64] = grey - 20, grey + 20
    return Radiograph(pixels=pixels, name="flat", black=0.0, white=255.0, origin=Origin("PNG", "L", 8))


@pytest.mark.parametrize("findings", [("mass",), ("mass", "normal")])
@pytest.mark.parametrize(("row", "column"), [(0, 0), (0, 15), (15, 0), (7, 4)])
@pytest.mark.parametrize("cleaning", [Cleaning(), Cleaning(turn=1), Cleaning(mirror=True, turn=3)])
def test_the_smallest_region_is_the_patch_that_decides(
    findings: tuple[str, ...], row: int, column: int, cleaning: Cleaning
) -> None:
    film, square = noise(), np.zeros((SIDE, SIDE), bool)
    square[row * CELL : (row + 1) * CELL, column * CELL : (column + 1) * CELL] = True
    seen = np.rot90(square[:, ::-1] if cleaning.mirror else square, cleaning.turn)  # as the network reads it
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    classifier = corner(slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1), findings)
    before = classifier.predict(film, cleaning=cleaning)
    context = EditContext(film, cleaning)

    found = turning(classifier, context, finding="mass", before=before)

    assert before.probabilities[0] > 0.9
    assert found.edit is not None
    assert found.edit.region is not None
    assert (region_mask(found.edit.region, context) == square).all()
    assert found.share == pytest.approx(1 / 256)
    assert found.answer.prediction.probabilities[0] < 0.5
    assert "changes the answer" in found.sentence


def test_two_patches_of_which_one_suffices_are_trimmed_to_one() -> None:
    class Least(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            parts = [images[:, :, :CELL, :CELL], images[:, :, -CELL:, -CELL:]]
            contrasts = [differences(part).mean(dim=(2, 3), keepdim=True) for part in parts]
            return torch.minimum(*contrasts)

    classifier, film = reader(Least(), weight=60.0, bias=-6.0), noise()

    found = turning(classifier, EditContext(film), finding="mass", before=classifier.predict(film))

    assert found.share == pytest.approx(1 / 256)


def test_an_answer_that_rests_on_no_detail_cannot_be_turned() -> None:
    classifier, film = reader(Brightness(), weight=10.0, bias=0.0), noise()

    found = turning(classifier, EditContext(film), finding="mass", before=classifier.predict(film))

    assert found.edit is None
    assert found.share == 1
    assert "No blur changes the answer" in found.sentence


def test_brightening_sweeps_give_the_range_that_holds() -> None:
    classifier, film = reader(Brightness(), weight=10.0, bias=-4.0), flat(128)  # turns at grey 0.4
    before = classifier.predict(film)

    result = sweep(classifier, EditContext(film), parsed_edit("brighten"), finding="mass", before=before)

    assert result.neutral in result.values
    assert result.low == pytest.approx(0.4 - 128 / 255, abs=0.005)
    assert result.high == pytest.approx(0.5)
    assert not result.holds_throughout
    expected = 1 / (1 + np.exp(-(10 * (128 / 255 + result.values) - 4)))
    assert result.probabilities[:, 0] == pytest.approx(expected, abs=0.01)
    assert "holds for amount -0.102 to 0.5" in result.sentence


def test_a_sweep_of_a_region_counts_the_region_alone_and_whole_numbers_stay_whole() -> None:
    classifier, film = reader(Brightness(), weight=10.0, bias=-4.0), flat(128)
    before, context = classifier.predict(film), EditContext(film)

    half = sweep(classifier, context, parsed_edit("brighten@rectangle:0,0,0.5,1"), finding="mass", before=before)
    quality = sweep(classifier, context, parsed_edit("jpeg"), finding="mass", before=before)

    assert half.low == pytest.approx(2 * (0.4 - 128 / 255), abs=0.01)
    assert quality.holds_throughout
    assert (quality.values == quality.values.round()).all()
    assert "over the whole sweep" in quality.sentence


def test_no_edit_gives_the_answer_of_the_film_and_its_map_to_the_last_bit() -> None:
    classifier = reader(Brightness(), weight=10.0, bias=-4.0, findings=("mass", "normal"))
    film = draw(seed=3, height=300, width=260).radiograph
    for cleaning in (Cleaning(), Cleaning(turn=2, mirror=True, crop_borders=False), Cleaning(window="full")):
        map_ = explain(classifier, film, finding="mass", method="grad-cam", cleaning=cleaning)

        answer = edited_answer(classifier, EditContext(film, cleaning), [], request=Request("grad-cam", "mass"))

        assert answer.explanation is not None
        assert (answer.prediction.probabilities == classifier.predict(film, cleaning=cleaning).probabilities).all()
        assert (answer.explanation.heat == map_.heat).all()
        assert answer.explanation.placement == map_.placement


def test_the_frame_stays_where_it_was_when_an_edit_blackens_an_edge() -> None:
    film = draw(seed=3, height=300, width=300).radiograph
    classifier = reader(Brightness(), weight=1.0, bias=0.0)
    change = parsed_edit("black@rectangle:0,0,0.3,1")

    answer = edited_answer(classifier, EditContext(film), [change], request=Request("saliency", "mass"))

    assert answer.explanation is not None
    assert answer.explanation.placement == explain(classifier, film, finding="mass", method="saliency").placement
    assert answer.explanation.radiograph == answer.radiograph.key == answer.prediction.radiograph
    assert answer.prediction.probabilities[0] < classifier.predict(film).probabilities[0]


def test_a_multi_label_answer_turns_at_its_operating_point() -> None:
    classifier, film = reader(Brightness(), weight=10.0, bias=-4.0), flat(128)
    before = classifier.predict(film)
    darker = edited_answer(classifier, EditContext(film), [made_edit("brighten", {"amount": -0.15}, None)])

    assert turned(darker.prediction, classifier.checkpoint, "mass", before)
    assert answer_words(darker.prediction, classifier.checkpoint, "mass").endswith("below its operating point")
    assert not turned(before, classifier.checkpoint, "mass", before)


def test_the_log_holds_what_where_and_the_probabilities() -> None:
    classifier, film = corner(slice(0, CELL), slice(0, CELL), ("mass", "normal")), noise()
    before = classifier.predict(film)
    changes = [parsed_edit("flip"), parsed_edit("blur@rectangle:0,0,0.1,0.1")]
    answer = edited_answer(classifier, EditContext(film), changes)

    tried = [attempt("noise.png", classifier.checkpoint, "mass", before, answer)]

    (record,) = json.loads(log_json(tried))
    (row,) = csv.DictReader(io.StringIO(log_csv(tried)))
    assert record["edits"] == ["flip", "blur@rectangle:0,0,0.1,0.1"]
    assert record["turned"] is True
    assert row["turned"] == "True"
    assert record["words"] == "Blur, rectangle"
    assert record["after"]["mass"] == pytest.approx(answer.prediction.probabilities[0], abs=1e-5)
    assert float(row["mass before"]) == pytest.approx(before.probabilities[0], abs=1e-5)
    assert [parsed_edit(text) for text in row["edits"].split(" ; ")] == changes


def test_a_single_class_has_nothing_to_turn() -> None:
    one = reader(Brightness(), weight=1.0, bias=0.0)
    card = Checkpoint("one", "by hand", ("mass",), False, INPUT, sha256="")
    with one.alone() as network:
        classifier = Classifier(card, network)
    film = noise()
    before = classifier.predict(film)

    with pytest.raises(Unfit, match="knows a single class"):
        turning(classifier, EditContext(film), finding="mass", before=before)
    with pytest.raises(Unfit, match="knows a single class"):
        sweep(classifier, EditContext(film), parsed_edit("rotate"), finding="mass", before=before)
    with pytest.raises(Unfit, match="knows a single class"):
        preprocessing_answers(classifier, film, finding="mass", before=before)


def test_an_edit_without_a_strength_cannot_be_swept() -> None:
    classifier, film = reader(Brightness(), weight=1.0, bias=0.0), noise()

    with pytest.raises(BadSetting, match="no strength to sweep"):
        sweep(classifier, EditContext(film), parsed_edit("flip"), finding="mass", before=classifier.predict(film))


def answers_by_name(classifier: Classifier, film: Radiograph, finding: str = "mass") -> dict[str, tuple[float, bool]]:
    rows = preprocessing_answers(classifier, film, finding=finding, before=classifier.predict(film))
    return {row.name: (row.shift, row.turned) for row in rows if row.prediction}


def test_inverted_grey_and_a_forgotten_255_turn_an_answer_by_brightness() -> None:
    film = flat(64)  # grey 0.25
    classifier = reader(Brightness(), weight=10.0, bias=-4.0)

    rows = answers_by_name(classifier, film)

    def probability(grey: float) -> float:
        return float(1 / (1 + np.exp(-(10 * grey - 4))))

    inverted, forgotten = rows["Grey scale: inverted"], rows["Scale of grey: 1/255 forgotten"]
    assert inverted[0] == pytest.approx(probability(191 / 255) - probability(64 / 255), abs=0.01)
    assert forgotten[0] == pytest.approx(1 - probability(64 / 255), abs=0.01)
    assert inverted[1]
    assert forgotten[1]
    assert rows["Resize filter: nearest neighbour"][0] == pytest.approx(0, abs=1e-4)


def test_nearest_neighbour_turns_an_answer_by_fine_detail() -> None:
    chess = (np.indices((2 * SIDE, 2 * SIDE)).sum(axis=0) % 2 * 200).astype(np.uint8)
    chess[:2, :2] = 255
    film = Radiograph(pixels=chess, name="chess", black=0.0, white=255.0, origin=Origin("PNG", "L", 8))
    classifier = reader(Brightness(), weight=40.0, bias=-8.0)  # turns at grey 0.2; the mean is 0.39

    rows = answers_by_name(classifier, film)

    assert rows["Resize filter: nearest neighbour"][1]  # keeps every second pixel, all of them black
    assert not rows["Resize filter: bilinear"][1]


def test_the_upper_byte_of_a_12_bit_film_is_nearly_all_that_an_8_bit_reader_needs() -> None:
    pixels = np.linspace(0, 4095, SIDE * SIDE).reshape(SIDE, SIDE).astype(np.uint16)
    film = Radiograph(pixels=pixels, name="ramp", black=0.0, white=4095.0, origin=Origin("PNG", "I;16", 12))

    rows = answers_by_name(reader(Brightness(), weight=10.0, bias=-5.0), film)

    assert rows["Bit depth: 8 bit, through the window"][0] < 0.005
    assert 0.005 < rows["Bit depth: 8 bit, upper byte only"][0] < 0.1  # 16 greys, each rounded down


def test_reversed_labels_and_channels_turn_the_answer() -> None:
    three = Input(size=SIDE, channels=3, mean=(0.0, 0.5, 1.0), std=(1.0, 1.0, 1.0))

    class First(nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images[:, :1]

    classifier = reader(First(), weight=10.0, bias=-2.0, findings=("mass", "normal"), given=three)
    film = flat(128)
    rows = preprocessing_answers(classifier, film, finding="mass", before=classifier.predict(film))
    warning = preprocessing_warning(rows, classifier.checkpoint, "mass")

    by_name = {row.name: row for row in rows}
    assert by_name["Labels: in reverse order"].turned
    assert by_name["Channels: in reverse order"].turned  # the first channel is then (grey - 1)
    assert "Channels: in reverse order (normal" in warning
    assert "Labels" not in warning  # they turn nearly every answer
    assert by_name["Bit depth: 8 instead of 16 bit"].reason == "The film has 8 bits per pixel."
    assert by_name["Shape: other fit to a square"].reason == "The film is square."


def test_a_standardised_film_does_not_mind_a_factor() -> None:
    classifier = reader(Contrast(slice(0, 9), slice(0, 9)), weight=1.0, bias=0.0, given=Input(size=SIDE))
    film = noise()
    rows = preprocessing_answers(classifier, film, finding="mass", before=classifier.predict(film))

    assert "cannot matter" in next(row for row in rows if row.title == "1/255 forgotten").reason
    assert "holds under all" in preprocessing_warning(rows, classifier.checkpoint, "mass")
