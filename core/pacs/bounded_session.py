"""HTTP requests with limits: on time, on bytes, and on the address, which they never leave."""

import threading
import time
from concurrent.futures import Future
from typing import Any

import requests
import urllib3

from core.errors import Unreachable
from core.pacs.server import PacsServer

_CHUNK = 1 << 16  # bytes
_SILENCE = 10.0  # s without a byte


class BoundedSession(requests.Session):
    """A session that reads every response in full, within the server's time limit and `largest` bytes.

    Each request runs in a thread of its own: a server that sends its headers byte by byte keeps every single read
    within the limit and would block the caller for hours.
    """

    def __init__(self, server: PacsServer, *, largest: int) -> None:
        super().__init__()
        self.trust_env = False  # otherwise a .netrc or a proxy of the environment would see patients' names
        self.verify = server.certificates or True
        self._server, self._largest = server, largest
        if server.user or server.password:
            self.auth = (server.user, server.password)
        if server.token:
            self.headers["Authorization"] = f"Bearer {server.token}"

    def request(self, *args: Any, **named: Any) -> requests.Response:
        """As requests.Session. Raises: Unreachable, in one sentence, for every connection error."""
        done: Future[requests.Response] = Future()

        def run() -> None:
            try:
                done.set_result(self._requested(*args, **named))
            except BaseException as error:  # noqa: BLE001  raised where the result is read
                done.set_exception(error)

        threading.Thread(target=run, daemon=True, name="pacs").start()
        try:
            return done.result(timeout=self._server.seconds)
        except TimeoutError:
            raise Unreachable(self._late()) from None

    def _requested(self, method: str, url: str, **named: Any) -> requests.Response:
        # An address may hold `*` and `?` as they are, and not every server decodes them.
        path, mark, query = url.partition("?")
        url = path + mark + query.replace("%2A", "*").replace("%3F", "?")
        until, where = time.monotonic() + self._server.seconds, self._server.host
        named |= {"stream": True, "timeout": min(_SILENCE, self._server.seconds), "allow_redirects": False}
        try:
            response = super().request(method, url, **named)
            with response:
                if response.is_redirect:
                    raise Unreachable(f"{where} redirects to another address. Set up that address, if you trust it.")
                response._content = self._body(response, until)
        except requests.exceptions.SSLError as error:
            raise Unreachable(
                f"The certificate of {where} is not trusted. Give the file of its authority as `certificates`."
            ) from error
        except requests.Timeout as error:
            raise Unreachable(self._late()) from error
        except requests.ConnectionError as error:
            raise Unreachable(f"{where} could not be reached. Is it running, and is its address right?") from error
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise Unreachable(f"{where} closed the connection too early ({type(error).__name__}).") from error
        return response

    def _body(self, response: requests.Response, until: float) -> bytes:
        """Reads whatever has arrived, again and again: waiting for a full chunk of a trickle never times out."""
        body = bytearray()
        while chunk := response.raw.read1(_CHUNK, decode_content=True):
            body += chunk
            if len(body) > self._largest:
                raise Unreachable(
                    f"{self._server.host} sent more than {self._largest / 1e6:.0f} MB. Request less, such as one study."
                )
            if time.monotonic() > until:
                raise Unreachable(self._late())
        return bytes(body)

    def _late(self) -> str:
        return f"{self._server.host} did not answer within {self._server.seconds:g} s. Try again, or raise `seconds`."
