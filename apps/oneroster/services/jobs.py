"""The reading itself, by a worker or by a command: ask, compare, import, remember.

The service is asked before anything is locked or written. Everything that a reading saves is one
transaction: what was imported, what is known of the service from then on, and the run. So a worker
that is killed leaves nothing, and the next reading finds what the last whole one left.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.writes import PLATFORM, Writer
from apps.audit.services import Actor, log_event
from apps.common.errors import Refused
from apps.import_types.oneroster import ONEROSTER
from apps.imports.notices import reading_waits
from apps.imports.services.apply import ImportReport, run_import
from apps.jobs.models import Job
from apps.jobs.progress import Progress
from apps.oneroster.models import OneRosterConnection, OneRosterRow, OneRosterRun
from apps.oneroster.selectors import known_rows
from apps.oneroster.services.asking import RosterService, ServiceProblem
from apps.oneroster.services.comparing import Difference, compare, people_of
from apps.oneroster.services.connections import access_of
from apps.oneroster.services.naming import ids_keep
from apps.oneroster.services.reading import Answers, Collection, read_service
from apps.tabular_files.tables import RowProblem

SHOWN: Final = 500  # wrong rows kept with the run
ReportProgress = Callable[[int, int, str], None]
Status = OneRosterRun.Status


def sync(job: Job, progress: Progress) -> dict[str, Any]:
    """The job. A service that does not answer as it should fails the run, not the job."""
    run = OneRosterRun.objects.select_related("connection").get(pk=job.params["run"])
    user = job.created_by
    if run.by_person and user is None:
        raise Refused("account_gone", _("The account that started this is gone."))
    actor = Actor(label=str(user), id=f"user:{user.pk}") if user else Actor(label="OneRoster")
    run_work(
        run,
        writer=Writer(user) if run.by_person else PLATFORM,
        actor=actor,
        now=timezone.now(),  # noqa: TID251  (jobs are interfaces)
        report_progress=lambda done, total, phase: progress.at(done, total, phase=phase),
    )
    return {"status": run.status, "problem": run.problem}


def sync_ended(job: Job, *, now: datetime) -> int:
    """A job that failed takes its run along."""
    return OneRosterRun.objects.filter(pk=job.params["run"], status=Status.RUNNING).update(
        status=Status.FAILED, problem=job.problem[:500], finished_at=now
    )


def run_work(
    run: OneRosterRun,
    *,
    writer: Writer,
    actor: Actor,
    now: datetime,
    report_progress: ReportProgress,
) -> ImportReport | None:
    """Read, and save where the run says so; the report, or None where it failed."""
    connection = run.connection
    try:
        ONEROSTER.refuse(writer)
        service = RosterService(
            access_of(connection), alive=lambda what: report_progress(0, 0, what)
        )
        answers = read_service(
            service,
            school=connection.school,
            is_full=run.is_full,
            since=connection.since,
        )
        return _take(run, answers, writer, actor, now, report_progress)
    except (ServiceProblem, Refused) as problem:
        run.status, run.problem = Status.FAILED, str(getattr(problem, "message", problem))[:500]
        _close(run, actor, now)
        return None


def _take(
    run: OneRosterRun,
    answers: Answers,
    writer: Writer,
    actor: Actor,
    now: datetime,
    report_progress: ReportProgress,
) -> ImportReport:
    connection = OneRosterConnection.objects.select_for_update().get(pk=run.connection_id)
    found = compare(answers, known_rows(connection))
    run.leaving = found.leaving
    too_many = found.exceeds(connection.share) and run.leaving > (run.confirmed or 0)
    saves = run.commit and not too_many
    report = run_import(
        found.sheets(),
        ONEROSTER,
        mapping=None,
        options={"source": f"oneroster:{run.pk}"},
        now=now,
        actor=actor,
        writer=writer,
        report_progress=report_progress,
        dry=not saves,
    )
    report.seen = answers.seen
    report.problems += found.problems
    if found.closed:
        names = ", ".join(sorted(found.closed)[:20])
        report.result.notes.append(_("Kept closed by hand: %(names)s.") % {"names": names})
    if saves:
        _remember(connection, found, answers, report.problems, now)
    if run.commit:
        waiting = OneRosterRun.objects.filter(connection=connection, status=Status.WAITING)
        waiting.exclude(pk=run.pk).update(status=Status.REPLACED)
    run.status = Status.SAVED if saves else Status.WAITING if run.commit else Status.CHECKED
    run.result = report.as_json() | {
        "leaving": [{"known": known, "leave": leave} for known, leave in found.shares]
    }
    run.problems = [problem.as_json() for problem in report.problems[:SHOWN]]
    _close(run, actor, now)
    return report


def _close(run: OneRosterRun, actor: Actor, now: datetime) -> None:
    run.finished_at = now
    run.save()
    if run.status == Status.WAITING:
        source = str(run.connection)
        reading_waits(source=source, leaving=run.leaving, key=f"oneroster:{run.pk}", now=now)
    data = {"leaving": run.leaving, "problem": run.problem}
    data |= {name: run.result.get(name, 0) for name in ("new", "changed", "removed", "wrong")}
    log_event(actor=actor, action=f"oneroster.run.{run.status}", now=now, target=run, data=data)


def _name_people(connection: OneRosterConnection) -> None:
    """Of rows that were taken before there was an entry: people who were invited first."""
    unnamed = OneRosterRow.objects.filter(
        connection=connection, collection=Collection.USERS, student=None, faculty=None
    )
    rows = list(unnamed)
    people_of(rows)
    OneRosterRow.objects.bulk_update(rows, ["student", "faculty"], batch_size=2000)


def _remember(
    connection: OneRosterConnection,
    found: Difference,
    answers: Answers,
    problems: list[RowProblem],
    now: datetime,
) -> None:
    """What was taken is known from now on; a row that was wrong is new again next time."""
    wrong = {(problem.sheet, problem.row) for problem in problems}
    rows = [
        OneRosterRow(connection=connection, collection=place[0], sourced_id=said[0], values=said[1])
        for place, said in found.said.items()
        if place not in wrong
    ]
    people_of([row for row in rows if row.collection == Collection.USERS])
    _name_people(connection)
    OneRosterRow.objects.bulk_create(
        rows,
        batch_size=2000,
        update_conflicts=True,
        unique_fields=["campus", "connection", "collection", "sourced_id"],
        update_fields=["values", "student", "faculty"],
    )
    for collection, gone in found.gone.items():
        kept = {(name, row) for name, row in wrong if name == Collection.USERS}
        ids = [key for key, row in gone.items() if (collection, row) not in kept]
        OneRosterRow.objects.filter(
            connection=connection, collection=collection, sourced_id__in=ids
        ).delete()
    ids_keep(connection)
    connection.since = answers.since
    if answers.is_full:
        connection.read_whole_at = now
    connection.save(update_fields=["since", "read_whole_at", "updated_at"])
