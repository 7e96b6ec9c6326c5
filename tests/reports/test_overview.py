"""Statistics, methods, marks with their proofs, registers not taken, sheets, one student."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import connection

from apps.accounts.viewers import Viewer
from apps.attendance.models import Policy
from apps.checkin.models import CheckInAttempt
from apps.common.errors import Invalid, NotFound
from apps.enrollments.models import Department, Placement, Section
from apps.reports.selectors.attendance import weeks
from apps.reports.selectors.students import student_report, student_seen
from tests.factories import Cast, make_session
from tests.reports.support import (
    FIRST,
    NOW,
    a_session,
    ask,
    figures,
    history,
    mark,
    rows,
)

pytestmark = pytest.mark.django_db


# --- Statistics ------------------------------------------------------------------------------


def placed(cast: Cast) -> Section:
    """`student` and `classmate` in CSE-2A, `stranger` in EE-2B."""
    electrical = Section.objects.create(
        department=Department.objects.create(code="EE", name="EE"), year=2, name="B"
    )
    for person in (cast.student, cast.classmate):
        Placement.objects.create(student=person, section=cast.course.section)
    Placement.objects.create(student=cast.stranger, section=electrical)
    return electrical


def test_statistics_per_section_equal_the_plain_statement(in_campus: Cast) -> None:
    """Students and present marks by year, department and section, as plain SQL counts them."""
    placed(in_campus)
    history(in_campus.course, in_campus.student, "ppla")
    history(in_campus.course, in_campus.classmate, "aea")
    history(in_campus.other_course, in_campus.stranger, "pa", first_day=9)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT s.year, d.code, s.name, count(DISTINCT p.student_id),
                count(r.id) FILTER (WHERE r.status IN ('present', 'late'))
            FROM enrollments_section s
            JOIN enrollments_department d ON d.id = s.department_id
            JOIN enrollments_placement p ON p.section_id = s.id AND p.is_current
            LEFT JOIN attendance_attendancerecord r ON r.student_id = p.student_id
            GROUP BY s.year, d.code, s.name ORDER BY s.year, d.code, s.name
            """
        )
        plain = cursor.fetchall()
    found = rows("statistics", ask(in_campus))
    keys = ("year", "department", "section", "students", "attended")
    assert [tuple(row[key] for key in keys) for row in found] == plain
    assert plain == [(2, "CSE", "A", 2, 3), (2, "EE", "B", 1, 1)]


def test_statistics_of_one_day_are_a_roll_call(in_campus: Cast) -> None:
    placed(in_campus)
    history(in_campus.course, in_campus.student, "pa")
    history(in_campus.course, in_campus.classmate, "ap")
    day = date(2026, 9, 14)
    (computing, electrical) = rows("statistics", ask(in_campus, first=day, last=day))
    assert (computing["students"], computing["marked"]) == (2, 2)
    assert figures(computing) == (2, 1, 0, 1, 0, Decimal("50.00"))
    assert (electrical["students"], electrical["percentage"]) == (1, None)


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        ("department", [(None, "CSE", "", 2, 3), (None, "EE", "", 1, 1)]),
        ("year", [(2, "", "", 3, 4)]),
    ],
)
def test_statistics_are_summed_up(
    in_campus: Cast, group: str, expected: list[tuple[object, ...]]
) -> None:
    placed(in_campus)
    history(in_campus.course, in_campus.student, "pp")
    history(in_campus.course, in_campus.classmate, "p")
    history(in_campus.course, in_campus.stranger, "p")
    keys = ("year", "department", "section", "students", "attended")
    found = rows("statistics", ask(in_campus, group_by=group))
    assert [tuple(row[key] for key in keys) for row in found] == expected


def test_statistics_go_by_where_students_are_now(in_campus: Cast) -> None:
    electrical = placed(in_campus)
    history(in_campus.course, in_campus.student, "p")
    Placement.objects.filter(student=in_campus.student).update(is_current=False)
    Placement.objects.create(student=in_campus.student, section=electrical)
    found = {row["department"]: row["attended"] for row in rows("statistics", ask(in_campus))}
    assert found == {"CSE": 0, "EE": 1}
    (row,) = rows("statistics", ask(in_campus, section=electrical.pk))
    assert row["students"] == 2


# --- Who checked in how ----------------------------------------------------------------------


def check_in(cast: Cast, day: int, method: str, score: str, **proven: bool) -> None:
    session = a_session(cast.course, day)
    attempt = CheckInAttempt.objects.create(
        session=session,
        student=cast.student,
        nonce=str(day),
        method=method,
        outcome="accepted",
        score=Decimal(score),
        factors={"qr": {"passed": True}, "face": {"passed": proven.get("face")}},
        received_at=session.starts_at,
    )
    record = mark(session, cast.student, "present")
    record.source = "check_in"
    record.attempt_id = attempt.pk
    record.verification_score = attempt.score
    record.biometric_verified = proven.get("face", False)
    record.person_verified = proven.get("person", False)
    record.save()


def test_methods_factors_and_bands(in_campus: Cast) -> None:
    check_in(in_campus, 0, "qr", "0.90", face=True)
    check_in(in_campus, 1, "qr", "0.79", person=True)
    check_in(in_campus, 2, "otp", "0.55")
    history(in_campus.course, in_campus.classmate, "---a")
    found = {row["method"]: row for row in rows("methods", ask(in_campus))}
    assert set(found) == {"qr", "otp", "manual"}
    proven = [(found[method]["face"], found[method]["person"]) for method in ("qr", "otp")]
    assert proven == [(1, 1), (0, 0)]
    bands = ("marks", "face", "score_low", "score_middle", "score_high", "mean_score")
    assert tuple(found["qr"][name] for name in bands) == (2, 1, 0, 1, 1, Decimal("0.84"))
    assert tuple(found["otp"][name] for name in bands) == (1, 0, 1, 0, 0, Decimal("0.55"))
    assert tuple(found["manual"][name] for name in bands) == (1, 0, 0, 0, 0, None)


def test_marks_say_what_was_proven(in_campus: Cast) -> None:
    check_in(in_campus, 0, "qr", "0.90", face=True)
    history(in_campus.course, in_campus.student, "-a")
    by_hand, scanned = rows("check-ins", ask(in_campus))
    assert (scanned["method"], scanned["factors"], scanned["score"]) == (
        "qr",
        "qr, face",
        Decimal("0.90"),
    )
    assert (by_hand["method"], by_hand["factors"], by_hand["score"]) == ("manual", "", None)
    session = ask(in_campus, session=scanned["session"])
    assert [row["method"] for row in rows("check-ins", session)] == ["qr"]


# --- Registers not taken ---------------------------------------------------------------------


def test_only_sessions_whose_time_to_open_is_over(in_campus: Cast) -> None:
    course = in_campus.course
    missed = make_session(course, starts_at=NOW - timedelta(minutes=61))
    make_session(course, starts_at=NOW - timedelta(minutes=59))  # may still be opened
    make_session(course, starts_at=NOW + timedelta(days=1))
    make_session(course, starts_at=FIRST, status="cancelled")
    a_session(course, 1)
    assert [row["session"] for row in rows("not-taken", ask(in_campus))] == [missed.pk]
    outsider = ask(in_campus, viewer=Viewer(faculty=in_campus.outsider))
    assert rows("not-taken", outsider) == []


def test_the_window_is_the_policys(in_campus: Cast, now: object) -> None:
    make_session(in_campus.course, starts_at=NOW - timedelta(minutes=61))
    Policy.objects.create(version=1, open_after_minutes=120, created_at=now)
    assert rows("not-taken", ask(in_campus)) == []


# --- Sheets ----------------------------------------------------------------------------------


def test_the_sheet_lists_who_is_enrolled(in_campus: Cast) -> None:
    found = rows("signing-sheet", ask(in_campus, course=in_campus.course.pk))
    assert [(row["number"], row["code"]) for row in found] == [
        (1, "MATE"),
        (2, "REPR"),
        (3, "STUD"),
    ]


def test_the_sheet_needs_a_course_of_ones_own(in_campus: Cast) -> None:
    with pytest.raises(Invalid):
        rows("signing-sheet", ask(in_campus))
    outsider = Viewer(faculty=in_campus.outsider)
    with pytest.raises(NotFound):
        rows("signing-sheet", ask(in_campus, viewer=outsider, course=in_campus.course.pk))
    other = make_session(in_campus.other_course, starts_at=NOW)
    with pytest.raises(NotFound):
        rows("signing-sheet", ask(in_campus, course=in_campus.course.pk, session=other.pk))


# --- One student -----------------------------------------------------------------------------


def test_a_student_over_all_courses(in_campus: Cast) -> None:
    history(in_campus.course, in_campus.student, "ppa")
    history(in_campus.other_course, in_campus.student, "a", first_day=9)
    found = student_report(ask(in_campus), student=in_campus.student)
    assert [(row["course_code"], row["percentage"]) for row in found["courses"]] == [
        ("CS201-A", Decimal("66.67")),
        ("CS305-A", Decimal("0.00")),
    ]
    assert figures(found["total"]) == (4, 2, 0, 2, 0, Decimal("50.00"))
    trend = weeks(ask(in_campus), student=in_campus.student)
    assert [row["code"] for row in trend] == ["2026-W38", "2026-W39"]


def test_a_lecturer_sees_the_own_courses_of_own_students(in_campus: Cast) -> None:
    history(in_campus.course, in_campus.student, "pp")
    history(in_campus.other_course, in_campus.student, "a", first_day=9)
    own = ask(in_campus, viewer=Viewer(faculty=in_campus.lecturer))
    found = student_report(own, student=student_seen(own, student_id=in_campus.student.pk))
    assert [row["course_code"] for row in found["courses"]] == ["CS201-A"]
    assert [row["code"] for row in weeks(own, student=in_campus.student)] == ["2026-W38"]
    with pytest.raises(NotFound):
        student_seen(own, student_id=in_campus.stranger.pk)
