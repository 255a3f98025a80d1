"""The training of the lung and the device network, on drawn chests."""

import json
from pathlib import Path

import numpy as np
import pytest

from core.errors import BadSetting
from core.image.drawn_devices import with_devices
from core.image.phantom import draw
from core.train import devices, log, lungs
from core.train.recipe import SegmentationRecipe

TINY = SegmentationRecipe(sizes=(32, 48), epochs=(1, 1), batch=6)


@pytest.mark.parametrize("name", ["lungs-unet", "devices-unet"])
def test_a_training_writes_weights_and_a_card_with_figures_and_resumes(name: str, data: Path, tmp_path: Path) -> None:
    train = lungs.train if name == "lungs-unet" else devices.train

    train([data], recipe=TINY, runs=tmp_path / "runs", out=tmp_path, notes={"licence": "free"})
    (tmp_path / f"{name}.safetensors").unlink()
    train([data], recipe=TINY, runs=tmp_path / "runs", out=tmp_path)  # continues after the last epoch

    card = json.loads((tmp_path / f"{name}.json").read_text(encoding="utf-8"))
    assert (tmp_path / f"{name}.safetensors").exists()
    assert [epoch["size"] for epoch in log.read(tmp_path / "runs" / name / "log.jsonl")] == [32, 48]
    assert card["metrics"]["test"]["n"] == 12
    with pytest.raises(BadSetting, match="another recipe"):
        train([data], recipe=SegmentationRecipe(seed=1), runs=tmp_path / "runs", out=tmp_path)


def test_a_drawn_device_brightens_its_mask_and_nothing_else_and_a_seed_draws_it_again() -> None:
    film = (draw(seed=3, height=256, width=256).radiograph.pixels // 17).astype(np.uint8)

    for seed in range(20):
        drawn, mask = with_devices(film, np.random.default_rng(seed))
        change = drawn.astype(int) - film

        assert change.min() >= 0
        assert change[mask > 0].min() >= 15  # 6 % of the way to white
        assert change[mask == 0].max() <= 16
        assert 0.0005 < (mask > 0).mean() < 0.35
        again, _ = with_devices(film, np.random.default_rng(seed))
        assert np.array_equal(drawn, again)
