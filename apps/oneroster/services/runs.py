"""The life of a reading: started, looked at or saved, perhaps confirmed or refused by a
person."""

from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.utils.translation import gettext as _

from apps.audit.services import SYSTEM, Actor, log_event
from apps.common.errors import Refused
from apps.jobs.services import job_start
from apps.oneroster.models import SYNC, OneRosterConnection, OneRosterRun
from apps.oneroster.selectors import had_wrong_rows, running

KEPT: Final = timedelta(days=90)  # reports name people
WHOLE_EVERY: Final = timedelta(days=7)  # a nightly reading asks for everything again
Status = OneRosterRun.Status


@transaction.atomic
def run_start(
    *,
    connection: OneRosterConnection,
    commit: bool,
    full: bool,
    user_id: int | None,
    by_person: bool,
    now: datetime,
    actor: Actor,
    confirmed: int | None = None,
) -> OneRosterRun:
    """Queue a reading. Raises `Refused` (already_running) where one is on its way.

    `by_person`: with the rights of that account, which must still be there when it is done; else
    with those of the platform.
    """
    locked = OneRosterConnection.objects.select_for_update().get(pk=connection.pk)
    if running(locked).exists():
        raise Refused("already_running", _("This service is being read. Wait until that ends."))
    ended = OneRosterRun.objects.filter(connection=locked, status=Status.RUNNING)
    ended.update(  # their jobs were cancelled
        status=Status.FAILED, problem=_("Ended before it was done."), finished_at=now
    )
    run = run_make(
        locked, commit=commit, full=full, user_id=user_id, by_person=by_person, now=now,
        confirmed=confirmed,
    )  # fmt: skip
    run.job = job_start(
        kind=SYNC,
        title=_("Read %(service)s") % {"service": locked.name},
        params={"run": run.pk},
        user_id=user_id,
        now=now,
    )
    run.save(update_fields=["job"])
    data = {"commit": commit, "full": run.is_full, "confirmed": confirmed}
    log_event(actor=actor, action="oneroster.run.started", now=now, target=run, data=data)
    return run


def run_make(
    connection: OneRosterConnection,
    *,
    commit: bool,
    full: bool,
    user_id: int | None,
    by_person: bool,
    now: datetime,
    confirmed: int | None = None,
) -> OneRosterRun:
    """The row alone, without a job. The first reading is a whole one, and so is one after wrong
    rows: what refers to them was wrong with them, and does not change when they become right."""
    return OneRosterRun.objects.create(
        connection=connection,
        commit=commit,
        is_full=full or connection.read_whole_at is None or had_wrong_rows(connection),
        by_person=by_person,
        confirmed=confirmed,
        created_by_id=user_id,
        created_at=now,
    )


@transaction.atomic
def run_confirm(
    *, run: OneRosterRun, leaving: int, user_id: int | None, now: datetime, actor: Actor
) -> OneRosterRun:
    """Read again and save, though so many leave; more than that wait again.

    `leaving`: how many the caller saw. Raises `Refused` (not_waiting).
    """
    waiting = OneRosterRun.objects.filter(pk=run.pk, status=Status.WAITING, leaving=leaving)
    if not waiting.update(status=Status.CONFIRMED):
        raise Refused("not_waiting", _("This reading does not wait any more. Look at the latest."))
    log_event(
        actor=actor,
        action="oneroster.run.confirmed",
        now=now,
        target=run,
        data={"leaving": leaving},
    )
    return run_start(
        connection=run.connection,
        commit=True,
        full=run.is_full,
        user_id=user_id,
        by_person=True,
        now=now,
        actor=actor,
        confirmed=leaving,
    )


@transaction.atomic
def run_refuse(*, run: OneRosterRun, now: datetime, actor: Actor) -> None:
    """Nothing of it is saved, and it waits no more. Raises `Refused` (not_waiting)."""
    waiting = OneRosterRun.objects.filter(pk=run.pk, status=Status.WAITING)
    if not waiting.update(status=Status.REFUSED):
        raise Refused("not_waiting", _("This reading does not wait any more. Look at the latest."))
    log_event(actor=actor, action="oneroster.run.refused", now=now, target=run)


def nightly_start(*, now: datetime) -> int:
    """Queue the nightly reading of the entered campus, where it has one; returns how many."""
    done = 0
    for connection in OneRosterConnection.objects.filter(is_nightly=True):
        if running(connection).exists():
            continue
        whole = connection.read_whole_at
        run_start(
            connection=connection,
            commit=True,
            full=whole is None or now - whole >= WHOLE_EVERY - timedelta(hours=2),
            user_id=None,
            by_person=False,
            now=now,
            actor=SYSTEM,
        )
        done += 1
    return done


def runs_purge(*, now: datetime) -> int:
    """Forget old readings; what they did stays in the audit log."""
    return OneRosterRun.objects.filter(created_at__lt=now - KEPT).delete()[0]
