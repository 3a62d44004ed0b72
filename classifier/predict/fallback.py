"""What answers while no model can be loaded: the enhanced status code, else nothing.

A status code is a claim that a sender must not act on alone (`5.1.1` stands for rate limits at some providers), so its
confidence is low by design, and `decide` never turns a fallback into `suppress`.
"""

import re
from collections.abc import Sequence

from classifier.domain import Prediction, Source
from classifier.taxonomy import UNDETERMINED

_CODE = re.compile(r"(?<![\d.])[45]\.(\d{1,3}\.\d{1,3})(?![\d.])")
_REPLY = re.compile(r"(?<!\d)(530|535|551|552)(?![\d.])")
CONFIDENCE = 0.5

# Subject and detail of RFC 3463 and its IANA registry that name one cause; the generic ones name none.
CATEGORY_OF_STATUS = {
    "1.1": "user_unknown", "1.2": "bad_domain", "1.3": "invalid_address", "1.6": "mailbox_moved",
    "1.7": "sender_rejected", "1.8": "sender_rejected", "1.10": "bad_domain",
    "2.1": "mailbox_disabled", "2.2": "mailbox_full", "2.3": "message_too_large",
    "3.1": "system_error", "3.2": "system_error", "3.4": "message_too_large", "3.5": "system_error",
    "4.1": "connection_failed", "4.2": "connection_failed", "4.3": "dns_failure", "4.4": "bad_domain",
    "4.5": "system_error", "4.6": "routing_loop", "4.7": "message_expired",
    "5.1": "protocol_error", "5.2": "protocol_error", "5.3": "rate_limited", "5.4": "protocol_error",
    "6.1": "content_rejected", "6.3": "content_rejected", "6.7": "content_rejected", "6.9": "content_rejected",
    "7.2": "recipient_refused", "7.8": "authentication_required", "7.10": "tls_failure", "7.13": "mailbox_disabled",
    "7.20": "auth_failure", "7.21": "auth_failure", "7.22": "auth_failure", "7.23": "auth_failure",
    "7.24": "auth_failure", "7.25": "reverse_dns", "7.26": "auth_failure", "7.27": "sender_rejected",
    "7.28": "rate_limited", "7.29": "auth_failure", "7.30": "tls_failure",
}  # fmt: skip
_CATEGORY_OF_REPLY = {
    "530": "authentication_required",
    "535": "authentication_required",
    "551": "mailbox_moved",
    "552": "message_too_large",
}


class FallbackPredictor:
    """Answers from status codes alone."""

    label = "fallback/1"
    source = Source.FALLBACK

    def predict(self, templates: Sequence[str]) -> list[Prediction]:
        """Return one prediction for each template, in order."""
        return [self._predict(template) for template in templates]

    def _predict(self, template: str) -> Prediction:
        named = (CATEGORY_OF_STATUS.get(code) for code in _CODE.findall(template))
        category = next(filter(None, named), None)
        if category is None and (reply := _REPLY.search(template)):
            category = _CATEGORY_OF_REPLY[reply[1]]
        rest = {UNDETERMINED: 1.0} if category is None else {category: CONFIDENCE, UNDETERMINED: 1 - CONFIDENCE - 0.01}
        return Prediction(probabilities=rest, source=Source.FALLBACK, model=self.label)
