"""Telling people that their upload is done, where they will hardly have waited for it."""

from datetime import datetime, timedelta
from typing import Any, Final

from apps.accounts.models import Membership, Role
from apps.audit.services import SYSTEM, log_event
from apps.imports.models import COMMIT, ImportRun
from apps.imports.selectors import open_questions
from apps.jobs.models import Job
from apps.notifications.services import notify

WORTH_TELLING: Final = timedelta(seconds=30)


def import_ended(job: Job, *, now: datetime) -> int:
    """To who started it, when it took longer than 30 s from the upload on; 0 otherwise.

    How a saving ended is in the audit log, by which other systems hear of it as well.
    """
    run = ImportRun.objects.filter(pk=job.params["import"]).first()
    if run is not None and job.kind == COMMIT:
        is_saved = run.status == ImportRun.Status.DONE
        action = "imports.saved" if is_saved else "imports.failed"
        log_event(actor=SYSTEM, action=action, now=now, target=run)
    if run is None or job.created_by_id is None or now - job.created_at <= WORTH_TELLING:
        return 0
    text, values = _outcome(job, run)
    return notify(
        kind="import_finished",
        text=text,
        user_ids=[job.created_by_id],
        data={"import": run.pk, "file": run.filename, **values},
        now=now,
        key=f"import_finished:{job.pk}",
    )


def reading_waits(*, source: str, leaving: int, key: str, now: datetime) -> int:
    """To the campus's administrators: what was read from another system waits for their word."""
    admins = Membership.objects.filter(role=Role.ADMIN, is_active=True, user__is_active=True)
    return notify(
        kind="reading_waits",
        text="reading_waits",
        user_ids=list(admins.values_list("user_id", flat=True)),
        data={"source": source, "leaving": leaving},
        now=now,
        key=f"reading_waits:{key}",
    )


def _outcome(job: Job, run: ImportRun) -> tuple[str, dict[str, Any]]:
    problem = job.problem or run.problem
    if problem:
        return "import_failed", {"problem": problem}
    if open_questions(run):
        return "import_asks", {"questions": open_questions(run)}
    counts = {name: run.result.get(name, 0) for name in ("new", "changed", "wrong")}
    return ("import_done" if run.status == ImportRun.Status.DONE else "import_checked"), counts
