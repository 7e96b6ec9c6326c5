"""PostgreSQL and Valkey from installed Python packages, run in `var/` by ourselves.

Pure Python, imports no Django and is cheap to import: the settings take the addresses from here.
"""

from apps.processes.embedded.errors import AlreadyRunning, EmbeddedError
from apps.processes.embedded.layout import Layout
from apps.processes.embedded.postgres import EmbeddedPostgres
from apps.processes.embedded.stack import EmbeddedStack
from apps.processes.embedded.valkey import EmbeddedValkey

__all__ = [
    "AlreadyRunning",
    "EmbeddedError",
    "EmbeddedPostgres",
    "EmbeddedStack",
    "EmbeddedValkey",
    "Layout",
]
