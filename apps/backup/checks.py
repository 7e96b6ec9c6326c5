"""What `manage.py check --deploy` and `manage.py doctor` say about backups."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core import checks

from apps.backup.watching import backup_problems, noted
from apps.ops.diagnosis import FAIL, OK, WARN, Look


@checks.register(deploy=True)
def backup_check(**_: Any) -> list[checks.CheckMessage]:
    if not settings.BACKUP_TO:
        text = "Nothing is backed up: BACKUP_TO is not set (docs/guides/recovery.md)."
        return [checks.Warning(text, id="backup.W001")]
    found: list[checks.CheckMessage] = [
        checks.Error(problem, id="backup.E001")
        for problem in backup_problems(now=datetime.now(UTC))
    ]
    return found


def look_at_backups(look: Look) -> Iterator[tuple[str, str, str]]:
    """Whether there is a good one that is young enough."""
    if not settings.BACKUP_TO:
        yield WARN, "Nothing is backed up.", "Give a place in BACKUP_TO (docs/guides/recovery.md)."
        return
    yield from _lines(backup_problems(now=look.now))


def read_the_note(_look: Look) -> Iterator[tuple[str, str, str]]:
    """What the worker found when it looked last: a web server may reach neither place nor keys."""
    problems = noted()
    if problems is None:
        advice = (
            "Give a place in BACKUP_TO (docs/guides/recovery.md). Where there is one, a worker "
            "looks hourly: see that worker and beat run."
        )
        yield WARN, "No worker has looked at the backups within three hours.", advice
        return
    yield from _lines(problems)


def _lines(problems: list[str]) -> Iterator[tuple[str, str, str]]:
    for problem in problems:
        yield FAIL, problem, "See “When a backup fails” in docs/guides/recovery.md."
    if not problems:
        yield OK, "The last good backup is young enough.", ""
