"""Why a server of an older system gave no rows, in words; its own words stand behind them."""

import re
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from apps.common.errors import Invalid

SECONDS: Final = 10  # until a server has to let us in, unless the address says otherwise
_KINDS: Final = (
    (
        "wrong_password",
        r"password|access denied|authentication|no pg_hba",
        gettext_noop("The server does not let this user in. Check user and password."),
    ),
    (
        "no_database",
        r"database .* does not exist|unknown database",
        gettext_noop("The server has no such database."),
    ),
    (
        "no_right",
        r"permission denied|command denied",
        gettext_noop("This user may not read every table. Grant SELECT on all of them."),
    ),
    (
        "no_tls",
        r"\bssl\b|\btls\b|certificate",
        gettext_noop("No secured connection can be made as the address asks for it."),
    ),
    (
        "no_server",
        r"refused|timed? ?out|timeout|no route|unreachable|translate host|name or service"
        r"|can't connect|no such file|getaddrinfo|resolve",
        gettext_noop("Nobody answers at this address. Check host, port and firewall."),
    ),
)


def server_problem(said: str) -> Invalid:
    """The refusal for what a driver said; the first kind that its words are of."""
    line = " ".join(said.split())[:300]
    for code, words, message in _KINDS:
        if re.search(words, said, re.IGNORECASE):
            return Invalid(code, f"{_(message)} ({line})")
    return Invalid("server_failed", _("The database cannot be read: %s.") % line.rstrip("."))


def bad_address(example: str) -> Invalid:
    """For what is no address; it is not repeated, because a password may be in it."""
    return Invalid("bad_address", _("This is no address of a database, like %s.") % example)
