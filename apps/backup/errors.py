"""What can go wrong with a backup, in words for the person at the terminal."""

from django.core.management import CommandError


class BackupFailed(CommandError):
    """The backup was not made, or is not what it should be; the message says why."""


class Damaged(BackupFailed):
    """Bytes of a backup were changed, cut off, or sealed under another key."""


class BackupRuns(BackupFailed):
    """Another process of this machine does the same now."""


class NothingToBuildOn(BackupFailed):
    """An incremental copy is not possible any more; a full one is."""


class OtherBackupKey(Damaged):
    """BACKUP_KEY is not the key that this was made under."""
