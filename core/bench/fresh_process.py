"""Figures measured in a process of their own: time of the import, and peak memory."""

import contextlib
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[2]
_IMPORT = """
import json, time
start = time.perf_counter()
import core.models.classifier
seconds = time.perf_counter() - start
from core.bench.fresh_process import resident
print(json.dumps({"seconds": seconds, "peak": resident("VmHWM")}))
"""
_FRESH = 3  # processes for the import


def import_figures(*, processes: int = _FRESH) -> dict[str, Any]:
    """Seconds and peak memory of `import core.models.classifier`, median of three."""
    runs = [in_fresh_process(_IMPORT) for _ in range(processes)]
    peaks = [run["peak"] for run in runs if run["peak"] is not None]
    return {
        "seconds": round(statistics.median(run["seconds"] for run in runs), 2),
        "peak memory, MB": round(statistics.median(peaks) / 1e6) if peaks else None,
    }


def peak_figures(*, steps: int, side: int = 224) -> dict[str, Any]:
    """How far integrated gradients on DenseNet-121 raise the memory of a process that has already predicted, in MB.

    None where the system does not report it.
    """
    from core.explain.memory import BUDGET

    raised_bytes = in_fresh_process(
        f"import json; from core.bench.fresh_process import raised; print(json.dumps(raised({steps}, {side})))"
    )
    peak = None if raised_bytes is None else round(raised_bytes / 1e6)
    return {
        f"integrated gradients {steps} steps, peak MB": peak,
        "budget, MB": round(BUDGET / 1e6),
        "met": None if raised_bytes is None else raised_bytes <= BUDGET,
    }


def raised(steps: int, side: int) -> int | None:
    """Bytes by which the peak memory with `steps` steps exceeds the memory in use after one prediction."""
    from core.bench.untrained import classifier
    from core.explain.run import explain
    from core.image.phantom import draw

    film, here = draw(height=256, width=256).radiograph, classifier(side=side)
    here.predict(film)
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # resets the peak
    before = resident("VmRSS")
    explain(here, film, finding="covid", method="integrated-gradients", settings={"steps": steps})
    after = resident("VmHWM")
    return None if before is None or after is None else after - before


def resident(which: str) -> int | None:
    """Resident memory of this process in bytes: now (VmRSS) or at its peak (VmHWM); None if the system does not say.

    Linux's ru_maxrss is never below the memory of the parent process; VmHWM starts afresh.
    """
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith(which)), None)


def in_fresh_process(code: str) -> Any:
    """The JSON that the code prints, parsed; a new Python process runs it in the root of the repository."""
    done = subprocess.run([sys.executable, "-c", code], cwd=_ROOT, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)
