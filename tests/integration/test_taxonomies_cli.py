"""`rebound taxonomy` as a shell runs it, and how well ten invented categories are learned."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

REBOUND = Path(sys.executable).with_name("rebound")
FILES = Path(__file__).parents[1] / "data/taxonomies"
TEN = FILES / "ten.toml"


@pytest.fixture
def rebound(tmp_path):
    def run(*arguments, stdin=""):
        done = subprocess.run(
            [REBOUND, *map(str, arguments)],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
            env={**os.environ, "REBOUND_DATA_DIR": str(tmp_path / "var")},
        )
        return [json.loads(line) for line in done.stdout.splitlines()], done.stderr, done.returncode

    return run


def small(path, *, of="ten", name="small", count=2, examples=4):
    """Write the first categories of a file with their first examples."""
    import tomllib

    from classifier.custom.toml_text import toml_of

    document = tomllib.loads((FILES / f"{of}.toml").read_text())
    some = [c | {"examples": c["examples"][:examples]} for c in document["category"][:count]]
    path.write_text(toml_of({"name": name, "counter_examples": document["counter_examples"], "category": some}))
    return path


def test_lint_says_what_and_where(rebound, tmp_path):
    assert rebound("taxonomy", "lint", TEN) == ([], "", 0)
    bad = tmp_path / "bad.toml"
    bad.write_text(
        small(tmp_path / "ok.toml").read_text().replace('"Blocked by Corvane"', '"Telnord: over quota, in grace time"')
    )
    (finding,), _, status = rebound("taxonomy", "lint", bad)
    assert (finding["code"], finding["place"], status) == ("names_too_close", "category telnord_grace: title", 1)
    bad.write_text("name = 'x'\n[[category]]\nid = 'A'\n")
    lines, complaints, status = rebound("taxonomy", "lint", bad)
    assert (lines, status) == ([], 2)
    assert "invalid_taxonomy: category 1: id must be" in complaints
    assert rebound("taxonomy", "lint", tmp_path / "none.toml")[2] == 2


def test_from_lint_to_deletion(rebound, tmp_path):
    file = small(tmp_path / "small.toml")
    text = "554 5.7.1 Corvane Shield refuses 192.0.2.9, tag CVN-21"
    (summary, *changes), _, status = rebound("taxonomy", "preview", file, stdin=json.dumps({"text": text}))
    assert (status, summary["total"], summary["changed"]) == (0, 1, 1)
    assert changes[0]["after"]["category"] == "corvane_block"
    assert rebound("taxonomy", "list")[0] == []
    (published,), _, status = rebound("taxonomy", "publish", file)
    assert (status, published["name"], published["version"]) == (0, "small", 1)
    (answer,), _, status = rebound("classify", "--taxonomy", "small", "-", stdin=json.dumps({"text": text}))
    assert (status, answer["category"], answer["standard"], answer["taxonomy"]) == (
        0,
        "corvane_block",
        "ip_reputation",
        "small/1",
    )
    (named,), _, _ = rebound("classify", "-", stdin=json.dumps({"text": text, "taxonomy": "small"}))
    assert named == answer
    (again,), _, _ = rebound("taxonomy", "publish", file, "--name", "copy-of-it")
    assert [line["name"] for line in rebound("taxonomy", "list")[0]] == ["copy-of-it", "small"]
    assert again["version"] == 1
    rebound("taxonomy", "publish", file)
    assert rebound("taxonomy", "rollback", "small")[0] == [{"name": "small", "version": 1}]
    assert [line["current"] for line in rebound("taxonomy", "versions", "small")[0]] == [True, False]
    assert rebound("taxonomy", "delete", "small")[2] == 0
    lines, complaints, status = rebound("classify", "--taxonomy", "small", "-", stdin=json.dumps({"text": text}))
    assert (lines, status) == ([], 2)
    assert "taxonomy_not_found" in complaints


def test_labels_are_migrated(rebound, tmp_path):
    mapping, labels = tmp_path / "mapping.toml", tmp_path / "labels.jsonl"
    mapping.write_text('[rename]\nvendor_block = "corvane_block"\n[split]\nold = ["corvane_block", "telnord_grace"]\n')
    labels.write_text('{"text": "a", "category": "vendor_block"}\n{"text": "b", "category": "old"}\n')
    lines, _, status = rebound("taxonomy", "migrate", small(tmp_path / "small.toml"), mapping, labels)
    assert [line["category"] for line in lines] == ["corvane_block", None]
    assert status == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("files", "count", "examples", "least", "refused"),
    [
        pytest.param("ten", 10, 8, 0.91, 0.9, id="ten categories of eight examples"),
        pytest.param("ten", 10, 16, 0.92, 0.85, id="ten categories of sixteen examples"),
        pytest.param("held_out", 5, 8, 0.95, 0.95, id="five categories that nothing was tuned on"),
    ],
)
def test_invented_categories_are_learned(rebound, tmp_path, files, count, examples, least, refused):
    """Texts worded otherwise find their category, near misses find none; floors a little below what was measured."""
    file = small(tmp_path / "file.toml", of=files, count=count, examples=examples)
    _, complaints, status = rebound("taxonomy", "publish", file)
    assert status == 0, complaints
    rows = [json.loads(line) for line in (FILES / f"{files}_texts.jsonl").read_text().splitlines()]
    feed = "".join(json.dumps({"text": row["text"]}) + "\n" for row in rows)
    answers, _, _ = rebound("classify", "--taxonomy", "small", "-", stdin=feed)
    right, asked = Counter(), Counter()
    for row, answer in zip(rows, answers, strict=True):
        near_miss = row["category"] == "other"
        asked[near_miss] += 1
        right[near_miss] += row["category"] == answer["category"]
    assert right[False] / asked[False] >= least
    assert right[True] / asked[True] >= refused
