"""Long reports and archived terms: written by a worker, kept for a week, for who asked."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from tempfile import SpooledTemporaryFile
from typing import IO, Any, Final
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone, translation
from django.utils.text import slugify
from django.utils.translation import gettext as _

from apps.accounts.models import Role
from apps.accounts.permissions import roles_of
from apps.accounts.viewers import viewer_of
from apps.audit.services import SYSTEM, Actor, log_event
from apps.common.errors import Forbidden, NotFound, Refused
from apps.common.languages import spoken
from apps.enrollments.models import Term
from apps.enrollments.services import term_archive, term_may_be_archived
from apps.jobs.models import Job
from apps.jobs.progress import Progress
from apps.jobs.services import job_start
from apps.reports.archives import write_term
from apps.reports.asked import Asked, Filters
from apps.reports.exports import WRITERS, filename
from apps.reports.files import PURPOSE, delete_file, file_read, store_file
from apps.reports.writing import report_named, table_of
from apps.sessions.models import ClassSession
from apps.sessions.selectors import campus_zone
from apps.tenants.rotation import SealedFile
from apps.tenants.selectors import campus_day

EXPORT: Final = "reports.export"
ARCHIVE: Final = "reports.term_archive"
KINDS: Final = (EXPORT, ARCHIVE)  # what leaves a file
KEPT: Final = timedelta(days=7)
SPOOLED: Final = 16 * 1024 * 1024  # bytes in memory; more goes to a temporary file
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
    log_event(actor=actor, action="report.export", now=now, target=job, data=job.params)
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
        "office": asked.viewer.office,
        "filename": filename(table, kind),
        "stored_as": store_file(data),
    }


def archive_start(*, term_id: int, user_id: int, now: datetime, actor: Actor) -> Job:
    """Queue the archiving of a term. Raises `NotFound` (no_such_term) and `Refused`."""
    term = term_to_archive(term_id=term_id, now=now)
    job = job_start(
        kind=ARCHIVE, title=f"{term}.zip", params={"term": term.pk}, user_id=user_id, now=now
    )
    log_event(actor=actor, action="reports.archive", now=now, target=job, data=job.params)
    return job


def archive_run(job: Job, progress: Progress) -> dict[str, Any]:
    """The job's work: write the file, then nothing of the term can be changed any more.

    Raises `Forbidden` where who asked for it is no administrator any more.
    """
    if job.created_by is None:
        raise Refused("owner_gone", _("The person who asked for this report is no longer here."))
    export_refuse(job=job, user=job.created_by)
    now = timezone.now()  # noqa: TID251  (jobs are interfaces)
    term = term_to_archive(term_id=job.params["term"], now=now)
    with SpooledTemporaryFile(max_size=SPOOLED) as file:
        counts = term_write(
            term=term,
            file=file,
            now=now,
            actor=SYSTEM,
            report_progress=lambda done, total: progress.at(done, total, phase=_("writing")),
        )
        file.seek(0)
        data = file.read()
    return {
        **counts,
        "rows": counts["marks"],
        "size": len(data),
        "filename": f"{slugify(str(term))}.zip",
        "stored_as": store_file(data),
    }


def terms_to_archive(*, now: datetime) -> QuerySet[Term]:
    """Those that are over and can still be changed, newest first."""
    return Term.objects.filter(ends_on__lt=campus_day(now=now), archived_at=None)


def term_to_archive(*, term_id: int, now: datetime) -> Term:
    """Raises `NotFound` (no_such_term) and `Refused` (term_not_over, sessions_open, …)."""
    term = Term.objects.filter(pk=term_id).first()
    if term is None:
        raise NotFound("no_such_term", _("There is no such term."))
    term_may_be_archived(term=term, now=now)
    running = ClassSession.objects.filter(course__term=term, status=ClassSession.Status.OPEN)
    if running.exists():
        raise Refused("sessions_open", _("Sessions of this term are still open: close them first."))
    return term


def term_write(
    *,
    term: Term,
    file: IO[bytes],
    now: datetime,
    actor: Actor,
    report_progress: Callable[[int, int], object],
) -> dict[str, int]:
    """Archive the term and write its file, in one transaction.

    A mark that somebody is saving at that moment may be in the register and not in the file.
    """
    term_archive(term=term, now=now, actor=actor)
    return write_term(term, file, progress=report_progress)


def report_read(*, name: str, rows: int, now: datetime, actor: Actor) -> None:
    """Somebody takes attendance along as a file: that is an entry of the audit log."""
    log_event(actor=actor, action="report.file.read", now=now, data={"file": name, "rows": rows})


def export_files() -> Iterator[SealedFile]:
    """Written reports that are not deleted yet, for a new master key."""
    written = Job.objects.filter(kind__in=KINDS, status=Status.SUCCEEDED)
    for pk, result in written.values_list("pk", "result"):
        if name := result.get("stored_as"):
            rows = Job.objects.filter(pk=pk, result__stored_as=name)
            yield SealedFile(key=name, purpose=PURPOSE, context=name.encode(), named_by=rows)


def exports_of(*, user_id: int) -> QuerySet[Job]:
    """Somebody's own exports, newest first."""
    return Job.objects.filter(kind__in=KINDS, created_by=user_id).order_by("-created_at", "-id")


def export_of(*, user_id: int, job_id: UUID) -> Job:
    """Raises `NotFound` (no_such_export), also for somebody else's."""
    job = exports_of(user_id=user_id).filter(pk=job_id).first()
    if job is None:
        raise NotFound("no_such_export", _("There is no such export of yours."))
    return job


def format_of(job: Job) -> str:
    """Of the file: "zip" for an archived term."""
    return str(job.params.get("format", "zip"))


def export_refuse(*, job: Job, user: Any) -> None:
    """Raises `Forbidden` (role_required) where this person may no longer see what is in the file.

    An archived term is the administrators'; what was written with the eyes of the office, the
    office's.
    """
    allowed = True
    if job.kind == ARCHIVE:
        allowed = user.is_superuser or Role.ADMIN in roles_of(user)
    elif job.result.get("office"):
        allowed = viewer_of(user=user).office
    if not allowed:
        raise Forbidden("role_required", _("Your role does not allow this."))


def export_file(*, job: Job) -> bytes:
    """Raises `Refused` (export_not_ready, storage_unavailable) and `NotFound` once deleted."""
    if job.status != Status.SUCCEEDED:
        raise Refused("export_not_ready", _("This report is not written yet."))
    if not job.result.get("stored_as"):
        raise NotFound("export_deleted", _("This file was deleted after a week. Ask again."))
    return file_read(job.result["stored_as"])


def exports_purge(*, now: datetime) -> int:
    """Forget the files of exports that ended a week ago; returns how many."""
    old = Job.objects.filter(
        kind__in=KINDS, finished_at__lt=now - KEPT, result__has_key="stored_as"
    )
    return exports_forget(old)


def exports_forget(exports: QuerySet[Job]) -> int:
    """Delete the files of these; returns how many. The row first: it is the lock of its file
    (apps/tenants/rotation.py)."""
    for job in exports:
        name = job.result.pop("stored_as")
        job.save(update_fields=["result"])
        delete_file(name)
    return len(exports)
