"""The two jobs of an import, done by workers (or by a command, in its own process)."""

from typing import Any, Final

from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.permissions import roles_of
from apps.accounts.writes import Writer
from apps.audit.services import Actor
from apps.common.errors import Forbidden, Invalid, Refused
from apps.import_types.registry import import_type_named
from apps.imports.models import ImportRun
from apps.imports.selectors import answers_for, checked_answers
from apps.imports.services.apply import ImportReport, headings_of, read_upload, run_import
from apps.imports.services.files import file_read, marked_file_delete, store_file
from apps.imports.workbooks import marked_workbook
from apps.jobs.models import Job
from apps.jobs.progress import Progress
from apps.tabular_files.questions import FileAnswers

SHOWN: Final = 500  # wrong rows kept with the run; all of them are in the marked workbook
Status = ImportRun.Status


def check(job: Job, progress: Progress) -> dict[str, Any]:
    """The dry run. A file that cannot be read at all fails the import, not the job."""
    run = ImportRun.objects.get(pk=job.params["import"])
    answers = answers_for(run)
    try:
        report = _work(run, job, progress, answers, dry=True)
    except (Invalid, Refused) as refusal:
        run.questions = answers.as_json()
        return _refused(run, refusal)
    run.questions = answers.as_json()
    run.result["checked_as"] = rights_of(Writer(job.created_by))
    run.status = Status.CHECKED
    run.problem = ""
    run.save()
    return report.as_json()


def commit(job: Job, progress: Progress) -> dict[str, Any]:
    """Save what is right. Refuses when more people would go than were shown and agreed to."""
    run = ImportRun.objects.get(pk=job.params["import"])
    try:
        report = _work(run, job, progress, checked_answers(run), dry=False)
        if report.result.removed > job.params["removed"]:
            raise Refused("removes_more", removes_more(report.result.removed))
    except (Invalid, Forbidden) as refusal:
        return _refused(run, refusal)
    run.status = Status.DONE
    run.finished_at = timezone.now()  # noqa: TID251  (jobs are interfaces)
    run.save()
    return report.as_json()


def rights_of(writer: Writer) -> list[str]:
    """What decides which rows an import may write: roles on the entered campus, or the platform's
    rights."""
    if writer.is_platform_administrator:
        return ["platform"]
    return sorted(roles_of(writer.user)) if writer.user is not None else []


def removes_more(count: int) -> str:
    message = _(
        "Meanwhile %(count)d people would be deactivated, more than were shown. Check again."
    )
    return message % {"count": count}


def _work(
    run: ImportRun, job: Job, progress: Progress, answers: FileAnswers, *, dry: bool
) -> ImportReport:
    import_type = import_type_named(run.kind)
    user = job.created_by
    writer = Writer(user)  # the rights of who commits, when it is saved

    def report_progress(done: int, total: int, phase: str) -> None:
        progress.at(done, total, phase=phase)

    tables = read_upload(
        file_read(run.stored_as),
        import_type,
        writer=writer,
        report_progress=report_progress,
        answers=answers,
    )
    if dry:
        run.headings = headings_of(tables, import_type, answers)
    report = run_import(
        tables,
        import_type,
        mapping=run.mapping,
        options={**run.options, "source": run.sha256},
        now=timezone.now(),  # noqa: TID251
        actor=Actor(label=str(user) if user else "command", id=f"user:{user.pk}" if user else ""),
        writer=writer,
        report_progress=report_progress,
        dry=dry,
        answers=answers,
    )
    run.result = report.as_json()
    run.problems = [found.as_json() for found in report.problems[:SHOWN]]
    marked_file_delete(run)
    if report.problems:
        progress.at(0, report.wrong_rows, phase="marking the wrong rows")
        run.marked_as = store_file(marked_workbook(tables, report.problems))
    return report


def _refused(run: ImportRun, refusal: Refused) -> dict[str, Any]:
    run.status = Status.FAILED
    run.problem = str(refusal.message)[:500]
    run.save()
    return {"problem": run.problem}
