"""PostgreSQL and Valkey from installed Python packages, run in `var/` by ourselves.

Pure Python, imports no Django and is cheap to import: the settings take the addresses from here.
"""

from apps.ops.embedded.errors import AlreadyRunning, EmbeddedError
from apps.ops.embedded.layout import Layout
from apps.ops.embedded.postgres import EmbeddedPostgres
from apps.ops.embedded.stack import EmbeddedStack
from apps.ops.embedded.valkey import EmbeddedValkey

__all__ = [
    "AlreadyRunning",
    "EmbeddedError",
    "EmbeddedPostgres",
    "EmbeddedStack",
    "EmbeddedValkey",
    "Layout",
]
