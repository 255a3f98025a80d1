"""An Orthanc with DICOMweb on loopback, filled with drawn films by DCMTK's storescu.

.venv/bin/python -m tests.pacs.orthanc      the dashboard with such a server, until Ctrl+C: `make pacs`
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydicom.uid import generate_uid

from core.image.phantom import Opacity, draw
from core.pacs.server import PacsServer
from tests.report.test_dicom import film_of

PROGRAM = shutil.which("Orthanc") or "/usr/sbin/Orthanc"
PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
USER, PASSWORD = "reader", "for tests only"
_PATIENCE = 60.0  # s until it answers


@dataclass(frozen=True)
class Orthanc:
    """A running server and the port on which it takes DICOM associations."""

    server: PacsServer
    dicom_port: int

    def send(self, files: Sequence[Path]) -> None:
        """Sends files as a modality would."""
        subprocess.run(
            ["storescu", "-aec", "ORTHANC", "localhost", str(self.dicom_port), *map(str, files)],
            check=True,
            capture_output=True,
            timeout=_PATIENCE,
        )

    @property
    def environment(self) -> dict[str, str]:
        """What makes it known to Lightbox under its name."""
        values = {"URL": self.server.url, "USER": USER, "PASSWORD": PASSWORD}
        return {f"LIGHTBOX_PACS_{self.server.name.upper()}_{key}": value for key, value in values.items()}


def is_installed() -> bool:
    """Whether Orthanc, its DICOMweb and DCMTK are here (Debian: orthanc, orthanc-dicomweb, dcmtk)."""
    return Path(PROGRAM).exists() and PLUGIN.exists() and shutil.which("storescu") is not None


@contextmanager
def orthanc(folder: Path) -> Iterator[Orthanc]:
    """A server that keeps its data in the folder and ends with the block."""
    web, dicom = _free_port(), _free_port()
    settings = {
        "Name": "Lightbox tests",
        "StorageDirectory": str(folder / "storage"),
        "IndexDirectory": str(folder / "storage"),
        "HttpPort": web,
        "DicomPort": dicom,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": True,
        "RegisteredUsers": {USER: PASSWORD},
        "DicomCheckCalledAet": False,
        "Plugins": [str(PLUGIN)],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    }
    path = folder / "orthanc.json"
    path.write_text(json.dumps(settings), encoding="utf-8")
    with (folder / "orthanc.log").open("wb") as log:
        process = subprocess.Popen([PROGRAM, str(path)], stdout=log, stderr=subprocess.STDOUT)
    try:
        _wait_for(web, process, folder / "orthanc.log")
        yield Orthanc(PacsServer("test", f"http://localhost:{web}/dicom-web", user=USER, password=PASSWORD), dicom)
    finally:
        process.terminate()
        process.wait(timeout=_PATIENCE)


def drawn_studies(folder: Path, count: int) -> list[Path]:
    """Files of drawn films, each a study of its own drawn patient; every second one has an opacity."""
    paths = []
    for seed in range(count):
        opacity = Opacity(0.3, 0.55) if seed % 2 else None
        film = draw(seed=seed, height=512, width=480, opacity=opacity).radiograph
        uids = {
            keyword: generate_uid(entropy_srcs=[f"{keyword} {seed}"])
            for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
        }
        data = film_of(
            film,
            **uids,
            PatientName=f"Drawn^Number{seed}",
            PatientID=f"L{seed:04d}",
            StudyDate=f"202601{seed % 28 + 1:02d}",
            StudyDescription="Chest PA",
            SeriesDescription="PA",
            ViewPosition="PA",
        )
        paths.append(folder / f"drawn-{seed}.dcm")
        paths[-1].write_bytes(data)
    return paths


def _wait_for(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    opener = urllib.request.build_opener(_signed_in(port))
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until and process.poll() is None:
        try:
            opener.open(f"http://localhost:{port}/system", timeout=2).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"Orthanc did not start:\n{log.read_text(errors='replace')[-2000:]}")


def _signed_in(port: int) -> urllib.request.HTTPBasicAuthHandler:
    passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    passwords.add_password(None, f"http://localhost:{port}/", USER, PASSWORD)
    return urllib.request.HTTPBasicAuthHandler(passwords)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("localhost", 0))
        return int(listener.getsockname()[1])


def main() -> None:
    """Orthanc with twelve drawn studies, and the dashboard that knows it."""
    if not is_installed():
        sys.exit("Install Orthanc and DCMTK first (Debian: apt-get install orthanc orthanc-dicomweb dcmtk).")
    with tempfile.TemporaryDirectory() as name, orthanc(Path(name)) as running:
        running.send(drawn_studies(Path(name), 12))
        command = [sys.executable, "-m", "streamlit", "run", "dashboard/app.py", *sys.argv[1:]]
        subprocess.run(command, env=os.environ | running.environment, check=False)


if __name__ == "__main__":
    main()
