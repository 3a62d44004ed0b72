from datetime import UTC, datetime

from classifier.normalise import template_id
from classifier.store import AgreedLabel
from training.dataset import Row, key_of
from training.feedback_rows import ALL_LEARNT, feedback_of, without

NAMES = ("mailbox_full", "user_unknown")


def agreed(*texts, category="mailbox_full"):
    return [
        AgreedLabel(
            template_id=template_id(text),
            text=text,
            category=category,
            votes=1,
            voters=1,
            who=("by:ann",),
            sources=("http",),
            first_id=i + 1,
            label_id=i + 1,
            reviewed_at=None,
            at=datetime.now(UTC),
            model_category=None,
            model_confidence=None,
        )
        for i, text in enumerate(texts)
    ]


WORDS = (
    "apple birch cedar daisy elder fern grape hazel iris jasmin kale lemon maple nettle olive peach quince rose".split()
)
MANY = [f"552 the {word} crate of this {other} holds no more" for word in WORDS for other in ("cart", "ship")]


def test_a_label_becomes_a_row_that_weighs_more_than_an_authored_one():
    (row,) = feedback_of(agreed("552 no room"), categories=NAMES).learnt
    assert (row.template, row.target, row.source) == ("552 no room", {"mailbox_full": 1.0}, "feedback")
    assert row.weight > 1


def test_few_labels_are_all_learnt_from():
    assert feedback_of(agreed(*MANY[:ALL_LEARNT]), categories=NAMES).held_out == []


def test_of_many_labels_about_a_fifth_is_kept_out():
    found = feedback_of(agreed(*MANY), categories=NAMES)
    assert 0 < len(found.held_out) <= len(MANY) / 5
    assert {row.template for row in found.rows} == set(MANY)
    assert not {row.template for row in found.learnt} & {row.template for row in found.held_out}


def test_the_same_labels_are_kept_out_whatever_their_order():
    first = feedback_of(agreed(*MANY), categories=NAMES)
    second = feedback_of(agreed(*MANY)[::-1], categories=NAMES)
    assert {row.template for row in first.held_out} == {row.template for row in second.held_out}
    assert first.sha256 == second.sha256


def test_whatever_is_labelled_later_what_was_learnt_is_never_judged():
    words = [*MANY, *(f"421 {text[4:]} today, {word}" for text, word in zip(MANY, WORDS, strict=False))]
    learnt, judged = set(), set()
    for n in range(1, len(words) + 1):
        found = feedback_of(agreed(*words[:n]), categories=NAMES)
        learnt |= {row.template for row in found.learnt}
        judged |= {row.template for row in found.held_out}
    assert judged
    assert not learnt & judged


def test_of_one_wording_in_many_dresses_most_is_learnt():
    dresses = [f"55{n % 5} 5.2.{n} the jasmin crate of this cart holds no more" for n in range(40)]
    found = feedback_of(agreed(*MANY[:9], *dresses), categories=NAMES)
    assert len(found.held_out) <= (9 + len(dresses)) / 5


def test_near_duplicates_stay_on_one_side():
    texts = [f"55{n} 5.2.{n} {text[4:]}" for text in MANY for n in (2, 3)]
    held = {row.template[10:] for row in feedback_of(agreed(*texts), categories=NAMES).held_out}
    learnt = {row.template[10:] for row in feedback_of(agreed(*texts), categories=NAMES).learnt}
    assert held
    assert not held & learnt


def test_templates_of_the_test_set_and_unknown_categories_teach_nothing():
    labels = agreed("552 no room", "552 full") + agreed("550 out", category="of_yesterday")
    found = feedback_of(labels, categories=NAMES, barred={key_of("552 Full")})
    assert [row.template for row in found.rows] == ["552 no room"]
    assert found.set_aside == 2


def test_another_category_is_news_and_another_voter_is_not():
    one, same = agreed("552 no room"), agreed("552 no room")
    other = agreed("552 no room", category="user_unknown")
    digests = [feedback_of(labels, categories=NAMES).sha256 for labels in (one, same, other)]
    assert digests[0] == digests[1] != digests[2]


def test_what_people_judged_leaves_the_corpus():
    corpus = [
        Row(template=text, target={"user_unknown": 1.0}, lang="en", source="authored/x", weight=1.0)
        for text in ("552 No  Room", "550 no such user")
    ]
    kept = without(corpus, feedback_of(agreed("552 no room"), categories=NAMES))
    assert [row.template for row in kept] == ["550 no such user"]
