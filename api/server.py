"""`rebound serve`: uvicorn around the application, with a first line that tells where it listens."""

import os
import signal
import socket
import sys
import tempfile
from typing import Any

import uvicorn
from fastapi import FastAPI
from pydantic import SecretStr

from api.app import create_app
from api.environment import read_settings
from api.logs import configure_logs
from api.metrics import SHARED
from classifier.bootstrap import build
from classifier.settings import Settings

_CURL = (
    """curl -s {url}/v1/classify -H 'Content-Type: application/json' -d '{{"text": "550 5.1.1 no such user here"}}'"""
)
_WARM_UP = "550 5.1.1 warm-up"
_OPTIONS: dict[str, Any] = {
    "log_level": "warning",
    "access_log": False,
    "server_header": False,
    "timeout_keep_alive": 65,
    "backlog": 512,
    "timeout_graceful_shutdown": 10,  # a client that holds a stream open must not hold up a restart
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
    for name, value in settings.model_dump(exclude_none=True).items():
        os.environ[f"REBOUND_{name.upper()}"] = _plain(value)
    with tempfile.TemporaryDirectory(prefix="rebound-metrics-") as shared:
        os.environ[SHARED] = shared
        uvicorn.run(
            "api.server:from_environment", factory=True, workers=settings.workers, host=host, port=port, **_OPTIONS
        )


def _plain(value: object) -> str:
    return str(value.get_secret_value() if isinstance(value, SecretStr) else value)


def _stopped(*_: object) -> None:
    """End with status 0: uvicorn has closed down by now and raises the signal again for us."""
    raise SystemExit(0)


def application(settings: Settings) -> FastAPI:
    """Return the application with its model loaded and warm, so that the first caller waits no longer than others."""
    parts = build(settings)
    parts.pipeline.predictor.predict([_WARM_UP])
    parts.catalogue.warm()
    return create_app(settings, parts)


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
