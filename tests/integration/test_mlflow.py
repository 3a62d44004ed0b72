"""Serving follows a real tracking server: its aliases decide which model answers."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path

import httpx2 as httpx
import pytest

from classifier.bundle import MANIFEST, MODEL, load_bundle, manifest_of, sha256_of
from classifier.resources import resource
from classifier.settings import Settings
from classifier.store import open_store
from training.books import adopt, books_of, catch_up, serving

MLFLOW = Path(sys.executable).with_name("mlflow")
SHIPPED = load_bundle(resource("models/standard")).manifest.label


@pytest.fixture(scope="module")
def tracking(tmp_path_factory):
    """Start a tracking server that hands out artifacts, on a port of its own."""
    folder = tmp_path_factory.mktemp("mlflow")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            [MLFLOW, "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1", "--serve-artifacts",
             "--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", str(folder / "artifacts")],
            stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"},
        )  # fmt: skip
    try:
        for _ in range(1_200):
            try:
                urllib.request.urlopen(f"{url}/health", timeout=5).close()
                break
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                assert server.poll() is None, (folder / "log").read_text()
                time.sleep(0.1)
        yield url
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)


@pytest.fixture
def register(tracking, monkeypatch):
    """Log bundles as the trainer does, and register them as versions of one model."""
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    from mlflow.exceptions import MlflowException
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=tracking, registry_uri=tracking)

    def register(folder, *aliases, name="rebound"):
        experiment = client.get_experiment_by_name("rebound")
        run = client.create_run(experiment.experiment_id if experiment else client.create_experiment("rebound"))
        client.log_artifacts(run.info.run_id, str(folder), "bundle")
        with suppress(MlflowException):  # it exists already
            client.create_registered_model(name)
        tags = {"label": manifest_of(folder).label, "bundle_sha256": sha256_of(folder / MANIFEST)}
        source = f"{run.info.artifact_uri}/bundle"
        version = client.create_model_version(name, source, run_id=run.info.run_id, tags=tags).version
        for alias in aliases:
            client.set_registered_model_alias(name, alias, version)
        return version

    register.client = client
    return register


def await_models(url, holds, *, seconds=60.0):
    until = time.monotonic() + seconds
    while not holds(shown := httpx.get(f"{url}/v1/models", timeout=30).json()):
        assert time.monotonic() < until, shown
        time.sleep(0.1)
    return shown


def test_a_new_trainer_takes_the_champion_of_the_tracking_server_and_never_its_own_for_it(
    tracking, register, bundle, tmp_path
):
    version = register(bundle("50"), "champion", name="elsewhere")
    settings = Settings(data_dir=tmp_path / "new", mlflow_tracking_uri=tracking, registered_model="elsewhere")
    store = open_store(settings.store_url)
    try:
        books = books_of(settings, store)
        catch_up(settings, books)
        assert serving(settings).manifest.label == "minilm-l4/50"
        assert (row := adopt(books, serving(settings))).state == "champion"
        assert (row.registry_version, books.registry.aliases()) == (version, {"champion": version})
        catch_up(settings, books)
        assert len(books.shelf.history("champion")) == 1
    finally:
        store.close()


@pytest.mark.slow
def test_aliases_of_a_tracking_server_decide_which_model_answers(serve, tracking, register, bundle, tmp_path):
    settings = {"mlflow_tracking_uri": tracking, "registry_seconds": "1", "data_dir": str(tmp_path / "data")}
    server = serve("--workers", "2", **settings)
    register(bundle("7"), "champion")
    register(bundle("8"), "challenger")
    shown = await_models(
        server.url,
        lambda s: (
            (s["champion"]["model"], s["challenger"]["pointed"]) == ("minilm-l4/7", "minilm-l4/8")
            and s["challenger"]["running"]
        ),
    )
    assert (shown["follows"], shown["champion"]["refused"]) == ("mlflow", None)
    assert shown["history"][-1]["why"] == "rebound version 1 in MLflow"
    # Promotion: both aliases change.
    register.client.set_registered_model_alias("rebound", "champion", "2")
    register.client.delete_registered_model_alias("rebound", "challenger")
    await_models(server.url, lambda s: (s["champion"]["model"], s["challenger"]["pointed"]) == ("minilm-l4/8", None))
    # A version whose files are not what was registered is refused, and the champion goes on.
    broken = bundle("9")
    (broken / MODEL).write_bytes(b"damaged")
    register(broken, "champion")
    shown = await_models(server.url, lambda s: s["champion"]["refused"] is not None)
    assert "model.onnx is damaged" in shown["champion"]["refused"]
    assert httpx.get(f"{server.url}/readyz").json()["reason"] == shown["champion"]["refused"]
    answer = httpx.post(f"{server.url}/v1/classify", json={"text": "550 5.1.1 no such user"}, timeout=30).json()
    assert answer["model"] == "minilm-l4/8"
    # Roll-back.
    register.client.set_registered_model_alias("rebound", "champion", "1")
    shown = await_models(server.url, lambda s: s["champion"]["model"] == "minilm-l4/7")
    assert shown["champion"]["refused"] is None
