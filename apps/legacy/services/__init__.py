"""Moving an older system in: by a command at once, from the administration in two jobs."""

from apps.legacy.services.importing import legacy_import
from apps.legacy.services.moves import (
    move_cancel,
    move_check,
    move_commit,
    move_upload,
    moves_purge,
)

__all__ = [
    "legacy_import",
    "move_cancel",
    "move_check",
    "move_commit",
    "move_upload",
    "moves_purge",
]
