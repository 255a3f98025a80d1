"""How many people one server serves: clients without a browser upload films; each verdict is held against a serial one.

    .venv/bin/python -m tests.load 20 3              20 clients, 3 films each, on a fresh server
    .venv/bin/python -m tests.load 20 3 --rounds 10  ten rounds, the clients leaving after each: what memory remains

Films are drawn, or those of the test split where LIGHTBOX_DATA names the data set. The clients speak Streamlit's own
protocol over a websocket. A wrong verdict, or the name of another client's film, is an error (exit status 1).
"""

import argparse
import asyncio
import csv
import io
import itertools
import os
import re
import statistics
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import websockets
from PIL import Image
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState

from core.chromium import served
from core.image.film_checks import withheld
from core.image.phantom import Opacity, draw
from core.image.read import read
from core.lung_network import inspect_film
from core.models import library
from core.models.classifier import load
from core.types import Cleaning

VERDICT = 'class="lb-bar'  # of the first probability; its style sheet says .lb-bar
PATIENCE = 120.0  # s for one verdict
_BOUNDARY = "lightbox-load"
_SIDE = 512  # px, of a drawn film


@dataclass(frozen=True)
class UploadedFilm:
    """One file, and what the network says of it: finding -> probability, computed alone."""

    name: str
    data: bytes
    probabilities: Mapping[str, float]

    def occurs_in(self, text: str) -> bool:
        """Whether the page gives every finding with its probability."""
        return all(re.search(rf"{name}.{{0,400}}?{p:.2f}", text, re.DOTALL) for name, p in self.probabilities.items())


@dataclass
class Tally:
    """What came of all uploads: seconds until the probabilities were on the page, and until all of it was; wrong
    verdicts, other clients' films, errors."""

    answers: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


class Client:
    """One person's tab: a websocket, the state of its widgets, and what the server sent last."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.session = ""
        self.query = ""
        self.uploader = ""
        self.widgets: list[Any] = []

    async def open(self) -> None:
        with await asyncio.to_thread(urllib.request.urlopen, f"{self.address}/_stcore/health") as answer:
            cookies = answer.headers.get_all("Set-Cookie") or []
        self.cookie = next((each.split(";")[0] for each in cookies if "_streamlit_xsrf" in each), "")
        self.socket = await websockets.connect(
            f"ws{self.address.removeprefix('http')}/_stcore/stream",
            subprotocols=[websockets.Subprotocol("streamlit")],
            max_size=None,
            origin=websockets.Origin(self.address),
            additional_headers={"Cookie": self.cookie},
            open_timeout=PATIENCE,
        )
        await self.rerun(lambda kind, text: kind == "script_finished")

    async def rerun(self, done: Callable[[str, str], bool]) -> str:
        """Runs the page with the widgets as they are. Returns: all that it sent until `done`, as text."""
        message = BackMsg()
        message.rerun_script.query_string = self.query
        message.rerun_script.widget_states.widgets.extend(self.widgets)
        await self.socket.send(message.SerializeToString())
        return await self._listen(done)

    async def upload(self, film: UploadedFilm) -> tuple[str, float]:
        """Puts the film into the uploader. Returns: the page with its verdict, as text, and when the probabilities
        were on it, by the monotonic clock."""
        message = BackMsg()
        message.file_urls_request.request_id = "film"
        message.file_urls_request.file_names.append(film.name)
        message.file_urls_request.session_id = self.session
        await self.socket.send(message.SerializeToString())
        await self._listen(lambda kind, text: kind == "file_urls_response")
        head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{film.name}"\r\n\r\n'
        request = urllib.request.Request(
            self.address + self.urls.upload_url,
            data=head.encode() + film.data + f"\r\n--{_BOUNDARY}--\r\n".encode(),
            method="PUT",
            headers={
                "Content-Type": f"multipart/form-data; boundary={_BOUNDARY}",
                "Cookie": self.cookie,
                "X-Xsrftoken": self.cookie.split("=", 1)[-1],
            },
        )
        (await asyncio.to_thread(urllib.request.urlopen, request)).close()
        widget = WidgetState(id=self.uploader)
        info = widget.file_uploader_state_value.uploaded_file_info.add()
        info.file_id, info.name, info.size = self.urls.file_id, film.name, len(film.data)
        info.file_urls.CopyFrom(self.urls)
        self.widgets = [widget]
        answered: list[float] = []

        def finished(kind: str, text: str) -> bool:
            there = VERDICT in text and film.name in text
            if there and not answered and film.occurs_in(text):
                answered.append(time.monotonic())
            return kind == "script_finished" and there

        text = await self.rerun(finished)
        self.widgets = []
        return text, answered[0] if answered else time.monotonic()

    async def close(self) -> None:
        await self.socket.close()

    async def _listen(self, done: Callable[[str, str], bool]) -> str:
        text = ""
        while True:
            raw = await asyncio.wait_for(self.socket.recv(), PATIENCE)
            if isinstance(raw, str):
                continue
            message = ForwardMsg.FromString(raw)
            kind = str(message.WhichOneof("type"))
            if kind == "new_session":
                self.session, self.uploader = message.new_session.initialize.session_id, ""
            elif kind == "page_info_changed":
                self.query = message.page_info_changed.query_string
            elif kind == "file_urls_response":
                self.urls = message.file_urls_response.file_urls[0]
            elif kind == "delta":
                text += message.delta.SerializeToString().decode("utf-8", "ignore")
                element = message.delta.new_element
                if element.WhichOneof("type") == "file_uploader" and not self.uploader:
                    self.uploader = element.file_uploader.id
            if done(kind, text):
                return text
            if kind == "script_finished" and message.script_finished != ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY:
                text = ""  # the page starts anew: earlier output belongs to another film


def films(count: int) -> list[UploadedFilm]:
    """So many films with the verdict of the first model, each predicted alone."""
    classifier = load(*_first_model())
    values = []
    for name, data in _files():
        film = read(data, name=name)
        if withheld(inspect_film(film, Cleaning())):
            continue  # its page shows no verdict
        prediction = classifier.predict(film)
        verdict = dict(zip(prediction.findings, map(float, prediction.probabilities), strict=True))
        values.append(UploadedFilm(name, data, verdict))
        if len(values) == count:
            break
    return values


def _first_model() -> tuple[str, Path]:
    name = library.names()[0]
    return name, library.place(name)


def _files() -> Iterator[tuple[str, bytes]]:
    """Names and contents, read or drawn one after the other."""
    folder = os.environ.get("LIGHTBOX_DATA")
    if folder and (table := Path(folder) / "cxr.csv").is_file():
        with table.open(encoding="utf-8", newline="") as lines:
            paths = [Path(folder) / row["file"] for row in csv.DictReader(lines) if row["split"] == "test"]
        yield from ((path.name, path.read_bytes()) for path in paths)
    else:
        yield from ((f"drawn-{seed:04}.png", _drawn(seed)) for seed in itertools.count())


def _drawn(seed: int) -> bytes:
    opacity = Opacity(x=0.28, y=0.5, radius=0.03 + 0.002 * (seed % 30))
    file = io.BytesIO()
    picture = draw(seed=seed, opacity=opacity, height=_SIDE, width=_SIDE).radiograph.pixels
    Image.fromarray(picture).save(file, "PNG", compress_level=1)
    return file.getvalue()


async def visit(address: str, mine: Sequence[UploadedFilm], everything: Sequence[UploadedFilm], tally: Tally) -> None:
    """One client from opening the page to leaving it."""
    client = Client(address)
    try:
        await client.open()
        for place, film in enumerate(mine):
            start = time.monotonic()
            text, answered = await client.upload(film)
            tally.answers.append(answered - start)
            tally.seconds.append(time.monotonic() - start)
            if not film.occurs_in(text):
                tally.wrong.append(film.name)
            known = {each.name for each in mine[: place + 1]}
            tally.foreign += [each.name for each in everything if each.name in text and each.name not in known]
            if not client.uploader:
                await client.rerun(lambda kind, text: kind == "script_finished")
        await client.close()
    except (OSError, TimeoutError, websockets.WebSocketException, StopIteration) as error:
        tally.errors.append(repr(error)[:120])


async def clients(address: str, everything: Sequence[UploadedFilm], *, count: int, each: int) -> Tally:
    """All clients at once."""
    tally = Tally()
    shares = [
        [everything[(client * each + place) % len(everything)] for place in range(each)] for client in range(count)
    ]
    await asyncio.gather(*(visit(address, mine, everything, tally) for mine in shares))
    return tally


def main() -> int:
    """Returns: the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("clients", type=int, nargs="?", default=20, help="people at once")
    parser.add_argument("films", type=int, nargs="?", default=3, help="films that each of them opens")
    parser.add_argument("--rounds", type=int, default=2, help="how often; the first is on a fresh server")
    arguments = parser.parse_args()
    everything = films(arguments.clients * arguments.films)
    failed = False
    with served() as (process, address):
        server = psutil.Process(process.pid)
        for round_ in range(1, arguments.rounds + 1):
            before, start = sum(server.cpu_times()[:2]), time.monotonic()
            tally = asyncio.run(clients(address, everything, count=arguments.clients, each=arguments.films))
            wall, cpu = time.monotonic() - start, sum(server.cpu_times()[:2]) - before
            waits = sorted(tally.seconds) or [float("nan")]
            print(
                f"round {round_}: {len(tally.seconds)} verdicts in {wall:.1f} s, median wait "
                f"{statistics.median(waits):.2f} s, longest {waits[-1]:.2f} s, until the probabilities "
                f"{statistics.median(tally.answers or waits):.2f} s; server {cpu / max(1, len(waits)):.2f} s "
                f"of CPU per film, {server.memory_info().rss / 1e6:.0f} MB; "
                f"wrong {len(tally.wrong)}, of others {len(tally.foreign)}, errors {len(tally.errors)}",
                flush=True,
            )
            failed = failed or bool(tally.wrong or tally.foreign or tally.errors)
            for problem in (*tally.wrong[:3], *tally.foreign[:3], *tally.errors[:3]):
                print("  ", problem)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
