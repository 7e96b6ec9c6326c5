"""The person who runs commands on the server, as the audit log names them."""

import getpass
from typing import Final

from apps.audit.services import Actor

UNKNOWN: Final = "?"


def command_line_actor() -> Actor:
    try:
        name = getpass.getuser()
    except (OSError, KeyError):  # a container's user without a name
        name = UNKNOWN
    return Actor(id="command-line", label=f"{name} on the command line")
