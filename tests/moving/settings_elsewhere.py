"""Another installation: its own keys."""

from tests.backup.settings import *  # noqa: F403

SECRET_KEY = "only-for-tests-elsewhere-" + "x" * 40
CAMPUS_MASTER_KEY = bytes(range(100, 132))
BACKUP_KEY = bytes(range(132, 164))
