"""A campus's own statuses: over fixed meanings, with their own rule, fixed once used."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.attendance.models import (
    AttendanceRecord,
    AttendanceSummary,
    CountsAs,
    CustomStatus,
    RecordSource,
    Status,
)
from apps.attendance.services.marking import record_mark
from apps.attendance.services.register import register_close, register_open
from apps.attendance.services.statuses import status_create, status_update
from apps.audit.models import Entry
from apps.audit.services import SYSTEM
from apps.common.errors import Invalid, Refused
from apps.sessions.models import ClassSession
from tests.attendance.test_summary import START, assert_summaries_equal_recomputation
from tests.factories import Cast, make_session

TRIP = {"code": "trip", "name": "Field trip", "meaning": "excused", "points": "1.00"}


def make(now: datetime, **fields: object) -> CustomStatus:
    return status_create(fields={**TRIP, "counts_as": "attended", **fields}, now=now, actor=SYSTEM)


def update(own: CustomStatus, now: datetime, **fields: object) -> CustomStatus:
    return status_update(status_id=own.pk, fields=fields, now=now, actor=SYSTEM)


def given_to(cast: Cast, own: CustomStatus, now: datetime) -> AttendanceRecord:
    session = make_session(cast.course, starts_at=now)
    return AttendanceRecord.objects.create(
        session=session,
        student=cast.student,
        status=own.meaning,
        label=own,
        source=RecordSource.MANUAL,
        recorded_at=now,
    )


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("meaning", "counts"),
    [
        ("present", "attended"),
        ("late", "attended"),
        ("absent", "missed"),
        ("invalid", "missed"),
        ("excused", "neutral"),
    ],
)
def test_a_status_counts_as_its_meaning_unless_told_otherwise(
    in_campus: Cast, now: datetime, meaning: str, counts: str
) -> None:
    assert make(now, meaning=meaning, counts_as="").counts_as == counts


@pytest.mark.django_db
@pytest.mark.parametrize(
    "fields",
    [
        {"code": "late"},
        {"points": "1.01"},
        {"points": "-0.01"},
        {"meaning": "asleep"},
        {"counts_as": "twice"},
        {"colour": "red"},
        {"colour": "#1F2937"},
        {"code": "taken"},
    ],
)
def test_what_does_not_fit_is_refused(in_campus: Cast, now: datetime, fields: dict) -> None:
    make(now, code="taken")
    with pytest.raises(Invalid):
        make(now, **fields)
    assert CustomStatus.objects.count() == 1


@pytest.mark.django_db
def test_code_meaning_and_rule_are_fixed_once_a_mark_has_the_status(
    in_campus: Cast, now: datetime
) -> None:
    own = make(now)
    own = update(own, now, meaning="absent")
    assert own.counts_as == CountsAs.MISSED  # the new meaning's, as no rule was named
    own = update(own, now, meaning="excused", counts_as="attended")
    given_to(in_campus, own, now)
    for change in ({"meaning": "absent"}, {"counts_as": "neutral"}, {"code": "other"}):
        with pytest.raises(Refused) as refused:
            update(own, now, **change)
        assert (refused.value.code, refused.value.status) == ("status_in_use", 409)
    update(own, now, name="Excursion", points=Decimal("0.50"), is_active=False)
    own.refresh_from_db()
    assert (own.name, own.points, own.is_active) == ("Excursion", Decimal("0.50"), False)
    assert (own.meaning, own.counts_as) == ("excused", "attended")
    last = Entry.objects.filter(action="attendance.status.updated").latest("pk")
    assert last.data["name"] == ["Field trip", "Excursion"]


@pytest.mark.django_db
def test_the_database_itself_keeps_a_labelled_mark_and_its_meaning_together(
    in_campus: Cast, now: datetime
) -> None:
    row = given_to(in_campus, make(now), now)
    with pytest.raises(IntegrityError), transaction.atomic():
        AttendanceRecord.objects.filter(pk=row.pk).update(status=Status.PRESENT)
    with pytest.raises(IntegrityError), transaction.atomic():
        CustomStatus.objects.update(meaning=Status.ABSENT)


@pytest.mark.django_db
def test_the_label_decides_in_summary_and_session(in_campus: Cast, now: datetime) -> None:
    make(now)
    session = make_session(in_campus.course, starts_at=now)
    register_open(session=session, topic="T", now=now, actor=SYSTEM)
    record_mark(
        session=session,
        student_id=in_campus.student.pk,
        status=Status.EXCUSED,
        label="trip",
        reason="",
        now=now,
        actor=SYSTEM,
    )
    closed = register_close(session=session, now=now, actor=SYSTEM)
    assert closed.total_attended == 1
    summary = AttendanceSummary.objects.get(student=in_campus.student)
    assert (summary.total_sessions, summary.attended_sessions) == (1, 1)
    assert (summary.excused_sessions, summary.attendance_percentage) == (1, Decimal("100.00"))
    assert summary.last_attendance_on == now.date()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("label", "status", "code"),
    [
        ("trip", Status.PRESENT, "label_mismatch"),
        ("nowhere", Status.EXCUSED, "label_not_found"),
        ("old", Status.EXCUSED, "label_not_found"),
    ],
)
def test_a_label_that_does_not_fit_is_refused(
    in_campus: Cast, now: datetime, label: str, status: Status, code: str
) -> None:
    make(now)
    make(now, code="old", is_active=False)
    session = make_session(in_campus.course, starts_at=now)
    register_open(session=session, topic="T", now=now, actor=SYSTEM)
    with pytest.raises(Invalid) as invalid:
        record_mark(
            session=session,
            student_id=in_campus.student.pk,
            status=status,
            label=label,
            reason="",
            now=now,
            actor=SYSTEM,
        )
    assert invalid.value.code == code


LABELS = [
    (meaning, counts) for meaning in Status.values for counts in (*CountsAs.values, "no label")
]
step = st.tuples(
    st.sampled_from(["put", "change", "delete", "bulk"]),
    st.integers(0, 3),
    st.integers(0, 2),
    st.sampled_from(LABELS),
)


@pytest.mark.django_db
@settings(
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=st.lists(step, max_size=25))
def test_any_sequence_of_labelled_changes_keeps_the_summary_true(
    in_campus: Cast, steps: list
) -> None:
    """Property: the triggers count as a recomputation does, whatever labels rule."""
    AttendanceRecord.objects.all().delete()
    ClassSession.objects.all().delete()
    CustomStatus.objects.all().delete()
    own = {
        (meaning, counts): CustomStatus.objects.create(
            code=f"{meaning}-{counts}", name="x", meaning=meaning, points=0, counts_as=counts
        )
        for meaning, counts in LABELS
        if counts != "no label"
    }
    sessions = [
        make_session(in_campus.course, starts_at=START + timedelta(days=n)) for n in range(4)
    ]
    students = [in_campus.representative, in_campus.student, in_campus.classmate]
    for action, number, who, (meaning, counts) in steps:
        values = {"status": meaning, "label": own.get((meaning, counts))}
        rows = AttendanceRecord.objects.filter(session=sessions[number], student=students[who])
        if action == "put" and not rows.exists():
            AttendanceRecord.objects.create(
                session=sessions[number],
                student=students[who],
                source=RecordSource.MANUAL,
                recorded_at=START,
                **values,
            )
        elif action == "change":
            rows.update(**values)
        elif action == "delete":
            rows.delete()
        elif action == "bulk":
            AttendanceRecord.objects.filter(student=students[who]).update(**values)
    assert_summaries_equal_recomputation()


@pytest.mark.django_db
def test_the_list_begins_with_the_fixed_meanings(cast: Cast, in_campus: Cast) -> None:
    make(START, position=1)
    client = Client(headers={"host": cast.host})
    client.force_login(cast.student.user)
    listed = client.get("/api/v1/statuses").json()
    assert [row["code"] for row in listed] == [*Status.values, "trip"]
    assert [row["counts_as"] for row in listed][-2:] == ["missed", "attended"]
