"""Users' taxonomies over a real `rebound serve`."""

import json
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

FILES = Path(__file__).parents[1] / "data/taxonomies"
OVERDUE = "550 5.2.1 the mailbox is closed, its owner has an unpaid invoice"
ACME = """
name = "acme"
counter_examples = ["550 5.2.1 mailbox disabled for inactivity"]
[[category]]
id = "unpaid"
title = "Not paid"
description = "The mailbox is closed because a bill was not paid."
fault = "recipient"
action = "retry"
scope = "recipient"
threshold = 0.3
examples = ["550 5.2.1 mailbox suspended: invoice overdue", "550 Account blocked for non-payment",
  "554 the hosting fee has not been paid", "450 unpaid bills, the customer must settle the outstanding invoice"]
[[category]]
id = "reputation"
title = "Our reputation"
description = "Address or domain of ours is listed."
from = ["ip_reputation", "domain_reputation"]
"""


def ask(url, body=None, *, method=None, kind="application/json", **headers):
    data = (
        body
        if body is None or isinstance(body, bytes)
        else (body if isinstance(body, str) else json.dumps(body)).encode()
    )
    request = urllib.request.Request(url, data, {"Content-Type": kind, **headers}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            status, raw = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            status, raw = error.code, error.read()
    return status, json.loads(raw) if raw else None


@pytest.fixture(scope="module")
def url(serve_module, tmp_path_factory):
    return serve_module(data_dir=str(tmp_path_factory.mktemp("data"))).url


@pytest.fixture
def acme(url):
    status, published = ask(f"{url}/v1/taxonomies/acme", ACME, method="PUT", kind="application/toml")
    assert status == 201, published
    yield published
    ask(f"{url}/v1/taxonomies/acme", method="DELETE")


def test_publish_and_classify(url, acme):
    assert acme["name"] == "acme"
    status, answer = ask(f"{url}/v1/classify", {"text": OVERDUE, "taxonomy": "acme"})
    assert (status, answer["category"], answer["taxonomy"]) == (200, "unpaid", f"acme/{acme['version']}")
    assert answer["standard"] == ask(f"{url}/v1/classify", {"text": OVERDUE})[1]["category"]
    assert sum([answer["confidence"], *(a["confidence"] for a in answer["alternatives"])]) == pytest.approx(1, abs=0.01)


def test_the_standard_answer_is_what_it_was(url, acme):
    _, answer = ask(f"{url}/v1/classify", {"text": OVERDUE})
    assert answer["taxonomy"] == "standard/1"
    assert "standard" not in answer
    _, again = ask(f"{url}/v1/classify", {"text": OVERDUE, "taxonomy": "standard"})
    assert again.pop("request_id") != answer.pop("request_id")
    assert again == answer


def test_what_fits_none_is_other_and_keeps_the_standard_policy(url, acme):
    record = {"text": "550 5.1.1 <jo@example.org>: user unknown"}
    _, plain = ask(f"{url}/v1/classify", record)
    _, answer = ask(f"{url}/v1/classify?taxonomy=acme", record)
    assert (answer["category"], answer["standard"]) == ("other", plain["category"])
    assert (answer["fault"], answer["scope"]) == (plain["fault"], plain["scope"])
    assert answer["action"] in (plain["action"], "review")


def test_a_roll_up_gathers_standard_categories(url, acme):
    text = "554 5.7.1 client host [192.0.2.7] blocked using zen.spamhaus.org"
    _, plain = ask(f"{url}/v1/classify", {"text": text})
    assert plain["category"] == "ip_reputation"
    _, answer = ask(f"{url}/v1/classify", {"text": text, "taxonomy": "acme"})
    assert (answer["category"], answer["fault"]) == ("reputation", "sender")


def test_one_batch_may_mix_taxonomies_and_one_unknown_costs_only_itself(url, acme):
    records = [
        {"id": "a", "text": OVERDUE},
        {"id": "b", "text": OVERDUE, "taxonomy": "acme"},
        {"id": "c", "text": OVERDUE, "taxonomy": "nobody"},
        {"id": "d", "text": OVERDUE, "taxonomy": "standard"},
    ]
    lines = "\n".join(map(json.dumps, records)).encode()
    request = urllib.request.Request(f"{url}/v1/classify/batch", lines, {"Content-Type": "application/x-ndjson"})
    with urllib.request.urlopen(request, timeout=60) as stream:
        streamed = [json.loads(line) for line in stream.read().splitlines()]
    status, listed = ask(f"{url}/v1/classify/batch", records)
    assert status == 200
    # Each answer has a name of its own.
    assert [d | {"request_id": None} for d in streamed] == [d | {"request_id": None} for d in listed]
    a, b, c, d = listed
    assert (b["category"], c["error"]["code"]) == ("unpaid", "taxonomy_not_found")
    assert a["taxonomy"] == d["taxonomy"] == "standard/1"


def test_a_whole_email_under_a_taxonomy(url, acme):
    bounce = f"From: MAILER-DAEMON@mx.example\nTo: a@example.com\nSubject: failure notice\n\nYour mail to <x@example.org> failed:\n{OVERDUE}\n"
    status, answer = ask(f"{url}/v1/reports?taxonomy=acme", bounce, kind="message/rfc822")
    assert status == 200
    assert {v["taxonomy"] for v in answer["verdicts"]} == {f"acme/{acme['version']}"}


def test_versions_roll_back_and_delete(url, acme):
    base = f"{url}/v1/taxonomies/acme"
    first = acme["version"]
    status, second = ask(base, ACME.replace('"unpaid"', '"bills"'), method="PUT", kind="text/plain")
    assert (status, second["version"]) == (201, first + 1)
    time.sleep(1.1)
    assert ask(f"{url}/v1/classify", {"text": OVERDUE, "taxonomy": "acme"})[1]["category"] == "bills"
    _, versions = ask(f"{base}/versions")
    assert [(v["version"], v["current"]) for v in versions] == [(first, False), (first + 1, True)]
    assert ask(f"{base}/rollback", b"", method="POST")[1]["version"] == first
    time.sleep(1.1)
    assert ask(f"{url}/v1/classify", {"text": OVERDUE, "taxonomy": "acme"})[1]["category"] == "unpaid"
    assert ask(f"{base}/rollback", {"version": 99})[0] == 404
    _, whole = ask(f"{base}?version={first + 1}")
    assert whole["toml"] == ACME.replace('"unpaid"', '"bills"')
    assert [p["id"] for p in whole["policies"]] == ["bills", "reputation"]
    assert "acme" in [t["name"] for t in ask(f"{url}/v1/taxonomies")[1]]
    assert ask(base, method="DELETE")[0] == 204
    time.sleep(1.1)
    status, problem = ask(f"{url}/v1/classify", {"text": OVERDUE, "taxonomy": "acme"})
    assert (status, problem["code"]) == (404, "taxonomy_not_found")


def test_json_is_taken_as_well_as_toml(url):
    import tomllib

    document = tomllib.loads(ACME) | {"name": "acme-json"}
    base = f"{url}/v1/taxonomies/acme-json"
    assert ask(base, document, method="PUT")[0] == 201
    assert ask(base)[1]["document"]["category"][0]["id"] == "unpaid"
    assert ask(base, method="DELETE")[0] == 204


def test_a_draft_is_validated_with_places_and_nothing_is_kept(url):
    status, answer = ask(f"{url}/v1/taxonomies/validate", ACME.replace("examples", "exmaples"), kind="application/toml")
    assert (status, answer["valid"]) == (200, False)
    assert any(f["place"].startswith("category unpaid") for f in answer["findings"])
    assert ask(f"{url}/v1/taxonomies/validate", ACME)[1] == {"valid": True, "findings": []}
    assert [t["name"] for t in ask(f"{url}/v1/taxonomies")[1]] == ["standard"]


def test_a_broken_or_unsafe_draft_is_not_published(url):
    unsafe = ACME.replace('action = "retry"', 'action = "suppress"').replace("threshold = 0.3\n", "")
    for body in ("name = ", '{"name": ', ACME.replace("unpaid", "Un Paid"), unsafe):
        status, problem = ask(f"{url}/v1/taxonomies/acme", body, method="PUT", kind="application/toml")
        assert (status, problem["code"]) == (422, "invalid_taxonomy"), body
    assert ask(f"{url}/v1/taxonomies/standard", ACME, method="PUT")[0] == 400


def test_preview_shows_what_would_change_and_publishes_nothing(url):
    texts = [OVERDUE, "550 5.1.1 no such user", "554 5.7.1 blocked using zen.spamhaus.org"]
    status, shown = ask(f"{url}/v1/taxonomies/acme/preview", {"taxonomy": ACME, "texts": texts})
    assert (status, shown["total"]) == (200, 3)
    assert shown["after"]["unpaid"] == 1
    assert "unpaid" in [change["after"]["category"] for change in shown["changes"]]
    ask(f"{url}/v1/classify", {"text": "550 the bill for this mailbox is overdue, preview"})
    status, seen = ask(f"{url}/v1/taxonomies/acme/preview?last=5", ACME, kind="application/toml")
    assert (status, seen["total"]) == (200, 5)
    assert ask(f"{url}/v1/taxonomies/acme")[0] == 404


def test_labels_are_carried_over(url, acme):
    body = {
        "mapping": {"rename": {"billing": "unpaid"}, "split": {"misc": ["unpaid", "reputation"]}},
        "labels": [{"text": "a", "category": "billing"}, {"text": "b", "category": "misc"}],
    }
    status, done = ask(f"{url}/v1/taxonomies/acme/migrate", body)
    assert status == 200
    assert done["carried"] == [{"text": "a", "category": "unpaid", "was": "billing"}]
    assert done["relabel"][0]["candidates"] == ["unpaid", "reputation"]
    assert ask(f"{url}/v1/taxonomies/acme/migrate", {"labels": [5]})[0] == 400


def test_publishing_reaches_all_workers_within_two_seconds_and_drops_no_request(serve, tmp_path):
    server = serve("--workers", "2", data_dir=str(tmp_path))
    base = f"{server.url}/v1/taxonomies/acme"
    assert ask(base, ACME, method="PUT", kind="application/toml")[0] == 201
    answers, stop = [], threading.Event()

    def keep_asking():
        while not stop.is_set():
            answers.append((time.monotonic(), *ask(f"{server.url}/v1/classify", {"text": OVERDUE, "taxonomy": "acme"})))

    threads = [threading.Thread(target=keep_asking) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        assert ask(base, ACME.replace('"unpaid"', '"bills"'), method="PUT", kind="application/toml")[0] == 201
        published = time.monotonic()
        time.sleep(2.5)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert {status for _, status, _ in answers} == {200}
    assert {a["category"] for at, _, a in answers if at > published + 2} == {"bills"}
    assert "unpaid" in {a["category"] for _, _, a in answers}


def test_keys_choose_the_taxonomy_and_keep_tenants_apart(serve, tmp_path):
    server = serve(data_dir=str(tmp_path), api_keys="one=acme,two=globex,root=*")
    classify, base = f"{server.url}/v1/classify", f"{server.url}/v1/taxonomies"
    for headers in ({}, {"X-API-Key": "wrong"}):
        for path in (classify, f"{server.url}/v1/classify/batch", base + "/validate"):
            status, problem = ask(path, {"text": OVERDUE}, **headers)
            assert (status, problem["code"]) == (401, "unauthorized")
    one, two, root = ({"X-API-Key": key} for key in ("one", "two", "root"))
    assert ask(f"{base}/acme", ACME, method="PUT", kind="application/toml", **one)[0] == 201
    assert ask(classify, {"text": OVERDUE}, **one)[1]["category"] == "unpaid"
    assert ask(classify, {"text": OVERDUE, "taxonomy": "standard"}, **one)[1]["taxonomy"] == "standard/1"
    assert ask(classify, {"text": OVERDUE, "taxonomy": "acme"}, **two)[0] == 404
    assert ask(f"{base}/acme", method="DELETE", **two)[0] == 404
    assert [t["name"] for t in ask(base, **two)[1]] == ["standard"]
    assert [t["name"] for t in ask(base, **root)[1]] == ["standard", "acme"]
    assert ask(f"{server.url}/healthz")[0] == 200
