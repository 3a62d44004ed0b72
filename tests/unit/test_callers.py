import pytest
from pydantic import ValidationError

from api.callers import OPEN, identify, read_keys
from classifier.errors import TaxonomyNotFound, Unauthorized
from classifier.settings import Settings

KEYS = read_keys("s3cret=acme, padded===globex,root=*,plain=standard")


def test_without_keys_everybody_may_do_everything():
    assert identify(read_keys(None), None) is OPEN
    assert OPEN.chosen("acme") == "acme"
    assert OPEN.chosen(None) is None


def test_a_key_has_its_taxonomy_as_default_and_may_use_the_standard_one():
    caller = identify(KEYS, "s3cret")
    assert (caller.chosen(None), caller.chosen("acme"), caller.chosen("standard")) == ("acme", "acme", "standard")


def test_another_tenants_taxonomy_is_not_even_known_to_exist():
    with pytest.raises(TaxonomyNotFound, match="there is no taxonomy 'globex'"):
        identify(KEYS, "s3cret").chosen("globex")


def test_a_key_may_hold_equal_signs_and_a_star_opens_all():
    assert identify(KEYS, "padded==").default == "globex"
    root, plain = identify(KEYS, "root"), identify(KEYS, "plain")
    assert (root.default, root.only) == (None, None)
    assert (plain.default, plain.only) == (None, "standard")


def test_a_key_is_named_by_its_digest_whatever_name_is_given():
    caller = identify(KEYS, "root")
    assert caller.named("ann") == caller.named(None) == "key:4813494d137e"
    assert caller.under("acme").named(None) == "key:4813494d137e"
    assert "root" not in repr(caller)


def test_without_keys_everybody_is_who_they_say():
    assert (OPEN.named("ann"), OPEN.named(None)) == ("by:ann", "anonymous")


@pytest.mark.parametrize("given", [None, "", "wrong", "s3cre", "ключ"])
def test_no_key_or_a_wrong_one_is_refused(given):
    with pytest.raises(Unauthorized):
        identify(KEYS, given)


def test_a_query_may_choose_another_default_within_what_is_allowed():
    assert OPEN.under("acme").default == "acme"
    with pytest.raises(TaxonomyNotFound):
        identify(KEYS, "s3cret").under("globex")


@pytest.mark.parametrize("setting", ["nonsense", "=acme", "k=Acme", "k=acme;j=x", ""])
def test_a_malformed_setting_ends_the_start(setting):
    with pytest.raises(ValidationError):
        Settings(api_keys=setting)


def test_keys_are_not_shown():
    assert "s3cret" not in repr(Settings(api_keys="s3cret=acme"))
