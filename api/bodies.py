"""Limits on what a client may send, kept before anything is decoded."""

import json

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import problem

_PATIENCE = 4
"""How many times the limit is read of a body that is refused."""


class BodyLimit:
    """ASGI middleware: a body that announces or shows more octets than allowed is refused with 413.

    Args:
        app: The application inside.
        max_bytes: Largest body.
        streamed: Paths whose NDJSON bodies are read line by line and may be of any length.
    """

    def __init__(self, app: ASGIApp, *, max_bytes: int, streamed: frozenset[str]) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._streamed = streamed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on unless its body is too large."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        media = headers.get(b"content-type", b"").split(b";")[0].strip()
        if scope["path"] in self._streamed and media == b"application/x-ndjson":
            await self._app(scope, receive, send)
            return
        announced = headers.get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > self._max_bytes:
            await self._refuse(receive, send)
            return
        # A chunked body announces nothing: read it here, up to the limit.
        body, more = b"", b"content-length" not in headers and b"transfer-encoding" in headers
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return  # half a body must not be taken for a whole one
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > self._max_bytes:
                await self._refuse(receive, send)
                return
        await self._app(scope, _replayed(body, receive) if b"transfer-encoding" in headers else receive, send)

    async def _refuse(self, receive: Receive, send: Send) -> None:
        # A connection closed on a client that still writes takes the answer with it, so some more is read and dropped.
        spare = _PATIENCE * self._max_bytes
        while spare > 0:
            message = await receive()
            spare -= len(message.get("body", b"")) or 1
            if not message.get("more_body", False):
                break
        document = problem("message_too_large", f"the body is larger than {self._max_bytes} octets")
        body = json.dumps(document).encode()
        length = str(len(body)).encode()
        headers = [
            (b"content-type", b"application/problem+json"),
            (b"content-length", length),
            (b"connection", b"close"),
        ]
        await send({"type": "http.response.start", "status": 413, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _replayed(body: bytes, receive: Receive) -> Receive:
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
