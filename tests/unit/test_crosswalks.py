import copy
import tomllib
from dataclasses import replace

import pytest

from classifier.crosswalk_files import parse_crosswalk
from classifier.crosswalks import category_of, crosswalk, label_of, table, translate, vocabularies
from classifier.decide import decide, no_failure
from classifier.domain import Action, Failure, Kind, Permanence, Prediction, Source
from classifier.errors import InvalidCrosswalk, UnknownVocabulary
from classifier.predict.fallback import CATEGORY_OF_STATUS
from classifier.resources import resource
from classifier.taxonomy import standard_taxonomy

STANDARD = standard_taxonomy()
NAMES = vocabularies()


def document(name):
    return tomllib.loads(resource(f"crosswalks/{name}.toml").read_text(encoding="utf-8"))


def verdict_on(category, diagnostic="550 no", smtp_code=550):
    failure = Failure(kind=Kind.FAILURE, diagnostic=diagnostic, smtp_code=smtp_code)
    return decide(failure, Prediction(probabilities={category: 1.0}, source=Source.MODEL, model="m/1"), STANDARD)


def test_every_system_is_there():
    assert set(NAMES) == {
        "rfc3463", "sisimai", "sisimai_5_6", "powermta", "kumomta", "sparkpost", "ses", "sendgrid", "mailgun", "postmark",
        "postalsys", "halon",
    }  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
class TestEveryFile:
    def test_is_named_like_its_vocabulary_and_versioned(self, name):
        assert crosswalk(name).name == name
        version, _, revision = crosswalk(name).version.partition("+")
        assert version
        assert revision.isdecimal()

    def test_names_every_standard_category_whatever_the_permanence(self, name):
        chosen = crosswalk(name)
        for category in STANDARD.by_id:
            for permanence in Permanence:
                assert label_of(category, permanence, name).label in chosen.labels

    def test_what_is_not_lossy_comes_back(self, name):
        for category, targets in crosswalk(name).to.items():
            for target in targets.values():
                if not target.lossy:
                    assert category_of(name, target.label).category == category

    def test_what_does_not_come_back_is_lossy(self, name):
        for category, targets in crosswalk(name).to.items():
            for target in targets.values():
                if category_of(name, target.label).category != category:
                    assert target.lossy

    def test_a_label_that_is_not_lossy_is_one_category_and_what_it_is_called(self, name):
        for label, meaning in crosswalk(name).meanings.items():
            if not meaning.lossy:
                assert not meaning.also
                assert label in {target.label for target in crosswalk(name).to[meaning.category].values()}

    def test_a_label_lists_every_category_that_becomes_it(self, name):
        for category, targets in crosswalk(name).to.items():
            for target in targets.values():
                meaning = category_of(name, target.label)
                assert category in (meaning.category, *meaning.also)

    def test_no_category_that_keeps_the_recipient_becomes_a_label_that_removes(self, name):
        for category, targets in crosswalk(name).to.items():
            if STANDARD.by_id[category].action is not Action.SUPPRESS:
                assert not {target.label for target in targets.values()} & crosswalk(name).suppressing

    def test_its_table_is_whole(self, name):
        shown = table(crosswalk(name))
        assert {line["category"] for line in shown["to"]} == set(STANDARD.by_id)
        assert [line["label"] for line in shown["from"]] == list(crosswalk(name).labels)


@pytest.mark.parametrize(
    ("category", "permanence", "name", "label", "lossy"),
    [
        ("user_unknown", "permanent", "powermta", "bad-mailbox", False),
        ("user_unknown", "permanent", "rfc3463", "5.1.1", False),
        ("user_unknown", "temporary", "rfc3463", "4.1.1", False),
        ("user_unknown", "undetermined", "rfc3463", "4.1.1", True),
        ("tls_failure", "temporary", "rfc3463", "4.7.5", False),
        ("user_unknown", "permanent", "ses", "Permanent/NoEmail", False),
        ("user_unknown", "temporary", "ses", "Transient/General", True),
        ("ip_reputation", "permanent", "ses", "Transient/General", True),
        ("rate_limited", "temporary", "sisimai", "speeding", False),
        ("rate_limited", "temporary", "sisimai_5_6", "ratelimited", False),
        ("tls_failure", "permanent", "sisimai", "securityerror", True),
        ("tls_failure", "permanent", "sisimai_5_6", "failedstarttls", False),
        ("message_too_large", "permanent", "sisimai_5_6", "emailtoolarge", False),
        ("greylisted", "temporary", "mailgun", "greylisted", False),
        ("domain_reputation", "permanent", "kumomta", "SpamBlock", True),
        ("nobody_knows", "permanent", "powermta", "other", True),
    ],
)
def test_a_category_is_called(category, permanence, name, label, lossy):
    called = label_of(category, Permanence(permanence), name)
    assert (called.label, called.lossy) == (label, lossy)


@pytest.mark.parametrize(
    ("name", "label", "category"),
    [
        ("rfc3463", "5.1.10", "bad_domain"),
        ("rfc3463", "4.7.606", "ip_reputation"),
        ("sparkpost", "22", "mailbox_full"),
        ("sparkpost", "Mailbox Full", "mailbox_full"),
        ("postmark", "512", "spam_content"),
        ("sendgrid", "technical", "system_error"),
        ("ses", "permanent/noemail", "user_unknown"),
        ("powermta", " Quota-Issues ", "mailbox_full"),
    ],
)
def test_a_label_means(name, label, category):
    assert category_of(name, label).category == category


def test_a_label_of_nobody_means_nothing():
    assert category_of("kumomta", "MyOwnClass") is None


def test_a_label_of_no_failure_says_what_it_reports():
    meaning = category_of("sisimai", "vacation")
    assert (meaning.kind, meaning.category, meaning.lossy) == (Kind.AUTO_REPLY, "undetermined", True)


@pytest.mark.parametrize(
    ("status", "other"),
    [("5.1.10", "user_unknown"), ("5.4.1", "user_unknown"), ("5.1.1", "rate_limited"), ("5.7.1", "ip_reputation")],
)
def test_known_collisions_of_status_codes_are_noted(status, other):
    meaning = category_of("rfc3463", status)
    assert other in meaning.also
    assert "collision" in meaning.note


def test_status_codes_mean_what_the_fallback_takes_them_for():
    meant = {status: category_of("rfc3463", f"5.{status}").category for status in CATEGORY_OF_STATUS}
    assert meant == CATEGORY_OF_STATUS


def test_a_verdict_is_translated_with_its_permanence():
    label = translate(verdict_on("user_unknown"), "ses")
    assert (label.vocabulary, label.version, label.label) == ("ses", crosswalk("ses").version, "Permanent/NoEmail")
    assert translate(verdict_on("user_unknown", smtp_code=450), "ses").label == "Transient/General"


def test_under_a_taxonomy_of_ones_own_the_standard_category_is_translated():
    verdict = replace(verdict_on("greylisted"), category="come_back_later", standard="greylisted")
    assert translate(verdict, "halon").label == "GRAYLISTING"


@pytest.mark.parametrize(
    ("kind", "name", "label", "lossy"),
    [
        (Kind.AUTO_REPLY, "kumomta", "AutoReply", False),
        (Kind.AUTO_REPLY, "ses", "Transient/General", True),
        (Kind.FEEDBACK_REPORT, "postmark", "SpamComplaint", False),
        (Kind.DELIVERED, "powermta", None, True),
        (Kind.DELAYED, "powermta", "other", False),
    ],
)
def test_what_is_no_failure_has_a_label_of_its_own_or_none(kind, name, label, lossy):
    verdict = no_failure(Failure(kind=kind), source=Source.MODEL, model="m/1", taxonomy=STANDARD)
    called = translate(verdict, name, kind=kind)
    assert (called.label, called.lossy) == (label, lossy)


@pytest.mark.parametrize("name", ["exim", "", "../taxonomy/standard", "SES"])
def test_an_unknown_vocabulary_is_told_those_there_are(name):
    with pytest.raises(UnknownVocabulary, match="kumomta, mailgun"):
        crosswalk(name)


def changed(**entries):
    """Return the PowerMTA file with `path__to__key=value` set, or removed where the value is None."""
    changed = copy.deepcopy(document("powermta"))
    for path, value in entries.items():
        *steps, last = path.split("__")
        place = changed
        for step in steps:
            place = place[step]
        if value is None:
            del place[last]
        else:
            place[last] = value
    return changed


@pytest.mark.parametrize(
    ("entries", "complaint"),
    [
        ({"colour": "red"}, "colour: no such key"),
        ({"version": None}, "version: must be words"),
        ({"name": "Power MTA"}, "name: must be lower_snake_case"),
        ({"permanence": "somewhere"}, 'permanence: must be "label" or "beside"'),
        ({"labels": "bad-mailbox"}, "labels: must be a list"),
        ({"aliases": ["x"]}, "aliases: must be a table of strings"),
        ({"classes": {"permanent": "5"}}, "classes: must name permanent, temporary, undetermined"),
        ({"kind": {"party": "other"}}, "kind.party: no such kind"),
        ({"to": None}, "to: must be a table"),
        ({"to__user_unknown": None}, "to.user_unknown: is missing"),
        ({"to__gone": {"label": "other", "lossy": True}}, "to.gone: no standard category"),
        ({"to__user_unknown": "bad-mailbox"}, "to.user_unknown: must be a table"),
        ({"to__user_unknown__lossy": "no"}, "to.user_unknown: lossy must be true or false"),
        ({"to__user_unknown__label": 7}, "to.user_unknown: label must be a string"),
        ({"to__user_unknown__shade": 7}, "to.user_unknown.shade: no such key"),
        ({"to__user_unknown__temporary": {"label": "other"}}, "to.user_unknown.temporary: lossy must be"),
        ({"to__greylisted__note": " "}, "to.greylisted: note must be words"),
        ({"to__user_unknown__label": "nowhere"}, "to: nowhere is no label"),
        ({"from__other": None}, "from.other: is missing"),
        ({"from__another": {"category": "undetermined", "lossy": True}}, "from: another is no label"),
        ({"from__other": "x"}, "from.other: must be a table"),
        ({"from__other__kind": "delivered"}, "from.other: needs either category or kind"),
        ({"from__other__category": "gone"}, "from.other: gone is no standard category"),
        ({"from__other": {"kind": "party", "lossy": True}}, "from.other: party is no kind"),
        ({"from__other__also": ["undetermined"]}, "from.other: also must list other standard categories"),
        ({"from__other__shade": 1}, "from.other.shade: no such key"),
        ({"unverified": ["nowhere"]}, "unverified: nowhere is no label"),
        ({"aliases": {"Other": "other"}}, "labels: two are spelled alike"),
        ({"to__greylisted__lossy": False}, r"to.greylisted \(temporary\): policy-related does not come back"),
        ({"to__spam_content__lossy": True}, "spam-related comes back: lossy needs a note"),
        ({"from__other__lossy": True}, "from.other: lossy needs a note"),
        ({"from__spam-related__lossy": False}, "from.spam-related: means more than spam_content"),
        ({"from__spam-related__also": ["ip_reputation"]}, "from.spam-related: also lacks domain_reputation"),
        ({"suppressing": ["policy-related"]}, "policy-related removes the recipient"),
        ({"permanence": "label"}, r"to.user_unknown \(temporary\): bad-mailbox removes the recipient"),
    ],
)
def test_what_is_wrong_with_a_file_is_named_with_its_place(entries, complaint):
    with pytest.raises(InvalidCrosswalk, match=complaint):
        parse_crosswalk(changed(**entries), origin="powermta.toml")


def test_all_faults_are_reported_at_once():
    with pytest.raises(InvalidCrosswalk, match=r"colour: no such key.*version: must be words"):
        parse_crosswalk(changed(colour="red", version=None), origin="powermta.toml")


def test_a_file_that_is_no_toml_is_refused(tmp_path):
    from classifier.crosswalk_files import load_crosswalk

    (tmp_path / "x.toml").write_text("name = ")
    with pytest.raises(InvalidCrosswalk, match="cannot be read"):
        load_crosswalk(tmp_path / "x.toml")
