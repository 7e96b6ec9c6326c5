"""Finding imports."""

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from apps.common.errors import NotFound
from apps.imports.models import ImportAnswer, ImportRun
from apps.jobs.models import Job
from apps.tabular_files.questions import FileAnswers, question_of


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


def remembered_answers(kind: str) -> dict[str, str]:
    """What was answered about earlier files of this kind, by question."""
    return dict(ImportAnswer.objects.filter(kind=kind).values_list("key", "value"))


def open_questions(run: ImportRun) -> int:
    """How many questions of the last check nobody has answered."""
    return sum(not asked["answer"] for asked in run.questions)


def asked_questions(run: ImportRun) -> list[dict[str, Any]]:
    """The questions of the last check, open ones first: as `FileAnswers.as_json` gives them, with
    when and by whom each was answered (`answered_at`, `answered_by`; None where it is open or the
    file itself is certain)."""
    known = ImportAnswer.objects.filter(kind=run.kind).select_related("answered_by")
    said = {(answer.key, answer.value): answer for answer in known if run.questions}
    found = []
    for asked in run.questions:
        answer = said.get((asked["key"], asked["answer"]))
        found.append(
            {
                **asked,
                "answered_at": answer.answered_at if answer else None,
                "answered_by": str(answer.answered_by) if answer and answer.answered_by else None,
            }
        )
    return found


def asked_by(run: ImportRun) -> FileAnswers:
    """The questions of the last check, unanswered."""
    return FileAnswers(questions={asked["key"]: question_of(asked) for asked in run.questions})


def answers_for(run: ImportRun) -> FileAnswers:
    """For a check: what was given for this file, else what is remembered for its kind."""
    return FileAnswers(given=run.answers, remembered=remembered_answers(run.kind))


def checked_answers(run: ImportRun) -> FileAnswers:
    """For the saving: exactly what the check that somebody saw was made with."""
    return FileAnswers(given={asked["key"]: asked["answer"] for asked in run.questions})
