import re

from training import packing


def test_the_revision_is_unknown_where_there_is_no_git(monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    assert packing.git_revision() == "unknown"


def test_the_revision_is_a_hash_or_unknown():
    assert re.fullmatch(r"[0-9a-f]{40,64}|unknown", packing.git_revision())
