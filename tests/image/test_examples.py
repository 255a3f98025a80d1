"""Public examples: fetched once, checked by digest, refused in one sentence. Only this machine is contacted."""

import hashlib
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from core.errors import Unreachable
from core.image.examples import Example, cache_folder, fetch, listed

FILM = bytes(range(256)) * 800


class Archive(ThreadingHTTPServer):
    """A server on 127.0.0.1 that counts what it was asked for."""

    daemon_threads = True
    texts: list[str]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Desk(BaseHTTPRequestHandler):
    server: Archive

    def do_GET(self) -> None:
        self.server.texts.append(self.path)
        match self.path:
            case "/film.png":
                self.answer(200, FILM)
            case "/moved.png":
                self.send_response(302)
                self.send_header("Location", "/film.png")
                self.send_header("Content-Length", "0")
                self.end_headers()
            case "/circle.png":
                self.send_response(302)
                self.send_header("Location", "/circle.png")
                self.send_header("Content-Length", "0")
                self.end_headers()
            case "/changed.png":
                self.answer(200, FILM[:-1] + b"?")
            case "/short.png":
                self.answer(200, FILM[:1000], claimed=len(FILM))
            case "/large.png":
                self.answer(200, FILM + FILM)
            case "/slow.png":
                self.answer(200, b"", claimed=len(FILM))
                for byte in FILM[:100]:
                    self.wfile.write(bytes([byte]))
                    self.wfile.flush()
                    time.sleep(0.05)
            case "/silent.png":
                time.sleep(1)
            case _:
                self.answer(404, b"nothing here")

    def answer(self, status: int, body: bytes, claimed: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if claimed is None else claimed))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


class Quiet(Archive):
    """A client that hangs up is part of these tests."""

    def handle_error(self, request: object, client_address: object) -> None:
        pass


@pytest.fixture
def archive(monkeypatch: pytest.MonkeyPatch) -> Iterator[Archive]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Quiet(("127.0.0.1", 0), Desk) as server:
        server.texts = []
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def example(*urls: str) -> Example:
    return Example(
        name="test-film",
        title="",
        finding="",
        licence="",
        credit="",
        note="",
        file="film.png",
        size=len(FILM),
        sha256=hashlib.sha256(FILM).hexdigest(),
        urls=urls,
    )


def test_a_film_comes_whole_and_the_second_time_without_network(archive: Archive, tmp_path: Path) -> None:
    wanted = example(f"{archive.url}/film.png")

    assert fetch(wanted, tmp_path / "new") == FILM
    assert fetch(wanted, tmp_path / "new") == FILM
    assert archive.texts == ["/film.png"]


def test_a_redirect_is_followed(archive: Archive, tmp_path: Path) -> None:
    assert fetch(example(f"{archive.url}/moved.png"), tmp_path) == FILM
    assert archive.texts == ["/moved.png", "/film.png"]


def test_a_mirror_helps_where_the_first_place_does_not(archive: Archive, tmp_path: Path) -> None:
    assert fetch(example(f"{archive.url}/gone.png", f"{archive.url}/film.png"), tmp_path) == FILM


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/gone.png", "127.0.0.1 answered 404"),
        ("/changed.png", "204,800 bytes that are not the film in the list"),
        ("/short.png", "broke the connection after 1,000 of 204,800 bytes"),
        ("/large.png", "more than the 204,800 bytes"),
        ("/circle.png", "invalid answer"),
        ("/silent.png", "did not answer within 0.3 s"),
        ("/slow.png", "sent only [0-9]+ of 204,800 bytes in time"),
    ],
)
def test_what_is_not_the_film_is_refused_and_not_stored(
    archive: Archive, tmp_path: Path, path: str, reason: str
) -> None:
    with pytest.raises(Unreachable, match=reason) as refusal:
        fetch(example(archive.url + path), tmp_path, timeout=0.3, patience=0.5)

    assert str(refusal.value).startswith("Could not download the example 'test-film': ")
    assert str(refusal.value).endswith("Your own files and the phantom work without it.")
    assert list(tmp_path.iterdir()) == []


def test_a_machine_without_network_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))  # bound but not listening: refused at once
        port = listener.getsockname()[1]
        with pytest.raises(Unreachable, match="could not be reached"):
            fetch(example(f"http://127.0.0.1:{port}/film.png"), tmp_path)


def test_a_cached_file_that_was_changed_is_fetched_again(archive: Archive, tmp_path: Path) -> None:
    wanted = example(f"{archive.url}/film.png")
    (tmp_path / wanted.sha256).write_bytes(b"half of i")

    assert fetch(wanted, tmp_path) == FILM
    assert (tmp_path / wanted.sha256).read_bytes() == FILM


def test_a_cache_that_cannot_be_written_costs_only_the_cache(archive: Archive, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"in the way of a folder")

    assert fetch(example(f"{archive.url}/film.png"), tmp_path / "file") == FILM


def test_every_listed_example_is_pinned_credited_and_free_to_use() -> None:
    examples = listed()

    assert len({entry.name for entry in examples}) == len({entry.sha256 for entry in examples}) == len(examples) >= 6
    for entry in examples:
        assert entry.title
        assert entry.finding
        assert entry.credit
        assert entry.licence in ("CC BY 3.0", "CC BY 4.0", "No restrictions, attribution requested")
        assert len(entry.sha256) == 64
        assert 0 < entry.size < 4_000_000
        assert entry.urls
        assert all(url.startswith("https://") and " " not in url for url in entry.urls)


def test_the_cache_belongs_to_the_user_and_not_to_the_repository() -> None:
    assert Path.cwd() not in cache_folder().parents
