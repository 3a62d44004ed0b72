"""A real `rebound serve` on a socket of its own."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

REBOUND = Path(sys.executable).with_name("rebound")


class Served:
    """A running server: its URL, its process, how long it took to answer."""

    def __init__(self, *arguments: str, **environment: str) -> None:
        started = time.monotonic()
        self.process = subprocess.Popen(
            [REBOUND, "serve", "--port", "0", *arguments],
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **{f"REBOUND_{k.upper()}": v for k, v in environment.items()}},
        )
        self.banner = []
        while not (found := re.search(r"http://127\.0\.0\.1:\d+", self.banner[-1] if self.banner else "")):
            line = self.process.stderr.readline()
            if not line:
                raise AssertionError(f"the server ended: {''.join(self.banner)}")
            self.banner.append(line)
        self.url = found.group()
        self.await_ready()
        self.seconds_to_ready = time.monotonic() - started

    def await_ready(self) -> None:
        import urllib.error
        import urllib.request

        for _ in range(300):
            try:
                with urllib.request.urlopen(f"{self.url}/readyz", timeout=5):
                    return
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.02)
        raise AssertionError("the server never answered /readyz")

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(10)
        self.process.stderr.close()
        return code


@pytest.fixture(scope="session")
def served() -> Iterator[Served]:
    server = Served()
    yield server
    server.stop()


@pytest.fixture
def serve():
    """Start servers of the test's own; they are stopped after it."""
    yield from _serve()


@pytest.fixture(scope="module")
def serve_module():
    """Start servers that all tests of a module share."""
    yield from _serve()


def _serve():
    started = []

    def start(*arguments: str, **environment: str) -> Served:
        started.append(Served(*arguments, **environment))
        return started[-1]

    yield start
    for server in started:
        if server.process.poll() is None:
            server.stop()
        server.process.stderr.close()
