"""What Rebound replaces: a table of regular expressions, the first match wins. Written for comparison, kept short.

It is the length of such tables on their first day; in the field they grow by a line with every wording that a provider
changes.
"""

import re

TABLE = [
    (re.compile(pattern, re.IGNORECASE), category)
    for pattern, category in (
        (r"virus|malware|infected|trojan", "virus_detected"),
        (r"grey-?list|gray-?list|early retry", "greylisted"),
        (r"\b(spf|dkim|dmarc|arc)\b|unauthenticated", "auth_failure"),
        (r"\bptr\b|reverse (dns|hostname)|cannot find your (reverse )?hostname|\bhelo\b|\behlo\b", "reverse_dns"),
        (r"uribl|surbl|dbl\.|domain reputation", "domain_reputation"),
        (
            r"rbl|dnsbl|black-?list|block-?list|spamhaus|spamcop|barracuda|blocked using|listed (in|at|on)|reputation",
            "ip_reputation",
        ),
        (r"spam|unsolicited|bulk mail|phish", "spam_content"),
        (r"over ?quota|mailbox (is )?full|quota exceeded|exceeded.*quota|storage", "mailbox_full"),
        (r"too (large|big)|size limit|exceeds.*(size|maximum)", "message_too_large"),
        (r"too many hops|mail loop|loops? back", "routing_loop"),
        (r"relay(ing)? (access )?(denied|not permitted)|unable to relay|not a gateway", "relay_denied"),
        (r"starttls|\btls\b|certificate|handshake", "tls_failure"),
        (r"authentication (required|failed)|must (log|authenticate)|\b53[05]\b", "authentication_required"),
        (r"too many|rate limit|throttl|too fast|exceeded.*limit", "rate_limited"),
        (r"sender (address )?(rejected|denied|verify)|from address", "sender_rejected"),
        (r"disabled|suspended|inactive|deactivated|closed|expired account", "mailbox_disabled"),
        (r"moved|changed address|forwarding address", "mailbox_moved"),
        (r"not allowed to send|members only|only accepts? (mail|messages)|not permitted to send", "recipient_refused"),
        (r"host (not found|unknown)|domain (not found|does not exist)|nxdomain|no mx|null mx", "bad_domain"),
        (r"lookup fail|servfail|name server|dns", "dns_failure"),
        (r"timed? ?out|connection (refused|reset|lost|dropped)|no route|unreachable", "connection_failed"),
        (r"retry time|could not be delivered for|message expired|queue too long", "message_expired"),
        (
            r"user unknown|unknown user|no such (user|mailbox|recipient)|does not exist|not found|invalid recipient|mailbox unavailable|5\.1\.1",
            "user_unknown",
        ),
        (r"syntax|malformed|illegal", "invalid_address"),
        (r"attachment|header|mime|line length|8bit", "content_rejected"),
        (r"bad sequence|command (unrecognized|not)|out of order|pipelining", "protocol_error"),
        (r"policy|prohibited|access denied|blocked", "policy_violation"),
        (r"try again|temporar|unavailable|error", "system_error"),
    )
]


def classify(text: str) -> str:
    """Return the category of the first pattern that matches."""
    return next((category for pattern, category in TABLE if pattern.search(text)), "undetermined")
