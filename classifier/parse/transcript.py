"""SMTP sessions quoted in a notice: the reply that answered the command about one recipient.

Sendmail marks commands `>>>` and replies `<<<`; InterScan turns the arrows round and adds Sent and Received; MDaemon
writes `-->` and `<--`. The reply code tells a reply from a command whichever way the arrows point.
"""

import re
from dataclasses import dataclass, field

from classifier.parse.addresses import find_addresses
from classifier.parse.replies import fold

_COMMAND = re.compile(
    r"^\W{0,10}(?:sent\W{1,8})?\W{0,8}(mail from|rcpt to|data|ehlo|helo|bdat|\.$)",
    re.IGNORECASE,
)
_REPLY = re.compile(
    r"^\s{0,8}(?:received\s{0,4})?(?:<<<|>>>|<--|-->|<=|S:|Remote:)\s{0,4}([2-5][0-9]{2})([- ]|$)(.*)",
    re.IGNORECASE,
)
_MAX_LINES = 1_000


@dataclass(slots=True)
class Session:
    """Refusals in a quoted session.

    Attributes:
        by_recipient: Refusal of each `RCPT TO`, address in lower case.
        others: Refusals of other commands, in order.
    """

    by_recipient: dict[str, str] = field(default_factory=dict)
    others: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, text: str) -> "Session":
        """Read a notice; most quote no session and give an empty one."""
        session = cls()
        current = ""
        lines: list[str] = []
        for line in text.split("\n")[:_MAX_LINES]:
            reply = _REPLY.match(line)
            if not reply:
                lines = []
                command = _COMMAND.match(line)
                if command:
                    current = next(iter(find_addresses(line)), "").lower() if "rcpt" in command[1].lower() else ""
            elif reply[1][0] in "45":
                lines.append(f"{reply[1]}{reply[2]}{reply[3]}")
                session._file(current, fold(" ".join(lines)), follows=len(lines) > 1)
                lines = lines if reply[2] == "-" else []
        return session

    def _file(self, recipient: str, reply: str, *, follows: bool) -> None:
        """Keep a refusal; the further lines of one reply replace its beginning."""
        if recipient:
            self.by_recipient[recipient] = reply
        elif follows and self.others:
            self.others[-1] = reply
        else:
            self.others.append(reply)

    def refusal(self, recipient: str | None) -> str:
        """The refusal of one recipient, else one that mentions it, else the last of the session; empty if none."""
        wanted = (recipient or "").lower()
        if wanted in self.by_recipient:
            return self.by_recipient[wanted]
        naming = [reply for reply in self.others if wanted and wanted in reply.lower()]
        return next(iter(naming[-1:] or self.others[-1:]), "")
