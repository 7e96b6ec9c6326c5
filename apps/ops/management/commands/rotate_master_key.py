"""`manage.py rotate_master_key`: another master key, with everything sealed under it."""

import time
from typing import Any, Final

from django.utils import timezone

from apps.audit.services import SYSTEM, log_platform_event
from apps.common.commands import CampusCommand
from apps.ops.heartbeats import SILENT_AFTER_SECONDS, heartbeats
from apps.tenants.management.commands.migrate import OWNER
from apps.tenants.master_key import accepting_the_old_key
from apps.tenants.rotation import (
    RotationRefused,
    confirm_keys,
    files_reseal,
    rotation_finish,
    rows_are_done,
    rows_reseal,
)
from apps.tenants.selectors import every_campus

PATIENCE_SECONDS: Final = SILENT_AFTER_SECONDS + 15  # what was just stopped is silent by then


class Command(CampusCommand):
    help = (
        "Seal everything under CAMPUS_MASTER_KEY that CAMPUS_OLD_MASTER_KEY sealed, then refuse "
        "the old key. Begin with the platform stopped. May be interrupted and run again."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        with accepting_the_old_key():
            if not confirm_keys(owner=OWNER):
                self.stdout.write("The database is under the given key: nothing to do.")
                return
            if not rows_are_done(owner=OWNER):
                self._wait_for_silence()
            campuses = list(every_campus(reason="replace the master key", also_closed=True))
            self._say("Rows", rows_reseal(campuses=campuses, owner=OWNER))
            self.stdout.write("The platform may be started now, with both keys.")
            self._say("Files", files_reseal(campuses=campuses))
            now = timezone.now()
            log_platform_event(actor=SYSTEM, action="platform.master_key.replaced", now=now)
            rotation_finish(owner=OWNER, now=now)
        self.stdout.write(
            self.style.SUCCESS(
                "Done. Remove CAMPUS_OLD_MASTER_KEY, start everything again, make a full backup."
            )
        )

    def _wait_for_silence(self) -> None:
        """What still runs seals under the old key, and nobody could open it afterwards."""
        end = time.monotonic() + PATIENCE_SECONDS
        while alive := alive_now():
            if time.monotonic() > end:
                raise RotationRefused(f"Stop the platform first. Still running: {alive}.")
            self.stdout.write(f"Waiting for what was running: {alive}.")
            time.sleep(5)

    def _say(self, kind: str, done: dict[str, int]) -> None:
        counts = ", ".join(f"{number} {name}" for name, number in done.items())
        self.stdout.write(f"{kind} sealed anew: {counts or 'none'}.")


def alive_now() -> str:
    """Workers and beat that gave a sign of life in the last minute, by name."""
    now = time.time()
    found = heartbeats(now=now) or []
    return ", ".join(beat.name for beat in found if beat.silent_for(now=now) < SILENT_AFTER_SECONDS)
