"""Courses that meet as one class (case 43): planning, clashes, generator, every interface."""

from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone
from rest_framework.test import APIClient

from apps.common.errors import Invalid, Refused
from apps.enrollments.models import Course, Department, Section, Term
from apps.sessions.models import ClassSession, SessionCourse
from apps.sessions.services import session_change, session_create, session_remove
from apps.tenants.scope import campus_scope
from apps.timetable.models import SlotCourse, WeeklySlot
from apps.timetable.services import slot_create, slot_update
from tests.admin.support import client_of, fields_of, url
from tests.factories import Cast, enroll, make_session
from tests.imports.support import counts, do_import, reasons
from tests.phone import signed_in
from tests.timetable.support import ADA, MONDAY, NOW, apart, fresh, generate
from tests.timetable.test_feed import feed, parsed, token_of

pytestmark = pytest.mark.django_db

SLOTS, SESSIONS = "/api/v1/timetable/slots", "/api/v1/timetable/sessions"
AT = datetime.fromisoformat("2026-09-14T06:00+00:00")  # Monday 08:00 in Berlin


def make_other(cast: Cast, code: str = "CS201-B", **fields: Any) -> Course:
    """The same lecturer's course for section B."""
    cse = Department.objects.get(code="CSE")
    section, _made = Section.objects.get_or_create(department=cse, year=2, name=code[-1])
    same = {"term": cast.course.term, "subject": cast.course.subject, "faculty": cast.lecturer}
    return Course.objects.create(code=code, section=section, **{**same, **fields})


@pytest.fixture
def other(cast: Cast) -> Course:
    with campus_scope(cast.campus):
        course = make_other(cast)
        enroll(cast.stranger, course)
    return course


def plan(course: Course, **fields: Any) -> ClassSession:
    facts = {"starts_at": AT, "ends_at": AT + timedelta(minutes=90), "now": NOW, "actor": ADA}
    return session_create(course=course, **{**facts, **fields})


def slot_body(cast: Cast, **fields: Any) -> dict[str, Any]:
    times = {"weekday": 1, "starts_at": "08:00", "ends_at": "09:30"}
    return {"course": cast.course.pk, **times, **fields}


def courses_in(session: ClassSession) -> list[str]:
    rows = SessionCourse.objects.filter(session=session).order_by("pk")
    return list(rows.values_list("course__code", flat=True))


# --- The session ---------------------------------------------------------------------------------


def test_every_session_has_its_courses_leading_first(in_campus: Cast, other: Course) -> None:
    alone = plan(in_campus.course, starts_at=AT - timedelta(days=1), ends_at=AT)
    assert (courses_in(alone), alone.title) == (["CS201-A"], "CS201-A Algorithms")
    both = plan(in_campus.course, also=[other])
    assert courses_in(both) == ["CS201-A", "CS201-B"]
    assert both.title == "CS201-A + CS201-B Algorithms"
    lead, further = both.courses.order_by("pk")
    assert (lead.is_lead, further.is_lead) == (True, False)
    assert further.section_id == other.section_id
    Course.objects.filter(pk=other.pk).update(code="CS201-Z")
    both.refresh_from_db()
    assert both.also_codes == "CS201-Z"


def test_its_courses_follow_it_wherever_it_goes(in_campus: Cast, other: Course) -> None:
    session = plan(in_campus.course, also=[other])
    later = AT + timedelta(days=1)
    session_change(
        session=session,
        starts_at=later,
        ends_at=later + timedelta(hours=1),
        classroom=None,
        now=NOW,
        actor=ADA,
    )
    for row in session.courses.all():
        assert (row.starts_at, row.held_on, row.status) == (later, date(2026, 9, 15), "scheduled")
    assert session_remove(session=session, reason="", now=NOW, actor=ADA) is None
    assert not SessionCourse.objects.exists()


@pytest.mark.parametrize("first", ["joint", "alone"])
def test_a_further_courses_section_is_in_one_place(
    in_campus: Cast, other: Course, first: str
) -> None:
    """Another lecturer's course of section B at that hour, planned before or after."""
    rival = apart("EC100-B")
    rival.section = other.section
    rival.save()
    joint = {"course": in_campus.course, "also": [other]}
    wanted = [joint, {"course": rival}]
    one, two = wanted if first == "joint" else reversed(wanted)
    plan(**one)
    with pytest.raises(Refused) as refused:
        plan(**two)
    assert refused.value.code == "section_busy"
    assert ClassSession.objects.count() == 1


def test_the_database_itself_keeps_the_section_in_one_place(in_campus: Cast, other: Course) -> None:
    rival = apart("EC100-B")
    rival.section = other.section
    rival.save()
    plan(rival)
    session = plan(in_campus.course)
    with pytest.raises(IntegrityError), transaction.atomic():
        SessionCourse.objects.create(session=session, course=other)


def test_a_course_meets_once_at_a_time(in_campus: Cast, other: Course) -> None:
    plan(in_campus.course, also=[other], is_planned=False)
    with pytest.raises(Refused) as refused:
        plan(other, is_planned=False)
    assert refused.value.code == "session_exists"


def test_only_like_courses_meet_as_one(in_campus: Cast, other: Course) -> None:
    spring = Term.objects.create(
        name="Spring", academic_year="2026-2027", starts_on="2027-02-01", ends_on="2027-06-30"
    )
    cases = {
        "other_lecturer": in_campus.other_course,
        "other_term": make_other(in_campus, "CS201-C", term=spring),
        "repeated_course": in_campus.course,
    }
    for code, course in cases.items():
        with pytest.raises(Invalid) as refused:
            plan(in_campus.course, also=[course])
        assert refused.value.code == code


# --- Slots and the generator ---------------------------------------------------------------------


def joint_slot(cast: Cast, other: Course) -> WeeklySlot:
    slot = WeeklySlot(course=cast.course, weekday=1, starts_at=time(8), ends_at=time(9, 30))
    return slot_create(slot=slot, also=[other], now=NOW, actor=ADA).slot


def test_a_joint_slot_makes_joint_sessions_once(in_campus: Cast, other: Course) -> None:
    joint_slot(in_campus, other)
    result = generate(MONDAY, MONDAY + timedelta(days=13))
    assert (result.created, result.clashes) == (2, [])
    for session in ClassSession.objects.all():
        assert courses_in(session) == ["CS201-A", "CS201-B"]
    again = generate(MONDAY, MONDAY + timedelta(days=13))
    assert (again.created, again.existing) == (0, 2)


def test_either_course_names_the_slot_for_a_run(in_campus: Cast, other: Course) -> None:
    joint_slot(in_campus, other)
    assert generate(MONDAY, MONDAY, courses=[in_campus.other_course]).created == 0
    assert generate(MONDAY, MONDAY, courses=[other]).created == 1


def test_what_is_in_a_further_courses_way_is_reported_and_the_rest_is_made(
    in_campus: Cast, other: Course
) -> None:
    joint_slot(in_campus, other)
    rivals = []
    for number in range(3):
        rival = apart(f"EC10{number}-B")
        rivals.append(rival)
        WeeklySlot.objects.create(
            course=rival, weekday=2 + number, starts_at=time(8), ends_at=time(9)
        )
    busy = apart("EC200-B")
    busy.section = other.section
    busy.save()
    blocker = plan(busy)
    result = generate(MONDAY, MONDAY + timedelta(days=13))
    assert result.created == 7  # the second week's joint one, and three in each week
    (clash,) = result.clashes
    assert (clash.code, clash.session_id, clash.on) == ("section_busy", blocker.pk, MONDAY)
    assert "EC200-B" in clash.message


def test_slots_know_the_sections_of_all_their_courses(in_campus: Cast, other: Course) -> None:
    joint_slot(in_campus, other)
    rival = apart("EC100-B")
    rival.section = other.section
    rival.save()
    slot = WeeklySlot(course=rival, weekday=1, starts_at=time(9), ends_at=time(10))
    with pytest.raises(Refused) as refused:
        slot_create(slot=slot, now=NOW, actor=ADA)
    assert refused.value.code == "section_busy"
    assert "CS201-A + CS201-B Monday" in refused.value.message


def test_changed_courses_of_a_slot_change_its_future_sessions(
    in_campus: Cast, other: Course
) -> None:
    slot = joint_slot(in_campus, other)
    generate(MONDAY, MONDAY + timedelta(days=6))
    session = ClassSession.objects.get()
    slot_update(slot=fresh(slot), also=[], now=NOW, actor=ADA)
    assert courses_in(session) == ["CS201-A"]
    third = make_other(in_campus, "CS201-C")
    slot_update(slot=fresh(slot), also=[other, third], now=NOW, actor=ADA)
    assert courses_in(session) == ["CS201-A", "CS201-B", "CS201-C"]
    slot_update(slot=fresh(slot, starts_at=time(9)), now=NOW, actor=ADA)
    session.refresh_from_db()
    assert session.also_codes == "CS201-B, CS201-C"
    assert session.starts_at == AT + timedelta(hours=1)


# --- Interfaces ----------------------------------------------------------------------------------


@pytest.fixture
def operator(cast: Cast) -> APIClient:
    return signed_in(cast, cast.operator)


def test_case_43_by_rest(cast: Cast, other: Course, operator: APIClient) -> None:
    answer = operator.post(SLOTS, slot_body(cast, also=[other.pk]), format="json")
    assert answer.status_code == 201, answer.content
    slot = answer.json()["slot"]
    assert slot["also"] == [other.pk]
    assert operator.get(SLOTS).json()["results"][0]["also"] == [other.pk]
    page = f"{SLOTS}/{slot['id']}"
    assert operator.patch(page, {"also": []}, format="json").json()["slot"]["also"] == []
    kept = operator.patch(page, {"also": [other.pk], "ends_at": "09:00"}, format="json")
    assert kept.json()["slot"]["also"] == [other.pk]
    assert operator.patch(page, {"ends_at": "09:30"}, format="json").json()["slot"]["also"]
    outside = operator.patch(page, {"also": [cast.other_course.pk]}, format="json")
    assert outside.json()["errors"][0]["code"] == "other_lecturer"


def test_lecturers_join_their_own_courses_alone(cast: Cast, other: Course) -> None:
    starts_at = timezone.now() + timedelta(days=1)
    body = {
        "course": cast.course.pk,
        "also": [other.pk],
        "starts_at": starts_at.isoformat(),
        "ends_at": (starts_at + timedelta(hours=1)).isoformat(),
    }
    lecturer = signed_in(cast, cast.lecturer.user)
    planned = lecturer.post(SESSIONS, body, format="json")
    assert planned.status_code == 201, planned.content
    assert planned.json()["course_codes"] == ["CS201-A", "CS201-B"]
    found = lecturer.get(SESSIONS, {"course": other.pk}).json()["results"]
    assert [row["id"] for row in found] == [planned.json()["id"]]
    stranger = {**body, "also": [cast.other_course.pk]}
    assert lecturer.post(SESSIONS, stranger, format="json").status_code == 404


def test_the_pages_join_courses(cast: Cast, other: Course) -> None:
    admin = client_of(cast, cast.admin)
    with campus_scope(cast.campus):
        slot = WeeklySlot.objects.create(
            course=cast.course, weekday=1, starts_at=time(8), ends_at=time(9)
        )
        session = make_session(cast.course, starts_at=timezone.now() + timedelta(days=1))
    for row, prefix in ((slot, "also"), (session, "courses")):
        page = url(type(row), "change", row.pk)
        sent = fields_of(admin.get(page))
        if row is session:
            for name in ("starts_at", "ends_at"):
                moment = timezone.localtime(getattr(row, name), cast.campus.zone)
                sent[f"{name}_0"], sent[f"{name}_1"] = f"{moment:%Y-%m-%d}", f"{moment:%H:%M:%S}"
        sent |= {f"{prefix}-TOTAL_FORMS": 1, f"{prefix}-0-course": other.pk}
        answer = admin.post(page, sent)
        assert answer.status_code == 302, answer.context["errors"]
    with campus_scope(cast.campus):
        assert SlotCourse.objects.get().course == other
        assert courses_in(session) == ["CS201-A", "CS201-B"]
        lead = SessionCourse.objects.get(session=session, is_lead=True)
    assert admin.post(url(SessionCourse, "delete", lead.pk), {"post": "yes"}).status_code == 403


def test_the_spreadsheet_joins_courses(cast: Cast, other: Course) -> None:
    head = ["Day", "Course", "Start", "End", "Together with"]
    rows = [head, ["Mon", "CS201-A", "08:00", "09:30", "CS201-B"]]
    assert counts(do_import(cast, "schedules", rows)) == (1, 0, 0, 0)
    assert counts(do_import(cast, "schedules", rows)) == (0, 0, 1, 0)
    unknown = [head, ["Tue", "CS201-A", "08:00", "09:30", "CS201-B, CS999"]]
    ((_row, reason),) = reasons(do_import(cast, "schedules", unknown))
    assert "CS999" in reason
    with campus_scope(cast.campus):
        assert SlotCourse.objects.get().course == other


def test_students_of_every_course_see_it_in_their_week_and_calendar(
    cast: Cast, other: Course
) -> None:
    begin = timezone.now() + timedelta(hours=1)
    with campus_scope(cast.campus):
        plan(cast.course, starts_at=begin, ends_at=begin + timedelta(hours=1), also=[other])
    on = timezone.localtime(begin, cast.campus.zone).date()
    for student in (cast.student, cast.stranger):
        assert student.user is not None
        answer = signed_in(cast, student.user).get("/api/v1/me/schedule", {"date": on})
        (entry,) = answer.json()["sessions"]
        assert entry["course_codes"] == ["CS201-A", "CS201-B"]
        event = parsed(feed(cast, token_of(cast, student.user)).content).vevent
        assert event.summary.value == "CS201-A + CS201-B Algorithms"
        page = client_of(cast, student.user).get("/week/", {"date": on}).content.decode()
        assert "CS201-A + CS201-B" in page
