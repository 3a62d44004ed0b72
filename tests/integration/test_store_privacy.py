"""No address reaches the database or the logs, whatever a bounce or a person writes."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from classifier.domain import Failure, Kind, ParseLimits
from classifier.normalise import _ROLES, template_id
from classifier.pipeline import Pipeline
from classifier.predict.fallback import FallbackPredictor
from classifier.store import JobRepository, LabelRepository, PinRepository, Recorder, TrafficRepository
from classifier.store.tables import Base
from classifier.taxonomy import standard_taxonomy

GOLDEN = sorted((Path(__file__).parents[1] / "golden").glob("*.eml"))
NOW = datetime(2026, 3, 1, tzinfo=UTC)
ADDRESS = re.compile(r"[^\s<>()\"'\[\],;:]+@[^\s<>()\"'\[\],;:]*\w")


@pytest.fixture
def pipeline():
    return Pipeline(FallbackPredictor(), standard_taxonomy(), limits=ParseLimits())


def everything(store) -> list[str]:
    """Return every value of every column of every table, as text."""
    with store.engine.connect() as connection:
        rows = [row for table in Base.metadata.sorted_tables for row in connection.execute(table.select())]
    return [str(value) for row in rows for value in row if value is not None]


def assert_no_address(values, addresses):
    for value in values:
        assert not ADDRESS.search(value), value
        for address in addresses:
            assert address.lower() not in value.lower(), value


def assert_no_local_part(value, addresses):
    for local in (address.rpartition("@")[0].strip('"<>') for address in addresses):
        # The shortest ones and the words of servers stay: masking them would eat the reason.
        if len(local) >= 3 and local.lower() not in _ROLES:
            assert not re.search(rf"(?<![\w@]){re.escape(local)}(?![\w@])", value, re.IGNORECASE), (local, value)


def addresses_of(answers):
    return {a for answer in answers for a in (answer.failure.recipient, answer.failure.original_recipient) if a}


def judge(store, answers):
    """Label and pin what was answered, with notes that quote the bounce."""
    with store.session() as session:
        traffic, labels, pins = TrafficRepository(session), LabelRepository(session), PinRepository(session)
        batch = labels.open_batch(
            who="by:ann.lee@ops.example", at=NOW, state="quarantined", reason="see bo@ops.example"
        )
        for answer in answers:
            note = f"{answer.failure.recipient} wrote to me: {answer.failure.original_recipient}"
            traffic.remember(answer.template_id, answer.template, NOW)
            labels.add(
                template_id=answer.template_id,
                taxonomy="standard",
                taxonomy_version="1",
                category="user_unknown",
                who="by:ann.lee@ops.example",
                source="http",
                batch_id=batch.id,
                at=NOW,
                note=note,
            )
            pin = {"template_id": answer.template_id, "taxonomy": "standard", "who": "by:ann.lee@ops.example"}
            pins.set(**pin, category="user_unknown", why=note, at=NOW)
            pins.remove(**pin, why=note, at=NOW)
        labels.review(batch.id, accept=True, by="by:bo@ops.example", at=NOW)
        jobs = JobRepository(session)
        run = jobs.start(profile="full", cause="hand", owner="host:1", labels_until=0, at=NOW)
        jobs.fail(run.id, error="cannot read 'jane.roe@acme.example'", at=NOW)


def test_golden_emails_leave_no_address_in_any_column_nor_in_the_logs(store, pipeline, capsys, caplog):
    recorder = Recorder()
    with structlog.testing.capture_logs() as logs:
        answers = [answer for email in GOLDEN for answer in pipeline.classify_email(email.read_bytes()).answers]
        recorder.record(answers)
        assert recorder.flush(store) > 10
        judge(store, answers)
    values = everything(store)
    assert len(values) > 500
    assert len(addresses_of(answers)) > 40
    assert_no_address(values, addresses_of(answers))
    assert_no_address([*map(str, logs), *caplog.messages, *capsys.readouterr()], addresses_of(answers))
    with store.reading() as session:
        for answer in answers:
            kept = TrafficRepository(session).template(answer.template_id)
            assert_no_local_part(kept.text, addresses_of([answer]))


# Unlikely names: whatever of them is found in the database came out of an address.
NAMES = st.from_regex(r"[a-z]{2}qz[a-z]{3}[._-]xj[a-z]{2,6}", fullmatch=True)
DOMAINS = st.sampled_from(["acme.example", "mail.acme.co.uk", "bücher.example", "xn--bcher-kva.example", "例え.jp"])
FORMS = (
    "<{local}@{domain}>: Recipient address rejected",
    "user {local} is unknown at {domain}",
    'mailbox "{local}" of {local}@{domain} is full',
    "bounces+{local}={domain}@lists.sender.example bounced",
    "{local}%{domain}@relay.example... User unknown",
    "rcpt to:<{local}@{domain}>: rfc822;{local}@{domain}",
    "> On Monday {local} <{local}@{domain}> wrote:\n> hello",
    "see https://help.example/why?user={local}%40{domain}&p=NoSuchUser",
    "SRS0=ab12=XY={domain}={local}@forwarder.example refused",
    "{local}+news@{domain} {LOCAL}@{domain} {local}@[192.0.2.1]",
    "&lt;{local}@{domain}&gt; =\r\n{local}: no mailbox here by that name",
)


@st.composite
def failures(draw):
    local, domain = draw(NAMES), draw(DOMAINS)
    forms = draw(st.lists(st.sampled_from(FORMS), min_size=1, max_size=4))
    words = "\n".join(form.format(local=local, LOCAL=local.upper(), domain=domain) for form in forms)
    head = draw(st.sampled_from(["", "550 5.1.1 ", "450-4.2.2 ", "smtp; 552 "]))
    if draw(st.booleans()):  # so long that it is cut in the midst of an address
        head, words = head + "word " * 290, "." * draw(st.integers(1, 50)) + " " + words + " word" * 120
    return Failure(
        kind=draw(st.sampled_from([Kind.FAILURE, Kind.DELAYED])),
        recipient=f"{local}@{domain}",
        original_recipient=draw(st.sampled_from([None, f"{local}@old.{domain}"])),
        diagnostic=head + words,
        remote_mta="mx." + domain,
    )


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(failures(), min_size=1, max_size=20))
def test_addresses_in_any_dress_leave_no_trace(store, pipeline, found):
    recorder = Recorder()
    answers = pipeline.classify(found)
    recorder.record(answers)
    recorder.flush(store)
    judge(store, answers)
    values = everything(store)
    assert_no_address(values, addresses_of(answers))
    for value in values:
        assert_no_local_part(value, addresses_of(answers))


def test_an_error_of_the_database_does_not_quote_what_was_written(store):
    with pytest.raises(DBAPIError) as raised, store.session() as session:
        session.execute(text("INSERT INTO templates (id, text) VALUES (:id, :text)"), {"id": "x", "text": "jane.roe"})
    assert "jane.roe" not in str(raised.value).partition("DETAIL")[0]


def test_people_named_by_their_address_stay_distinct_and_countable(store):
    with store.session() as session:
        labels = LabelRepository(session)
        TrafficRepository(session).remember(template_id("t"), "t", NOW)
        batch = labels.open_batch(who="by:a@x.example", at=NOW)
        for who, category in (("by:a@x.example", "a"), ("by:b@x.example", "b"), ("by:b@x.example", "a")):
            labels.add(
                template_id=template_id("t"),
                taxonomy="standard",
                taxonomy_version="1",
                category=category,
                who=who,
                source="http",
                batch_id=batch.id,
                at=NOW,
            )
        (agreed,) = labels.agreed("standard")
        assert (agreed.votes, agreed.voters) == (2, 2)
        assert labels.count_since("by:b@x.example", NOW) == 2
        assert labels.agreed("standard", without_who=["by:b@x.example"])[0].voters == 1
