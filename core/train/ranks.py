"""The processes of torchrun for one training, and the rank of this one; a single one without torchrun."""

import os

import torch
from torch import distributed, nn


def is_first() -> bool:
    """Whether this process writes files."""
    return int(os.environ.get("RANK", 0)) == 0


def leave() -> None:
    """Leaves the process group."""
    if distributed.is_initialized():
        distributed.destroy_process_group()


class Ranks:
    """The process group, joined on first use; it lasts until `leave`, over all folds of a training.

    rank, count: of the process.
    device:      its own GPU if there are any, else the CPU.
    """

    def __init__(self) -> None:
        self.rank, self.count = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
        self.first = self.rank == 0
        self.device = torch.device("cpu")
        if torch.cuda.is_available():
            self.device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
            torch.cuda.set_device(self.device)
        if self.count > 1 and not distributed.is_initialized():
            distributed.init_process_group("nccl" if self.device.type == "cuda" else "gloo")

    def shared(self, module: nn.Module) -> nn.Module:
        """The module with its gradients averaged over all processes in each backward pass."""
        return nn.parallel.DistributedDataParallel(module) if self.count > 1 else module

    def agreed(self, answer: bool) -> bool:
        """The first process's value, in all processes."""
        if self.count == 1:
            return answer
        shared_answer = torch.tensor([int(answer)], device=self.device)
        distributed.broadcast(shared_answer, 0)
        return bool(shared_answer)

    def level(self, network: nn.Module) -> None:
        """Copies the first process's weights and batch norm statistics to all."""
        if self.count > 1:
            for tensor in network.state_dict().values():
                distributed.broadcast(tensor, 0)
