import pytest

from classifier.bootstrap import build
from classifier.errors import InvalidInput
from classifier.record import read_record
from classifier.request_ids import TEMPLATE_ID, read_request_id, request_id
from classifier.settings import Settings


def test_a_request_id_tells_template_and_taxonomy_and_nothing_else(tmp_path):
    pipeline = build(Settings(data_dir=tmp_path)).pipeline
    answer = pipeline.classify([read_record({"text": "550 5.1.1 <jo@example.org> unknown"}).failure])[0]
    first, second = request_id(answer), request_id(answer)
    assert first != second
    named = read_request_id(first)
    assert (named.template_id, named.taxonomy) == (answer.template_id, "standard")
    assert TEMPLATE_ID.fullmatch(named.template_id)


@pytest.mark.parametrize(
    "value", ["", "x", "0123456789abcdef.acme", "0123456789abcdef.acme.0123456789", "../../etc.a.b"]
)
def test_what_no_answer_carried_is_refused(value):
    with pytest.raises(InvalidInput, match="request_id"):
        read_request_id(value)
