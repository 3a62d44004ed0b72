"""Promotion, roll-back and shadow mode on real servers, the model changing while they answer."""

import json
import socket
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import httpx2 as httpx
import psutil
import pytest

from classifier.bundle import MODEL, load_bundle
from classifier.registry import CHALLENGER, CHAMPION, ModelShelf
from classifier.resources import resource

SHIPPED = load_bundle(resource("models/standard")).manifest.label
WITHIN_SECONDS = 5.0
"""Two on a machine that has nothing else to do."""
WINDOW_SECONDS = 2.0
LOAD = Path(__file__).with_name("load.py")


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def shelf(data):
    return ModelShelf(data / "models")


def classify(url, text="550 5.1.1 no such user here"):
    return httpx.post(f"{url}/v1/classify", json={"text": text}, timeout=30).json()


def await_model(url, label, *, seconds=30.0):
    until = time.monotonic() + seconds
    while (answered := httpx.get(f"{url}/readyz", timeout=30).json()["model"]) != label:
        assert time.monotonic() < until, f"{answered} still answers, not {label}"
        time.sleep(0.02)


def answering(url, count=24):
    """Return the models that answer on connections of their own, which the system spreads over the processes."""
    with ThreadPoolExecutor(8) as pool:
        return {answer["model"] for answer in pool.map(lambda _: classify(url), range(count))}


def await_models(url, label):
    until = time.monotonic() + WITHIN_SECONDS
    while (models := answering(url)) != {label}:
        assert time.monotonic() < until, f"{models} answer, not {label} alone"


def test_a_promotion_and_a_roll_back_take_effect_in_every_process_within_seconds(serve, data, shelf, bundle):
    server = serve("--workers", "2", data_dir=str(data))
    assert answering(server.url) == {SHIPPED}
    shelf.point(CHAMPION, shelf.put(bundle("7")), why="better")
    await_models(server.url, "minilm-l4/7")
    assert httpx.post(f"{server.url}/v1/models/rollback", json={"why": "worse"}).json() == {
        "before": "minilm-l4/7",
        "champion": None,
    }
    await_models(server.url, SHIPPED)
    shown = httpx.get(f"{server.url}/v1/models").json()
    assert shown["follows"] == "shelf"
    assert shown["champion"] | {"since": None} == {"model": SHIPPED, "pointed": None, "since": None, "refused": None}
    assert shown["shelf"] == ["minilm-l4/7"]
    moves = [(move["before"], move["after"], move["why"], move["back"]) for move in shown["history"]]
    assert moves == [("minilm-l4/7", None, "worse", True), (None, "minilm-l4/7", "better", False)]
    assert shown["registered"] == []
    nothing_left = httpx.post(f"{server.url}/v1/models/rollback")
    assert (nothing_left.status_code, nothing_left.json()["code"]) == (404, "model_not_found")


def test_a_refused_champion_is_named_by_readyz_and_the_old_one_goes_on(serve, data, shelf, bundle):
    server = serve(data_dir=str(data))
    label = shelf.put(bundle("7"))
    shelf.point(CHAMPION, label)
    (shelf.path(label) / MODEL).write_bytes(b"damaged")
    shelf.point(CHALLENGER, shelf.put(bundle("8")))
    (shelf.path("minilm-l4/8") / MODEL).write_bytes(b"damaged")
    until = time.monotonic() + WITHIN_SECONDS
    while (ready := httpx.get(f"{server.url}/readyz").json())["reason"] is None and time.monotonic() < until:
        time.sleep(0.05)
    assert (ready["status"], ready["model"]) == ("ready", SHIPPED)
    assert "model.onnx is damaged" in ready["reason"]
    assert classify(server.url)["model"] == SHIPPED
    while not (shown := httpx.get(f"{server.url}/v1/models").json())["challenger"]["refused"]:
        assert time.monotonic() < until
    assert "model.onnx is damaged" in shown["champion"]["refused"]
    assert "model.onnx is damaged" in shown["challenger"]["refused"]
    assert (shown["champion"]["pointed"], shown["challenger"]["running"]) == (label, False)


def test_only_whoever_may_use_everything_rolls_back_and_only_where_pointers_decide(serve, data, shelf, bundle):
    shelf.point(CHAMPION, shelf.put(bundle("7")))
    keyed = serve(data_dir=str(data), api_keys="all=*, one=acme")
    assert httpx.post(f"{keyed.url}/v1/models/rollback").status_code == 401
    assert httpx.post(f"{keyed.url}/v1/models/rollback", headers={"X-API-Key": "one"}).status_code == 401
    wrong = httpx.post(f"{keyed.url}/v1/models/rollback", headers={"X-API-Key": "all"}, json={"to": "minilm-l4/1"})
    assert (wrong.status_code, wrong.json()["code"]) == (400, "invalid_input")
    assert httpx.post(f"{keyed.url}/v1/models/rollback", headers={"X-API-Key": "all"}).status_code == 200
    for fixed in ({"bundle_dir": str(bundle("9"))}, {"mlflow_tracking_uri": "http://127.0.0.1:9"}):
        server = serve(data_dir=str(data), **fixed)
        refused = httpx.post(f"{server.url}/v1/models/rollback")
        assert (refused.status_code, refused.json()["code"]) == (409, "model_fixed")


class Stream:
    """A request whose body is sent, and whose answer is read, piece by piece."""

    def __init__(self, url):
        host, port = url.removeprefix("http://").split(":")
        self.socket = socket.create_connection((host, int(port)), timeout=30)
        self.socket.sendall(
            b"POST /v1/classify/batch HTTP/1.1\r\nHost: test\r\nContent-Type: application/x-ndjson\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        self.seen = b""

    def ask(self, count):
        """Send some records, and return the models that answered them."""
        lines = b"".join(b'{"text": "550 5.1.1 no such user here"}\n' for _ in range(count))
        self.socket.sendall(b"%x\r\n%s\r\n" % (len(lines), lines))
        before = self.seen.count(b'"template_id"')
        while self.seen.count(b'"template_id"') < before + count:
            self.seen += self.socket.recv(65_536)
        answers = [json.loads(line) for line in self.seen.splitlines() if line.startswith(b"{")]
        return {answer["model"] for answer in answers[-count:]}


def test_a_stream_in_progress_goes_on_with_the_new_model(serve, data, shelf, bundle):
    server = serve(data_dir=str(data))
    stream = Stream(server.url)
    assert stream.ask(64) == {SHIPPED}
    shelf.point(CHAMPION, shelf.put(bundle("7")))
    await_model(server.url, "minilm-l4/7")
    assert stream.ask(64) == {"minilm-l4/7"}
    stream.socket.sendall(b"0\r\n\r\n")
    stream.socket.close()


def test_a_challenger_is_compared_beside_the_champion_and_nobody_hears_it(serve, data, shelf, bundle):
    shelf.point(CHALLENGER, shelf.put(bundle("9", swap=("user_unknown", "mailbox_full"))))
    server = serve("--workers", "2", data_dir=str(data), flush_seconds="0.2")
    until = time.monotonic() + 30
    while True:
        for text in (
            "552 5.2.2 mailbox over quota",
            "550 5.1.1 <jo@example.org>: no such user",
            "450 4.7.1 greylisted",
        ):
            assert classify(server.url, text)["model"] == SHIPPED
        shown = httpx.get(f"{server.url}/v1/shadow").json()
        if shown["compared"]["templates"] == 3 and all(d["template"] for d in shown["differences"]):
            break
        assert time.monotonic() < until, shown
    assert (shown["champion"], shown["challenger"], shown["refused"]) == (SHIPPED, "minilm-l4/9", None)
    assert (shown["agree"]["templates"], shown["differ"]["templates"], shown["would_suppress"]["templates"]) == (
        1,
        2,
        1,
    )
    first = shown["differences"][0]
    assert first["champion"] == {"category": "mailbox_full", "action": "retry"}
    assert first["challenger"] == {"category": "user_unknown", "action": "suppress"}
    assert "jo@" not in json.dumps(shown)
    assert httpx.get(f"{server.url}/v1/models").json()["challenger"]["pointed"] == "minilm-l4/9"
    keyed = serve(data_dir=str(data), api_keys="all=*, one=acme")
    whole, counts = (httpx.get(f"{keyed.url}/v1/shadow", headers={"X-API-Key": key}).json() for key in ("all", "one"))
    assert (len(whole["differences"]), counts["differences"]) == (2, [])
    assert counts["differ"] == whole["differ"]


def rss(server):
    return psutil.Process(server.process.pid).memory_info().rss / 1e6


def test_replaced_models_leave_the_memory(serve, data, shelf, bundle):
    server = serve(data_dir=str(data))
    labels = [shelf.put(bundle(str(version))) for version in range(101, 107)]
    shelf.point(CHALLENGER, labels[-1])
    with httpx.Client(base_url=server.url, timeout=30) as client:

        def traffic():
            for i in range(300):
                client.post("/v1/classify", json={"text": f"550 {'abcdefghijklmnopqrst'[i % 20]} wording {i % 60}"})

        traffic()
        before = rss(server)
        most = before
        for label in labels[:5]:
            shelf.point(CHAMPION, label)
            await_model(server.url, label)
            traffic()
            most = max(most, rss(server))
        time.sleep(2)  # the last of the old ones is given back
    assert rss(server) - before < 30, f"from {before:.0f} to {rss(server):.0f} MB"
    assert most < 300


def measure(server, shelf, labels):
    """Return for each reload how much longer the slowest request took than the slowest before, in seconds."""
    client = subprocess.Popen(
        [sys.executable, LOAD, server.url, "3", "200"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    answering(server.url)  # the first requests of a process are slower, and no measure of the usual
    time.sleep(1)
    times = [time.monotonic()]
    time.sleep(WINDOW_SECONDS)
    for label in labels:
        times.append(time.monotonic())
        shelf.point(CHAMPION, label)
        await_model(server.url, label)
        time.sleep(max(1.2, times[-1] + WINDOW_SECONDS - time.monotonic()))  # the old one is forgotten meanwhile
    times.append(time.monotonic())
    requests = [json.loads(line) for line in client.communicate(timeout=60)[0].splitlines()]
    assert {status for _, _, status, _ in requests} == {200}
    assert set(labels) <= {model for *_, model in requests}
    usual, *during = (
        max(took for at, took, _, _ in requests if at + took >= begin and at < end) for begin, end in pairwise(times)
    )
    return [slowest - usual for slowest in during]


@pytest.mark.slow
def test_no_request_fails_or_waits_more_than_50_ms_for_a_reload_under_load(serve, data, shelf, bundle):
    server = serve(data_dir=str(data))
    labels = [shelf.put(bundle(str(version))) for version in range(101, 104)]
    extra = []
    # Other work on the machine slows single requests down, too: half of the reloads must be quick, in one of three rounds.
    for _ in range(3):
        extra.append(statistics.median(measure(server, shelf, labels)))
        if extra[-1] < 0.05:
            break
        shelf.clear(CHAMPION)
        await_model(server.url, SHIPPED)
    assert min(extra) < 0.05, f"seconds more than without a reload: {extra}"
