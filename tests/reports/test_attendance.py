"""The attendance report: groups, filters, eyes; the summary and the records say the same."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.accounts.viewers import Viewer
from apps.attendance.models import CustomStatus
from apps.enrollments.models import Department, Section
from apps.reports.catalogue import REPORTS
from apps.reports.selectors.attendance import GROUP_NAMES
from tests.factories import Cast, enroll, make_course, make_student
from tests.reports.support import a_session, ask, figures, history, mark, rows

pytestmark = pytest.mark.django_db
EVER = {"first": date(2026, 1, 1), "last": date(2027, 12, 31)}
DAYLESS = [name for name in GROUP_NAMES if name != "week"]


def test_a_student_of_a_course(in_campus: Cast) -> None:
    history(in_campus.course, in_campus.student, "ppplaaei")
    (row,) = rows("attendance", ask(in_campus, course=in_campus.course.pk))
    assert (row["code"], row["students"]) == ("STUD", 1)
    # 8 marks: the excused one does not count, the late one was attended, the invalid one missed
    assert figures(row) == (7, 4, 1, 2, 1, Decimal("57.14"))


def test_a_labels_own_rule_is_the_reports(in_campus: Cast) -> None:
    trip = CustomStatus.objects.create(
        code="trip", name="Trip", meaning="excused", counts_as="attended", points=1
    )
    history(in_campus.course, in_campus.student, "a")
    mark(a_session(in_campus.course, 20), in_campus.student, "excused", trip)
    for days in ({}, EVER):
        (row,) = rows("attendance", ask(in_campus, **days))
        assert figures(row) == (2, 1, 0, 1, 1, Decimal("50.00"))


@pytest.mark.parametrize("group", DAYLESS)
def test_groups_sum_what_their_students_did(in_campus: Cast, group: str) -> None:
    history(in_campus.course, in_campus.student, "pp")
    history(in_campus.course, in_campus.classmate, "pa")
    found = rows("attendance", ask(in_campus, group_by=group))
    if group == "student":
        assert [row["percentage"] for row in found] == [Decimal("50.00"), Decimal("100.00")]
        return
    (row,) = found
    assert figures(row) == (4, 3, 0, 1, 0, Decimal("75.00"))
    assert (row["students"], row["held"]) == (2, 2)


def test_groups_are_named(in_campus: Cast) -> None:
    history(in_campus.course, in_campus.student, "p")
    named = {
        group: rows("attendance", ask(in_campus, group_by=group))[0]["code"] for group in DAYLESS
    }
    assert named == {
        "student": "STUD",
        "course": "CS201-A",
        "section": "CSE-2A",
        "department": "CSE",
        "lecturer": "LECT",
        "term": "2026-2027",
    }


def test_courses_without_a_section_share_a_row(in_campus: Cast) -> None:
    in_campus.course.section = None
    in_campus.course.save()
    history(in_campus.course, in_campus.student, "pa")
    for days in ({}, EVER):
        (row,) = rows("attendance", ask(in_campus, group_by="section", **days))
        assert (row["id"], row["code"].strip("-"), row["held"]) == (None, "", 2)


def test_the_trend_goes_by_the_campus_weeks(in_campus: Cast) -> None:
    """Sunday 22:30 UTC is Monday 00:30 in Berlin: the next week."""
    history(in_campus.course, in_campus.student, "p")
    late = a_session(in_campus.course, starts_at=datetime(2026, 9, 20, 22, 30, tzinfo=UTC))
    mark(late, in_campus.student, "absent")
    found = rows("attendance", ask(in_campus, group_by="week"))
    assert [(row["code"], row["name"], row["percentage"]) for row in found] == [
        ("2026-W38", "2026-09-14", Decimal("100.00")),
        ("2026-W39", "2026-09-21", Decimal("0.00")),
    ]


def test_days_are_the_campus_days_and_included(in_campus: Cast) -> None:
    history(in_campus.course, in_campus.student, "pppp")
    asked = ask(in_campus, first=date(2026, 9, 15), last=date(2026, 9, 16))
    assert rows("attendance", asked)[0]["sessions"] == 2


@pytest.mark.parametrize("days", [{}, EVER], ids=["summary", "records"])
def test_every_filter_narrows(in_campus: Cast, days: dict[str, date]) -> None:
    other = make_course(faculty=in_campus.outsider, code="EE100-A")
    other.section = Section.objects.create(
        department=Department.objects.create(code="EE", name="EE"), year=1, name="B"
    )
    other.save()
    enroll(in_campus.stranger, other)
    history(in_campus.course, in_campus.student, "p")
    history(other, in_campus.stranger, "a")
    course = in_campus.course
    assert len(rows("attendance", ask(in_campus, **days))) == 2
    for name, value in {
        "course": course.pk,
        "section": course.section_id,
        "department": course.section.department_id,
        "lecturer": course.faculty_id,
    }.items():
        found = rows("attendance", ask(in_campus, **{name: value}, **days))
        assert [row["code"] for row in found] == ["STUD"], name
    assert rows("attendance", ask(in_campus, term=course.term_id + 1, **days)) == []


def test_lecturers_see_their_own_courses(in_campus: Cast) -> None:
    history(in_campus.course, in_campus.student, "p")
    for viewer, expected in (
        (Viewer(faculty=in_campus.lecturer), ["STUD"]),
        (Viewer(faculty=in_campus.outsider), []),
    ):
        for group in ("student", "course", "week"):
            found = rows("attendance", ask(in_campus, viewer=viewer, group_by=group))
            assert len(found) == len(expected)


LETTERS = st.text(alphabet="plaei-", min_size=1, max_size=8)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(histories=st.lists(LETTERS, min_size=1, max_size=3))
def test_summary_and_records_give_the_same_report(in_campus: Cast, histories: list[str]) -> None:
    people = [in_campus.student, in_campus.classmate, in_campus.stranger]
    with transaction.atomic():
        for person, letters in zip(people, histories, strict=False):
            history(in_campus.course, person, letters)
            history(in_campus.other_course, person, letters[::-1], first_day=30)
        for group in DAYLESS:
            summed = rows("attendance", ask(in_campus, group_by=group))
            counted = rows("attendance", ask(in_campus, group_by=group, **EVER))
            assert summed == counted, group
        transaction.set_rollback(True)


def test_more_students_cost_no_more_statements(in_campus: Cast) -> None:
    def statements() -> int:
        with CaptureQueriesContext(connection) as seen:
            rows("attendance", ask(in_campus, group_by="course"))
        return len(seen)

    history(in_campus.course, in_campus.student, "p")
    before = statements()
    for _number in range(5):
        history(in_campus.course, make_student(), "p")
    assert statements() == before


def test_every_report_fills_every_column(in_campus: Cast) -> None:
    history(in_campus.course, in_campus.student, "aaaa")
    for report in REPORTS.values():
        asked = ask(in_campus, course=in_campus.course.pk)
        for row in rows(report.name, asked):
            assert set(row) == {column.key for column in report.columns}, report.name
