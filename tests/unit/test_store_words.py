import pytest

from classifier.store.words import masked, person


@pytest.mark.parametrize(
    ("note", "kept"),
    [
        pytest.param(None, None, id="no note"),
        pytest.param("wrong: the mailbox is full", "wrong: the mailbox is full", id="plain words"),
        pytest.param("ask jane.roe@acme.example\nor <bo@x.example>", "ask [ADDR] or <[ADDR]>", id="addresses"),
        pytest.param("y" * 40, "y" * 20, id="too long"),
    ],
)
def test_a_note_is_kept_without_addresses(note, kept):
    assert masked(note, 20 if kept and kept.startswith("y") else 500) == kept


def test_a_cut_never_uncovers_an_address():
    assert "jane" not in masked("x" * 15 + " jane.roe@acme.example", 25)


def test_a_person_keeps_a_plain_name_and_loses_an_address():
    assert person("key:1f2e3d") == "key:1f2e3d"
    assert person("by:jane") == "by:jane"
    assert person("by:jane@acme.example") == person("by:jane@acme.example")
    assert person("by:jane@acme.example") != person("by:joan@acme.example")
    assert "jane" not in person("by:jane@acme.example")
    assert len(person("by:" + "j" * 500)) <= 80
    assert person("jane@acme.example").startswith("by:#")
