"""Adds a script to Streamlit's page, so that the chosen theme, by default dark, is there from the first paint on."""

from pathlib import Path

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_HEAD = b"<head>"
_SCRIPT = (Path(__file__).parent / "first_paint.html").read_bytes()
_ENCODED = (b"accept-encoding",)  # request header: the page must come uncompressed
_OF_ANOTHER = (b"content-length", b"etag", b"last-modified")  # response headers, valid only without the script


class FirstPaint:
    """ASGI middleware; everything except HTML passes unchanged."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request."""
        headers = dict(scope.get("headers", ()))
        if scope["type"] != "http" or b"text/html" not in headers.get(b"accept", b""):
            await self.app(scope, receive, send)
            return
        page = _Page(send)
        plain = [header for header in scope["headers"] if header[0] not in _ENCODED]
        await self.app({**scope, "headers": plain}, receive, page)


class _Page:
    """Delays the start of an HTML response until its first bytes arrive, and adds the script to them."""

    def __init__(self, send: Send) -> None:
        self.send = send
        self.start: Message | None = None

    async def __call__(self, message: Message) -> None:
        """Passes a message on."""
        if message["type"] == "http.response.start" and _is_html(message):
            self.start = {
                **message,
                "headers": [header for header in message["headers"] if header[0].lower() not in _OF_ANOTHER],
            }
            return
        if self.start is not None and message["type"] == "http.response.body":
            await self.send(self.start)
            self.start = None
            message = {**message, "body": message.get("body", b"").replace(_HEAD, _HEAD + _SCRIPT, 1)}
        await self.send(message)


def _is_html(message: Message) -> bool:
    return any(name.lower() == b"content-type" and b"text/html" in value for name, value in message["headers"])
