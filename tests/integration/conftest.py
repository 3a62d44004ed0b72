"""A real `rebound serve` on a socket of its own; a real PostgreSQL on a socket file of its own."""

import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

REBOUND = Path(sys.executable).with_name("rebound")


class Served:
    """A running server: its URL, its process, how long it took to answer."""

    def __init__(self, *arguments: str, **environment: str) -> None:
        started = time.monotonic()
        self.folder = tempfile.TemporaryDirectory(prefix="rebound-served-")
        environment = {"data_dir": self.folder.name} | environment
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

        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                with urllib.request.urlopen(f"{self.url}/readyz", timeout=5):
                    return
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                time.sleep(0.02)
        raise AssertionError("the server never answered /readyz")

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(10)
        self.process.stderr.close()
        self.folder.cleanup()
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
        server.folder.cleanup()


_POSTGRES = Path("/usr/lib/postgresql")
_QUICK = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c shared_buffers=32MB"


def _program(name: str) -> str:
    """Find a program of PostgreSQL's; Debian keeps them out of the path."""
    installed = sorted(_POSTGRES.glob(f"*/bin/{name}"), key=lambda path: float(path.parts[-3]))
    found = shutil.which(name) or (str(installed[-1]) if installed else None)
    if found is None:
        pytest.skip("PostgreSQL's server programs are not installed (apt install postgresql)")
    return found


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """Run a server that nobody else can reach; gives the URL of a database, which wants a name in place of NAME."""
    initdb, pg_ctl = _program("initdb"), _program("pg_ctl")
    folder = Path(tempfile.mkdtemp(prefix="rebound-pg-", dir="/tmp"))  # a socket's path is short
    # The server refuses to be run by root.
    account = "postgres" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
    as_user = ["runuser", "-u", account, "--"] if os.getuid() == 0 else []
    if as_user:
        shutil.chown(folder, account)

    def run(*command: str) -> None:
        subprocess.run([*as_user, *command], check=True, stdout=subprocess.DEVNULL, cwd="/tmp")

    try:
        data, log = str(folder / "data"), str(folder / "log")
        run(initdb, "-D", data, "-U", "postgres", "-A", "trust", "-N", "--locale=C.UTF-8", "-E", "UTF8")
        options = f"-c listen_addresses='' -k {folder} -p 55433 {_QUICK}"
        run(pg_ctl, "-D", data, "-w", "-l", log, "-o", options, "start")
        try:
            yield f"postgresql://postgres@/NAME?host={folder}&port=55433"
        finally:
            run(pg_ctl, "-D", data, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request, tmp_path) -> Iterator[str]:
    """A fresh database of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/deep/rebound.db"
        return
    import psycopg

    server, name = request.getfixturevalue("postgresql"), f"t{uuid4().hex}"
    with psycopg.connect(server.replace("NAME", "postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield server.replace("NAME", name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


_FORKS = """
import os, sys, traceback
from datetime import UTC, datetime
from classifier.store import *
sys.path.insert(0, sys.argv[1])
{body}
children = []
for i in range(int(sys.argv[2])):
    children.append(os.fork())
    if not children[-1]:
        try:
            work(i, sys.argv[3])
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
sys.exit(any([os.waitpid(child, 0)[1] for child in children]))
"""


@pytest.fixture
def in_processes(store_url):
    """Run `work(i, url)` of a program text in several processes at the same moment."""

    def run(count: int, body: str) -> None:
        command = [sys.executable, "-c", _FORKS.format(body=body), str(Path(__file__).parent), str(count), store_url]
        subprocess.run(command, check=True, timeout=120)

    return run


@pytest.fixture
def store(store_url):
    from classifier.store import open_store

    opened = open_store(store_url)
    yield opened
    opened.close()
