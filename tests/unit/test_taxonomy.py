import pytest

from classifier.errors import InvalidTaxonomy
from classifier.taxonomy import load_taxonomy, standard_taxonomy

GOOD = """
name = "mine"
version = "3"
[[category]]
id = "gone"
title = "Gone"
description = "Nobody there."
fault = "recipient"
action = "suppress"
scope = "recipient"
threshold = 0.9
"""


def written(tmp_path, text):
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_standard_taxonomy_has_29_categories():
    taxonomy = standard_taxonomy()
    assert taxonomy.label == "standard/1"
    assert len(taxonomy.by_id) == 29
    assert all(c.title and c.description for c in taxonomy.categories)


def test_a_good_file(tmp_path):
    taxonomy = load_taxonomy(written(tmp_path, GOOD))
    assert taxonomy.by_id["gone"].threshold == 0.9


def test_thresholds_of_a_bundle_replace_those_of_the_file(tmp_path):
    taxonomy = load_taxonomy(written(tmp_path, GOOD)).with_thresholds({"gone": 0.97, "other": 0.1})
    assert taxonomy.by_id["gone"].threshold == 0.97


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (('id = "gone"', 'id = "Gone!"'), "id must be lower_snake_case"),
        (('fault = "recipient"', 'fault = "nobody"'), "gone: fault must be one of"),
        (("threshold = 0.9", "threshold = 2"), "gone: threshold must be a number from 0 to 1"),
        (("threshold = 0.9", "threshold = true"), "gone: threshold must be a number from 0 to 1"),
        (('title = "Gone"', 'title = " "'), "gone: title is missing"),
        (('version = "3"', "version = 3"), "version: must be a string"),
        (("[[category]]", "[[category"), "cannot be read"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(tmp_path, change, complaint):
    with pytest.raises(InvalidTaxonomy, match=complaint):
        load_taxonomy(written(tmp_path, GOOD.replace(*change)))


def test_all_faults_are_reported_at_once(tmp_path):
    broken = GOOD.replace('fault = "recipient"', "").replace("threshold = 0.9", "")
    with pytest.raises(InvalidTaxonomy, match=r"fault must be.*threshold must be"):
        load_taxonomy(written(tmp_path, broken))


def test_an_id_may_not_stand_twice(tmp_path):
    category = GOOD[GOOD.index("[[") :]
    with pytest.raises(InvalidTaxonomy, match="gone: the id stands twice"):
        load_taxonomy(written(tmp_path, GOOD + category))
