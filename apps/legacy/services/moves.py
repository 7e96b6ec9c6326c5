"""The life of a move from the administration: uploaded, checked, saved, and its file deleted."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from apps.audit.services import Actor, log_event
from apps.common.errors import Refused
from apps.enrollments.models import Term
from apps.jobs.models import Job
from apps.jobs.services import job_cancel, job_start
from apps.legacy.models import CHECK, COMMIT, LegacyMove
from apps.legacy.selectors import lost_moves
from apps.legacy.services.files import Stored, report_delete, upload_delete
from apps.legacy.services.rights import refuse_others
from apps.legacy.systems import system_named

UPLOADS_KEPT: Final = timedelta(days=7)  # they hold everybody's data, and hashes of passwords
REPORTS_KEPT: Final = timedelta(days=30)
Status = LegacyMove.Status


@transaction.atomic
def move_upload(
    *,
    system: str,
    filename: str,
    parts: Iterable[bytes],
    term: Term | None,
    user_id: int | None,
    now: datetime,
    actor: Actor,
) -> LegacyMove:
    """Keep an uploaded source and queue its dry run.

    Raises `Forbidden` for everybody but administrators of the platform, `Refused` (move_running)
    while another move is checked or saved, and `Invalid` for a file that is empty or too large.
    """
    refuse_others(user_id)
    system_named(system)
    _one_at_once()
    stored = Stored(parts)
    try:
        with transaction.atomic():
            move = LegacyMove.objects.create(
                system=system,
                filename=filename[:200],
                size=stored.size,
                sha256=stored.sha256,
                stored_as=stored.name,
                pieces=stored.pieces,
                term=term,
                created_by_id=user_id,
                created_at=now,
            )
    except IntegrityError as error:
        stored.forget()
        raise _running() from error
    log_event(
        actor=actor,
        action="legacy.uploaded",
        now=now,
        target=move,
        data={"system": system, "sha256": move.sha256, "term": term.pk if term else None},
    )
    _queue(move, CHECK, _("Check %(file)s"), user_id=user_id, now=now)
    return move


@transaction.atomic
def move_check(*, move: LegacyMove, user_id: int | None, now: datetime, actor: Actor) -> LegacyMove:
    """Queue the dry run again: more may have agreed to faces, or more people may be here."""
    refuse_others(user_id)
    _one_at_once()
    _step(move, Status.CHECKING, when=(Status.CHECKED, Status.FAILED))
    _queue(move, CHECK, _("Check %(file)s"), user_id=user_id, now=now)
    log_event(actor=actor, action="legacy.checked_again", now=now, target=move)
    return move


@transaction.atomic
def move_commit(
    *, move: LegacyMove, check: UUID | None, user_id: int | None, now: datetime, actor: Actor
) -> LegacyMove:
    """Queue the saving of what was checked: the very same file, by its SHA-256.

    `check`: the job of the check that the caller saw; when it was checked again since, it is
    refused.
    """
    refuse_others(user_id)
    _one_at_once()
    _step(move, Status.COMMITTING, when=(Status.CHECKED,))
    if check != move.job_id:
        message = _("This was checked again meanwhile. Look at it once more, then save it.")
        raise Refused("checked_again", message)
    _queue(move, COMMIT, _("Move in %(file)s"), user_id=user_id, now=now)
    log_event(
        actor=actor,
        action="legacy.committed",
        now=now,
        target=move,
        data={"system": move.system, "sha256": move.sha256},
    )
    return move


@transaction.atomic
def move_cancel(*, move: LegacyMove, user_id: int | None, now: datetime, actor: Actor) -> None:
    """Stop the check or the saving that is under way; nothing of it stays.

    Raises `Refused` (job_finished) where nothing is.
    """
    refuse_others(user_id)
    if move.job is None:
        raise Refused("job_finished", _("This has finished already."))
    job_cancel(job=move.job, now=now)
    log_event(actor=actor, action="legacy.cancelled", now=now, target=move)


def move_ended(job: Job, *, now: datetime) -> None:
    """Of a job that failed as a whole, its move has failed (`jobs.registry.Ending`)."""
    if job.status == Job.Status.FAILED:
        LegacyMove.objects.filter(job=job).update(status=Status.FAILED, problem=job.problem)


def _one_at_once() -> None:
    """What waits for a job that was stopped waits no longer; anything else refuses a second one."""
    lost_moves().update(status=Status.FAILED, problem=_("Stopped. Nothing was saved."))
    if LegacyMove.objects.filter(status__in=(Status.CHECKING, Status.COMMITTING)).exists():
        raise _running()


def _running() -> Refused:
    message = _("Another older system is being moved in. Wait until that ends, or stop it.")
    return Refused("move_running", message)


def _step(move: LegacyMove, status: str, *, when: tuple[str, ...]) -> None:
    waiting = LegacyMove.objects.filter(pk=move.pk, status__in=when).exclude(stored_as="")
    try:
        with transaction.atomic():
            moved = waiting.update(status=status, problem="")
    except IntegrityError as error:
        raise _running() from error
    if not moved:
        message = _("This has been saved, or its file is deleted. Upload it again.")
        raise Refused("move_not_ready", message)
    move.refresh_from_db()


def _queue(move: LegacyMove, kind: str, title: str, *, user_id: int | None, now: datetime) -> None:
    """`language`: in which the report speaks."""
    move.job = job_start(
        kind=kind,
        title=title % {"file": move.filename},
        params={"move": move.pk, "language": get_language() or ""},
        user_id=user_id,
        now=now,
    )
    move.save(update_fields=["job"])


def moves_purge(*, now: datetime) -> int:
    """Delete uploads that were saved or are old, and old reports; what they did stays on record.

    Returns how many moves lost a file.
    """
    gone = 0
    for move in LegacyMove.objects.exclude(stored_as="", report_as=""):
        is_running = move.status in (Status.CHECKING, Status.COMMITTING)
        old = move.created_at < now - UPLOADS_KEPT
        files = 0
        if move.status == Status.DONE or (old and not is_running):
            files += upload_delete(move)
        if move.created_at < now - REPORTS_KEPT:
            files += report_delete(move)
        gone += files > 0
    return gone
