"""Finding moves from older systems."""

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from apps.common.errors import NotFound
from apps.jobs.models import Job
from apps.legacy.models import LegacyMove

BUSY = (LegacyMove.Status.CHECKING, LegacyMove.Status.COMMITTING)


def legacy_move(*, move_id: int) -> LegacyMove:
    """With its job. Raises `NotFound`."""
    found = LegacyMove.objects.select_related("job", "created_by", "term").filter(pk=move_id)
    move = found.first()
    if move is None:
        raise NotFound("move_not_found", _("There is no such move."))
    return move


def lost_moves() -> QuerySet[LegacyMove]:
    """Of which no job says any more how they ended: it was cancelled."""
    ended = (Job.Status.CANCELLED, Job.Status.FAILED)
    return LegacyMove.objects.filter(status__in=BUSY, job__status__in=ended)


def is_busy(move: LegacyMove) -> bool:
    """Whether a worker still has something to do for it."""
    return move.job is not None and not move.job.is_finished


def state_of(move: LegacyMove) -> str:
    """The status; that its job was cancelled or failed shows through."""
    ended = (Job.Status.FAILED, Job.Status.CANCELLED)
    if move.status in BUSY and move.job is not None and move.job.status in ended:
        return str(move.job.status)
    return move.status


def progress_of(move: LegacyMove) -> dict[str, Any]:
    """How far the job is: phase, done, total (tables), percent, problem."""
    job = move.job
    if job is None:
        return {"phase": "", "done": 0, "total": 0, "percent": 0, "problem": ""}
    return {
        "phase": job.phase,
        "done": job.done,
        "total": job.total,
        "percent": job.percent,
        "problem": job.problem,
    }
