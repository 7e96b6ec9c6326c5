"""The two jobs of a move, done by workers."""

import json
import tempfile
from pathlib import Path
from typing import Any, Final

from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.audit.services import Actor
from apps.common.errors import Refused
from apps.common.languages import spoken
from apps.jobs.models import Job
from apps.jobs.progress import Progress
from apps.legacy.models import LegacyMove
from apps.legacy.services.files import report_delete, report_store, upload_restore
from apps.legacy.services.importing import legacy_import
from apps.legacy.services.rights import refuse_others
from apps.legacy.services.signs import LifeSigns
from apps.old_databases import SourceLimits, source_open
from apps.old_databases.archives import archive_unpack, is_archive
from apps.reconciliation.report import COUNTS, Report
from apps.tenants.scope import current_campus_id

# A worker does other work beside: JSON is read as a whole and takes ten times its size.
LIMITS: Final = SourceLimits(json=64 * 2**20, text=2**30, tables=2 * 2**30)
Status = LegacyMove.Status


def check(job: Job, progress: Progress) -> dict[str, Any]:
    """The dry run. A source that cannot be read fails the move, not the job."""
    return _done(job, progress, dry=True)


def commit(job: Job, progress: Progress) -> dict[str, Any]:
    """The same work, saved in the transaction of the job."""
    return _done(job, progress, dry=False)


def _done(job: Job, progress: Progress, *, dry: bool) -> dict[str, Any]:
    move = LegacyMove.objects.select_related("term").get(pk=job.params["move"])
    with translation.override(spoken(job.params["language"])):
        progress.at(0, 0, phase=_("reading the file"))
        try:
            report = _work(move, job, dry=dry)
        except Refused as refusal:
            move.status, move.problem = Status.FAILED, str(refusal.message)[:500]
            move.save(update_fields=["status", "problem"])
            return {"problem": move.problem}
        _keep(move, report, dry=dry)
    return move.result


def _work(move: LegacyMove, job: Job, *, dry: bool) -> Report:
    """Rights are those of whoever started the job, when it runs.

    A job whose worker was lost begins anew with the stored file; nothing of the first is saved.
    """
    refuse_others(job.created_by_id)
    with (
        LifeSigns(job.pk, current_campus_id()) as signs,
        tempfile.TemporaryDirectory(prefix="campus-legacy-") as place,
    ):
        source = Path(place) / "upload"
        upload_restore(move, source)
        if is_archive(source):
            source = archive_unpack(source, Path(place) / "unpacked")
        with source_open(source, limits=LIMITS, watch=signs.check) as old:
            tables = len(old.tables)
            begun: list[str] = []

            def tell(table: str) -> None:
                begun.append(table)
                signs.at(len(begun), tables, table)

            user = job.created_by
            return legacy_import(
                system=move.system,
                old=old,
                now=timezone.now(),  # noqa: TID251  (jobs are interfaces)
                actor=Actor(label=str(user), id=f"user:{user.pk}" if user else ""),
                dry=dry,
                term=move.term,
                tell=tell,
            )


def _keep(move: LegacyMove, report: Report, *, dry: bool) -> None:
    report_delete(move)
    move.report_as = report_store(json.dumps(report.as_json()).encode())
    move.result = {
        **{name: sum(getattr(table, name) for table in report.tables) for name in COUNTS},
        "left_out": sum(table.left_out.total() for table in report.tables),
        "unexplained": report.unexplained,
    }
    move.problem = ""
    if report.unexplained:
        move.status = Status.FAILED
        problem = ngettext(
            "%d difference is unexplained: nothing was saved. Please report it.",
            "%d differences are unexplained: nothing was saved. Please report it.",
            report.unexplained,
        )
        move.problem = problem % report.unexplained
    elif dry:
        move.status = Status.CHECKED
    else:
        move.status, move.finished_at = Status.DONE, timezone.now()  # noqa: TID251
    move.save(update_fields=["report_as", "result", "problem", "status", "finished_at"])
