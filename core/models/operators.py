"""Lets `import torchvision` work beside a CPU-only torch: `from core.models.operators import torchvision`.

The package index's Linux build of torchvision is linked against CUDA; beside a CPU build of torch its C++
operators do not load, and the import stops with "operator torchvision::nms does not exist". Lightbox uses none of
them, so declaring the two missing schemas is enough. A build that does load keeps its own.
"""

import sys

import torch

_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"

try:
    import torchvision
except RuntimeError:
    for _name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[_name]  # the half-imported package
    for _operator in ("torchvision::nms", "torchvision::qnms"):
        torch.library.define(_operator, _SCHEMA)
    import torchvision

__all__ = ["torchvision"]
