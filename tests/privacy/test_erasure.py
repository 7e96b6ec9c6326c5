"""Erasing a person: nothing that names them is left anywhere, and registers keep their sums."""

import hashlib
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.core.cache import cache
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.db.models import Count, Sum

from apps.accounts.models import Student
from apps.api_keys.models import ApiKey
from apps.api_keys.services import key_make
from apps.attendance.models import AttendanceRecord, AttendanceSummary
from apps.audit.digests import canonical_json
from apps.audit.models import Entry
from apps.audit.offline import verify_export
from apps.audit.services import (
    PLATFORM_LOG,
    SYSTEM,
    Actor,
    export_log,
    log_event,
    roots_make_and_write,
    seal_pending,
    verify,
)
from apps.common.errors import Refused
from apps.jobs.models import Job
from apps.jobs.tasks import execute_job
from apps.privacy.models import ErasureRequest, PrivacyRules
from apps.privacy.registry import KnownPerson, person_rows
from apps.privacy.selectors import person_of
from apps.privacy.services import (
    erasing,
    erasure_approve,
    erasure_ask,
    erasure_withdraw,
    erasures_start,
)
from apps.tenants.scope import campus_scope, platform_scope
from tests.accounts.support import signed_in
from tests.factories import Cast, make_student
from tests.privacy.support import NAME, VALUES, make_known, rows_with, server_texts, stored_names

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])

OFFICE = Actor(id="user:1", label="Office")
SECOND = Actor(id="user:2", label="Second")


def ask(student: Student, now: datetime, **options: Any) -> ErasureRequest:
    options = {"own": False, "actor": OFFICE, **options}
    return erasure_ask(person=person_of(student=student), now=now, **options)


def erase(cast: Cast, student: Student, now: datetime) -> ErasureRequest:
    with campus_scope(cast.campus):
        person = person_of(student=student)
    return erase_person(cast, person, now)


def erase_person(cast: Cast, person: KnownPerson, now: datetime) -> ErasureRequest:
    """Asked, approved, and done when the waiting time is over."""
    with campus_scope(cast.campus):
        request = erasure_ask(person=person, own=False, now=now, actor=OFFICE)
        erasure_approve(request=request, now=now, actor=SECOND)
        assert erasures_start(now=now) == 0
        assert erasures_start(now=request.due_at) == 1
        job = Job.objects.get(kind="privacy.erase")
    execute_job(cast.campus.pk, job.pk)
    with campus_scope(cast.campus):
        job.refresh_from_db()
        assert (job.status, job.problem) == ("succeeded", "")
        request.refresh_from_db()
    return request


def sums(cast: Cast) -> dict[str, Any]:
    with campus_scope(cast.campus):
        records = AttendanceRecord.objects.values("course", "status").annotate(n=Count("pk"))
        columns = ("total_sessions", "attended_sessions", "late_sessions", "absent_sessions")
        return {
            "records": sorted((row["course"], row["status"], row["n"]) for row in records),
            "summaries": AttendanceSummary.objects.aggregate(*map(Sum, columns)),
        }


def test_no_table_object_cache_or_queue_holds_an_erased_person(cast: Cast, now: datetime) -> None:
    before_objects = set(stored_names())
    with campus_scope(cast.campus):
        student = make_known(cast, now)
        person = person_of(student=student)
        empty = [
            rows.name
            for rows in person_rows()
            if not rows.model._default_manager.filter(rows.rows(person)).exists()
        ]
    signed_in(cast.host, student.email)
    with campus_scope(cast.campus):
        seal = verify()
    assert seal.holds
    # Whatever is registered was there, but for what only lecturers and requests have.
    lecturers = {"accounts_faculty", "enrollments_course", "class_sessions_classsession"}
    lecturers |= {"api_keys_apikey", "timetable_generatedsession", "usersessions_usersession"}
    lecturers |= {"timetable_feeds_feedmeeting"}
    assert {name for name in empty if not name.startswith("privacy_erasure")} <= lecturers | {
        "leave_appeal.decided"
    }
    found = {value for _table, value in rows_with(VALUES)}
    assert found == set(VALUES)
    assert set(stored_names()) - before_objects
    counted = sums(cast)

    request = erase(cast, student, now)

    assert rows_with(VALUES) == []
    assert set(stored_names()) - before_objects == set()
    texts = [text.lower() for text in server_texts()]
    assert [value for value in VALUES if any(value.lower() in text for text in texts)] == []
    assert sums(cast) == counted
    assert request.status == "done"


def test_the_chain_holds_after_an_erasure_and_the_proof_is_in_it(cast: Cast, now: datetime) -> None:
    with campus_scope(cast.campus):
        student = make_known(cast, now)
        seal_pending(now=now)
    roots_make_and_write(now=now)
    request = erase(cast, student, now + timedelta(minutes=1))
    with campus_scope(cast.campus):
        outcome = verify()
        said = Entry.objects.get(action="privacy.person.erased").data
    assert outcome.holds, outcome.problems
    assert outcome.redacted >= 2
    assert hashlib.sha256(canonical_json(request.proof)).hexdigest() == request.proof_sha256
    assert said["proof_sha256"] == request.proof_sha256
    with platform_scope():
        assert verify(log=PLATFORM_LOG).holds
    # With the key in nobody's hands: the signed root of the day before still fits.
    lines = list(export_log(campus=cast.campus, now=now))
    assert not any("zqovic" in line.lower() for line in lines)
    [report] = list(verify_export(lines, kept=[]))
    assert (report.problems, report.roots) == ([], 1)
    assert report.redacted == outcome.redacted


def test_a_redacted_entry_cannot_be_changed_again(cast: Cast, now: datetime) -> None:
    from tests.audit.test_chain import by_hand

    with campus_scope(cast.campus):
        student = make_known(cast, now)
    erase(cast, student, now)
    with by_hand(cast.campus) as cursor:
        cursor.execute("UPDATE audit_entry SET actor_label = 'x' WHERE action = 'test.acted'")
    with campus_scope(cast.campus):
        assert "was changed" in verify().broken


def test_a_request_waits_and_needs_a_second_person(cast: Cast, now: datetime) -> None:
    with campus_scope(cast.campus):
        request = ask(cast.student, now)
        assert request.due_at == now + timedelta(days=14)
        assert ask(cast.student, now).pk == request.pk
        assert erasures_start(now=request.due_at) == 0
        with pytest.raises(Refused) as refused:
            erasure_approve(request=request, now=now, actor=OFFICE)
        assert refused.value.code == "same_person"
        erasure_withdraw(request=request, now=now, actor=OFFICE)
        with pytest.raises(Refused):
            erasure_approve(request=request, now=now, actor=SECOND)
        assert erasures_start(now=request.due_at) == 0


def test_the_rules_of_the_campus_hold(cast: Cast, now: datetime) -> None:
    with campus_scope(cast.campus):
        PrivacyRules.objects.create(erasure_waiting_days=0, four_eyes=False)
        request = ask(cast.student, now, own=True)
        assert (request.due_at, request.needs_approval) == (now, False)
        assert erasures_start(now=now) == 1
        assert erasures_start(now=now) == 0  # it runs already


def test_who_runs_the_campus_is_not_erased(cast: Cast, now: datetime) -> None:
    with campus_scope(cast.campus):
        person = person_of(user_id=cast.admin.pk)
        with pytest.raises(Refused) as refused:
            erasure_ask(person=person, own=True, now=now, actor=SYSTEM)
    assert refused.value.code == "holds_office"


def test_a_lecturers_keys_go_with_them(cast: Cast, now: datetime) -> None:
    user = cast.lecturer.user
    with campus_scope(cast.campus):
        key_make(user=user, name="Marks", scope="read", days=30, now=now, actor=SYSTEM)
        person = person_of(user_id=user.pk)
    erase_person(cast, person, now)
    with campus_scope(cast.campus):
        assert not ApiKey.objects.exists()


def test_namesakes_and_shared_numbers_stay(cast: Cast, now: datetime) -> None:
    with campus_scope(cast.campus):
        student = make_known(cast, now)
        other = make_student("OTHER1", first_name="Zqana", last_name="Zqovic")
        longer = make_student("OTHER2", email="x.zqana@north.example")
    request = erase(cast, student, now)
    with campus_scope(cast.campus):
        other.refresh_from_db()
        longer.refresh_from_db()
    assert (other.full_name, longer.email) == (NAME, "x.zqana@north.example")
    assert request.proof["values_shared_with_others"] == 1


def test_an_account_that_another_campus_knows_stays(
    cast: Cast, other_cast: Cast, now: datetime
) -> None:
    from apps.accounts.models import Membership, User

    with campus_scope(other_cast.campus):
        Membership.objects.create(user=cast.student.user, role="student")
    request = erase(cast, cast.student, now)
    assert request.proof["account"].startswith("kept")
    user = User.objects.get(pk=cast.student.user_id)
    assert (user.is_active, user.email) == (True, "stud@north.example")
    with campus_scope(cast.campus):
        assert not user.memberships.exists()
        student = Student.objects.get(pk=cast.student.pk)
        assert (student.user, student.is_active) == (None, False)


def test_erased_by_the_command(cast: Cast, now: datetime, capsys: Any) -> None:
    call_command("erase_person", cast.student.code, campus=cast.campus.slug, at_once=True)
    assert "Erased. SHA-256" in capsys.readouterr().out
    with campus_scope(cast.campus):
        assert ErasureRequest.objects.get().status == "done"
        assert Entry.objects.filter(action="privacy.erasure.hastened").count() == 1
        assert UUID(str(Student.objects.get(pk=cast.student.pk).uuid)) != cast.student.uuid


def test_a_sealed_part_that_does_not_open_stops_no_erasure(cast: Cast, now: datetime) -> None:
    from tests.audit.test_chain import by_hand

    with campus_scope(cast.campus):
        student = make_known(cast, now)
        actor = Actor(id=f"user:{student.user_id}", label=NAME)
        broken = [
            log_event(actor=actor, action="test.broken", now=now, private={"why": NAME})
            for _n in range(3)
        ]
        seal_pending(now=now)
    with by_hand(cast.campus) as cursor:
        for entry, part in zip(broken, ['"?"', f'"{"A" * 80}"', "7"], strict=True):
            cursor.execute(
                "UPDATE audit_entry SET data = jsonb_build_object('sealed', %s::jsonb) "
                "WHERE id = %s",
                [part, entry.pk],
            )
    request = erase(cast, student, now)
    assert request.status == "done"
    assert request.proof["audit_entries_unreadable"]["campus"] == 3
    with campus_scope(cast.campus):
        labels = Entry.objects.filter(action="test.broken").values_list("actor_label", flat=True)
        assert set(labels) == {"erased"}
        assert "was changed" in verify().broken


@pytest.mark.parametrize("folder", ["snapshots", "samples", "attachments"])
def test_an_object_that_stays_keeps_its_row(
    cast: Cast, now: datetime, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    """A storage that fails: nothing is erased, and the next run finds everything."""
    before = set(stored_names())
    with campus_scope(cast.campus):
        student = make_known(cast, now)
        request = ask(student, now)
        erasure_approve(request=request, now=now, actor=SECOND)
    real = type(default_storage._wrapped).delete  # type: ignore[attr-defined]

    def fails(storage: Any, name: str) -> None:
        if name.startswith(folder):
            raise OSError("away")
        real(storage, name)

    with monkeypatch.context() as patched:
        patched.setattr(type(default_storage._wrapped), "delete", fails)  # type: ignore[attr-defined]
        assert "try again shortly" in run_erasure(cast, request)
    with campus_scope(cast.campus):
        assert Student.objects.get(pk=student.pk).email == student.email
    left = {name for name in set(stored_names()) - before if name.startswith(folder)}
    assert left
    assert run_erasure(cast, request) == "succeeded"
    assert set(stored_names()) - before == set()


def run_erasure(cast: Cast, request: ErasureRequest) -> str:
    with campus_scope(cast.campus):
        assert erasures_start(now=request.due_at) == 1
        job = Job.objects.get(kind="privacy.erase", status="queued")
    execute_job(cast.campus.pk, job.pk)
    with campus_scope(cast.campus):
        job.refresh_from_db()
    return f"{job.status} {job.problem}".strip()


def test_what_others_cache_before_the_commit_is_forgotten_too(
    cast: Cast, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    with campus_scope(cast.campus):
        student = make_known(cast, now)
    real = erasing.forget_values

    def forget(pattern: Any) -> int:
        gone = real(pattern)
        cache.set("zq:late", f"as another request read it: {NAME}", 600)
        return gone

    monkeypatch.setattr(erasing, "forget_values", forget)
    request = erase(cast, student, now)
    assert request.proof["cached_values"] > 0
    assert cache.get("zq:late") is None
