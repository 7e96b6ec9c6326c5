"""Imports: upload, dry run, commit."""

from apps.imports.services.answers import answers_forget, answers_remember, import_answer
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
    "answers_forget",
    "answers_remember",
    "import_answer",
    "import_cancel",
    "import_check",
    "import_commit",
    "import_remap",
    "import_upload",
    "imports_purge",
    "rosters_analyze",
]
