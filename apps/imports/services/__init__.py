"""Imports: upload, dry run, commit."""

from apps.imports.services.apply import rosters_analyze
from apps.imports.services.runs import (
    import_cancel,
    import_check,
    import_commit,
    import_remap,
    import_upload,
    imports_purge,
)

__all__ = [
    "import_cancel",
    "import_check",
    "import_commit",
    "import_remap",
    "import_upload",
    "imports_purge",
    "rosters_analyze",
]
