"""Finding imports."""

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from apps.common.errors import NotFound
from apps.imports.models import ImportRun
from apps.jobs.models import Job


def import_runs() -> QuerySet[ImportRun]:
    """Newest first, with their jobs."""
    return ImportRun.objects.select_related("job", "created_by").order_by("-created_at", "-id")


def import_run(*, run_id: int) -> ImportRun:
    """Raises `NotFound`."""
    run = import_runs().filter(pk=run_id).first()
    if run is None:
        raise NotFound("import_not_found", _("There is no such import."))
    return run


def progress_of(run: ImportRun) -> dict[str, Any]:
    """How far the job is, for pages and phones: status, phase, done, total, percent, problem."""
    job: Job | None = run.job
    if job is None:
        return {"status": "", "phase": "", "done": 0, "total": 0, "percent": 0, "problem": ""}
    return {
        "status": job.status,
        "phase": job.phase,
        "done": job.done,
        "total": job.total,
        "percent": job.percent,
        "problem": job.problem,
    }


def is_busy(run: ImportRun) -> bool:
    """Whether a worker still has something to do for it."""
    return run.job is not None and not run.job.is_finished


def state_of(run: ImportRun) -> str:
    """The run's status; "failed" and "cancelled" of its job show through."""
    if run.job is not None and run.job.status in (Job.Status.FAILED, Job.Status.CANCELLED):
        return str(run.job.status)
    return run.status
