import pytest

from classifier.custom.migrate import migrate, read_mapping
from classifier.errors import InvalidInput

NEW = {"blocked", "quota_soft", "quota_hard", "left", "other"}
MAPPING = {
    "rename": {"gone": "left"},
    "merge": {"blocked": ["block_a", "block_b"]},
    "split": {"quota": ["quota_soft", "quota_hard"]},
}


def label(category, **more):
    return {"text": f"about {category}", "category": category} | more


def carried_over(*labels):
    return migrate(list(labels), read_mapping(MAPPING, NEW), NEW)


def test_renamed_and_merged_labels_are_carried_with_their_old_name():
    done = carried_over(label("gone", by="ann"), label("block_a"), label("block_b"))
    assert [(row["category"], row["was"]) for row in done.carried] == [
        ("left", "gone"),
        ("blocked", "block_a"),
        ("blocked", "block_b"),
    ]
    assert done.carried[0]["by"] == "ann"
    assert done.relabel == ()


def test_a_label_whose_category_stays_is_untouched():
    kept = label("left")
    assert carried_over(kept, label("other")).carried == (kept, label("other"))


def test_a_split_category_is_listed_for_people_with_its_candidates():
    (row,) = carried_over(label("quota")).relabel
    assert (row["category"], row["was"], row["reason"], row["candidates"]) == (
        None,
        "quota",
        "split",
        ["quota_soft", "quota_hard"],
    )


def test_a_category_that_is_gone_without_a_word_is_listed_too():
    (row,) = carried_over(label("forgotten")).relabel
    assert (row["reason"], row["candidates"]) == ("gone", [])


def test_no_label_is_lost_and_none_is_changed_in_place():
    labels = [label(c) for c in ("gone", "quota", "left", "x", "block_a") * 5]
    before = [dict(row) for row in labels]
    done = carried_over(*labels)
    assert len(done.carried) + len(done.relabel) == len(labels)
    assert labels == before


@pytest.mark.parametrize(
    ("mapping", "complaint"),
    [
        ({"rename": {"a": "nowhere"}}, "no category nowhere"),
        ({"merge": {"blocked": ["a"]}, "rename": {"a": "left"}}, "a is mapped already"),
        ({"split": {"a": ["left"]}}, "two or more"),
        ({"split": {"a": ["left", "nowhere"]}}, "no category nowhere"),
        ({"merge": {"blocked": "a"}}, "strings"),
        ({"rename": 5}, "rename: must be a table"),
        ({"move": {}}, "rename, merge and split"),
        ([], "rename, merge and split"),
    ],
)
def test_a_mapping_that_leads_nowhere_is_refused(mapping, complaint):
    with pytest.raises(InvalidInput, match=complaint):
        read_mapping(mapping, NEW)


@pytest.mark.parametrize("row", [{"text": "x"}, {"category": 5}, "left"])
def test_a_label_without_a_category_is_refused(row):
    with pytest.raises(InvalidInput, match="label 2"):
        carried_over(label("left"), row)
