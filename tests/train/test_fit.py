"""Training on a dozen drawn films: resumption after a kill, the weights it keeps, sampling, and penalties."""

from collections import OrderedDict
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from core.errors import BadData, BadSetting
from core.evaluate.manifest import Row
from core.models.architecture import Network
from core.train import log
from core.train.augment import augment
from core.train.data import Films
from core.train.fit import finished, fit, heat_outside, predict, rate_at, sampling_order
from core.train.recipe import Recipe
from tests.train.drawn import TINY


def _kill_at(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """The process is interrupted in this step, counted from 0 over all epochs."""
    steps = iter(range(1000))

    def killed(*given: Any, **named: Any) -> Any:
        if next(steps) == step:
            raise KeyboardInterrupt
        return augment(*given, **named)

    monkeypatch.setattr("core.train.fit.augment", killed)


def test_a_killed_run_ends_with_the_weights_of_an_unbroken_one(
    train_films: Films, val_films: Films, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = fit(TINY, train_films, val_films, tmp_path / "whole")
    with monkeypatch.context() as patch:
        _kill_at(patch, step=4)  # 12 films in batches of 4: in the middle of the second epoch
        with pytest.raises(KeyboardInterrupt):
            fit(TINY, train_films, val_films, tmp_path / "killed")
    assert [record["epoch"] for record in log.read(tmp_path / "killed" / "log.jsonl")] == [1]
    assert finished(TINY, tmp_path / "killed") is None
    resumed = fit(TINY, train_films, val_films, tmp_path / "killed")

    records = log.read(tmp_path / "killed" / "log.jsonl")
    assert [record["epoch"] for record in records] == [1, 2]
    assert len((tmp_path / "killed" / "log.jsonl").read_text().splitlines()) == 2
    assert [record["size"] for record in records] == [16, 32]
    assert records[1]["loss"] == log.read(tmp_path / "whole" / "log.jsonl")[1]["loss"]
    network = finished(TINY, tmp_path / "killed")
    assert network is not None
    for name, weights in whole.state_dict().items():
        assert torch.equal(weights, resumed.state_dict()[name]), name
        assert torch.equal(weights, network.state_dict()[name]), name

    with pytest.raises(BadData, match="another recipe"):
        fit(replace(TINY, seed=3), train_films, val_films, tmp_path / "killed")
    assert finished(replace(TINY, seed=3), tmp_path / "killed") is None


def test_the_moving_average_of_the_weights_is_what_is_stored(
    train_films: Films, val_films: Films, tmp_path: Path
) -> None:
    one_step = replace(TINY, sizes=(16,), epochs=(2,), cycles=(2,), batch=12)
    states: list[dict[str, Tensor]] = []

    def after(epochs: int, average: float) -> dict[str, Tensor]:
        folder = tmp_path / f"{epochs} {average}"
        recipe = replace(one_step, epochs=(epochs,), cycles=(epochs,), average=average)
        tensors: dict[str, Tensor] = fit(recipe, train_films, val_films, folder).state_dict()
        states.append(torch.load(folder / "state.pt", weights_only=True)["network"])
        return tensors

    last = after(2, 0.0)
    mixed = after(2, 0.75)
    for name, weights in states[0].items():
        assert torch.equal(weights, states[1][name])  # averaging does not change the training
        assert torch.equal(weights, last[name])
    weight = "features.conv1.weight"
    first = (mixed[weight] - 0.25 * last[weight]) / 0.75  # what the average began with: the weights after one step
    moved = (last[weight] - first).abs().max()
    assert 0 < moved < 10 * one_step.rate  # one step of AdamW moves a weight by about the rate


def test_patience_ends_training_at_the_last_size_and_keeps_the_best_weights(
    train_films: Films, val_films: Films, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = replace(TINY, epochs=(3, 5), cycles=(8,), patience=2)
    losses = iter([1.0, 5.0, 5.0, 5.0, 4.0, 6.0, 7.0, 0.0])  # stale at the first size, best in the fifth epoch
    seen: list[dict[str, Tensor]] = []
    real = log.store

    def store(path: Path, computed_by: Any, parts: Any, epochs: int, **more: Any) -> None:
        seen.append({name: value.clone() for name, value in parts["average"].module.state_dict().items()})
        real(path, computed_by, parts, epochs, **more)

    monkeypatch.setattr(log, "store", store)
    monkeypatch.setattr("core.train.fit.validation", lambda *_: {"val_loss": next(losses)})
    network = fit(recipe, train_films, val_films, tmp_path)

    assert len(log.read(tmp_path / "log.jsonl")) == len(seen) == 7
    again = finished(recipe, tmp_path)
    assert again is not None
    for name, weights in network.state_dict().items():
        assert torch.equal(weights, seen[4][name])
        assert torch.equal(weights, again.state_dict()[name])
    assert not torch.equal(network.state_dict()["features.conv1.weight"], seen[6]["features.conv1.weight"])


def test_too_few_films_or_too_small_a_batch_are_refused(train_films: Films, val_films: Films, tmp_path: Path) -> None:
    one = Films(train_films.images[:1], train_films.labels[:1], train_films.rows[:1])

    with pytest.raises(BadData, match="1 films to train on"):
        fit(TINY, one, val_films, tmp_path)


def test_a_damaged_state_is_one_sentence_and_a_half_written_one_does_not_count(
    train_films: Films, val_films: Films, tmp_path: Path
) -> None:
    short = replace(TINY, sizes=(16,), epochs=(1,), cycles=(1,))
    (tmp_path / "state.part").write_bytes(b"half of a state")
    fit(short, train_films, val_films, tmp_path)
    assert finished(short, tmp_path) is not None
    assert not (tmp_path / "state.part").exists()

    state = (tmp_path / "state.pt").read_bytes()
    (tmp_path / "state.pt").write_bytes(state[: len(state) // 2])
    with pytest.raises(BadData, match=r"state\.pt is damaged .* Delete it"):
        fit(short, train_films, val_films, tmp_path)


def _films(counts: dict[tuple[str, str], int]) -> Films:
    """Films without pixels: (label, source) -> how many."""
    kinds = [kind for kind, count in counts.items() for _ in range(count)]
    rows = tuple(Row(file=Path("none"), label=label, source=source) for label, source in kinds)
    return Films(torch.zeros(len(rows), 1, 1, dtype=torch.uint8), torch.zeros(len(rows)), rows)


@pytest.mark.parametrize(("balance", "share"), [(1.0, 1 / 3), (0.5, 5 / (5 + 10 + 30))])
def test_films_are_drawn_by_the_number_of_their_label_and_source(balance: float, share: float) -> None:
    films = _films({("covid", "a"): 25, ("covid", "b"): 100, ("normal", "a"): 900})
    generator = torch.Generator().manual_seed(0)
    recipe = replace(TINY, balance=balance)
    drawn = torch.cat([sampling_order(films, recipe, generator) for _ in range(20)])

    assert len(drawn) == 20 * 1025
    assert float((drawn < 25).float().mean()) == pytest.approx(share, abs=0.02)


def test_without_balance_each_film_comes_once() -> None:
    films = _films({("covid", "a"): 3, ("normal", "a"): 30})
    order = sampling_order(films, replace(TINY, balance=0.0), torch.Generator().manual_seed(0))

    assert sorted(order.tolist()) == list(range(33))


def test_the_rate_of_each_cycle_rises_for_a_fifth_falls_to_nothing_and_halves() -> None:
    recipe = Recipe(sizes=(64,), epochs=(15,), cycles=(10, 5), rate=1e-2)

    assert rate_at(recipe, 0) == pytest.approx(4e-4)
    assert rate_at(recipe, 2) == pytest.approx(1e-2, rel=1e-3)
    assert rate_at(recipe, 9.999) < 1e-5
    assert rate_at(recipe, 11) == pytest.approx(5e-3, rel=1e-3)


def _one_map() -> tuple[Network, Tensor, Tensor]:
    """A network whose map of finding 0 is its one feature map; 8 × 8 maps; the left half is lung."""
    linear = nn.Linear(1, 2)
    with torch.no_grad():
        linear.weight.copy_(torch.tensor([[1.0], [-1.0]]))
    head = nn.Sequential(OrderedDict(pool=nn.AdaptiveAvgPool2d(1), flat=nn.Flatten(), linear=linear))
    lungs = torch.zeros(1, 1, 8, 8)
    lungs[..., :4] = 1
    return Network(nn.Sequential(), {}, head), torch.zeros(1, 1, 8, 8), lungs


def _share(network: Network, features: Tensor, label: int, lungs: Tensor) -> float:
    with torch.no_grad():
        return float(heat_outside(network, features, torch.tensor([label]), lungs))


def test_heat_outside_is_the_share_of_the_map_beyond_the_dilated_lungs() -> None:
    network, features, lungs = _one_map()
    features[..., 2, 1] = 3.0
    assert _share(network, features, 0, lungs) == 0.0
    features[..., 2, 4] = 3.0  # beside the lungs: within a pixel, which they are dilated by
    assert _share(network, features, 0, lungs) == 0.0
    features[..., 2, 6] = 6.0
    assert _share(network, features, 0, lungs) == pytest.approx(0.5, abs=1e-6)
    features[..., :6] = 0.0
    assert _share(network, features, 0, lungs) == pytest.approx(1.0, abs=1e-6)
    # The map of the other label is below zero everywhere: no heat, none outside.
    assert _share(network, features, 1, lungs) == 0.0


def test_heat_outside_falls_when_it_is_trained_on() -> None:
    network, _, lungs = _one_map()
    features = torch.rand(1, 1, 8, 8, generator=torch.Generator().manual_seed(0)).requires_grad_()
    optimiser = torch.optim.SGD([features], lr=5.0)
    shares = []
    for _ in range(20):
        share = heat_outside(network, features, torch.tensor([0]), lungs)
        optimiser.zero_grad()
        share.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        shares.append(float(share.detach()))

    assert shares[0] > 0.3
    assert shares[-1] < 0.5 * shares[0]


def test_heat_outside_needs_average_pooling_one_linear_layer_and_one_finding_a_film() -> None:
    network, features, lungs = _one_map()

    with pytest.raises(BadSetting, match="films with one finding each"):
        heat_outside(network, features, torch.tensor([[0, 1]]), lungs)
    with pytest.raises(BadSetting, match="average pooling and one linear layer"):
        heat_outside(Network(nn.Sequential(), {}, nn.Identity()), features, torch.tensor([0]), lungs)


def test_training_with_background_and_penalty_runs_to_its_end(
    train_films: Films, val_films: Films, tmp_path: Path
) -> None:
    recipe = replace(
        TINY, architecture="resnet50", sizes=(32,), epochs=(1,), cycles=(1,), replaced=1.0, penalty=0.5, batch=6
    )
    fit(recipe, train_films, val_films, tmp_path)

    assert 0 < log.read(tmp_path / "log.jsonl")[0]["loss"] < 10


def test_a_line_that_is_half_written_or_written_twice_counts_once_at_most(tmp_path: Path) -> None:
    log.append(tmp_path / "log.jsonl", {"epoch": 1, "loss": 3})
    log.append(tmp_path / "log.jsonl", {"epoch": 1, "loss": 2})
    with (tmp_path / "log.jsonl").open("a") as lines:
        lines.write('{"epoch": 2, "lo')

    assert log.read(tmp_path / "log.jsonl") == [{"epoch": 1, "loss": 2}]
    assert log.read(tmp_path / "none") == []


def test_recalibrated_batch_norms_have_the_statistics_of_plain_films(
    train_films: Films, val_films: Films, tmp_path: Path
) -> None:
    recipe = replace(TINY, recalibrated=True)

    network = fit(recipe, train_films, val_films, tmp_path)

    norm = next(module for module in network.modules() if isinstance(module, nn.BatchNorm2d))
    entering: list[Tensor] = []
    hook = norm.register_forward_pre_hook(lambda _, inputs: entering.append(inputs[0].detach().float()))
    predict(network, train_films.images, recipe.sizes[-1])
    hook.remove()
    assert norm.running_mean is not None
    assert norm.running_var is not None
    torch.testing.assert_close(norm.running_mean, torch.cat(entering).mean(dim=(0, 2, 3)), rtol=1e-2, atol=1e-3)
    torch.testing.assert_close(norm.running_var, torch.cat(entering).var(dim=(0, 2, 3)), rtol=1e-2, atol=1e-3)
    stored = finished(recipe, tmp_path)
    assert stored is not None
    for name, weights in network.state_dict().items():
        assert torch.equal(weights, stored.state_dict()[name]), name
    plain = fit(TINY, train_films, val_films, tmp_path / "plain")
    assert not torch.allclose(norm.running_mean, dict(plain.named_buffers())[_buffer_name(network, norm)])


def _buffer_name(network: Network, norm: nn.BatchNorm2d) -> str:
    return next(f"{name}.running_mean" for name, module in network.named_modules() if module is norm)
