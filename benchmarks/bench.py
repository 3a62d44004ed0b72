"""`make bench`: how quick and how small, beside the two ways that Rebound replaces.

Medians of repeated runs and ratios against a baseline of the same run: absolute times on a shared machine mean little.
"""

import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import httpx2 as httpx
import psutil

from benchmarks import learning_loop, taxonomies
from benchmarks.regex_table import classify as by_regex
from benchmarks.served import served
from classifier.bootstrap import build
from classifier.bundle import load_bundle
from classifier.domain import Failure
from classifier.normalise import normalise
from classifier.pipeline import Pipeline
from classifier.predict.onnx import OnnxPredictor
from classifier.record import read_record
from classifier.resources import resource
from classifier.settings import Settings
from training.authored import read_authored
from training.dataset import of_authored
from training.tfidf import TfidfModel

ROOT = Path(__file__).parents[1]
ROUNDS = 5
Item = TypeVar("Item")


def main() -> None:
    """Print the table."""
    texts = [
        json.loads(line)["text"] for path in sorted(resource("challenges").glob("*.jsonl")) for line in path.open()
    ]
    failures = [failure for text in texts if (failure := read_record({"text": text}).failure)]
    emails = [path.read_bytes() for path in sorted((ROOT / "tests/golden").glob("*.eml"))]
    bundle = load_bundle(resource("models/standard"))
    uncached = Pipeline(OnnxPredictor(bundle), bundle.taxonomy, limits=Settings().parse_limits)
    pipeline = build(Settings()).pipeline
    regex = each(by_regex, texts)
    cold = each(lambda failure: uncached.classify([failure]), failures)
    pipeline.classify(failures)
    cached = each(lambda failure: pipeline.classify([failure]), failures)
    row("regular expressions, one text", regex, regex)
    row("n-grams + logistic regression, one text", _ngrams(texts), regex)
    row("cold: normalise, tokenise, infer, decide", cold, regex)
    row("  of which: infer", each(lambda t: uncached.predictor.predict([t]), [normalise(t) for t in texts]), regex)
    row("cached answer", cached, regex)
    print(f"{'answers/s from the cache, one process':44} {1 / cached:12,.0f}")
    for threads in (1, 2):
        batch = Pipeline(OnnxPredictor(bundle, threads=threads), bundle.taxonomy, limits=Settings().parse_limits)
        print(f"{f'templates/s cold, in batches, {threads} thread(s)':44} {rate(batch.classify, failures):12,.0f}")
    everything = emails * max(1, 200 // max(1, len(emails)))
    print(f"{'emails/s, parse and classify, one process':44} {1 / each(pipeline.classify_email, everything):12,.0f}")
    for line in taxonomies.lines(failures, each):
        print(line)
    print(f"{'resident memory of rebound serve, MB':44} {_served_memory(texts):12,.0f}")
    for line in learning_loop.lines():
        print(line, flush=True)
    print(f"{'bundle, MB':44} {sum(p.stat().st_size for p in bundle.folder.iterdir()) / 1e6:12.1f}")


def each(step: Callable[[Item], object], items: Sequence[Item]) -> float:
    """Return the median seconds of one step over all items and rounds."""
    taken = []
    for _ in range(ROUNDS):
        for item in items:
            started = time.perf_counter()
            step(item)
            taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def rate(step: Callable[[list[Failure]], object], items: list[Failure]) -> float:
    """Return items a second of one step over all of them at once, the median of all rounds."""
    taken = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        step(items)
        taken.append(time.perf_counter() - started)
    return len(items) / statistics.median(taken)


def row(name: str, seconds: float, baseline: float) -> None:
    """Print one median with its ratio to the baseline."""
    print(f"{name:44} {seconds * 1e6:12,.1f} µs   x {seconds / baseline:,.2f}")


def _ngrams(texts: Sequence[str]) -> float:
    categories = sorted(load_bundle(resource("models/standard")).taxonomy.by_id)
    model = TfidfModel().fit(of_authored(read_authored(resource("authored"), frozenset(categories)))[::4])
    return each(lambda text: model.predict([normalise(text)], categories), texts[:200])


def _served_memory(texts: Sequence[str]) -> float:
    """Return the resident memory of a server after some thousand distinct texts, in MB."""
    feed = "\n".join(json.dumps({"text": f"{text} {extra}"}) for text in texts for extra in ("", "a", "b", "c"))
    headers = {"Content-Type": "application/x-ndjson"}
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as server:
        httpx.post(f"{server.url}/v1/classify/batch", content=feed, headers=headers, timeout=120).raise_for_status()
        return float(psutil.Process(server.pid).memory_info().rss / 1e6)


if __name__ == "__main__":
    main()
