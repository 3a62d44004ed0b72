"""What comes back from servers that are no tracking server, or one that is not well. A real one: tests/integration."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from api.tracking import TrackingServer, tracking_server
from classifier.errors import RegistryUnavailable
from classifier.settings import Settings

SOURCE = "mlflow-artifacts:/1/abc/artifacts/bundle"


@pytest.fixture
def answering():
    """Start a server that gives one answer to everything, and notes what it was asked."""
    started = []

    def start(status, body, *, length=None):
        asked = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append((self.path, self.headers.get("Authorization")))
                self.send_response(status)
                self.send_header("Content-Length", str(len(body) if length is None else length))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        started.append(server)
        return server.server_port, asked

    yield start
    for server in started:
        server.shutdown()
        server.server_close()


def test_an_alias_names_a_version_with_its_source_and_tags(answering):
    version = {"version": 3, "source": SOURCE, "tags": [{"key": "label", "value": "m/1"}, {"key": "empty"}]}
    port, asked = answering(200, json.dumps({"model_version": version}).encode())
    found = TrackingServer(f"http://127.0.0.1:{port}/").aliased("re bound", "champion")
    assert (found.number, found.source, dict(found.tags)) == ("3", SOURCE, {"label": "m/1", "empty": ""})
    assert asked == [("/api/2.0/mlflow/registered-models/alias?name=re+bound&alias=champion", None)]


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        (404, "RESOURCE_DOES_NOT_EXIST", "Registered Model with name=rebound not found"),
        (400, "INVALID_PARAMETER_VALUE", "Registered model alias champion not found."),
    ],
)
def test_a_model_or_alias_that_is_not_there_names_nothing(answering, status, code, message):
    port, _ = answering(status, json.dumps({"error_code": code, "message": message}).encode())
    assert TrackingServer(f"http://127.0.0.1:{port}").aliased("rebound", "champion") is None


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, b"<html>nothing here</html>"),
        (400, b'{"error_code": "INVALID_PARAMETER_VALUE", "message": "name is missing"}'),
        (401, b"who are you?"),
        (500, b"{}"),
        (200, b"<html>a portal's page</html>"),
        (200, b"[]"),
        (200, b'{"model_version": null}'),
        (200, b'{"model_version": {"version": 1}}'),
    ],
)
def test_what_no_tracking_server_answers_is_no_answer(answering, status, body):
    port, _ = answering(status, body)
    with pytest.raises(RegistryUnavailable, match="does not answer as it should"):
        TrackingServer(f"http://127.0.0.1:{port}").aliased("rebound", "champion")


def test_a_server_that_is_not_there_is_no_answer_and_no_password_is_told(answering):
    with pytest.raises(RegistryUnavailable) as raised:
        TrackingServer("http://jo:secret@127.0.0.1:9").aliased("rebound", "champion")
    assert "secret" not in str(raised.value)


def test_user_and_password_go_with_every_request(answering, tmp_path):
    port, asked = answering(200, b"{}")
    TrackingServer(f"http://jo:p%40ss@127.0.0.1:{port}/mlflow").fetch(SOURCE, "manifest.json", tmp_path)
    assert asked == [
        ("/mlflow/api/2.0/mlflow-artifacts/artifacts/1/abc/artifacts/bundle/manifest.json", "Basic am86cEBzcw==")
    ]
    assert (tmp_path / "manifest.json").read_bytes() == b"{}"


def test_a_file_that_breaks_off_is_no_file(answering, tmp_path):
    port, _ = answering(200, b"half of it", length=1_000)
    with pytest.raises(RegistryUnavailable):
        TrackingServer(f"http://127.0.0.1:{port}").fetch(SOURCE, "model.onnx", tmp_path)


@pytest.mark.parametrize(
    "source", ["s3://bucket/bundle", "/srv/mlruns/1/bundle", "file:///etc", "http://elsewhere/bundle"]
)
def test_files_that_the_server_does_not_hand_out_are_not_fetched_from_elsewhere(answering, tmp_path, source):
    port, asked = answering(200, b"{}")
    with pytest.raises(RegistryUnavailable, match="--serve-artifacts"):
        TrackingServer(f"http://127.0.0.1:{port}").fetch(source, "manifest.json", tmp_path)
    assert asked == []


@pytest.mark.parametrize("uri", [None, "sqlite:///mlflow.db", "file:///srv/mlruns", "databricks"])
def test_only_servers_that_speak_http_are_followed(uri):
    assert tracking_server(Settings(mlflow_tracking_uri=uri)) is None
