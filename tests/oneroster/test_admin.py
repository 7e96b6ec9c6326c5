"""From entering a service to confirming what waits; the job, the night and the command."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from apps.accounts.models import Student
from apps.audit.models import Entry
from apps.jobs.models import Job
from apps.jobs.services import SILENT
from apps.jobs.tasks import execute_job
from apps.oneroster.models import OneRosterConnection, OneRosterRow, OneRosterRun
from apps.oneroster.services import jobs as sync_jobs
from apps.oneroster.services import runs_purge
from apps.oneroster.tasks import read_services
from apps.tenants.scope import campus_scope
from tests.admin.support import client_of, fields_of, url
from tests.factories import Cast
from tests.imports.test_runs import work
from tests.oneroster.service import CLIENT, SCHOOL, SECRET, OneRosterService
from tests.oneroster.support import connect, read, status

pytestmark = pytest.mark.django_db
ADD = url(OneRosterConnection, "add")
LIST = url(OneRosterConnection, "changelist")
RUNS = url(OneRosterRun, "changelist")


def form(sis: OneRosterService, **changes: Any) -> dict[str, Any]:
    return {
        "name": "SIS",
        "url": sis.url,
        "token_url": f"{sis.url}/token",
        "client_id": CLIENT,
        "secret": SECRET,
        "scopes": "",
        "school": SCHOOL,
        "share": 10,
        **changes,
    }


def chosen(action: str, *rows: Any) -> dict[str, Any]:
    return {"action": action, "_selected_action": [str(row.pk) for row in rows]}


def latest(cast: Cast) -> OneRosterRun:
    with campus_scope(cast.campus):
        return OneRosterRun.objects.order_by("-pk")[0]


def test_entered_tried_and_read(cast: Cast, sis: OneRosterService) -> None:
    office = client_of(cast, cast.admin)
    assert office.post(ADD, form(sis)).status_code == 302
    with campus_scope(cast.campus):
        connection = OneRosterConnection.objects.get()
        assert connection.url == f"{sis.url}/ims/oneroster/rostering/v1p2"
        assert SECRET.encode() not in bytes(connection.sealed_secret or b"")
    page = office.get(url(OneRosterConnection, "change", connection.pk)).content.decode()
    assert SECRET not in page
    tried = office.post(LIST, chosen("test", connection), follow=True).content.decode()
    assert "Our University (o1)" in tried
    office.post(LIST, chosen("save_changes", connection))
    again = office.post(LIST, chosen("save_changes", connection), follow=True)
    assert "Wait until that ends" in again.content.decode()
    work(cast)
    run = latest(cast)
    assert (run.status, run.is_full, run.created_by) == ("saved", True, cast.admin)
    shown = office.get(url(OneRosterRun, "change", run.pk)).content.decode()
    assert "Saved" in shown or "saved" in shown
    second = office.post(ADD, form(sis, name="Another"))
    assert second["Location"] == url(OneRosterConnection, "change", connection.pk)
    with campus_scope(cast.campus):
        assert not Entry.objects.filter(data__icontains=SECRET[:6]).exists()
        told = set(Entry.objects.values_list("action", flat=True))
    assert {"oneroster.connection.tested", "oneroster.run.started", "oneroster.run.saved"} <= told


def test_what_waits_is_confirmed_by_an_administrator(cast: Cast, sis: OneRosterService) -> None:
    connection = connect(cast, sis)
    read(cast)
    sis.delete("users", "s2", "s3")
    sis.delete("enrollments", "e2", "e3")
    office = client_of(cast, cast.admin)
    office.post(LIST, chosen("save_whole", connection))
    work(cast)
    waiting = latest(cast)
    assert waiting.status == "waiting"
    page = office.get(url(OneRosterRun, "change", waiting.pk)).content.decode()
    assert "S903 Sofja Kd" in page
    assert status(cast, "S903") == "enrolled"
    start = office.get("/admin/").content.decode()
    assert "4 people and enrolments would leave" in start
    assert "would leave" not in client_of(cast, cast.operator).get("/admin/").content.decode()
    office.post(RUNS, chosen("confirm", waiting))
    twice = office.post(RUNS, chosen("confirm", waiting), follow=True)
    assert "does not wait any more" in twice.content.decode()
    work(cast)
    assert latest(cast).status == "saved"
    assert status(cast, "S903") == "dropped"
    assert "would leave" not in office.get("/admin/").content.decode()
    with campus_scope(cast.campus):
        waiting.refresh_from_db()
        assert waiting.status == "confirmed"
        assert Entry.objects.get(action="oneroster.run.confirmed").data == {"leaving": 4}


def test_what_waits_is_refused_by_an_administrator(cast: Cast, sis: OneRosterService) -> None:
    connect(cast, sis)
    read(cast)
    sis.delete("users", "s2", "s3")
    waiting = read(cast, full=True)
    office = client_of(cast, cast.admin)
    assert "would leave" in office.get("/admin/").content.decode()
    office.post(RUNS, chosen("refuse", waiting))
    assert latest(cast).status == "refused"
    assert "would leave" not in office.get("/admin/").content.decode()
    for action in ("refuse", "confirm"):
        late = office.post(RUNS, chosen(action, waiting), follow=True).content.decode()
        assert "does not wait any more" in late
    assert status(cast, "S903") == "enrolled"
    with campus_scope(cast.campus):
        entry = Entry.objects.get(action="oneroster.run.refused")
        assert entry.target_id == str(waiting.pk)
    assert read(cast, full=True).status == "waiting"


def test_nobody_but_administrators_acts(cast: Cast, sis: OneRosterService) -> None:
    connection = connect(cast, sis)
    read(cast)
    sis.delete("users", "s2", "s3")
    waiting = read(cast, full=True)
    sis.asked.clear()
    for account in (cast.operator, cast.principal, cast.lecturer.user):
        assert account is not None
        client = client_of(cast, account)
        for action in ("test", "compare", "save_changes", "save_whole"):
            client.post(LIST, chosen(action, connection))
        for action in ("confirm", "refuse"):
            client.post(RUNS, chosen(action, waiting))
        page = url(OneRosterConnection, "change", connection.pk)
        assert client.post(page, form(sis, url="https://x.example")).status_code in (302, 403)
    assert latest(cast) == waiting
    assert sis.asked == []
    with campus_scope(cast.campus):
        connection.refresh_from_db()
        assert connection.url.startswith(sis.url)


def test_the_secret_goes_to_no_address_it_was_not_entered_for(
    cast: Cast, sis: OneRosterService
) -> None:
    connection = connect(cast, sis)
    office = client_of(cast, cast.admin)
    page = url(OneRosterConnection, "change", connection.pk)
    sent = fields_of(office.get(page))
    moved = office.post(page, {**sent, "token_url": "https://elsewhere.example/token"})
    assert "Enter the secret" in moved.content.decode()
    for address in ("http://sis.example/", "https://user@sis.example/", "sis"):
        refused = office.post(page, {**sent, "url": address, "secret": SECRET})
        assert "Nothing can be sent to this address" in refused.content.decode()
    renamed = {**sent, "name": "Registrar", "school": "o9"}
    assert office.post(page, renamed).status_code == 302
    with campus_scope(cast.campus):
        connection.refresh_from_db()
        assert (connection.name, connection.since) == ("Registrar", {})


def test_whoever_started_it_must_still_be_there(cast: Cast, sis: OneRosterService) -> None:
    """Without its account a job of a person would have the rights of the night."""
    connection = connect(cast, sis)
    client_of(cast, cast.admin).post(LIST, chosen("save_changes", connection))
    with campus_scope(cast.campus):
        Job.objects.update(created_by=None)
    work(cast)
    assert (latest(cast).status, latest(cast).problem) == (
        "failed",
        "The account that started this is gone.",
    )
    assert sis.asked == []


def test_the_night(cast: Cast, other_cast: Cast, sis: OneRosterService) -> None:
    connect(cast, sis)
    assert read_services() == 0
    with campus_scope(cast.campus):
        OneRosterConnection.objects.update(is_nightly=True)
    assert read_services() == 1
    work(cast)
    assert latest(cast).status == "saved"
    assert status(cast, "S900") == "enrolled"


def test_a_killed_reading_leaves_nothing_and_the_next_one_works(
    cast: Cast, sis: OneRosterService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker is gone after everything was imported, before it was all saved."""
    connection = connect(cast, sis)
    client_of(cast, cast.admin).post(LIST, chosen("save_changes", connection))
    with campus_scope(cast.campus):
        job = Job.objects.get()

    def killed(*_args: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(sync_jobs, "_remember", killed)
        with pytest.raises(SystemExit):
            execute_job(cast.campus.pk, job.pk)
    with campus_scope(cast.campus):
        assert not Student.objects.filter(code="S900").exists()
        assert not OneRosterRow.objects.exists()
        Job.objects.update(status="running", heartbeat_at=timezone.now() - 2 * SILENT)
    execute_job(cast.campus.pk, job.pk)
    assert latest(cast).status == "saved"
    assert status(cast, "S900") == "enrolled"


def test_a_mistake_of_ours_fails_the_run_as_well(
    cast: Cast, sis: OneRosterService, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = connect(cast, sis)
    client_of(cast, cast.admin).post(LIST, chosen("save_changes", connection))
    monkeypatch.setattr(sync_jobs, "compare", None)
    work(cast)
    assert latest(cast).status == "failed"
    assert "nothing was changed" in latest(cast).problem


def command(cast: Cast, *options: str) -> str:
    said = StringIO()
    call_command("sync_oneroster", "--campus", cast.campus.slug, *options, stdout=said)
    return said.getvalue()


def test_the_command(cast: Cast, sis: OneRosterService) -> None:
    with pytest.raises(CommandError, match="has no OneRoster service"):
        command(cast)
    connect(cast, sis)
    assert "A dry run: nothing was saved" in command(cast)
    assert "Saved." in command(cast, "--commit")
    assert "0 new, 0 changed" in command(cast, "--commit", "--full")
    sis.delete("users", "s1")
    with pytest.raises(CommandError, match="1 would leave"):
        command(cast, "--commit", "--full")
    sis.failures = [(404, b"no such list", {})]
    with pytest.raises(CommandError, match="answered 404 no such list"):
        command(cast)
    with pytest.raises(CommandError):
        call_command("sync_oneroster", "--campus", "nowhere")


def test_reports_are_forgotten_after_a_while(cast: Cast, sis: OneRosterService) -> None:
    connect(cast, sis)
    run = read(cast)
    with campus_scope(cast.campus):
        assert runs_purge(now=run.created_at + timedelta(days=89)) == 0
        assert runs_purge(now=run.created_at + timedelta(days=91)) == 1


def test_a_reading_whose_job_was_cancelled_is_ended_by_the_next(
    cast: Cast, sis: OneRosterService
) -> None:
    connection = connect(cast, sis)
    office = client_of(cast, cast.admin)
    office.post(LIST, chosen("save_changes", connection))
    first = latest(cast)
    with campus_scope(cast.campus):
        Job.objects.filter(pk=first.job_id).update(status=Job.Status.CANCELLED)
    office.post(LIST, chosen("save_changes", connection))
    with campus_scope(cast.campus):
        first.refresh_from_db()
        assert (first.status, first.problem) == ("failed", "Ended before it was done.")
        assert OneRosterRun.objects.filter(status="running").count() == 1
