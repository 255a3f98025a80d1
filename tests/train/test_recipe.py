"""The recipe as a TOML file: its fields, and one sentence for each mistake."""

from pathlib import Path

import pytest

from core.errors import BadCheckpoint, BadSetting
from core.models.architecture import architectures
from core.models.checkpoints import SHIPPED
from core.train.recipe import Recipe, SegmentationRecipe, changed, notes, read, refuse_other

RECIPES = sorted(path for path in (SHIPPED / "recipes").glob("*.toml") if not path.stem.endswith("-notes"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_that_is_shipped_can_be_read(path: Path) -> None:
    recipe = read(path)

    assert isinstance(recipe, SegmentationRecipe) or recipe.architecture in architectures
    assert isinstance(notes(path), dict)


def test_a_field_that_the_file_leaves_out_has_its_default(tmp_path: Path) -> None:
    (tmp_path / "one.toml").write_text('architecture = "small-cnn"\nsizes = [32, 48]\nepochs = [2, 1]\nrate = 1\n')

    assert read(tmp_path / "one.toml") == Recipe(
        architecture="small-cnn", sizes=(32, 48), epochs=(2, 1), cycles=(3,), rate=1.0
    )
    assert Recipe(sizes=(32, 48), epochs=(2, 1)).schedule == [32, 32, 48]


def test_the_lung_network_has_a_recipe_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "one.toml").write_text('architecture = "lungs-unet"\nbatch = 8\n')

    assert read(tmp_path / "one.toml") == SegmentationRecipe(batch=8)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("rate = ", "is not TOML"),
        ("speed = 1", "sets 'speed', which it does not have. Known: architecture, findings"),
        ("findings = 'covid'", "sets findings to 'covid'; it must be a list, each part text"),
        ("findings = ['covid', 1]", "it must be a list, each part text"),
        ("findings = ['covid']", "give two or more different ones"),
        ("findings = ['covid', 'covid']", "give two or more different ones"),
        ("sizes = [64.0]", "it must be a list, each part a whole number"),
        ("sizes = [8]\nepochs = [1]", r"sizes is \(8,\); it must be 16 to 4096"),
        ("sizes = [64]", "must have equal length"),
        ("sizes = []\nepochs = []", "must have equal length"),
        ("epochs = [12, 4, 0]", "must be 1 or more"),
        ("cycles = [3]", r"cycles \(3,\) hold 3 epochs, epochs \(12, 4, 2\) 18"),
        ("batch = 1", "batch is 1; it must be 2 or more"),
        ("batch = true", "sets batch to True; it must be a whole number"),
        ("rate = 'fast'", "sets rate to 'fast'; it must be a number"),
        ("rate = 0", "rate is 0.0; it must be 1e-09 to 10"),
        ("rate = nan", "rate is nan"),
        ("label_smoothing = 1", "label_smoothing is 1.0; it must be 0 to 0.99"),
        ("balance = 2", "balance is 2.0; it must be 0 to 1"),
        ("average = 1", "average is 1.0"),
        ("patience = -1", "patience is -1; it must be 0 or more"),
        ("replaced = 1.5", "replaced is 1.5; it must be 0 to 1"),
        ("penalty = -0.1", "penalty is -0.1; it must be 0 or more"),
        ("multi_label = 'yes'", "sets multi_label to 'yes'; it must be true or false"),
        ("frozen = true", "frozen features need a checkpoint"),
    ],
)
def test_a_wrong_field_is_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "one.toml").write_text(text)

    with pytest.raises(BadSetting, match=sentence):
        read(tmp_path / "one.toml")


def test_a_recipe_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match=r"none\.toml cannot be opened"):
        read(tmp_path / "none.toml")


def test_other_epochs_take_one_cycle_unless_they_bring_their_own() -> None:
    recipe = Recipe(sizes=(64,), epochs=(6,), cycles=(4, 2))

    assert changed(recipe, {"epochs": [3]}).cycles == (3,)
    assert changed(recipe, {"epochs": [3], "cycles": [1, 2]}).cycles == (1, 2)
    assert changed(recipe, {"rate": 1e-4}).cycles == (4, 2)


def test_a_card_that_is_half_written_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "one.json").write_text('{"trained_on": {"rec')

    with pytest.raises(BadCheckpoint, match=r"one\.json is not JSON"):
        refuse_other("one", Recipe(), tmp_path)
    refuse_other("another", Recipe(), tmp_path)
