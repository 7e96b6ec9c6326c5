"""Log lines without secrets: a reader of a log must not be able to use what it contains."""

import json
import logging
import re
from datetime import UTC, datetime
from typing import Any, Final

from apps.common.log_context import logged_fields

HIDDEN: Final = "[hidden]"
# Links that open something without a sign-in: calendars, new passwords, invitations, platforms.
_LINKS: Final = re.compile(
    r"(/(?:calendar|key|invitations?|confirm-email|set-up|c|register)/)[^/\s\"'?]{20,}", re.I
)
# Any other part of a path that looks random: letters and digits, 24 or more, and no UUID.
_RANDOM: Final = re.compile(
    r"(?<=/)(?![0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b)"
    r"(?=[\w:.=~%-]*\d)(?=[\w:.=~%-]*[A-Za-z])[\w:.=~%-]{24,}(?<!\.py)(?![\w:.=~%-])",
    re.ASCII,
)
_QUERY: Final = re.compile(
    r"(?i)([?&](?:code|state|key|\w*token|ticket|secret|signature|password|nonce)=)[^&\s\"']+"
)
# What is written as a name and a value: JSON, a dictionary, a header.
_NAMED: Final = re.compile(
    r"((?:\b|_)(?:passwords?|secret|secret_key|master_key|token|access_token|refresh_token"
    r"|session_token|ticket|signature|one_time_code|text_code|cookie|set-cookie|csrftoken|selfie"
    r"|embedding|template|dsn)[\"']?\s*[:=]\s*)"
    r"([\"'])(?!\2)(?:\\.|(?!\2).)*\2",
    re.I,
)
_CREDENTIALS: Final = re.compile(r"\b(Bearer|Basic)\s+[\w.~+/=:-]{8,}")
# Values of rows, as PostgreSQL quotes them in what it says of an error: names, addresses, numbers.
_ROW: Final = re.compile(
    r"(Key \([^()]*\)=|Failing row contains |parameters: |\bwith values )\(?.*"
)
_EMAIL: Final = re.compile(
    r"(?<![\w.+%'-])(?!(?:celery|worker|faces)@)[\w.+%'-]+(?:@|%40)[\w-]+(?:\.[\w-]+)+", re.I
)
_PHONE: Final = re.compile(r"(?<![\w.])(?:\+|%2B)[1-9](?:[\s./()-]{0,2}\d){7,14}(?![\w.:])")
_USERINFO: Final = re.compile(r"(\b[a-z][a-z0-9+.-]{0,20}://[^\s:/@]*:)[^\s@/]+(?=@)", re.I)


def without_secrets(text: str) -> str:
    """The text with the secret parts of addresses, headers and named values replaced, and with what
    tells of people: e-mail addresses, phone numbers, values of rows that the database quotes."""
    text = _LINKS.sub(rf"\1{HIDDEN}", text)
    text = _USERINFO.sub(rf"\1{HIDDEN}", text)
    text = _CREDENTIALS.sub(rf"\1 {HIDDEN}", text)
    text = _NAMED.sub(rf"\1\2{HIDDEN}\2", text)
    text = _ROW.sub(rf"\1({HIDDEN})", text)
    text = _EMAIL.sub(HIDDEN, text)
    text = _PHONE.sub(HIDDEN, text)
    text = _RANDOM.sub(HIDDEN, text)
    return _QUERY.sub(rf"\1{HIDDEN}", text)


class RedactingFormatter(logging.Formatter):
    """Cleans the whole line as it is written: message, arguments and traceback.

    Where the line comes from follows it in brackets: request, campus, user, task.
    """

    default_msec_format = "%s.%03d"

    def format(self, record: logging.LogRecord) -> str:
        fields = " ".join(f"{name}={value}" for name, value in logged_fields().items())
        line, newline, rest = super().format(record).partition("\n")
        if fields:
            line = f"{line} [{fields}]"
        return without_secrets(f"{line}{newline}{rest}")


class JsonFormatter(logging.Formatter):
    """One JSON object a line, for programs that collect logs."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, tz=UTC).isoformat(
                timespec="milliseconds"
            ),
            "level": record.levelname,
            "logger": record.name,
            "message": without_secrets(record.getMessage()),
            "process": record.process,
            **logged_fields(),
        }
        if record.exc_info:
            line["exception"] = without_secrets(self.formatException(record.exc_info))
        if record.stack_info:
            line["stack"] = without_secrets(self.formatStack(record.stack_info))
        return json.dumps(line, ensure_ascii=False, default=str)
