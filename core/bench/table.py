"""The figures of the bench as tables: one for the terminal, another for the README."""

from collections.abc import Mapping
from typing import Any

from core.bench import map_costs
from core.markdown import markdown_table

_NONE = "–"
_PEERS = {map_costs.CAPTUM: "Captum", map_costs.TORCH_CAM: "torch-cam", map_costs.GRAD_CAM: "pytorch-grad-cam"}
_ROWS = {
    map_costs.LAST: "prediction + Grad-CAM of all findings, last stage",
    map_costs.ALL: "prediction + Grad-CAM of all stages and findings + saliency of all findings",
    map_costs.ALL_BFLOAT16: "the same in bfloat16",
    "integrated_gradients_per_pass": "integrated gradients, a pass",
    "smoothgrad_per_pass": "SmoothGrad, a pass",
    "occlusion_per_pass": "occlusion, a pass",
    "rise_per_pass": "RISE, a pass",
    "deletion_per_pass": "deletion and insertion curves, an altered image",
    "throughput_4_threads": "answers a second to 4 threads, over those to one",
    "throughput_16_threads": "answers a second to 16 threads, over those to one",
}


def rows(figures: Mapping[str, Any]) -> list[list[str]]:
    """Rows of quantity, figure, target and other libraries' figures; the header first."""
    table = [["what", "Lightbox", "target", *_PEERS.values()]]
    for key, name in _ROWS.items():
        theirs = figures["peers"].get(key, {})
        table.append(
            [
                name,
                _number(figures["ratios"].get(key)),
                _target(figures, key),
                *(_number(theirs.get(p)) for p in _PEERS),
            ]
        )
    return table


def lines(figures: Mapping[str, Any]) -> list[str]:
    """Figures outside the table: memory, waiting times, machine."""
    memory, threads, machine = figures["memory"], figures["threads"], figures["machine"]
    ((figure, peak), (_, budget), *_) = memory.items()
    waits = ", ".join(f"{count}: {each['slowest answer, s']:.1f} s" for count, each in threads.items())
    return [
        f"{figure.removesuffix(', peak MB').capitalize()} raise the peak of memory by {_number(peak, 0)} MB (budget "
        f"{budget:,} MB).",
        f"Slowest answer to so many threads at once: {waits}.",
        f"Medians of {figures['repeats']}; a bare forward pass of {machine['architecture']} at {machine['input']} took "
        f"{figures['bare forward, ms']:.0f} ms on {machine['cores']} cores ({machine['cpu']}), "
        f"torch {machine['torch']}.",
    ]


def markdown(figures: Mapping[str, Any]) -> str:
    """The body of the README's section `bench`."""
    return f"{markdown_table(rows(figures))}\n\n" + "\n".join(lines(figures))


def _target(figures: Mapping[str, Any], key: str) -> str:
    signs = {"at most": "≤", "at least": "≥"}
    for bound, sign in signs.items():
        if key in figures["targets"][bound]:
            return f"{sign} {figures['targets'][bound][key]:.2f}"
    return ""


def _number(value: Any, digits: int = 2) -> str:
    return f"{value:,.{digits}f}" if isinstance(value, int | float) else _NONE
