"""The nouns of the product: frozen, standard library only.

    Failure -> template (str) -> Prediction -> Verdict

Words and shapes follow docs/verdict.md. Nothing here reads a file, a clock or a setting.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What an email or record reports about one recipient."""

    FAILURE = "failure"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    RELAYED = "relayed"
    EXPANDED = "expanded"
    AUTO_REPLY = "auto_reply"
    FEEDBACK_REPORT = "feedback_report"
    NOT_A_BOUNCE = "not_a_bounce"


class Permanence(StrEnum):
    """Whether trying again may help, read from codes and DSN action, never from the model."""

    PERMANENT = "permanent"
    TEMPORARY = "temporary"
    UNDETERMINED = "undetermined"


class Fault(StrEnum):
    """Whose side has to change something."""

    RECIPIENT = "recipient"
    SENDER = "sender"
    RECEIVER = "receiver"
    NETWORK = "network"
    UNDETERMINED = "undetermined"


class Action(StrEnum):
    """What the sender should do."""

    SUPPRESS = "suppress"
    RETRY = "retry"
    SLOW_DOWN = "slow_down"
    FIX_CONFIGURATION = "fix_configuration"
    FIX_CONTENT = "fix_content"
    REVIEW = "review"
    IGNORE = "ignore"


class Scope(StrEnum):
    """What the action applies to."""

    RECIPIENT = "recipient"
    DOMAIN = "domain"
    SENDER_IP = "sender_ip"
    SENDER_DOMAIN = "sender_domain"
    MESSAGE = "message"


class Source(StrEnum):
    """Who gave the answer."""

    MODEL = "model"
    PIN = "pin"
    FALLBACK = "fallback"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """What one email or record says about one recipient.

    Attributes:
        kind: What is reported; only `FAILURE` and `DELAYED` carry a diagnostic worth classifying.
        recipient: Address as reported, local part's case kept (RFC 5321, 2.4); None if none was found.
        diagnostic: The server's own words, decoded, white space folded, at most 2,000 characters; may be empty.
        smtp_code: Basic reply code 200 to 599 (RFC 5321, 4.2), the deepest one quoted; None if none was given.
        enhanced_code: Enhanced status code "5.1.1" (RFC 3463); the diagnostic's own where it has one, else the
            `Status` field's. A claim by the remote side: evidence for the model, never the answer.
        action: `Action` field in lower case (RFC 3464, 2.3.3): failed, delayed, delivered, relayed, expanded.
        remote_mta: Host that gave the reply, without its type prefix.
        reporting_mta: Host that wrote the report.
        original_recipient: `Original-Recipient` (RFC 3464, 2.3.1) where it differs from `recipient`.
        dialect: Name of the reader that understood it, such as "rfc3464": traces a bad label.
    """

    kind: Kind
    recipient: str | None = None
    diagnostic: str = ""
    smtp_code: int | None = None
    enhanced_code: str | None = None
    action: str | None = None
    remote_mta: str | None = None
    reporting_mta: str | None = None
    original_recipient: str | None = None
    dialect: str = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One parsed email.

    Attributes:
        failures: One per recipient in order of appearance; never empty (an email that is no bounce gives one entry
            of kind `NOT_A_BOUNCE`).
        defects: What could not be read, one plain sentence each, without addresses; empty if all was well.
    """

    failures: tuple[Failure, ...]
    defects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What the model believes about one template.

    Attributes:
        probabilities: Category id to calibrated probability; they sum to 1.
        source: Who says so.
        model: Name and version of the model, such as "minilm-l4/1".
    """

    probabilities: Mapping[str, float]
    source: Source
    model: str

    @property
    def ranked(self) -> list[tuple[str, float]]:
        """Categories with their probabilities, the most probable first; ties by name."""
        return sorted(self.probabilities.items(), key=lambda pair: (-pair[1], pair[0]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What to make of one failure: several axes, not one flat label.

    Attributes:
        category: Id in the taxonomy in use.
        confidence: Calibrated probability of `category`, 0 to 1.
        alternatives: The next best (category, confidence), three at most.
        permanence: Read from codes and DSN action.
        fault, action, scope: The taxonomy's, tempered by the policy in `decide.py`.
        retry_after_s: Seconds to wait, where the text names a time; 1 to 172,800.
        blocklist: DNS list that the text names as listing the sender, such as "zen.spamhaus.org".
        provider: Who runs the receiving system, such as "google"; None if unknown.
        source: Model, pin or fallback.
        model: Name and version of what answered.
        taxonomy: Name and version, such as "standard/1".
        standard: Under a user's taxonomy, the standard category as well; None where `category` is it.
    """

    category: str
    confidence: float
    alternatives: tuple[tuple[str, float], ...]
    permanence: Permanence
    fault: Fault
    action: Action
    scope: Scope
    retry_after_s: int | None
    blocklist: str | None
    provider: str | None
    source: Source
    model: str
    taxonomy: str
    standard: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ParseLimits:
    """Bounds on what a stranger's email may cost.

    Attributes:
        max_bytes: Size of the raw email in octets.
        max_parts: MIME parts in all.
        max_depth: Levels of MIME nesting.
        max_headers: Header fields of the message's top level.
    """

    max_bytes: int = 10_485_760
    max_parts: int = 200
    max_depth: int = 20
    max_headers: int = 1_000
