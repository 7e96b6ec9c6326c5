"""The life of a job: queued → running → succeeded, failed or cancelled."""

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q
from django.utils.translation import gettext as _

from apps.common.errors import Refused
from apps.jobs.models import Job
from apps.jobs.registry import ending_of, handler_of, task_of, waiting_kinds
from apps.tenants.locks import lock
from apps.tenants.tasks import enqueue

# A running job says so at least every few seconds; one that has been silent so long was lost.
SILENT: Final = timedelta(minutes=2)
MAX_STARTS: Final = 3
Status = Job.Status


@transaction.atomic
def job_start(
    *, kind: str, title: str, params: dict[str, Any], user_id: int | None, now: datetime
) -> Job:
    """Queue a job of a registered kind; a worker begins when the transaction has committed."""
    handler_of(kind)  # an unknown kind fails here, in the caller
    job = Job.objects.create(
        kind=kind, title=title[:200], params=params, created_by_id=user_id, created_at=now
    )
    enqueue(task_of(kind), str(job.pk))
    return job


@transaction.atomic
def job_cancel(*, job: Job, now: datetime) -> Job:
    """Cancel a waiting job at once and ask a running one to stop; finished ones are refused."""
    if Job.objects.filter(pk=job.pk, status=Status.QUEUED).update(
        status=Status.CANCELLED, finished_at=now, cancel_requested=True
    ):
        job.refresh_from_db()
        return job
    if not Job.objects.filter(pk=job.pk, status=Status.RUNNING).update(cancel_requested=True):
        raise Refused("job_finished", _("This has finished already."))
    job.refresh_from_db()
    return job


@transaction.atomic
def job_claim(*, job_id: UUID, now: datetime) -> Job | None:
    """Take a waiting job, or one whose worker was lost; None when there is nothing to take.

    One that waits for servers of others while another of the campus does stays queued: workers are
    all campuses', and slow servers of one must not hold them all.
    """
    if _is_held_up(job_id, now=now):
        return None
    lost = Q(status=Status.RUNNING, heartbeat_at__lt=now - SILENT)
    claimed = Job.objects.filter(Q(status=Status.QUEUED) | lost, pk=job_id).update(
        status=Status.RUNNING,
        started_at=now,
        heartbeat_at=now,
        attempts=F("attempts") + 1,
        phase="",
        done=0,
        total=0,
    )
    if not claimed:
        return None
    job = Job.objects.get(pk=job_id)
    if job.attempts > MAX_STARTS:
        job_fail(job_id=job_id, problem=_("Its worker was lost three times."), now=now)
        return None
    return job


def _is_held_up(job_id: UUID, *, now: datetime) -> bool:
    slow = Job.objects.filter(kind__in=waiting_kinds())
    if not slow.filter(pk=job_id).exists():
        return False
    lock("WAIT")  # of two at once one
    running = slow.filter(status=Status.RUNNING, heartbeat_at__gte=now - SILENT)
    return running.exclude(pk=job_id).exists()


def job_succeed(*, job_id: UUID, result: dict[str, Any], now: datetime) -> None:
    """In the transaction of the work itself: both are saved, or neither."""
    Job.objects.filter(pk=job_id).update(
        status=Status.SUCCEEDED, result=result, finished_at=now, done=F("total"), phase=""
    )
    _ended(job_id, now)


def job_fail(*, job_id: UUID, problem: str, now: datetime) -> None:
    Job.objects.filter(pk=job_id).update(
        status=Status.FAILED, problem=problem[:500], finished_at=now
    )
    _ended(job_id, now)


def _ended(job_id: UUID, now: datetime) -> None:
    job = Job.objects.get(pk=job_id)
    ending = ending_of(job.kind)
    if ending is not None:
        ending(job, now=now)
    _wake_next(job)


def _wake_next(job: Job) -> None:
    """After one that waited for servers of others, the oldest that was held up by it."""
    if job.kind not in waiting_kinds():
        return
    held_up = Job.objects.filter(kind__in=waiting_kinds(), status=Status.QUEUED)
    following = held_up.order_by("created_at", "pk").first()
    if following is not None:
        enqueue(task_of(following.kind), str(following.pk))


@transaction.atomic
def job_pause(*, job: Job) -> None:
    """A running job has done many parts: another task goes on, with what `params` hold."""
    running = Job.objects.filter(pk=job.pk, status=Status.RUNNING)
    if running.update(status=Status.QUEUED, attempts=0, params=job.params):
        enqueue(task_of(job.kind), str(job.pk))


def job_stop(*, job_id: UUID, now: datetime) -> None:
    """A running job has noticed that it was asked to stop."""
    Job.objects.filter(pk=job_id).update(status=Status.CANCELLED, finished_at=now)
    _wake_next(Job.objects.get(pk=job_id))
