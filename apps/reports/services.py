"""Long reports: written by a worker, kept for a week, for the person who asked."""

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from apps.accounts.viewers import viewer_of
from apps.audit.services import Actor, record
from apps.common.errors import NotFound, Refused
from apps.common.languages import spoken
from apps.jobs.models import Job
from apps.jobs.progress import Progress
from apps.jobs.services import job_start
from apps.reports.asked import Asked, Filters
from apps.reports.exports import WRITERS, filename
from apps.reports.files import delete_file, file_read, store_file
from apps.reports.writing import report_named, table_of
from apps.sessions.selectors import campus_zone

EXPORT: Final = "reports.export"
KEPT: Final = timedelta(days=7)
Status = Job.Status


def export_start(
    *, report: str, file_format: str, filters: Filters, user_id: int, now: datetime, actor: Actor
) -> Job:
    """Queue the export of a report; what it may show is asked again when it is written."""
    job = job_start(
        kind=EXPORT,
        title=f"{report}.{file_format}",
        params={
            "report": report,
            "format": file_format,
            "filters": filters.as_json(),
            "language": translation.get_language() or "",
        },
        user_id=user_id,
        now=now,
    )
    record(actor=actor, action="report.export", now=now, target=job, data=job.params)
    return job


def export_run(job: Job, progress: Progress) -> dict[str, Any]:
    """The job's work: read the report with its owner's eyes and keep the file."""
    if job.created_by is None:
        raise Refused("owner_gone", _("The person who asked for this report is no longer here."))
    report = report_named(job.params["report"])
    kind = job.params["format"]
    with translation.override(spoken(job.params["language"])):
        asked = Asked(
            viewer=viewer_of(user=job.created_by),
            now=timezone.now(),  # noqa: TID251  (jobs are interfaces)
            zone=campus_zone(),
            filters=Filters.from_json(job.params["filters"]),
        )
        if not asked.viewer.teaches:
            raise Refused("role_required", _("Your role does not allow this."))
        table = table_of(
            asked,
            report,
            report_progress=lambda done, total: progress.at(done, total, phase=_("reading")),
        )
        progress.at(len(table.rows), len(table.rows), phase=_("writing"))
        data = WRITERS[kind][1](table)
    return {
        "rows": len(table.rows),
        "size": len(data),
        "filename": filename(table, kind),
        "stored_as": store_file(data),
    }


def exports_of(*, user_id: int) -> QuerySet[Job]:
    """Somebody's own exports, newest first."""
    return Job.objects.filter(kind=EXPORT, created_by=user_id).order_by("-created_at", "-id")


def export_of(*, user_id: int, job_id: UUID) -> Job:
    """Raises `NotFound` (no_such_export), also for somebody else's."""
    job = exports_of(user_id=user_id).filter(pk=job_id).first()
    if job is None:
        raise NotFound("no_such_export", _("There is no such export of yours."))
    return job


def export_file(*, job: Job) -> bytes:
    """Raises `Refused` (export_not_ready) before it is written and `NotFound` once forgotten."""
    if job.status != Status.SUCCEEDED:
        raise Refused("export_not_ready", _("This report is not written yet."))
    if not job.result.get("stored_as"):
        raise NotFound("export_forgotten", _("This file was forgotten after a week. Ask again."))
    return file_read(job.result["stored_as"])


def exports_purge(*, now: datetime) -> int:
    """Forget the files of exports that ended a week ago; returns how many."""
    old = Job.objects.filter(kind=EXPORT, finished_at__lt=now - KEPT, result__has_key="stored_as")
    for job in old:
        delete_file(job.result.pop("stored_as"))
        job.save(update_fields=["result"])
    return len(old)
