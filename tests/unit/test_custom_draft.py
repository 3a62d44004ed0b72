import tomllib

import pytest

from classifier.custom.draft import read_document, read_toml, resolve, to_document
from classifier.custom.toml_text import toml_of
from classifier.domain import Action, Fault, Scope
from classifier.errors import InvalidTaxonomy
from classifier.taxonomy import standard_taxonomy

STANDARD = standard_taxonomy()
EXAMPLES = ["550 no macros here", "554 VBA is refused", "552 macro files blocked", "550 strip the macros"]


def document(**changes):
    return {"name": "acme", "category": [{"id": "macros", "title": "Macros", "examples": EXAMPLES} | changes]}


def read(**changes):
    return read_document(document(**changes), STANDARD)


def test_the_file_of_the_how_to_is_read():
    draft = read_toml(
        """
        name = "acme"
        counter_examples = ["550 no such user"]
        [[category]]
        id = "corvane_block"
        title = "Blocked by Corvane"
        description = "Their filter refused the IP."
        examples = ["554 a", "554 b", "554 c", "554 d"]
        within = "ip_reputation"
        action = "fix_configuration"
        [[category]]
        id = "reputation"
        title = "Reputation"
        description = "Ours."
        from = ["ip_reputation", "domain_reputation"]
        """,
        STANDARD,
    )
    refined, rolled = draft.categories
    assert (refined.within, rolled.takes) == (("ip_reputation",), ("ip_reputation", "domain_reputation"))
    assert [category.id for category in draft.learned] == ["corvane_block"]


def test_what_is_left_out_comes_from_the_standard_category_that_is_named():
    (policy,) = resolve(read(within="mailbox_full"), "1", STANDARD).categories
    full = STANDARD.by_id["mailbox_full"]
    assert (policy.fault, policy.action, policy.scope, policy.threshold) == (
        full.fault,
        full.action,
        full.scope,
        full.threshold,
    )


def test_where_several_are_named_only_what_they_agree_on_is_taken_and_the_highest_threshold():
    (policy,) = resolve(read(examples=[], **{"from": ["user_unknown", "mailbox_full"]}), "1", STANDARD).categories
    assert (policy.fault, policy.action, policy.scope) == (Fault.RECIPIENT, Action.REVIEW, Scope.RECIPIENT)
    assert policy.threshold == max(STANDARD.by_id[name].threshold for name in ("user_unknown", "mailbox_full"))


def test_a_category_that_names_none_is_careful():
    (policy,) = resolve(read(), "1", STANDARD).categories
    assert (policy.fault, policy.action, policy.scope, policy.threshold) == (
        Fault.UNDETERMINED,
        Action.REVIEW,
        Scope.MESSAGE,
        0.5,
    )


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"id": "Macros"}, "lower_snake_case"),
        ({"id": "other"}, 'not "other"'),
        ({"exmaples": []}, "exmaples: unknown"),
        ({"examples": EXAMPLES[:3]}, "examples: 3 given, 4 to 50"),
        ({"examples": EXAMPLES * 13}, "at most 50"),
        ({"examples": [*EXAMPLES, " "]}, "examples 5: must be a text"),
        ({"within": "nonsense"}, "within: nonsense is no standard category"),
        ({"from": "ip_reputation"}, "no examples and no within"),
        ({"threshold": 1.2}, "threshold must be a number"),
        ({"threshold": True}, "threshold must be a number"),
        ({"action": "explode"}, "action must be one of"),
        ({"fault": 5}, "fault must be one of"),
        ({"title": 7}, "title must be a string"),
    ],
)
def test_a_fault_is_told_with_its_place(changes, complaint):
    with pytest.raises(InvalidTaxonomy, match=complaint):
        read(**changes)


def test_all_faults_are_told_at_once():
    with pytest.raises(InvalidTaxonomy) as caught:
        read_document({"name": "A", "nmae": 1, "category": [{"id": "x"}, 5]}, STANDARD)
    assert {"nmae", "name", "category 1", "category 2"} <= {
        fault.split(":")[0] for fault in str(caught.value).split("; ")
    }


def test_ids_and_rolled_up_categories_stand_once():
    entry = {"id": "a1", "title": "A", "from": ["greylisted"]}
    with pytest.raises(InvalidTaxonomy, match="the id stands twice"):
        read_document({"name": "acme", "category": [entry, entry]}, STANDARD)
    with pytest.raises(InvalidTaxonomy, match="a1 takes greylisted already"):
        read_document({"name": "acme", "category": [entry, entry | {"id": "a2"}]}, STANDARD)


@pytest.mark.parametrize("name", ["standard", "../evil", "A", ""])
def test_a_name_that_cannot_be_published_is_refused(name):
    with pytest.raises(InvalidTaxonomy, match="name"):
        read_document(document() | {"name": name}, STANDARD)


def test_the_address_and_the_document_must_agree_on_the_name():
    with pytest.raises(InvalidTaxonomy, match="the document says acme"):
        read_document(document(), STANDARD, name="globex")
    nameless = document()
    del nameless["name"]
    assert read_document(nameless, STANDARD, name="globex").name == "globex"


@pytest.mark.parametrize("text", ["name = ", "[[category]", "\x00"])
def test_what_is_no_toml_is_refused(text):
    with pytest.raises(InvalidTaxonomy, match="not TOML"):
        read_toml(text, STANDARD)


def test_a_document_survives_toml():
    draft = read(
        description='Says "no" \\ and\nmore \x7f ü 日本',
        within=["content_rejected"],
        threshold=0.0,
        counter_examples=["550 virus"],
    )
    text = toml_of(to_document(draft))
    assert tomllib.loads(text)["category"][0]["threshold"] == 0.0
    assert read_toml(text, STANDARD) == draft
