import logging
from collections.abc import Callable

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from apps.backup.errors import BackupFailed, BackupRuns
from apps.backup.making import backup_make, ship_log, ship_objects
from apps.backup.manifests import FULL
from apps.backup.retention import backups_expire
from apps.backup.targets import target_from
from apps.backup.watching import backup_problems, note, tell

logger = logging.getLogger(__name__)

HOURS = 6 * 3600


# Not given to another worker when it takes long: the lock would refuse that one.
@shared_task(acks_late=False, time_limit=HOURS, soft_time_limit=HOURS - 60)
def make_backup(full: bool = False) -> str:
    """The nightly backup; returns its id, or nothing where none was made."""
    try:
        target = target_from(settings.BACKUP_TO)
        manifest = backup_make(target=target, kind=FULL if full else None, now=timezone.now())
    except BackupRuns:
        logger.info("A backup runs already.")
        return ""
    except Exception as error:  # whatever a disk, a server or S3 may say: somebody has to know
        logger.exception("The backup failed.")
        note([f"{error}"])
        tell([f"{error}"])
        return ""
    logger.info("Backup %s: %s rows, %s objects.", manifest.id, manifest.rows, manifest.objects)
    note(backup_problems(now=timezone.now()))
    return manifest.id


@shared_task(acks_late=False, time_limit=HOURS, soft_time_limit=HOURS - 60)
def ship_log_segments() -> int:
    """Every minute: what the database's log has grown by."""
    return _shipped(lambda: ship_log(target=target_from(settings.BACKUP_TO)))


@shared_task(acks_late=False, time_limit=HOURS, soft_time_limit=HOURS - 60)
def ship_new_objects() -> int:
    """Every quarter of an hour: images and files that came since."""
    now = timezone.now()
    return _shipped(lambda: ship_objects(target=target_from(settings.BACKUP_TO), now=now))


def _shipped(ship: Callable[[], int]) -> int:
    """The next run takes what this one could not; `watch_backups` tells when that goes on."""
    try:
        return ship()
    except BackupRuns:
        return 0
    except BackupFailed as error:
        logger.warning("Nothing was shipped to the backups: %s", error)
        return 0


@shared_task(acks_late=False, time_limit=HOURS, soft_time_limit=HOURS - 60)
def expire_backups() -> int:
    """Delete backups that are older than BACKUP_KEEP_DAYS; returns how many."""
    try:
        expired = backups_expire(
            target=target_from(settings.BACKUP_TO),
            keep_days=settings.BACKUP_KEEP_DAYS,
            now=timezone.now(),
        )
    except BackupRuns:
        return 0
    except BackupFailed as error:
        tell([str(error)])
        return 0
    return len(expired.backups)


@shared_task
def watch_backups() -> int:
    """Note how the backups are; tell the platform's administrators where there is no young one."""
    problems = backup_problems(now=timezone.now())
    note(problems)
    tell(problems)
    return len(problems)
