import pytest

from classifier.errors import InvalidInput, MessageTooLarge
from classifier.record import MAX_TEXT_CHARACTERS, read_record


def test_codes_are_read_from_the_text_where_they_are_not_given():
    failure = read_record({"text": "host mx said: 452 4.2.2 full"}).failure
    assert (failure.smtp_code, failure.enhanced_code) == (452, "4.2.2")


def test_given_codes_count_before_those_of_the_text():
    failure = read_record({"text": "550 5.1.1 x", "smtp_code": 421, "enhanced_code": "4.7.0"}).failure
    assert (failure.smtp_code, failure.enhanced_code) == (421, "4.7.0")


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        ([], "must be a JSON object"),
        ({}, "text: is missing"),
        ({"text": 5}, "text: is missing or is not a string"),
        ({"text": "x", "smtp_code": 999}, "smtp_code"),
        ({"text": "x", "smtp_code": True}, "smtp_code"),
        ({"text": "x", "smtp_code": "550"}, "smtp_code"),
        ({"text": "x", "enhanced_code": "5.1"}, "enhanced_code"),
        ({"text": "x", "id": [1]}, "id: must be"),
        ({"text": "x", "id": "x" * 1_001}, "id: longer"),
        ({"text": "x", "remote_mta": 7}, "remote_mta"),
        ({"text": "x", "vocabulary": 7}, "vocabulary: must be a string"),
        ({"text": "x", "colour": "red"}, "unknown field: colour"),
        ({"text": "x", "id": "\ud800"}, "no valid Unicode"),
        ({"text": "x", "remote_mta": "\ud800"}, "remote_mta"),
        ({"email_path": "/etc/passwd"}, "only the command line reads files"),
    ],
)
def test_a_bad_record_is_told_which_field(document, complaint):
    with pytest.raises(InvalidInput, match=complaint):
        read_record(document)


def test_half_a_surrogate_pair_in_a_text_is_replaced():
    assert read_record({"text": "550 \ud800 gone"}).failure.diagnostic == "550 ? gone"


def test_a_long_text_is_kept_within_bounds():
    diagnostic = read_record({"text": "550 " + "x" * 50_000 + " mailbox full"}).failure.diagnostic
    assert len(diagnostic) <= 2_000
    assert diagnostic.endswith("mailbox full")


def test_an_address_in_a_field_name_is_not_repeated():
    with pytest.raises(InvalidInput) as caught:
        read_record({"jane@example.org": 1, "text": "x"})
    assert "jane" not in str(caught.value)


def test_a_huge_text_is_refused():
    with pytest.raises(MessageTooLarge):
        read_record({"text": "x" * (MAX_TEXT_CHARACTERS + 1)})
