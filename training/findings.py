"""What the gate saw of a challenger: figures of both models, objections, and what would change in service.

champion + challenger -> Findings -> report folder, registry, store
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from classifier.bundle import Bundle
from training.dataset import Row
from training.feedback_rows import Feedback
from training.gate import Card, GateRules, Scorecard, objections
from training.impact import Change, Recent, changes
from training.trial import Trial, compare

_MOST_CHANGES = 50
_KEPT = ("n", "accuracy", "macro_f1_n5", "ece", "wrong_suppress", "suppressed", "reviewed")


@dataclass(frozen=True, kw_only=True)
class Findings:
    """Both models on the same rows.

    Attributes:
        champion: What serves.
        challenger: What would.
        objections: The gate's, in sentences; none: it may.
        changes: Last week's templates that would be answered otherwise, see `training.impact.changes`.
    """

    champion: Scorecard
    challenger: Scorecard
    objections: list[str]
    changes: list[Change]

    def to_dict(self, most: int = _MOST_CHANGES) -> dict[str, Any]:
        """Return figures as JSON has them: pairs are champion and challenger."""
        both = (self.champion, self.challenger)
        return {
            "champion": self.champion.label,
            "frozen": [_totals(card.frozen) for card in both],
            "sets": {name: [_totals(card.sets[name]) for card in both] for name in self.champion.sets},
            "held_out": [_totals(card.held_out) for card in both],
            "learnt": [_totals(card.learnt) for card in both],
            "median_ms": [card.median_ms for card in both],
            "megabytes": [card.megabytes for card in both],
            "impact": {
                "templates": len(self.changes),
                "failures": sum(change.n for change in self.changes),
                "newly_suppressed": sum(change.n for change in self.changes if change.destructive),
                "of_failures": sum(seen.n for seen in self.champion.traffic.values()),
                "changes": [change.to_dict() for change in self.changes[:most]],
            },
        }

    def metrics(self) -> dict[str, float]:
        """Return the challenger's figures by name, for the registry."""
        cards: dict[str, Card | None] = {"frozen": self.challenger.frozen, **self.challenger.sets}
        cards |= {"feedback_held_out": self.challenger.held_out, "feedback_learnt": self.challenger.learnt}
        named = {f"{name}.{key}": value for name, card in cards.items() for key, value in _totals(card).items()}
        changed = sum(change.n for change in self.changes)
        return named | {
            "median_ms": self.challenger.median_ms,
            "megabytes": self.challenger.megabytes,
            "objections": len(self.objections),
            "changed_failures": changed,
        }


def judged(
    champion: Bundle, challenger: Bundle, *, sets: Mapping[str, Sequence[Row]], feedback: Feedback, traffic: Sequence[Recent], rules: GateRules
) -> Findings:  # fmt: skip
    """Try both models on the same rows, and say what speaks against the challenger."""
    trial = Trial(
        sets=sets, held_out=feedback.held_out, learnt=feedback.learnt, traffic=traffic, labelled=feedback.category_of
    )
    first, second = compare(champion, challenger, trial)
    return Findings(
        champion=first,
        challenger=second,
        objections=objections(first, second, rules),
        changes=changes(first.traffic, second.traffic),
    )


def write(findings: Findings, folder: Path) -> None:
    """Write gate.json: all that the gate saw, with every change in service."""
    folder.mkdir(parents=True, exist_ok=True)
    document = {"objections": findings.objections} | findings.to_dict(most=len(findings.changes))
    (folder / "gate.json").write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _totals(card: Card | None) -> dict[str, float]:
    return {key: card["all"][key] for key in _KEPT if key in card["all"]} if card else {}
