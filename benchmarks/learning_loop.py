"""The whole loop, as its users go through it: a provider changes its words, people label some, the model learns the rest.

    30 wordings that the champion gets wrong -> 20 labels over HTTP -> pins -> rebound-train run --promote -> hot reload

`tests/data/simulation` holds the wordings. Nothing is called from inside: the server and the run are programs of their own.
"""

import json
import os
import subprocess
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx2 as httpx

from benchmarks.served import SCRIPTS, served

_FOLDER = Path(__file__).parents[1] / "tests/data/simulation"
POOLS = {
    **dict.fromkeys(("tarn", "ostrava", "bellwether"), _FOLDER / "apart.jsonl"),
    **dict.fromkeys(("halvard", "quillmere", "sonderpost"), _FOLDER / "measure.jsonl"),
}
"""Each provider's file: in the first no sentence comes twice; in the second most texts are one of several renderings."""
PROVIDER = "ostrava"
WORDINGS = 30
"""So many that the champion gets wrong, of as few causes as have so many; people label two of three."""
_PATIENCE_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Wording:
    """One new notice of a provider, and what it means."""

    text: str
    label: str


@dataclass(frozen=True, kw_only=True)
class Loop:
    """What became of one round.

    Attributes:
        labelled, siblings: Wordings that people labelled, and that nobody did; the champion had all of them wrong.
        pinned: Of the labelled ones, how many were right at once.
        learnt: Of the siblings, how many are right once the new model answers.
        seconds: From the first label until the new model answers.
        run: What `rebound-train run` printed.
    """

    labelled: int
    siblings: int
    pinned: int
    learnt: int
    seconds: float
    run: dict[str, Any]

    @property
    def frozen(self) -> tuple[float, float]:
        """Accuracy on the frozen test set, of the champion and of the new model."""
        before, after = self.run["frozen"]
        return before["accuracy"], after["accuracy"]


def play(profile: str, folder: Path, *, provider: str = PROVIDER) -> Loop:
    """Play one round in an empty folder: a provider of `POOLS` has changed its words.

    Raises:
        RuntimeError: The champion gets too few of the wordings wrong, or a step did not end as it should.
    """
    with served(folder) as server, httpx.Client(base_url=server.url, timeout=30) as client:
        labelled, siblings = _drawn(client, POOLS[provider], provider)
        started = time.monotonic()
        said = client.post("/v1/feedback", json=[{"text": w.text, "category": w.label} for w in labelled]).json()
        if any(result.get("state") != "accepted" for result in said):
            raise RuntimeError(f"labels were not accepted: {said}")
        pinned = _right(client, labelled)
        run = retrained(profile, folder)
        if run["state"] != "promoted":
            raise RuntimeError(f"the new model was not promoted: {run.get('objections')}")
        _await_model(client, run["model"])
        return Loop(
            labelled=len(labelled),
            siblings=len(siblings),
            pinned=pinned,
            learnt=_right(client, siblings),
            seconds=time.monotonic() - started,
            run=run,
        )


def retrained(profile: str, folder: Path) -> dict[str, Any]:
    """Run the retraining program once, with promotion if the gate has no objection; return what it printed."""
    done = subprocess.run(
        [SCRIPTS / "rebound-train", "run", "--profile", profile, "--promote", "--quiet"],
        env={**os.environ, "REBOUND_DATA_DIR": str(folder)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise RuntimeError(f"rebound-train ended with {done.returncode}: {done.stderr[-2_000:]}")
    printed: dict[str, Any] = json.loads(done.stdout)
    return printed


def classified(client: httpx.Client, texts: Sequence[str]) -> list[dict[str, Any]]:
    """Return the server's answers to some texts."""
    answers: list[dict[str, Any]] = client.post("/v1/classify/batch", json=[{"text": t} for t in texts]).json()
    return answers


def lines() -> Iterator[str]:
    """Yield one line a profile and provider for `make bench`."""
    for profile, provider in [*(("heads", one) for one in POOLS), ("full", PROVIDER)]:
        with TemporaryDirectory() as folder:
            loop = play(profile, Path(folder), provider=provider)
        before, after = loop.frozen
        yield (
            f"{f'new wordings of {provider}, {profile}, s':44} {loop.seconds:12.1f}      "
            f"pinned {loop.pinned} of {loop.labelled}, siblings {loop.learnt} of {loop.siblings}, "
            f"test set {before:.4f} -> {after:.4f}, {loop.run['state']}"
        )


def _drawn(client: httpx.Client, pool: Path, provider: str) -> tuple[list[Wording], list[Wording]]:
    """Return wordings to label and their siblings, the same for the same model: those that it gets wrong."""
    rows = [json.loads(line) for line in pool.read_text(encoding="utf-8").splitlines()]
    mine = [row for row in rows if row["family"].startswith(provider)]
    wrong: dict[str, list[Wording]] = defaultdict(list)
    for row, answer in zip(mine, classified(client, [row["text"] for row in mine]), strict=True):
        if answer["category"] != row["label"]:
            wrong[row["family"]].append(Wording(row["text"], row["label"]))
    drawn = _dealt(sorted(wrong.values(), key=len, reverse=True))
    if len(drawn) < WORDINGS:
        raise RuntimeError(f"the champion gets {len(drawn)} wordings of {provider} wrong, {WORDINGS} are needed")
    siblings = drawn[2::3]
    return [wording for wording in drawn if wording not in siblings], siblings


def _dealt(causes: Sequence[list[Wording]]) -> list[Wording]:
    """Return the wordings of the fewest causes that have enough, as many of each as may be, cause after cause."""
    chosen: list[list[Wording]] = []
    for cause in causes:
        if sum(map(len, chosen)) < WORDINGS:
            chosen.append(cause)
    turns = sorted((turn, place) for place, cause in enumerate(chosen) for turn in range(len(cause)))
    taken = Counter(place for _, place in turns[:WORDINGS])
    return [wording for place, cause in enumerate(chosen) for wording in cause[: taken[place]]]


def _right(client: httpx.Client, wordings: Sequence[Wording]) -> int:
    answers = classified(client, [wording.text for wording in wordings])
    return sum(answer["category"] == wording.label for answer, wording in zip(answers, wordings, strict=True))


def _await_model(client: httpx.Client, model: str) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while classified(client, ["550 5.1.1 who answers?"])[0]["model"] != model:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{model} was promoted and did not come to answer")
        time.sleep(0.1)


if __name__ == "__main__":
    for shown in lines():
        print(shown, flush=True)
