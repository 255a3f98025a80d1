"""Servers that are slow, absent, refusing or lying: one sentence within the limit, and no false data is accepted."""

import functools
import io
import json
import os
import random
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pydicom
import pytest
import requests
from PIL import Image

from core.errors import UserError
from core.image.phantom import draw
from core.pacs.bounded_session import BoundedSession
from core.pacs.dicomweb import InstanceEntry, StudyQuery, instances, retrieve, search, store, thumbnail
from core.pacs.server import PacsServer
from core.types import Radiograph

Respond = Callable[[BaseHTTPRequestHandler], None]
_LIMIT = 1.0  # s of the server's setting
_JSON = "application/dicom+json"
_STUDY = {
    "0020000D": {"vr": "UI", "Value": ["1.2.3"]},
    "00080020": {"vr": "DA", "Value": ["20260101"]},
    "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Secret^Name"}]},
    "00080061": {"vr": "CS", "Value": ["DX", "SR"]},
    "00201208": {"vr": "IS", "Value": [2]},
}
_INSTANCE = {
    "0020000D": {"vr": "UI", "Value": ["1.2.3"]},
    "0020000E": {"vr": "UI", "Value": ["1.2.3.4"]},
    "00080018": {"vr": "UI", "Value": ["1.2.3.4.5"]},
    "00280010": {"vr": "US", "Value": [512]},
    "00280011": {"vr": "US", "Value": [480]},
}
_ENTRY = InstanceEntry("1.2.3", "1.2.3.4", "1.2.3.4.5", "DX", "PA", 512, 480, 1)


@contextmanager
def serving(respond: Respond, *, context: ssl.SSLContext | None = None) -> Iterator[PacsServer]:
    """A server on loopback that answers every request by `respond`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            respond(self)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            respond(self)

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            pass  # the client has gone: that is what is tested

    server = Server(("localhost", 0), Handler)
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        scheme = "https" if context else "http"
        yield PacsServer("test", f"{scheme}://localhost:{server.server_port}/dicom-web", seconds=_LIMIT)
    finally:
        server.shutdown()
        server.server_close()


def body(content: bytes, kind: str = _JSON, status: int = 200, **headers: str) -> Respond:
    def respond(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(content)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(content)

    return respond


def multipart(*parts: bytes) -> bytes:
    return b"".join(b"\r\n--b\r\nContent-Type: application/dicom\r\n\r\n" + part for part in parts) + b"\r\n--b--"


@functools.cache
def _film() -> Radiograph:
    return draw(seed=1, height=64, width=64).radiograph


def film_file(uid: str = "1.2.3.4.5", study: str = "1.2.3") -> bytes:
    from tests.report.test_dicom import film_of

    return film_of(_film(), SOPInstanceUID=uid, StudyInstanceUID=study, SeriesInstanceUID="1.2.3.4")


def endless(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", _JSON)
    handler.end_headers()
    while True:
        handler.wfile.write(b" " * 65536)


def trickle(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", _JSON)
    handler.end_headers()
    while True:
        handler.wfile.write(b" ")
        time.sleep(0.05)


def trickled_headers(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
    while True:
        handler.wfile.write(b"a")
        handler.wfile.flush()
        time.sleep(0.05)


def silent(handler: BaseHTTPRequestHandler) -> None:
    time.sleep(5)


def broken_off(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.send_header("Content-Type", _JSON)
    handler.end_headers()
    handler.wfile.write(b"[")


@pytest.mark.parametrize(
    ("respond", "sentence"),
    [
        (silent, "did not answer within 1 s"),
        (trickle, "did not answer within 1 s"),
        (trickled_headers, "did not answer within 1 s"),
        (endless, r"sent more than 34 MB|did not answer within 1 s"),
        (broken_off, "closed the connection too early|could not be reached"),
        (body(b"", status=302, Location="https://elsewhere.example.org/"), "redirects to another address"),
        (body(b"no", status=403), "refuses access .403."),
        (body(b"no", status=503), "error 503"),
        (body(b"<html>", "text/html"), "cannot be read"),
        (body(b"[1, 2]"), "cannot be read"),
        (body(b"[" * 100_000), "cannot be read"),
        (body(json.dumps([{"0020000D": {"vr": "UI", "Value": ["../../x"]}}]).encode()), "cannot be read"),
        (body(json.dumps([{**_STUDY, "00201208": {"vr": "IS", "Value": ["many"]}}]).encode()), "cannot be read"),
    ],
)
def test_a_search_that_fails_is_one_sentence_in_time(respond: Respond, sentence: str) -> None:
    with serving(respond) as server:
        started = time.monotonic()
        with pytest.raises(UserError, match=sentence) as caught:
            search(server, StudyQuery(patient="Secret^Name"))
        assert time.monotonic() - started < 20 * _LIMIT
    assert "Secret" not in str(caught.value)


def test_the_command_prints_one_sentence_and_no_value_of_a_lying_server() -> None:
    lie = [
        {**_STUDY, "0020000D": {"vr": "UI", "Value": ["Secret^Name"]}, "00080020": {"vr": "DA", "Value": ["Secret"]}}
    ]
    with serving(body(json.dumps(lie).encode())) as server:
        done = subprocess.run(
            [sys.executable, "-m", "core", "pacs", "search", "lying"],
            env=os.environ | {"LIGHTBOX_PACS_LYING_URL": server.url},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.startswith("Error: localhost:")
    assert len(done.stderr.splitlines()) == 1
    assert "Secret" not in done.stdout + done.stderr


def test_an_absent_server_is_one_sentence() -> None:
    with socket.socket() as listener:
        listener.bind(("localhost", 0))
        port = listener.getsockname()[1]
    with pytest.raises(UserError, match="could not be reached"):
        search(PacsServer("test", f"http://localhost:{port}"), StudyQuery())


def test_an_untrusted_certificate_is_refused_until_its_authority_is_given(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(["openssl", *request, *names], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    with serving(body(json.dumps([_STUDY]).encode()), context=context) as server:
        with pytest.raises(UserError, match=r"certificate of localhost:.* is not trusted"):
            search(server, StudyQuery())
        trusted = PacsServer("test", server.url, certificates=str(certificate))
        assert [study.uid for study in search(trusted, StudyQuery())] == ["1.2.3"]


def test_a_token_is_sent_and_never_to_another_address() -> None:
    seen: list[str | None] = []

    def respond(handler: BaseHTTPRequestHandler) -> None:
        seen.append(handler.headers.get("Authorization"))
        body(json.dumps([_STUDY]).encode())(handler)

    with serving(respond) as other:
        elsewhere = serving(body(b"", status=307, Location=other.url + "/studies"))
        with elsewhere as server, pytest.raises(UserError, match="redirects"):
            search(PacsServer("test", server.url, token="t"), StudyQuery())
        assert not seen
        search(PacsServer("test", other.url, token="t"), StudyQuery())
    assert seen == ["Bearer t"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (multipart(film_file(uid="1.2.3.4.6")), "a different instance than requested"),
        (multipart(film_file(study="1.2.9")), "a different instance than requested"),
        (multipart(), "cannot be read"),
        (multipart(film_file(), film_file()), "cannot be read"),
        (multipart(b"no DICOM"), "cannot be read"),
        (multipart(film_file()[:300]), "cannot be read|a different instance"),
    ],
)
def test_another_instance_than_requested_is_not_opened(content: bytes, sentence: str) -> None:
    kind = 'multipart/related; type="application/dicom"; boundary=b'
    with serving(body(content, kind)) as server, pytest.raises(UserError, match=sentence):
        retrieve(server, _ENTRY)


def test_instances_of_another_study_are_not_listed() -> None:
    row = {**_INSTANCE, "0020000D": {"vr": "UI", "Value": ["1.2.9"]}}
    with serving(body(json.dumps([row]).encode())) as server, pytest.raises(UserError, match="cannot be read"):
        instances(server, "1.2.3")


@pytest.mark.parametrize("content", [b"GIF89a", b"\xff\xd8\xff\xe0 no picture"])
def test_a_preview_that_is_no_picture_is_one_sentence(content: bytes) -> None:
    with serving(body(content, "image/jpeg")) as server, pytest.raises(UserError, match="picture that cannot be read"):
        thumbnail(server, _ENTRY)


def test_a_preview_of_many_pixels_is_not_decoded() -> None:
    file = io.BytesIO()
    Image.fromarray(np.zeros((5000, 5000), np.uint8)).save(file, "PNG")
    with serving(body(file.getvalue(), "image/png")) as server, pytest.raises(UserError, match="cannot be read"):
        thumbnail(server, _ENTRY)


def test_what_the_server_does_not_confirm_counts_as_refused() -> None:
    objects = [pydicom.dcmread(io.BytesIO(film_file(uid=uid))) for uid in ("1.2.3.4.5", "1.2.3.4.6", "1.2.3.4.7")]
    item = {"00081150": {"vr": "UI", "Value": ["1.2"]}}
    confirmed = {**item, "00081155": {"vr": "UI", "Value": ["1.2.3.4.5"]}}
    failed = {**item, "00081155": {"vr": "UI", "Value": ["1.2.3.4.6"]}, "00081197": {"vr": "US", "Value": [272]}}
    answer = {"00081199": {"vr": "SQ", "Value": [confirmed]}, "00081198": {"vr": "SQ", "Value": [failed]}}

    with serving(body(json.dumps(answer).encode())) as server:
        receipt = store(server, "1.2.3", objects)
    with serving(body(b"{}")) as server, pytest.raises(UserError, match="stored none of the 3 objects: not confirmed"):
        store(server, "1.2.3", objects)

    assert receipt.stored == ("1.2.3.4.5",)
    assert receipt.refused == {"1.2.3.4.6": "failure code 272", "1.2.3.4.7": "not confirmed"}


def test_mutated_answers_give_an_entry_or_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mutations of good answers; the command of the note runs 5,000. The connection is left out for speed."""
    answers = {
        "search": (json.dumps([_STUDY, _STUDY]).encode(), _JSON),
        "instances": (json.dumps([_INSTANCE]).encode(), _JSON),
        "retrieve": (multipart(film_file()), 'multipart/related; type="application/dicom"; boundary=b'),
    }
    server = PacsServer("test", "http://localhost:1/dicom-web")
    chance = random.Random(0)
    calls: dict[str, Callable[[], object]] = {
        "search": lambda: search(server, StudyQuery()),
        "instances": lambda: instances(server, "1.2.3"),
        "retrieve": lambda: retrieve(server, _ENTRY),
    }
    entries, sentences = 0, []
    for _ in range(mutations()):
        name = chance.choice(list(answers))
        content, kind = answers[name]
        answer = (
            mutated(content, chance),
            mutated(kind.encode(), chance).decode("latin-1") if chance.random() < 0.1 else kind,
        )
        monkeypatch.setattr(BoundedSession, "request", canned(*answer))
        try:
            calls[name]()
        except UserError as error:
            sentences.append(str(error))
        else:
            entries += 1
    assert not [each for each in sentences if "Secret" in each]
    assert min(entries, len(sentences)) > 0.05 * mutations()  # both kinds occur


def mutations() -> int:
    return int(os.environ.get("LIGHTBOX_MUTATIONS", "300"))


def mutated(content: bytes, chance: random.Random) -> bytes:
    """Some bytes changed, removed, doubled, or the end cut off."""
    data = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 5, 20))):
        place = chance.randrange(min(len(data), 1200)) if data else 0
        length = chance.choice((1, 1, 2, 8, 40))
        kind = chance.randrange(4)
        if kind == 0:
            data[place : place + length] = chance.randbytes(length)
        elif kind == 1:
            del data[place : place + length]
        elif kind == 2:
            data[place:place] = data[place : place + length]
        elif chance.random() < 0.1:
            del data[place:]
    return bytes(data)


def canned(content: bytes, kind: str) -> Callable[..., object]:
    def request(*_: object, **__: object) -> requests.Response:
        response = requests.Response()
        response.status_code = 200
        response.headers["Content-Type"] = kind
        response._content = content
        return response

    return request
