"""`readme`: the generated tables of README.md and of the guide."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from core.commands.registry import command, commands
from core.errors import BadCheckpoint

if TYPE_CHECKING:
    from core.models.architecture import Architecture, Network
    from core.types import Checkpoint

_ROOT = Path(__file__).parents[2]
_SIZE = 224  # px, of the input whose multiplications are counted
_TWINS = ("densenet121-plain", "densenet121-lungs")  # the same layers, different training


@command("readme", short_help="Update the generated tables of the documentation.")
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 if a table is out of date.")
def readme(check: bool) -> None:
    """Write the tables of commands, models, methods and architectures into README.md and dashboard/guide/.

    \b
    Examples:
      python -m core readme
      python -m core readme --check
    """
    from core.markdown import replace_section

    stale = [(path, name, body) for path, name, body in _sections() if _is_stale(path, name, body)]
    for path, name, body in stale:
        if not check:
            replace_section(path, name, body)
        click.echo(f"{path.relative_to(_ROOT)}: {name} {'is out of date' if check else 'updated'}")
    if check and stale:
        raise SystemExit(1)


def _is_stale(path: Path, name: str, body: str) -> bool:
    from core.markdown import section

    return section(name, body) not in path.read_text(encoding="utf-8")


def _sections() -> Iterator[tuple[Path, str, str]]:
    """File, name and body of every generated section; each file decides which it contains."""
    from core.explain import table
    from core.markdown import has_section

    makers = {
        "commands": _commands,
        "models": _models,
        "twins": _twins,
        "lung network": _lung_network,
        "device network": _device_network,
        "methods": table.markdown,
        "architectures": _architectures,
    }
    for path in (_ROOT / "README.md", *sorted((_ROOT / "dashboard" / "guide").glob("*.md"))):
        for name, make in makers.items():
            if has_section(path, name):
                yield path, name, make()


def _commands() -> str:
    from core.markdown import markdown_table

    rows = [(f"`{name}`", each.get_short_help_str(limit=200)) for name, each in sorted(commands.items())]
    return markdown_table([("`python -m core …`", "what it does"), *rows])


def _models() -> str:
    """The models that come with Lightbox, as `models` lists them."""
    from core.commands.models import HEAD, row
    from core.markdown import markdown_table
    from core.models import checkpoints
    from core.models.summary import summary

    folder = checkpoints.SHIPPED
    rows = [row(summary(checkpoints.read_card(name, folder), folder)) for name in checkpoints.names(folder)]
    return markdown_table([HEAD, *rows])


def _twins() -> str:
    """The two DenseNets with the same layers and different training, figure by figure from their cards."""
    from core.markdown import markdown_table
    from core.models import checkpoints

    cards = [checkpoints.read_card(name) for name in _TWINS]
    columns = [_twin_figures(card) for card in cards]
    head = ("", *(name.removeprefix("densenet121-") for name in _TWINS))
    return markdown_table([head, *((label, *(column[label] for column in columns)) for label in columns[0])])


def _twin_figures(card: "Checkpoint") -> dict[str, str]:
    """Row label -> figure, of one card."""
    from core.estimate import estimate_text

    test, lungs = card.metrics.test, card.metrics.lungs
    if test is None or lungs is None or not (lungs.lungs_only and lungs.lungs_out and lungs.lung_area):
        raise BadCheckpoint(f"The card of {card.name} lacks test or lung figures. Evaluate it again.")
    groups = {group.name.partition(" (")[0]: group for group in test.groups}
    return {
        "macro AUC, all test films": estimate_text(test.macro_auc),
        "accuracy": estimate_text(test.accuracy),
        "calibration error after temperature": estimate_text(test.ece),
        f"Grad-CAM inside the dilated lungs, which cover {lungs.lung_area.value:.2f} of the film": estimate_text(
            lungs.lung_ratio
        ),
        "macro AUC with everything but the lungs black": estimate_text(lungs.lungs_only.macro_auc),
        "macro AUC with the lungs black": estimate_text(lungs.lungs_out.macro_auc),
        "accuracy, adults": estimate_text(groups["Adults"].accuracy),
        "macro AUC of pneumonia and normal, adults of `nih`": estimate_text(groups["NIH adults"].macro_auc),
    }


def _lung_network() -> str:
    """How well the lung network outlines lungs, from its card."""
    from core.models import checkpoints

    card = json.loads((checkpoints.SHIPPED / "lungs-unet.json").read_text(encoding="utf-8"))
    dice = card["metrics"]["test"]["dice"]
    interval = f"{dice['low']:.3f} to {dice['high']:.3f}"
    return f"Dice {dice['value']:.3f} ({interval}) on {dice['n']} test films with human outlines."


def _device_network() -> str:
    """How well the device network marks drawn devices, from its card."""
    from core.models import checkpoints

    card = json.loads((checkpoints.SHIPPED / "devices-unet.json").read_text(encoding="utf-8"))
    test = card["metrics"]["test"]
    found, right, dice, without = (test[name] for name in ("sensitivity", "ppv", "dice", "marked_without"))
    return (
        f"On {test['n']} test films with drawn devices, it marks {found['value']:.0%} ({found['low']:.0%} to "
        f"{found['high']:.0%}) of the devices' pixels, and {right['value']:.0%} ({right['low']:.0%} to "
        f"{right['high']:.0%}) of the marked pixels are on a device (Dice {dice['value']:.2f}). On the same films "
        f"without drawn devices, it marks {without['value']:.2%} of the area; part of that is on real devices."
    )


def _architectures() -> str:
    from core.markdown import markdown_table
    from core.models.architecture import architectures

    head = ("name", "network", "source", "float16", "multiplications", "last maps")
    return markdown_table([head, *map(_architecture, architectures.values())])


def _architecture(entry: "Architecture") -> tuple[str, ...]:
    from core.models.architecture import shapes_only

    with shapes_only():
        network = entry.build(3, 1).eval()
    count, last = _multiplications(network)
    megabytes = 2 * sum(tensor.numel() for tensor in network.state_dict().values()) / 1e6
    size = " × ".join(map(str, last))
    return f"`{entry.name}`", entry.title, entry.source, f"{megabytes:.1f} MB", f"{count / 1e9:.2f} billion", size


def _multiplications(network: "Network") -> tuple[int, tuple[int, int]]:
    """Multiplications of one forward pass at _SIZE px and one channel, and the size of the last maps."""
    import torch
    from torch import nn

    count = 0

    def add(module: nn.Module, _: object, output: torch.Tensor) -> None:
        nonlocal count
        weight = module.get_parameter("weight")
        count += output.numel() * weight[0].numel()

    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.register_forward_hook(add)
    with torch.inference_mode():
        maps = network.features(torch.empty(1, 1, _SIZE, _SIZE, device="meta"))
        network.head(maps)
    return count, (maps.shape[-2], maps.shape[-1])
