import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from classifier.custom.store import Meta, TaxonomyStore, now
from classifier.errors import TaxonomyNotFound

META = Meta(version=0, published_at=now(), bundle="b" * 64, model="m/1", categories=1, examples=4, fit_seconds=0.1)
ARRAYS = {"weights": np.ones((2, 2), dtype=np.float32)}


@pytest.fixture
def store(tmp_path):
    return TaxonomyStore(tmp_path / "taxonomies")


def test_versions_count_from_one_and_the_newest_is_used(store):
    assert [store.publish("acme", f"# {n}", ARRAYS, META) for n in range(3)] == [1, 2, 3]
    assert store.current("acme") == 3
    assert [store.text("acme", n) for n in (1, 2, 3)] == ["# 0", "# 1", "# 2"]
    assert [meta.version for meta in store.versions("acme")] == [1, 2, 3]
    assert store.arrays("acme", 2)["weights"].shape == (2, 2)
    assert store.names() == ["acme"]


def test_roll_back_goes_to_the_version_before_or_to_the_one_named(store):
    for n in range(3):
        store.publish("acme", f"# {n}", ARRAYS, META)
    assert store.rollback("acme") == 2
    assert store.rollback("acme", 3) == 3
    assert store.rollback("acme", 1) == store.current("acme") == 1
    with pytest.raises(TaxonomyNotFound, match="no version before 1"):
        store.rollback("acme")
    with pytest.raises(TaxonomyNotFound, match="no version 9"):
        store.rollback("acme", 9)
    assert store.publish("acme", "# new", ARRAYS, META) == 4


def test_a_deleted_taxonomy_is_gone_and_its_numbers_stay_used_up(store):
    store.publish("acme", "#", ARRAYS, META)
    store.delete("acme")
    assert store.names() == []
    assert store.stamp("acme") is None
    with pytest.raises(TaxonomyNotFound):
        store.current("acme")
    assert store.publish("acme", "#", ARRAYS, META) == 2


@pytest.mark.parametrize("name", ["nobody", "../acme", "", ".background", "a/b"])
def test_a_name_that_is_not_there_is_refused(store, name):
    store.publish("acme", "#", ARRAYS, META)
    for ask in (store.current, store.versions, store.delete, store.rollback):
        with pytest.raises(TaxonomyNotFound):
            ask(name)


def test_the_stamp_changes_with_every_change_of_the_version_in_use(store):
    seen = set()
    for _ in range(3):
        store.publish("acme", "#", ARRAYS, META)
        seen.add(store.stamp("acme"))
        time.sleep(0.01)
    store.rollback("acme")
    seen.add(store.stamp("acme"))
    assert len(seen) == 4


def test_many_publish_at_once_and_each_gets_a_number_of_its_own(store):
    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(lambda n: store.publish("acme", f"# {n}", ARRAYS, META), range(24)))
    assert sorted(numbers) == list(range(1, 25))
    assert {store.text("acme", n) for n in numbers} == {f"# {n}" for n in range(24)}
    assert not [path for path in (store.folder / "acme").iterdir() if path.name.startswith((".new", "tmp"))]


def test_a_head_for_another_bundle_replaces_the_head_and_nothing_else(store):
    store.publish("acme", "# words", ARRAYS, META)
    store.refit("acme", 1, {"weights": np.zeros((3, 1))}, bundle="c" * 64, model="m/2", seconds=1.0)
    meta = store.meta("acme", 1)
    assert (meta.bundle, meta.model, meta.published_at) == ("c" * 64, "m/2", META.published_at)
    assert store.arrays("acme", 1)["weights"].shape == (3, 1)
    assert store.text("acme", 1) == "# words"
