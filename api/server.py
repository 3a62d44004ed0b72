"""`rebound serve`: uvicorn around the application, with a first line that tells where it listens."""

import gc
import os
import signal
import socket
import sys
import tempfile
from asyncio import Transport
from typing import Any

import uvicorn
from fastapi import FastAPI
from pydantic import SecretStr
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from api.app import create_app
from api.environment import read_settings
from api.follower import follower_of
from api.live import Live
from api.logs import configure_logs
from api.memory import Memory
from api.metrics import SHARED
from classifier.domain import Failure, Kind
from classifier.settings import Settings

_CURL = (
    """curl -s {url}/v1/classify -H 'Content-Type: application/json' -d '{{"text": "550 5.1.1 no such user here"}}'"""
)

_FIRST = Failure(kind=Kind.FAILURE, diagnostic="550 5.1.1 warm-up", remote_mta="mx.example.org")


class PromptProtocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]  # chosen at run time
    """HTTP whose answers leave at once.

    asyncio switches Nagle's delay off only for sockets that were made with the protocol's number, and neither uvicorn's nor
    ours are: each answer on a kept connection would wait 40 ms for the client's acknowledgement.
    """

    def connection_made(self, transport: Transport) -> None:
        """Begin a connection."""
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().connection_made(transport)


_OPTIONS: dict[str, Any] = {
    "http": PromptProtocol,
    "log_level": "warning",
    "access_log": False,
    "server_header": False,
    "timeout_keep_alive": 65,
    "backlog": 512,
    "timeout_graceful_shutdown": 10,  # a client that holds a stream open must not hold up a restart
    # A worker that does not answer its supervisor in time is replaced: one that starts on a busy machine is no such one.
    "timeout_worker_healthcheck": 60,
    "log_config": None,  # uvicorn's lines go where ours go, see api/logs.py
}


def run(settings: Settings) -> None:
    """Serve until a signal comes."""
    configure_logs(settings.log_level)
    try:
        listener = _listen(settings)
    except OSError as error:
        print(f"rebound: cannot listen on {settings.host}:{settings.port}: {error.strerror}", file=sys.stderr)
        raise SystemExit(1) from error
    signal.signal(signal.SIGTERM, _stopped)
    signal.signal(signal.SIGINT, _stopped)
    host, port = listener.getsockname()[:2]
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    print(f"Rebound listens on {url} (docs: {url}/docs). Try:\n  {_CURL.format(url=url)}", file=sys.stderr, flush=True)
    if settings.workers == 1:
        uvicorn.Server(uvicorn.Config(application(settings), **_OPTIONS)).run(sockets=[listener])
        return
    # Workers are fresh interpreters: what was given on the command line reaches them through the environment.
    listener.close()
    os.environ.update(environment(settings))
    with tempfile.TemporaryDirectory(prefix="rebound-metrics-") as shared:
        os.environ[SHARED] = shared
        uvicorn.run(
            "api.server:from_environment", factory=True, workers=settings.workers, host=host, port=port, **_OPTIONS
        )


def environment(settings: Settings) -> dict[str, str]:
    """Return the variables that make another process read the same settings, secrets included."""
    return {
        f"REBOUND_{name.upper()}": str(value.get_secret_value() if isinstance(value, SecretStr) else value)
        for name, value in settings.model_dump(exclude_none=True).items()
    }


def _stopped(*_: object) -> None:
    """End with status 0: uvicorn has closed down by now and raises the signal again for us."""
    raise SystemExit(0)


def application(settings: Settings) -> FastAPI:
    """Return the application with its model loaded and warm, so that the first caller waits no longer than others."""
    memory = Memory(settings)
    live = Live(settings, pins=memory.pins, recorder=memory.recorder)
    live.parts.catalogue.warm()
    live.parts.pipeline.classify([_FIRST], record=False)
    follower = follower_of(settings)
    app = create_app(settings, live, memory, beside=[*live.steps(), *([follower.steps()] if follower else [])])
    # What is loaded by now stays: the collector need not look through it again and again, for 60 to 80 ms each time, in
    # which nobody is answered.
    gc.collect()
    gc.freeze()
    return app


def from_environment() -> FastAPI:
    """Build a worker process's application."""
    settings = read_settings()
    configure_logs(settings.log_level)
    return application(settings)


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((settings.host, settings.port))
    listener.listen(_OPTIONS["backlog"])
    listener.set_inheritable(True)
    return listener
