"""What torchrun starts in the test: the command line, which here also keeps the network of each process.

Run as `torchrun -m tests.train.each_rank FOLDER ARGUMENTS`.
"""

import os
import sys
from pathlib import Path
from typing import Any

import torch

from core.__main__ import cli
from core.models.architecture import Network
from core.train import cross_validation, run
from core.train.fit import fit


def _trained(recipe: Any, films: Any, val: Any, folder: Path, **named: Any) -> Network:
    network = fit(recipe, films, val, folder, **named)
    torch.save(network.state_dict(), Path(sys.argv[1]) / f"{folder.name}-{os.environ['RANK']}.pt")
    return network


if __name__ == "__main__":
    for module in (run, cross_validation):
        vars(module)["fit"] = _trained
    cli(sys.argv[2:])
