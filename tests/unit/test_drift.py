"""Alarms on synthetic months: weekday rhythm, Poisson noise, bursts, a tail of wordings that come once."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cache

import numpy as np
import pytest

from classifier.drift import RULES, Code, Rules, Severity, alarms, drift, to_document
from classifier.store import Traffic

TODAY = date(2026, 11, 26)
LONG_AGO = datetime(2026, 1, 5, tzinfo=UTC)
CATEGORIES = ("user_unknown", "mailbox_full", "spam_content", "rate_limited", "ip_reputation")
VOLUME = (("google", 700), ("microsoft", 400), ("yahoo", 120), ("gmx", 20), ("", 500))
WORDS = 12


def row(**fields) -> Traffic:
    usual = {
        "taxonomy": "standard", "category": "user_unknown", "confidence": 0.9, "action": "suppress", "source": "model",
        "first_seen": LONG_AGO, "n": 1, "day": TODAY, "provider": "google",
    }  # fmt: skip
    return Traffic(**(usual | {"text": f"550 {fields['template_id']}"} | fields))


def midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


@cache
def quiet(seed: int, *, days: int = 36, volume=VOLUME, burst: float = 0.3, today: date = TODAY) -> list[Traffic]:
    """Weeks in which nothing happens: each provider has its wordings, each day its bursts, weekends a third of the mail."""
    chance = np.random.default_rng(seed)
    rows = []
    for provider, usual in volume:
        weights = chance.dirichlet(np.full(WORDS, 0.6))
        categories, confidences = chance.choice(CATEGORIES, WORDS), chance.beta(8, 1, WORDS)
        for day in (today - timedelta(days=back) for back in range(days)):
            weekend = day.weekday() >= 5
            today_weights = weights * chance.lognormal(0, burst, WORDS)
            today_weights *= np.where(categories == "user_unknown", 0.6, 1.2) if weekend else 1
            failures = usual * (0.35 if weekend else 1) * chance.lognormal(0, 0.15)
            counts = chance.poisson(0.95 * failures * today_weights / today_weights.sum())
            rows += [
                row(template_id=f"{provider}{i}", provider=provider, day=day, n=int(n), category=str(categories[i]),
                    confidence=float(confidences[i]))
                for i, n in enumerate(counts) if n
            ]  # fmt: skip
            rows += [
                row(template_id=f"{provider}{day}.{i}", provider=provider, day=day,
                    category=str(chance.choice(CATEGORIES)), confidence=float(chance.uniform(0.2, 1)),
                    first_seen=midnight(day - timedelta(days=int(chance.geometric(0.3)) - 1)))
                for i in range(chance.poisson(0.05 * failures))
            ]  # fmt: skip
    return rows


def moved(rows: list[Traffic], provider: str, since: date, share: float, to: list[Traffic]) -> list[Traffic]:
    """Give a share of what a provider sends from a day on to other templates, in equal parts."""
    chance = np.random.default_rng(1)
    out, taken = [], dict.fromkeys({r.day for r in rows if r.day >= since}, 0)
    for old in rows:
        gone = int(chance.binomial(old.n, share)) if old.provider == provider and old.day >= since else 0
        if gone:
            taken[old.day] += gone
        out.append(replace(old, n=old.n - gone))
    for day, n in taken.items():
        parts = chance.multinomial(n, np.full(len(to), 1 / len(to)))
        out += [replace(new, provider=provider, day=day, n=int(part)) for new, part in zip(to, parts, strict=True)]
    return out


def new_wordings(since: date, **fields) -> list[Traffic]:
    return [row(template_id=f"new{i}", first_seen=midnight(since), **fields) for i in range(3)]


def found(rows, **rules):
    return [(alarm.code, alarm.provider, alarm.since) for alarm in alarms(rows, today=TODAY, rules=Rules(**rules))]


@pytest.mark.parametrize("seed", range(8))
def test_a_quiet_month_gives_no_alarm(seed):
    assert found(quiet(seed)) == []


def test_hardly_any_alarm_comes_of_bursts_twice_as_wild():
    assert sum(len(found(quiet(seed, burst=0.6))) for seed in range(8)) <= 1


def test_no_weekday_gives_an_alarm_by_itself():
    rows = quiet(3, days=42)
    week = [TODAY - timedelta(days=back) for back in range(7)]
    assert [alarm for today in week for alarm in alarms(rows, today=today)] == []


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("days_ago", [0, 1, 6])
@pytest.mark.parametrize(("provider", "share"), [("google", 0.2), ("google", 0.7), ("", 0.3), ("yahoo", 0.7)])
def test_a_change_of_wording_is_the_one_alarm_from_its_first_day(seed, days_ago, provider, share):
    since = TODAY - timedelta(days=days_ago)
    rows = moved(quiet(seed), provider, since, share, new_wordings(since, confidence=0.3, category="undetermined"))
    assert found(rows) == [(Code.NEW_WORDING, provider, since)]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("days_ago", [0, 2, 5])
def test_known_wordings_of_another_cause_are_a_change_of_causes(seed, days_ago):
    since = TODAY - timedelta(days=days_ago)
    outage = [row(template_id="outage", category="system_error", confidence=0.98)]
    assert found(moved(quiet(seed), "microsoft", since, 0.6, outage)) == [(Code.CATEGORY_MIX, "microsoft", since)]


@pytest.mark.parametrize("seed", range(4))
def test_known_wordings_that_the_model_is_unsure_of_are_low_confidence(seed):
    since = TODAY - timedelta(days=1)
    unsure = [row(template_id="unsure", category="user_unknown", confidence=0.35)]
    assert found(moved(quiet(seed), "google", since, 0.4, unsure)) == [(Code.LOW_CONFIDENCE, "google", since)]


def test_two_providers_that_change_are_two_alarms_the_larger_first():
    since = TODAY - timedelta(days=2)
    rows = moved(quiet(5), "google", since, 0.5, new_wordings(since))
    outage = [row(template_id="outage", category="system_error")]
    assert found(moved(rows, "microsoft", TODAY, 0.7, outage)) == [
        (Code.NEW_WORDING, "google", since),
        (Code.CATEGORY_MIX, "microsoft", TODAY),
    ]


def test_what_is_over_is_no_alarm():
    rows = quiet(2)
    outage = [row(template_id="outage", category="system_error")]
    during = [r for r in moved(rows, "google", TODAY - timedelta(days=4), 0.9, outage) if r.day < TODAY]
    after = [r for r in rows if r.day >= TODAY]
    assert found(during + after) == []


def test_many_small_providers_that_change_together_are_seen_in_the_sum():
    volume = tuple((f"small{i}", 12) for i in range(30))
    rows, since = quiet(4, volume=volume), TODAY - timedelta(days=1)
    for provider, _ in volume:
        rows = moved(rows, provider, since, 0.6, new_wordings(since))
    assert found(rows) == [(Code.NEW_WORDING, None, since)]


@pytest.mark.parametrize("days", [0, 1, 5, 7])
def test_a_store_without_history_gives_no_alarm(days):
    start = TODAY - timedelta(days=max(0, days - 1))
    rows = [replace(r, first_seen=max(r.first_seen, midnight(start))) for r in quiet(1, days=days)]
    rows = moved(rows, "google", TODAY, 0.9, new_wordings(TODAY)) if rows else []
    assert found(rows) == []


def test_a_store_of_three_weeks_knows_what_is_new():
    start = TODAY - timedelta(days=20)
    rows = [replace(r, first_seen=max(r.first_seen, midnight(start))) for r in quiet(1, days=21)]
    assert found(rows) == []
    assert found(moved(rows, "google", TODAY, 0.5, new_wordings(TODAY))) == [(Code.NEW_WORDING, "google", TODAY)]


def test_a_provider_that_nobody_wrote_to_before_gives_no_alarm_of_its_own():
    rows = quiet(1)
    rows += [row(template_id=f"docomo{i}", provider="docomo", n=20, first_seen=midnight(TODAY)) for i in range(10)]
    assert "docomo" not in [provider for _, provider, _ in found(rows)]


def test_a_handful_of_failures_wakes_nobody():
    rows = [row(template_id="old", day=TODAY - timedelta(days=back), n=20, provider="gmx") for back in range(1, 40)]
    few = RULES.least - 1
    assert found([*rows, row(template_id="new", n=few, provider="gmx", first_seen=midnight(TODAY))]) == []
    assert found([*rows, row(template_id="new", n=few + 5, provider="gmx", first_seen=midnight(TODAY))]) != []


def test_the_alarm_of_a_new_wording_ends_when_it_is_a_week_old():
    since = TODAY - timedelta(days=7)
    rows = moved(quiet(6), "google", since, 0.5, new_wordings(since, category="user_unknown", confidence=0.95))
    assert Code.NEW_WORDING not in [code for code, _, _ in found(rows)]
    assert found(rows, recent=14)[0] == (Code.NEW_WORDING, "google", since)


def test_a_sentence_tells_what_changed_where_since_when_and_how_much():
    since = date(2026, 11, 24)
    rows = [row(template_id="old", day=TODAY - timedelta(days=back), n=100) for back in range(35)]
    rows = [r for r in rows if r.day < since] + [replace(r, n=30) for r in rows if r.day >= since]
    rows += [replace(new, day=TODAY - timedelta(days=back), n=30 + 10 * i, text=f"550 5.7.9 see rule {i}")
             for i, new in enumerate(new_wordings(since)) for back in range(3)]  # fmt: skip
    rows += [row(template_id="elsewhere", provider="", day=TODAY - timedelta(days=back), n=8_000) for back in range(35)]
    (alarm,) = alarms(rows, today=TODAY)
    assert alarm.sentence == (
        "wording changed at google since Tuesday 24 November: 3 new templates, 360 failures, 80 % of what it sends "
        "(0 % before); the most frequent: 550 5.7.9 see rule 2"
    )
    assert alarm.severity is Severity.MEDIUM  # 360 of 24,450
    assert [wording.failures for wording in alarm.most_frequent] == [150, 120, 90]


def test_a_sentence_holds_nothing_that_steers_a_terminal():
    text = "550 \x1b[2J\x9b31m\u202eevil " + "x" * 500
    rows = [row(template_id="old", day=TODAY - timedelta(days=back), n=100) for back in range(1, 35)]
    (alarm,) = alarms([*rows, row(template_id="new", text=text, n=100, first_seen=midnight(TODAY))], today=TODAY)
    assert alarm.sentence.isprintable()
    assert len(alarm.sentence) < 300


def test_figures_tell_every_provider_beside_its_month_before_even_without_alarm():
    since = TODAY - timedelta(days=6)
    shown = drift(moved(quiet(7), "yahoo", since, 0.5, new_wordings(since, confidence=0.2)), today=TODAY)
    by_provider = {figures.provider: figures for figures in shown.figures}
    assert list(by_provider)[:2] == [None, "google"]
    yahoo, google = by_provider["yahoo"], by_provider["google"]
    assert yahoo.unseen.now == pytest.approx(0.55, abs=0.1)
    assert yahoo.unseen.before == pytest.approx(0.05, abs=0.03)
    assert yahoo.low_confidence.now > yahoo.low_confidence.before + 0.3
    assert google.category_distance < 0.2
    assert by_provider[None].failures == sum(f.failures for p, f in by_provider.items() if p is not None)
    assert {wording.template_id for wording in shown.new_templates} == {"new0", "new1", "new2"}


def test_the_document_is_plain_json():
    import json

    document = to_document(drift(moved(quiet(1), "google", TODAY, 0.5, new_wordings(TODAY)), today=TODAY))
    assert json.loads(json.dumps(document)) == document
    assert document["alarms"][0]["code"] == "new_wording"
    assert document["alarms"][0]["since"] == "2026-11-26"


def test_rows_of_other_days_and_empty_rows_count_nothing():
    rows = quiet(1)
    strange = [row(template_id="future", day=TODAY + timedelta(days=1), n=10_000, first_seen=midnight(TODAY))]
    strange += [row(template_id="past", day=date(2020, 1, 1), n=10_000), row(template_id="none", n=0)]
    assert to_document(drift(rows + strange, today=TODAY)) == to_document(drift(rows, today=TODAY))
