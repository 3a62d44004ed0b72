"""A real `rebound serve` of the benchmark's own, on a free port, ended with the block."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

SCRIPTS = Path(sys.executable).parent


@dataclass(frozen=True, kw_only=True)
class Server:
    """Where it listens, and its process id."""

    url: str
    pid: int


@contextmanager
def served(data_dir: Path) -> Iterator[Server]:
    """Serve with all state in a folder, and stop at the end of the block."""
    environment = {**os.environ, "REBOUND_DATA_DIR": str(data_dir)}
    with TemporaryFile("w+") as banner:
        process = subprocess.Popen([SCRIPTS / "rebound", "serve", "--port", "0"], stderr=banner, env=environment)
        try:
            yield Server(url=_url(banner.fileno(), process), pid=process.pid)
        finally:
            process.terminate()
            process.wait(20)


def _url(descriptor: int, process: subprocess.Popen[bytes]) -> str:
    for _ in range(1_200):
        said = os.pread(descriptor, 4_096, 0).decode()
        if "http://" in said and "docs" in said:
            return said.split("Rebound listens on ")[1].split(" ")[0]
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise RuntimeError("the server did not start")
