"""What importing `core` sets for torch."""

import os
import subprocess
import sys

import pytest


@pytest.mark.skipif(sys.platform != "linux", reason="torch brings the GNU library of threads on Linux only")
def test_threads_of_torch_soon_sleep_while_they_wait() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_"))}
    printed = subprocess.run(
        [sys.executable, "-c", "import core, torch"],
        env=environment | {"OMP_DISPLAY_ENV": "verbose"},  # the library prints its settings when it is loaded
        capture_output=True,
        text=True,
        check=True,
    ).stderr

    assert "GOMP_SPINCOUNT = '1000'" in printed
