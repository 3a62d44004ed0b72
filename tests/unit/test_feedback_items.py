import pytest

from classifier.errors import InvalidInput, MessageTooLarge
from classifier.feedback.items import read_item

TEMPLATE = "0123456789abcdef"


def test_a_text_is_read_as_a_record_is():
    item = read_item({"text": "550-5.1.1 no", "category": "user_unknown", "remote_mta": "mx.example.org"})
    assert (item.failure.smtp_code, item.failure.enhanced_code) == (550, "5.1.1")
    assert item.failure.remote_mta == "mx.example.org"
    assert item.template_id is None


def test_a_request_id_names_template_and_taxonomy():
    item = read_item({"request_id": f"{TEMPLATE}.acme.00ff00ff", "category": "unpaid"})
    assert (item.template_id, item.taxonomy, item.failure) == (TEMPLATE, "acme", None)


def test_a_taxonomy_that_is_named_counts_before_the_request_ids():
    item = read_item({"request_id": f"{TEMPLATE}.acme.00ff00ff", "category": "x1", "taxonomy": "standard"})
    assert item.taxonomy == "standard"


def test_no_address_stays_in_a_note():
    item = read_item(
        {"template_id": TEMPLATE, "category": "x1", "note": "jo.doe@example.org told me,\x00 from 192.0.2.7"}
    )
    assert item.note == "[ADDR] told me, from [IP]"


def test_a_note_that_grows_by_masking_is_cut():
    item = read_item({"template_id": TEMPLATE, "category": "x1", "note": "a@b.example " * 41})
    assert len(item.note) <= 500


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ([], "object"),
        ({"category": "x1"}, "exactly one"),
        ({"text": "a", "template_id": TEMPLATE, "category": "x1"}, "exactly one"),
        ({"text": "a", "jo@example.org": 1, "category": "x1"}, "unknown field"),
        ({"text": "  ", "category": "x1"}, "text"),
        ({"text": 5, "category": "x1"}, "text"),
        ({"text": "a", "smtp_code": 99, "category": "x1"}, "smtp_code"),
        ({"template_id": TEMPLATE, "smtp_code": 550, "category": "x1"}, "smtp_code"),
        ({"template_id": "0123", "category": "x1"}, "template_id"),
        ({"template_id": 5, "category": "x1"}, "template_id"),
        ({"request_id": f"{TEMPLATE}.acme", "category": "x1"}, "request_id"),
        ({"text": "a"}, "category"),
        ({"text": "a", "category": "User Unknown"}, "category"),
        ({"text": "a", "category": "x1", "taxonomy": 5}, "taxonomy"),
        ({"text": "a", "category": "x1", "note": 5}, "note"),
        ({"text": "a", "category": "x1", "note": "\ud800"}, "note"),
        ({"text": "a", "category": "x1", "by": "jo@example.org"}, "by"),
        ({"text": "a", "category": "x1", "by": "a" * 61}, "by"),
        ({"text": "a", "category": "x1", "by": ""}, "by"),
        ({"text": "a", "category": "x1", "expires_in_days": 0}, "expires_in_days"),
        ({"text": "a", "category": "x1", "expires_in_days": True}, "expires_in_days"),
        ({"text": "a", "category": "x1", "expires_in_days": 10**9}, "expires_in_days"),
        ({"text": "a", "category": "x1", "id": []}, "id"),
    ],
)
def test_what_is_wrong_is_named(document, field):
    with pytest.raises(InvalidInput, match=field) as caught:
        read_item(document)
    assert "example.org" not in str(caught.value)


def test_a_note_of_any_length_is_not_taken():
    with pytest.raises(MessageTooLarge, match="note"):
        read_item({"text": "a", "category": "x1", "note": "a" * 501})
