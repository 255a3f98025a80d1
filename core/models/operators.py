"""Lets `import torchvision` work beside a CPU-only torch, and quickly: `from core.models.operators import torchvision`.

The package index's Linux build of torchvision is linked against CUDA; beside a CPU build of torch its C++
operators do not load, and the import stops with "operator torchvision::nms does not exist". Lightbox uses none of
them, so declaring the two missing schemas is enough. A build that does load keeps its own.

Of torch's compiler torchvision imports one function, for an operator that Lightbox does not use. The compiler takes as
long to import as torch itself (2.0 of 4.0 s of CPU for both), so a stand-in takes its place meanwhile.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

import torch

_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_COMPILER = ("torch._dynamo", "torch._dynamo.utils")


@contextmanager
def _without_compiler() -> Iterator[None]:
    """While torchvision is imported, the compiler supports nothing; afterwards it can be imported as ever."""
    if _COMPILER[0] in sys.modules:
        yield
        return
    for name in _COMPILER:
        sys.modules[name] = ModuleType(name)
    vars(sys.modules[_COMPILER[1]])["is_compile_supported"] = lambda device_type: False
    try:
        yield
    finally:
        for name in _COMPILER:
            del sys.modules[name]


with _without_compiler():
    try:
        import torchvision
    except RuntimeError:
        for _name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[_name]  # the half-imported package
        for _operator in ("torchvision::nms", "torchvision::qnms"):
            torch.library.define(_operator, _SCHEMA)
        import torchvision

__all__ = ["torchvision"]
