"""Whether there is a good backup that is young enough, and telling people where there is none."""

import logging
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from django.conf import settings
from django.core.cache import cache
from django.core.mail import send_mail
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.backup.errors import BackupFailed
from apps.backup.manifests import Manifest, good_backups
from apps.backup.targets import target_from
from apps.backup.wal import waiting_segments
from apps.processes.embedded import Layout

logger = logging.getLogger(__name__)

TOLD_AGAIN_SECONDS: Final = 20 * 3600
TOLD: Final = "backup:told"
NOTED: Final = "backup:noted"
NOTED_SECONDS: Final = 3 * 3600  # a look is due hourly
MOST_WAITING: Final = 64  # segments of 16 MB: an hour and more without shipping


def newest_backup(place: str) -> tuple[Manifest | None, list[str]]:
    """The newest that is complete and signed, and what is wrong with others."""
    good, wrong = good_backups(target_from(place))
    return (good[-1] if good else None), wrong


def backup_problems(*, now: datetime) -> list[str]:
    """What an administrator of the platform has to know, in sentences. Nothing: all is well."""
    try:
        newest, problems = newest_backup(settings.BACKUP_TO)
    except BackupFailed as error:
        return [str(error)]
    longest = timedelta(hours=settings.BACKUP_ALERT_HOURS)
    if newest is None:
        problems.append(_("There is no good backup."))
    elif now - newest.finished > longest:
        hours = round((now - newest.finished).total_seconds() / 3600)
        text = _("The last good backup (%(id)s) is %(hours)s hours old.")
        problems.append(text % {"id": newest.id, "hours": hours})
    spool = Layout(Path(settings.CAMPUS_VAR)).wal_spool
    waiting = len(waiting_segments(spool))
    if waiting > MOST_WAITING:
        text = _("%(number)s segments of the database's log wait to be shipped and fill the disk.")
        problems.append(text % {"number": waiting})
    return problems


def note(problems: list[str]) -> None:
    """For the page of the platform's health, which must not read backups inside a request."""
    cache.set(NOTED, problems, NOTED_SECONDS)


def noted() -> list[str] | None:
    """The problems that were noted last; None: none within three hours, or the cache is away."""
    problems: list[str] | None = cache.get(NOTED)
    return problems


def tell(problems: list[str]) -> None:
    """By the log each time; by e-mail to BACKUP_MAIL or the platform's administrators daily."""
    for problem in problems:
        logger.error("Backups: %s", problem)
    if not problems or not cache.add(TOLD, "1", TOLD_AGAIN_SECONDS):
        return
    addresses = settings.BACKUP_MAIL or list(
        User.objects.filter(is_superuser=True, is_active=True).values_list("email", flat=True)
    )
    if not addresses:
        return
    advice = _("What to do: docs/guides/recovery.md, “When a backup fails”.")
    try:
        send_mail(
            _("Campus: backups need you"), "\n".join([*problems, "", advice]), None, addresses
        )
    except OSError:
        cache.delete(TOLD)  # again at the next look
        logger.exception("The e-mail about backups could not be sent.")
