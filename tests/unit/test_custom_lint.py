import pytest

from classifier.custom.draft import read_document
from classifier.custom.lint import lint
from classifier.taxonomy import standard_taxonomy

STANDARD = standard_taxonomy()
MACROS = ["550 no macros here please", "554 VBA is refused", "macro files blocked", "552 strip the macros"]
UNPAID = ["550 invoice overdue", "554 account in arrears", "the bill was not paid", "452 payment missing"]


def category(identity, examples, **more):
    return {"id": identity, "title": more.pop("title", identity), "description": "Words.", "examples": examples} | more


def codes(*categories, **top):
    findings = lint(read_document({"name": "acme", "category": list(categories)} | top, STANDARD), STANDARD)
    return [(f.level, f.code, f.place) for f in findings]


def test_a_sound_taxonomy_has_no_findings():
    assert codes(category("macros", MACROS), category("unpaid", UNPAID)) == []


@pytest.mark.parametrize(
    ("categories", "finding"),
    [
        pytest.param(
            [category("macros", [*MACROS, "550 No  macros here PLEASE".lower()])],
            ("warning", "duplicate_example", "category macros: examples 5"),
            id="the same words twice",
        ),
        pytest.param(
            [category("macros", [*MACROS, UNPAID[0]]), category("unpaid", UNPAID)],
            ("error", "contradictory_example", "category unpaid: examples 1"),
            id="one text in two categories",
        ),
        pytest.param(
            [category("macros", [*MACROS, "550 rule 17 hit"]), category("unpaid", [*UNPAID, "550 rule 18 hit"])],
            ("warning", "contradictory_example", "category unpaid: examples 5"),
            id="two texts that differ in a masked number",
        ),
        pytest.param(
            [category("macros", MACROS, counter_examples=[MACROS[1]])],
            ("error", "contradictory_example", "category macros: counter_examples 1"),
            id="an example that is a counter-example",
        ),
        pytest.param(
            [category("macros", MACROS), category("unpaid", MACROS)],
            ("error", "unreachable_category", "category macros"),
            id="a category whose examples all stand elsewhere",
        ),
        pytest.param(
            [category("mailbox_unpaid", UNPAID), category("mailbox_unpaids", MACROS)],
            ("warning", "names_too_close", "category mailbox_unpaids: id"),
            id="two ids of one sound",
        ),
        pytest.param(
            [category("unpaid", UNPAID, title="Not paid"), category("macros", MACROS, title="not  paid")],
            ("warning", "names_too_close", "category macros: title"),
            id="two equal titles",
        ),
        pytest.param(
            [category("left", UNPAID, fault="recipient", action="suppress")],
            ("error", "destructive_without_threshold", "category left"),
            id="suppress without a threshold",
        ),
        pytest.param(
            [category("left", UNPAID, fault="recipient", action="suppress", threshold=0.3)],
            ("warning", "low_threshold", "category left: threshold"),
            id="suppress on a guess",
        ),
        pytest.param(
            [category("left", UNPAID, fault="sender", action="suppress", threshold=0.9)],
            ("warning", "unreachable_action", "category left"),
            id="suppress for a fault that never suppresses",
        ),
        pytest.param(
            [category("left", UNPAID, description="")],
            ("warning", "no_description", "category left"),
            id="no description",
        ),
        pytest.param(
            [category("greylisted", UNPAID)],
            ("warning", "standard_name", "category greylisted: id"),
            id="a standard category's id for something else",
        ),
        pytest.param(
            [category("left", [*UNPAID[:3], "192.0.2.1"])],
            ("warning", "empty_example", "category left: examples 4"),
            id="nothing left once masked",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_place(categories, finding):
    assert finding in codes(*categories)


def test_errors_come_first():
    levels = [
        level
        for level, _, _ in codes(category("macros", [*MACROS, MACROS[0]]), category("unpaid", [*UNPAID, MACROS[1]]))
    ]
    assert levels == sorted(levels)
    assert set(levels) == {"error", "warning"}


def test_a_numbered_series_is_meant():
    assert codes(category("block_a", MACROS, title="Block A"), category("block_b", UNPAID, title="Block B")) == []


def test_the_threshold_of_a_refined_suppression_is_inherited():
    assert codes(category("left", UNPAID, within="user_unknown")) == []
