"""Log lines without secrets: a reader of a log must not be able to use what it contains."""

import logging
import re
from typing import Final

HIDDEN: Final = "[hidden]"
# Links that open something without a sign-in: calendar feeds, new passwords, invitations.
_LINKS: Final = re.compile(
    r"(/(?:calendar|key|invitations?|confirm-email|c)/)[^/\s\"'?]{20,}", re.I
)
# Any other part of a path that looks random: letters and digits, 24 or more, and no UUID.
_RANDOM: Final = re.compile(
    r"(?<=/)(?![0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b)"
    r"(?=[\w:.=~%-]*\d)(?=[\w:.=~%-]*[A-Za-z])[\w:.=~%-]{24,}(?<!\.py)(?![\w:.=~%-])",
    re.ASCII,
)
_QUERY: Final = re.compile(
    r"([?&](?:code|state|key|token|ticket|secret|signature|password|nonce)=)[^&\s\"']+", re.I
)


def without_secrets(text: str) -> str:
    """The text with the secret parts of addresses replaced."""
    text = _LINKS.sub(rf"\1{HIDDEN}", text)
    text = _RANDOM.sub(HIDDEN, text)
    return _QUERY.sub(rf"\1{HIDDEN}", text)


class RedactingFormatter(logging.Formatter):
    """Cleans the whole line as it is written: message, arguments and traceback."""

    def format(self, record: logging.LogRecord) -> str:
        return without_secrets(super().format(record))
