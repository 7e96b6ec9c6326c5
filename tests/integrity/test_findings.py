"""Findings of a session: found, kept, shown to its lecturer, dismissed; they change no mark."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation

from apps.accounts.models import Device, Student
from apps.attendance.models import AttendanceRecord, RecordChange
from apps.attendance.services.register import register_close
from apps.audit.models import Entry
from apps.audit.services import SYSTEM
from apps.board.selectors import board_rows
from apps.checkin.models import CheckInAttempt, Outcome
from apps.integrity.models import Finding, FindingKind
from apps.integrity.services.findings import findings_find
from apps.integrity.tasks import find_findings, requeue_findings
from apps.integrity.wording import TEXTS, names_in, wording
from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from tests.attendance.support import open_session
from tests.factories import Cast, enroll, make_session, make_student
from tests.phone import Phone, signed_in

pytestmark = pytest.mark.django_db
FIX = {"latitude": "52.51627301", "longitude": "13.37770401", "accuracy_m": 8}


def attempt(session: ClassSession, student: Student, **fields: Any) -> CheckInAttempt:
    """An accepted attempt as the check-in would have saved it."""
    now = timezone.now()
    return CheckInAttempt.objects.create(
        **{
            "session": session,
            "student": student,
            "nonce": f"n-{CheckInAttempt.objects.count():08d}",
            "method": "qr",
            "outcome": Outcome.ACCEPTED,
            "received_at": now,
            "redeemed_at": now,
            "redeem_delay_ms": 1_000,
            **fields,
        }
    )


def class_with_a_straggler(cast: Cast, session: ClassSession, **fields: Any) -> None:
    """Six quick students, and `student`, who was nine seconds slow."""
    for n in range(6):
        quick = make_student(f"Q{n}")
        enroll(quick, cast.course)
        attempt(session, quick, redeem_delay_ms=1_000 + 100 * n)
    attempt(session, cast.student, redeem_delay_ms=9_000, **fields)


def found(session: ClassSession) -> dict[tuple[int, str], Finding]:
    findings_find(session=session, now=timezone.now())
    return {(finding.student_id, finding.kind): finding for finding in Finding.objects.all()}


def test_slow_alone_is_no_flag_and_with_a_second_finding_it_is(
    in_campus: Cast, session: ClassSession
) -> None:
    class_with_a_straggler(in_campus, session)
    assert set(found(session)) == {(in_campus.student.pk, FindingKind.SLOW_REDEEM)}
    assert flags(in_campus, session) == {in_campus.student.pk: False}
    far = {"location": {"passed": False, "detail": {"distance": "over_1_km"}}}
    attempt(session, in_campus.student, redeem_delay_ms=9_500, factors=far)
    found(session)
    assert flags(in_campus, session) == {in_campus.student.pk: True}


def flags(cast: Cast, session: ClassSession) -> dict[int, bool]:
    """As the board shows them, of students with findings."""
    rows = board_rows(session_id=session.pk)
    return {row["student_id"]: row["flagged"] for row in rows if row["findings"]}


def test_findings_never_change_a_mark(in_campus: Cast, session: ClassSession) -> None:
    for student in (in_campus.student, in_campus.classmate):
        attempt(session, student, **FIX)
        AttendanceRecord.objects.create(
            session=session,
            student=student,
            status="present",
            source="check_in",
            recorded_at=timezone.now(),
        )
    before = list(AttendanceRecord.objects.order_by("pk").values())
    assert len(found(session)) == 2
    assert list(AttendanceRecord.objects.order_by("pk").values()) == before
    assert not RecordChange.objects.exists()


def test_looking_twice_finds_the_same_once(in_campus: Cast, session: ClassSession) -> None:
    class_with_a_straggler(in_campus, session, **FIX)
    attempt(session, in_campus.classmate, **FIX)
    first = found(session)
    again = found(session)
    assert [finding.pk for finding in first.values()] == [finding.pk for finding in again.values()]
    assert [finding.at for finding in first.values()] == [finding.at for finding in again.values()]


def test_what_is_not_found_any_more_goes_away_while_all_evidence_is_there(
    in_campus: Cast, session: ClassSession
) -> None:
    class_with_a_straggler(in_campus, session)
    assert found(session)
    CheckInAttempt.objects.exclude(student=in_campus.student).update(redeem_delay_ms=9_000)
    assert found(session) == {}


def test_dropped_coordinates_remove_no_finding(in_campus: Cast, session: ClassSession) -> None:
    attempt(session, in_campus.student, **FIX)
    attempt(session, in_campus.classmate, **FIX)
    assert len(found(session)) == 2
    CheckInAttempt.objects.update(latitude=None, longitude=None)
    ClassSession.objects.update(opened_at=timezone.now() - timedelta(hours=25))
    session.refresh_from_db()
    assert len(found(session)) == 2


def test_pairs_are_looked_for_over_the_course(in_campus: Cast, session: ClassSession) -> None:
    others = []
    for n in range(12):
        other = make_student(f"P{n}")
        enroll(other, in_campus.course)
        others.append(other)
    for week in range(5):
        held = session if week == 0 else earlier(in_campus, week)
        start = timezone.now() - timedelta(weeks=week)
        for n, other in enumerate(others):
            came(held, other, start + timedelta(seconds=20 * n))
        came(held, in_campus.student, start + timedelta(seconds=500))
        came(held, in_campus.classmate, start + timedelta(seconds=502))
    findings = found(session)
    pair = {in_campus.student.pk, in_campus.classmate.pk}
    assert {student for student, _kind in findings} == pair
    assert {kind for _student, kind in findings} == {FindingKind.TOGETHER}
    finding = findings[in_campus.student.pk, FindingKind.TOGETHER]
    assert "5 of 5" in wording(finding, names_in([finding]))
    assert in_campus.classmate.code in wording(finding, names_in([finding]))


def earlier(cast: Cast, week: int) -> ClassSession:
    at = timezone.now() - timedelta(weeks=week)
    return make_session(cast.course, starts_at=at, status="completed", opened_at=at, closed_at=at)


def came(session: ClassSession, student: Student, at: datetime) -> None:
    attempt(session, student, redeemed_at=at, received_at=at, address="192.0.2.1")


def browser(student: Student, n: int, at: datetime, **fields: Any) -> Device:
    return Device.objects.create(
        student=student,
        device_uuid=f"browser-{n}",
        public_key=b"key %d" % n,
        kind=Device.Kind.WEB,
        bound_at=at,
        last_seen_at=at,
        **fields,
    )


def test_windows_of_one_browser_are_found(in_campus: Cast, session: ClassSession) -> None:
    now = timezone.now()
    phone = {"agent": "Mozilla/5.0 (iPhone)", "screen": "390x844@3"}
    for n, student in enumerate((in_campus.student, in_campus.classmate)):
        fields = {**FIX, "longitude": f"13.3777040{n}", "device_info": phone}
        device = browser(student, n, now)
        attempt(session, student, device=device, address="192.0.2.1", **fields)
    pair = {in_campus.student.pk, in_campus.classmate.pk}
    assert set(found(session)) == {(pk, FindingKind.SAME_BROWSER) for pk in pair}


def test_keys_that_come_and_go_are_found(in_campus: Cast, session: ClassSession) -> None:
    now = timezone.now()
    student = in_campus.student
    for week in (2, 1):
        at = now - timedelta(weeks=week)
        held = earlier(in_campus, week)
        spent = browser(student, week, at, is_active=False, released_at=at)
        attempt(held, student, device=spent, received_at=at)
    attempt(session, student, device=browser(student, 0, now - timedelta(hours=2)))
    findings = found(session)
    assert {kind for _student, kind in findings} == {
        FindingKind.DEVICE_CHANGED,
        FindingKind.ONE_CLASS_KEYS,
    }
    assert findings[student.pk, FindingKind.DEVICE_CHANGED].detail == {"hours": 2}
    assert findings[student.pk, FindingKind.ONE_CLASS_KEYS].detail == {"keys": 2}


def test_looking_takes_the_same_statements_for_any_class(
    in_campus: Cast, session: ClassSession
) -> None:
    class_with_a_straggler(in_campus, session)
    with CaptureQueriesContext(connection) as few:
        findings_find(session=session, now=timezone.now())
    for n in range(20):
        attempt(session, make_student(f"S{n}"), **FIX)
    with CaptureQueriesContext(connection) as many:
        findings_find(session=session, now=timezone.now())
    assert len(many) == len(few) <= 12  # savepoints of the test's transaction included


def test_the_closing_asks_for_a_check_and_a_lost_one_is_asked_again(
    cast: Cast, session: ClassSession, django_capture_on_commit_callbacks: Any
) -> None:
    with campus_scope(cast.campus):
        attempt(session, cast.student, **FIX)
        attempt(session, cast.classmate, **FIX)
        sent: list[str] = []
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr("apps.tenants.tasks._send", lambda name, *_rest: sent.append(name))
            with django_capture_on_commit_callbacks(execute=True):
                register_close(session=session, now=timezone.now(), actor=SYSTEM)
        assert "apps.integrity.tasks.find_findings" in sent
        assert not Finding.objects.exists()
    assert requeue_findings() == 1
    with campus_scope(cast.campus):
        assert Finding.objects.count() == 2
        find_findings(session.pk)
        assert Finding.objects.count() == 2


# --- The lecturer's endpoints ----------------------------------------------------------------


@pytest.fixture
def url(session: ClassSession) -> str:
    return f"/api/v1/sessions/{session.pk}/findings"


def test_the_lecturer_reads_facts_with_reasons(cast: Cast, session: ClassSession, url: str) -> None:
    with campus_scope(cast.campus):
        class_with_a_straggler(cast, session, **FIX)
        attempt(session, cast.classmate, **FIX)
    lecturer = signed_in(cast, cast.lecturer.user)
    assert lecturer.get(url).json() == []
    answer = lecturer.post(url).json()
    assert [one["flagged"] for one in answer] == [True, True]
    texts = [finding["text"] for one in answer for finding in one["findings"]]
    assert any("9.0 s" in text for text in texts)
    assert any("MATE" in text for text in texts)
    assert answer == lecturer.get(url).json()
    body = lecturer.get(url).content.decode()
    assert "52.5" not in body  # no coordinates


def test_a_dismissed_finding_weighs_nothing(cast: Cast, session: ClassSession, url: str) -> None:
    with campus_scope(cast.campus):
        attempt(session, cast.student, device_info={"mock_location": "1"})
    lecturer = signed_in(cast, cast.lecturer.user)
    (one,) = lecturer.post(url).json()
    dismiss = f"{url}/{one['findings'][0]['id']}/dismiss"
    assert lecturer.post(dismiss, {"note": " "}, format="json").status_code == 400
    answer = lecturer.post(dismiss, {"note": "A developer's phone."}, format="json")
    assert answer.status_code == 200
    assert answer.json()["note"] == "A developer's phone."
    assert lecturer.post(dismiss, {"note": "Again."}, format="json").status_code == 409
    (one,) = lecturer.post(url).json()  # looking again does not bring it back
    assert (one["flagged"], one["findings"][0]["dismissed_by"]) == (False, str(cast.lecturer))
    with campus_scope(cast.campus):
        assert Entry.objects.filter(action="integrity.finding.dismissed").count() == 1
        assert flags(cast, session) == {}


def test_a_finding_of_another_session_is_not_found(cast: Cast, session: ClassSession) -> None:
    with campus_scope(cast.campus):
        other = make_session(cast.course, starts_at=timezone.now() + timedelta(hours=5))
        finding = Finding.objects.create(
            session=session, student=cast.student, kind="far_away", score="0.5", at=timezone.now()
        )
    lecturer = signed_in(cast, cast.lecturer.user)
    answer = lecturer.post(
        f"/api/v1/sessions/{other.pk}/findings/{finding.pk}/dismiss", {"note": "x"}, format="json"
    )
    assert answer.status_code == 404


def test_students_learn_nothing_of_findings(cast: Cast, session: ClassSession, url: str) -> None:
    phone = Phone(cast, cast.student)
    assert phone.client.get(url).status_code == 403
    with campus_scope(cast.campus):
        mine = attempt(session, cast.student, device_info={"mock_location": "1"})
        found(session)
    seen = phone.client.get(f"/api/v1/check-in/attempts/{mine.pk}").content.decode()
    assert "mock" not in seen


@pytest.mark.parametrize("kind", FindingKind)
def test_every_kind_has_words_without_facts_of_its_own_missing(kind: FindingKind) -> None:
    detail = {
        "delay_ms": 1,
        "limit_ms": 1,
        "drift_s": 1,
        "hours": 1,
        "keys": 1,
        "minutes": 1,
        "tries": 1,
        "times": 1,
        "of": 1,
        "redeemed": 1,
        "students": [7],
    }
    with translation.override("en"):
        text = wording(Finding(kind=kind, detail=detail), {7: "Somebody"})
    assert text
    assert "%(" not in text
    assert ("Somebody" in text) == ("%(others)s" in str(TEXTS[kind]))


def test_another_campus_has_no_part_in_it(
    cast: Cast, other_cast: Cast, session: ClassSession
) -> None:
    foreign = open_session(other_cast)
    with campus_scope(cast.campus):
        attempt(session, cast.student, **FIX)
    with campus_scope(other_cast.campus):
        attempt(foreign, other_cast.student, **FIX)
        assert found(foreign) == {}
    with campus_scope(cast.campus):
        assert found(session) == {}
