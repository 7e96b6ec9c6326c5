"""Jobs: claimed once, visible while they run, stopped, picked up again, never half-done."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from apps.common.errors import Refused
from apps.enrollments.models import Department
from apps.jobs import registry
from apps.jobs.models import Job
from apps.jobs.progress import Progress
from apps.jobs.services import SILENT, job_cancel, job_claim, job_start, job_succeed
from apps.jobs.tasks import execute_job, requeue_jobs
from apps.oneroster.models import SYNC
from apps.tenants.scope import campus_scope
from apps.timetable_feeds.models import READ
from tests.factories import Cast, make_cast

pytestmark = pytest.mark.django_db(transaction=True)
KIND = "tests.job"


@pytest.fixture
def cast(transactional_db: None) -> Cast:
    return make_cast("north")


@pytest.fixture
def handler(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """What the job does is set by the test, as `do`."""
    box: dict[str, Any] = {"do": lambda job, progress: {"ok": True}}
    monkeypatch.setitem(registry._handlers, KIND, lambda job, progress: box["do"](job, progress))
    return box


def start(cast: Cast) -> Job:
    with campus_scope(cast.campus):
        return job_start(kind=KIND, title="T", params={}, user_id=None, now=timezone.now())


def again(cast: Cast, job: Job) -> Job:
    with campus_scope(cast.campus):
        return Job.objects.get(pk=job.pk)


@contextmanager
def another_connection(cast: Cast) -> Iterator[Any]:
    """Somebody else's look at the database, in a transaction of its own."""
    other = connection.copy()
    other.ensure_connection()
    try:
        with other.connection.transaction(), other.connection.cursor() as cursor:
            cursor.execute("SELECT set_config('campus.id', %s, true)", [str(cast.campus.pk)])
            yield cursor
    finally:
        other.close()


def test_done_once(cast: Cast, handler: dict[str, Any]) -> None:
    job = start(cast)
    execute_job(cast.campus.pk, job.pk)
    execute_job(cast.campus.pk, job.pk)
    done = again(cast, job)
    assert (done.status, done.result, done.attempts, done.percent) == (
        "succeeded",
        {"ok": True},
        1,
        100,
    )


def test_unknown_kinds_fail_in_the_caller(cast: Cast) -> None:
    with campus_scope(cast.campus), pytest.raises(KeyError):
        job_start(kind="nothing", title="T", params={}, user_id=None, now=timezone.now())


def test_progress_is_seen_before_the_work_commits(cast: Cast, handler: dict[str, Any]) -> None:
    seen = []

    def do(job: Job, progress: Progress) -> dict[str, Any]:
        Department.objects.create(code="NEW", name="n")
        progress.at(3, 10, phase="counting")
        with another_connection(cast) as cursor:
            cursor.execute("SELECT done, total, phase, status FROM jobs_job")
            seen.append(cursor.fetchone())
            cursor.execute("SELECT count(*) FROM enrollments_department WHERE code = 'NEW'")
            seen.append(cursor.fetchone())
        return {}

    handler["do"] = do
    execute_job(cast.campus.pk, start(cast).pk)
    assert seen == [(3, 10, "counting", "running"), (0,)]


def test_progress_leaves_no_campus_on_its_connection(cast: Cast, handler: dict[str, Any]) -> None:
    """Behind a pooler the next client would be given that connection, and read as that campus."""
    seen = []

    def do(job: Job, progress: Progress) -> dict[str, Any]:
        progress.at(1, 2, phase="counting")
        with progress._connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('campus.id', true)")
            seen.append(cursor.fetchone()[0])
            cursor.execute("SELECT count(*) FROM jobs_job")
            seen.append(cursor.fetchone()[0])
        return {}

    handler["do"] = do
    execute_job(cast.campus.pk, start(cast).pk)
    assert seen[0] in (None, "")
    assert seen[1] == 0


def test_a_stopped_job_leaves_nothing(cast: Cast, handler: dict[str, Any]) -> None:
    def do(job: Job, progress: Progress) -> dict[str, Any]:
        Department.objects.create(code="NEW", name="n")
        with another_connection(cast) as cursor:
            cursor.execute("UPDATE jobs_job SET cancel_requested = true")
        progress.at(1, 2, phase="going on")
        raise AssertionError

    handler["do"] = do
    job = start(cast)
    execute_job(cast.campus.pk, job.pk)
    assert again(cast, job).status == "cancelled"
    with campus_scope(cast.campus):
        assert not Department.objects.filter(code="NEW").exists()


def test_a_waiting_job_is_cancelled_at_once(cast: Cast, handler: dict[str, Any]) -> None:
    job = start(cast)
    with campus_scope(cast.campus):
        assert job_cancel(job=job, now=timezone.now()).status == "cancelled"
        with pytest.raises(Refused):
            job_cancel(job=job, now=timezone.now())
    handler["do"] = None
    execute_job(cast.campus.pk, job.pk)
    assert again(cast, job).status == "cancelled"


@pytest.mark.parametrize(
    ("error", "said"),
    [(Refused("x", "Say this."), "Say this."), (ZeroDivisionError(), "Something went wrong")],
)
def test_failures_are_said_and_undone(
    cast: Cast, handler: dict[str, Any], error: Exception, said: str
) -> None:
    def do(job: Job, progress: Progress) -> dict[str, Any]:
        Department.objects.create(code="NEW", name="n")
        raise error

    handler["do"] = do
    job = start(cast)
    execute_job(cast.campus.pk, job.pk)
    failed = again(cast, job)
    assert failed.status == "failed"
    assert failed.problem.startswith(said)
    with campus_scope(cast.campus):
        assert not Department.objects.filter(code="NEW").exists()


def test_a_job_whose_worker_was_lost_is_taken_again(cast: Cast, handler: dict[str, Any]) -> None:
    job = start(cast)
    now = timezone.now()
    with campus_scope(cast.campus):
        assert job_claim(job_id=job.pk, now=now) is not None
        assert job_claim(job_id=job.pk, now=now + SILENT / 2) is None
        assert job_claim(job_id=job.pk, now=now + 2 * SILENT) is not None
        assert job_claim(job_id=job.pk, now=now + 4 * SILENT) is not None
        assert job_claim(job_id=job.pk, now=now + 6 * SILENT) is None
    assert again(cast, job).status == "failed"


def test_what_waits_without_a_message_is_queued_again(cast: Cast, handler: dict[str, Any]) -> None:
    job = start(cast)
    assert requeue_jobs() == 0
    with campus_scope(cast.campus):
        Job.objects.filter(pk=job.pk).update(created_at=timezone.now() - timedelta(minutes=5))
    assert requeue_jobs() == 1


def test_nothing_happens_for_an_unknown_job(cast: Cast) -> None:
    execute_job(cast.campus.pk, uuid.uuid4())


def test_jobs_that_wait_for_others_are_one_at_a_time_on_a_campus(
    cast: Cast, handler: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fifty feeds at a slow address would hold every worker for an hour, and other campuses'
    imports wait behind them."""
    woken: list[str] = []
    monkeypatch.setattr("apps.jobs.services.enqueue", lambda _task, job_id: woken.append(job_id))
    south = make_cast("south")
    monkeypatch.setattr(registry, "_waiting", {KIND})
    first, second, third, elsewhere = start(cast), start(cast), start(cast), start(south)
    now = timezone.now()
    with campus_scope(cast.campus):
        assert job_claim(job_id=first.pk, now=now) is not None
        assert job_claim(job_id=second.pk, now=now) is None
    with campus_scope(south.campus):
        assert job_claim(job_id=elsewhere.pk, now=now) is not None
    woken.clear()
    with campus_scope(cast.campus):
        job_succeed(job_id=first.pk, result={}, now=now)
        assert woken == [str(second.pk)]
        assert job_claim(job_id=second.pk, now=now) is not None
        assert job_claim(job_id=third.pk, now=now) is None
        # Whose worker was lost holds nobody up.
        assert job_claim(job_id=third.pk, now=now + SILENT * 2) is not None


def test_other_jobs_of_a_campus_run_beside_each_other(cast: Cast, handler: dict[str, Any]) -> None:
    first, second = start(cast), start(cast)
    with campus_scope(cast.campus):
        assert job_claim(job_id=first.pk, now=timezone.now()) is not None
        assert job_claim(job_id=second.pk, now=timezone.now()) is not None


def test_every_reader_of_others_servers_says_so() -> None:
    """Who asks addresses that a campus has entered, in a job."""
    assert registry.waiting_kinds() == {SYNC, READ}
