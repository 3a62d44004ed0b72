"""Leases, runs, models and shadow differences on both databases."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest

from classifier.errors import ModelNotFound
from classifier.store import (
    Difference,
    JobRepository,
    LeaseRepository,
    ModelRepository,
    ShadowRepository,
    TrafficRepository,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(seconds=61)


def test_of_many_who_ask_at_once_one_gets_the_lease(store):
    barrier = Barrier(8)

    def ask(owner):
        barrier.wait(20)
        with store.session() as session:
            return LeaseRepository(session).acquire("training", owner, seconds=60, at=NOW)

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(ask, [f"host:{i}" for i in range(8)])) == 1


def test_a_lease_holds_until_it_is_released_or_runs_out(store):
    with store.session() as session:
        leases = LeaseRepository(session)
        assert leases.acquire("training", "a", seconds=60, at=NOW)
        assert not leases.acquire("training", "b", seconds=60, at=NOW)
        assert leases.acquire("other", "b", seconds=60, at=NOW)
        assert leases.acquire("training", "a", seconds=60, at=NOW)
        leases.release("training", "b")
        assert leases.holder("training", NOW).owner == "a"
        assert leases.holder("training", LATER) is None
        assert leases.acquire("training", "b", seconds=60, at=LATER)
        assert not leases.renew("training", "a", seconds=60, at=LATER)
        leases.release("training", "b")
        assert leases.holder("training", LATER) is None
        assert leases.acquire("training", "a", seconds=60, at=LATER)


def test_a_renewed_lease_holds_longer(store):
    with store.session() as session:
        leases = LeaseRepository(session)
        leases.acquire("training", "a", seconds=60, at=NOW)
        assert leases.renew("training", "a", seconds=60, at=NOW + timedelta(seconds=30))
        assert not leases.acquire("training", "b", seconds=60, at=LATER)
        assert not leases.renew("nothing", "a", seconds=60, at=NOW)


def start(jobs, **changes):
    fields = {"profile": "full", "cause": "hand", "owner": "host:1", "labels_until": 7, "at": NOW} | changes
    return jobs.start(**fields)


def test_runs_end_as_done_failed_or_interrupted_and_only_once(store):
    with store.session() as session:
        jobs = JobRepository(session)
        done, failed, cut = start(jobs), start(jobs), start(jobs, profile="heads")
        jobs.finish(done.id, model="m/2", at=LATER)
        jobs.fail(failed.id, error="no memory for bob@acme.example", at=LATER)
        assert jobs.mark_interrupted(LATER) == 1
        assert jobs.mark_interrupted(LATER) == 0
        jobs.finish(cut.id, model="m/3", at=LATER)
    with store.reading() as session:
        jobs = JobRepository(session)
        runs = jobs.list()
        assert [run.state for run in runs] == ["interrupted", "failed", "done"]
        assert [run.model for run in runs] == [None, None, "m/2"]
        assert runs[1].error == "no memory for [ADDR]"
        assert (runs[2].started_at, runs[2].finished_at, runs[2].labels_until) == (NOW, LATER, 7)
        assert jobs.last_done().id == jobs.last_done("full").id == done.id
        assert jobs.last_done("heads") is None
        assert [run.id for run in jobs.list(1)] == [cut.id]


def add(models, label, state, **changes):
    return models.add(
        **({"label": label, "bundle_sha256": "0" * 64, "state": state, "labels_until": 0, "at": NOW} | changes)
    )


def test_there_is_one_champion_and_one_challenger(store):
    with store.session() as session:
        models = ModelRepository(session)
        assert (models.champion(), models.challenger(), models.list()) == (None, None, [])
        add(models, "m/1", "champion")
        add(models, "m/2", "challenger")
        add(models, "m/3", "refused", objections=["recall of other falls"], figures={"f1": 0.5})
        add(models, "m/4", "challenger", at=LATER)
        models.set_state("m/4", "champion", LATER)
    with store.reading() as session:
        models = ModelRepository(session)
        states = {model.label: model.state for model in models.list()}
        assert states == {"m/1": "retired", "m/2": "retired", "m/3": "refused", "m/4": "champion"}
        assert (models.champion().label, models.challenger()) == ("m/4", None)
        assert (models.get("m/3").objections, models.get("m/3").figures) == (["recall of other falls"], {"f1": 0.5})
        assert (models.get("m/1").changed_at, models.get("m/1").created_at) == (LATER, NOW)
        assert models.list(1)[0].label == "m/4"


def test_a_model_goes_back_to_champion_and_the_other_retires(store):
    with store.session() as session:
        models = ModelRepository(session)
        add(models, "m/1", "retired")
        add(models, "m/2", "champion")
        assert models.set_state("m/1", "champion", LATER).state == "champion"
        assert models.get("m/2").state == "retired"
        assert models.set_state("m/1", "champion", LATER + timedelta(days=1)).changed_at == LATER
        with pytest.raises(ModelNotFound):
            models.set_state("m/9", "champion", LATER)


def test_figures_that_are_no_numbers_are_kept_as_null(store):
    with store.session() as session:
        add(ModelRepository(session), "m/1", "refused", figures={"f1": float("nan"), "by": {"x": [float("inf"), 1.5]}})
    with store.reading() as session:
        assert ModelRepository(session).get("m/1").figures == {"f1": None, "by": {"x": [None, 1.5]}}


DIFFERENCE = Difference(
    template_id="a",
    champion="m/1",
    challenger="m/2",
    champion_category="user_unknown",
    champion_action="suppress",
    challenger_category="mailbox_full",
    challenger_action="retry",
    n=2,
    last_seen=NOW,
)


def test_differences_add_up_and_are_listed_with_their_words_the_most_frequent_first(store):
    with store.session() as session:
        TrafficRepository(session).remember("a", "text of a", NOW)
        shadow = ShadowRepository(session)
        shadow.add([DIFFERENCE, replace(DIFFERENCE, template_id="b", n=3), replace(DIFFERENCE, challenger="m/3", n=9)])
        shadow.add([replace(DIFFERENCE, n=5, challenger_category="policy", last_seen=LATER)])
        shadow.add([])
    with store.session() as session:
        shadow = ShadowRepository(session)
        first, second = shadow.list("m/1", "m/2")
        assert first == replace(DIFFERENCE, n=7, challenger_category="policy", last_seen=LATER, text="text of a")
        assert (second.template_id, second.n, second.text) == ("b", 3, "")
        assert shadow.list("m/1", "m/2", 1) == [first]
        shadow.clear("m/2")
        assert shadow.list("m/1", "m/2") == []
        assert len(shadow.list("m/1", "m/3")) == 1
