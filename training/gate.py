"""May the challenger take the champion's place? Every reason against it, in sentences that a person can act on.

    two scorecards of the same rows, scored by the same process -> objections

Pure: no model, no file, no clock. What the figures are made of is told in `training/trial.py`; a share is judged
beside the number of texts that it stands for, so that one text of a small category is no reason.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from training.evaluate import SUPPRESSIBLE
from training.impact import Seen, changes

Card = Mapping[str, Any]
"""Figures of one set as `training.evaluate.scorecard` returns them."""


@dataclass(frozen=True, kw_only=True)
class Scorecard:
    """What one model was found to be.

    Attributes:
        label: Name and version of the model.
        frozen: Figures of the frozen test set: all sets pooled.
        sets: Figures of each of its sets.
        held_out: Figures on feedback that was kept out of training; None where there is none.
        learnt: Figures on the feedback that the challenger learnt from; None where there is none.
        median_ms: Median time from template to answer, in milliseconds, one thread.
        megabytes: Size of the bundle's files.
        traffic: What it says of last week's templates, by template id.
    """

    label: str
    frozen: Card
    sets: Mapping[str, Card]
    held_out: Card | None = None
    learnt: Card | None = None
    median_ms: float
    megabytes: float
    traffic: Mapping[str, Seen] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class GateRules:
    """How much worse a challenger may be, and where.

    Attributes:
        fall: Most that accuracy, macro F1 or a set's accuracy may fall, 0 to 1.
        group_fall: Most that a category's recall or a language's accuracy may fall, 0 to 1.
        spare_texts: Texts of one set, category or language that may be lost whatever share they are.
        ece_rise: Most that the calibration error of the frozen set may rise, 0 to 1.
        slower: Most that the median time may grow, as a factor; a tenth of a millisecond more is always allowed.
        larger: Most that the bundle may grow, as a factor.
        learnt_share: Least share of the labels that contradict the champion which the challenger must take over, 0 to 1.
        confident: From which confidence on the champion's answer counts as sure, 0 to 1.
        flipped_share: Most of last week's failures whose sure answer may turn to a suppression, 0 to 1.
        flipped_failures: That many of them are allowed whatever share they are.
        changed_share: Most of last week's failures whose sure answer may get another action without a label, 0 to 1.
        suppressing: Categories that suppress.
    """

    fall: float = 0.005
    group_fall: float = 0.05
    spare_texts: int = 2
    ece_rise: float = 0.02
    slower: float = 1.25
    larger: float = 1.1
    learnt_share: float = 0.5
    confident: float = 0.8
    flipped_share: float = 0.001
    flipped_failures: int = 10
    changed_share: float = 0.25
    suppressing: frozenset[str] = frozenset(
        {"user_unknown", "invalid_address", "mailbox_disabled", "mailbox_moved", "bad_domain"}
    )


def objections(champion: Scorecard, challenger: Scorecard, rules: GateRules = GateRules()) -> list[str]:
    """List every reason against promotion, the gravest first; an empty list means promote.

    Sentences, not a bool: registry, service and people see them word for word.
    """
    return [
        *_suppressions(champion.frozen, challenger.frozen, rules),
        *_frozen(champion, challenger, rules),
        *_sets(champion, challenger, rules),
        *_groups(champion.frozen, challenger.frozen, rules),
        *_feedback(champion, challenger, rules),
        *_traffic(champion, challenger, rules),
        *_costs(champion, challenger, rules),
    ]


def _suppressions(before: Card, after: Card, rules: GateRules) -> Iterator[str]:
    was, now = _count(before, "wrong_suppress"), _count(after, "wrong_suppress")
    if now > was:
        yield f"it would suppress {_texts(now)} of the frozen test set wrongly, the champion {was}"
    wrong, given = [0, 0], [0, 0]
    for name in sorted(rules.suppressing):
        found = [_given(card, name) for card in (before, after)]
        for i, (answers, hits) in enumerate(found):
            given[i], wrong[i] = given[i] + answers, wrong[i] + answers - hits
        extra = (found[1][0] - found[1][1]) - (found[0][0] - found[0][1])
        shares = [hits / answers if answers else 1.0 for answers, hits in found]
        if extra > rules.spare_texts and shares[1] < shares[0]:
            yield f"precision of {name}, which suppresses, falls from {shares[0]:.3f} to {shares[1]:.3f} ({_texts(extra)} more are wrong)"
    all_of = [1 - w / g if g else 1.0 for w, g in zip(wrong, given, strict=True)]
    if _fall(*all_of) > rules.fall and wrong[1] - wrong[0] > rules.spare_texts:
        yield f"precision of all categories that suppress falls from {all_of[0]:.3f} to {all_of[1]:.3f}"


def _frozen(champion: Scorecard, challenger: Scorecard, rules: GateRules) -> Iterator[str]:
    for key, name in (("accuracy", "accuracy"), ("macro_f1_n5", "macro F1")):
        was, now = champion.frozen["all"][key], challenger.frozen["all"][key]
        if _fall(was, now) > rules.fall:
            yield f"{name} on the frozen test set falls from {was:.3f} to {now:.3f}; {rules.fall} is allowed"
    was, now = champion.frozen["all"]["ece"], challenger.frozen["all"]["ece"]
    if _fall(now, was) > rules.ece_rise:
        yield f"its confidence is less honest: the calibration error rises from {was:.3f} to {now:.3f}"


def _sets(champion: Scorecard, challenger: Scorecard, rules: GateRules) -> Iterator[str]:
    for name, before in champion.sets.items():
        was, now = before["all"]["accuracy"], challenger.sets[name]["all"]["accuracy"]
        lost = round((was - now) * before["all"]["n"])
        if _fall(was, now) > rules.fall and lost > rules.spare_texts:
            yield f"accuracy on {name} falls from {was:.3f} to {now:.3f} ({_texts(lost)})"


def _groups(before: Card, after: Card, rules: GateRules) -> Iterator[str]:
    for part, key, words in (
        ("per_category", "recall", "recall of {}"),
        ("per_language", "accuracy", "accuracy in language {}"),
    ):
        for name, figures in before[part].items():
            was, now = figures[key], after[part].get(name, {}).get(key, 0.0)
            lost = round((was - now) * figures["n"])
            if _fall(was, now) > rules.group_fall and lost > rules.spare_texts:
                yield f"{words.format(name)} falls from {was:.2f} to {now:.2f} ({_texts(lost)} of {figures['n']})"


def _feedback(champion: Scorecard, challenger: Scorecard, rules: GateRules) -> Iterator[str]:
    if champion.held_out and challenger.held_out:
        was, now = _count(champion.held_out, "accuracy"), _count(challenger.held_out, "accuracy")
        if now < was:
            yield f"of {champion.held_out['all']['n']} labels that it has not seen it answers {now} right, the champion {was}"
    if not (champion.learnt and challenger.learnt):
        return
    n = champion.learnt["all"]["n"]
    was, now = _count(champion.learnt, "accuracy"), _count(challenger.learnt, "accuracy")
    if now <= was < n:
        yield f"it has learnt nothing from people: of {n} labels it answers {now} right, the champion {was}"
    elif now - was < rules.learnt_share * (n - was):
        yield (
            f"of the {n - was} labels that contradict the champion it takes over {now - was}: "
            "the others contradict what it knows (see rebound-train suspects --feedback)"
        )


def _traffic(champion: Scorecard, challenger: Scorecard, rules: GateRules) -> Iterator[str]:
    total = sum(seen.n for seen in champion.traffic.values())
    found = [change for change in changes(champion.traffic, challenger.traffic) if not change.as_labelled]
    flipped = [
        change for change in found
        if change.destructive and change.before.confidence >= rules.confident and change.before.category not in SUPPRESSIBLE
    ]  # fmt: skip
    failures = sum(change.n for change in flipped)
    if failures > max(rules.flipped_failures, rules.flipped_share * total):
        worst = flipped[0]
        yield (
            f"{failures} of last week's {total} failures of which the champion is sure would turn to suppressions, "
            f"most of them from {worst.before.category} to {worst.after.category}: {worst.template[:120]!r}"
        )
    sure = [change for change in found if change.before.confidence >= rules.confident]
    acted = sum(change.n for change in sure if change.before.action != change.after.action)
    if acted > rules.changed_share * total:
        yield f"{acted} of last week's {total} failures of which the champion is sure would get another action"


def _costs(champion: Scorecard, challenger: Scorecard, rules: GateRules) -> Iterator[str]:
    if challenger.median_ms > max(champion.median_ms * rules.slower, champion.median_ms + 0.1):
        yield f"it takes {challenger.median_ms:.2f} ms a text, the champion {champion.median_ms:.2f} ms"
    if challenger.megabytes > champion.megabytes * rules.larger:
        yield f"its bundle has {challenger.megabytes:.1f} MB, the champion's {champion.megabytes:.1f} MB"


def _count(card: Card, key: str) -> int:
    """Return how many texts a share stands for."""
    texts: int = round(card["all"].get(key, 0.0) * card["all"]["n"])
    return texts


def _given(card: Card, name: str) -> tuple[int, int]:
    """Return how often a category was answered, and how often rightly."""
    found = card["per_category"].get(name)
    return (found["given"], round(found["recall"] * found["n"])) if found else (0, 0)


def _texts(n: int) -> str:
    return "1 text" if n == 1 else f"{n} texts"


def _fall(was: float, now: float) -> float:
    """Return by how much a share fell, to the four places that scorecards have."""
    return round(was - now, 4)
