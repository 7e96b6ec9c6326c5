"""Defaulters and absences in a row."""

from datetime import timedelta
from decimal import Decimal
from itertools import takewhile

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.accounts.viewers import Viewer
from apps.attendance.models import Policy
from apps.attendance.selectors.policies import FEW_COURSES, policies_for
from apps.enrollments.models import Enrollment
from apps.reports.selectors.students import student_report
from tests.factories import Cast, make_session, make_term
from tests.reports.support import FIRST, NOW, a_session, ask, history, mark, rows

pytestmark = pytest.mark.django_db


def listed(cast: Cast, **asked: object) -> list[str]:
    return [row["code"] for row in rows("defaulters", ask(cast, **asked))]  # type: ignore[arg-type]


# --- Defaulters ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("letters", "is_listed"),
    [
        ("pppa", False),  # exactly 75.00
        ("ppaa", True),
        ("pppe", False),  # excused sessions do not count: 100.00
        ("ppla", False),  # late is attended: 75.00
        ("ppai", True),  # invalid is missed: 50.00
        ("e", False),  # nothing counts yet
        ("", False),
    ],
)
def test_who_is_below_the_limit(in_campus: Cast, letters: str, is_listed: bool) -> None:
    history(in_campus.course, in_campus.student, letters)
    assert listed(in_campus) == (["STUD"] if is_listed else [])


def test_the_percentage_as_shown_decides(in_campus: Cast) -> None:
    """Two of three are 66.67 %: not below 66.67."""
    history(in_campus.course, in_campus.student, "ppa")
    assert listed(in_campus, threshold=Decimal("66.67")) == []
    assert listed(in_campus, threshold=Decimal("66.68")) == ["STUD"]


def test_policy_sets_the_limit_and_a_courses_own_wins(in_campus: Cast, now: object) -> None:
    history(in_campus.course, in_campus.student, "ppa")
    Policy.objects.create(version=1, defaulter_percent=Decimal("60"), created_at=now)
    assert listed(in_campus) == []
    Policy.objects.create(
        version=1, course=in_campus.course, defaulter_percent=Decimal("70"), created_at=now
    )
    (row,) = rows("defaulters", ask(in_campus))
    assert row["limit"] == Decimal("70")


def test_the_newest_version_of_a_policy_holds(in_campus: Cast, now: object) -> None:
    """Of the course's own versions, whatever the campus's say; the older ones of both count no
    more, and another course's never did."""
    history(in_campus.course, in_campus.student, "ppa")
    percents = [
        (in_campus.course, 1, 50),
        (in_campus.course, 2, 70),
        (None, 3, 40),
        (in_campus.other_course, 9, 30),
    ]
    for course, version, percent in percents:
        Policy.objects.create(
            course=course, version=version, defaulter_percent=Decimal(percent), created_at=now
        )
    (row,) = rows("defaulters", ask(in_campus))
    assert row["limit"] == Decimal("70")
    found = student_report(ask(in_campus), student=in_campus.student)
    assert [course["limit"] for course in found["courses"]] == [Decimal("70")]
    assert policies_for(course_ids=[in_campus.course.pk])[in_campus.course.pk].version == 2
    many = range(in_campus.course.pk, in_campus.course.pk + 2 * FEW_COURSES)
    assert policies_for(course_ids=many)[in_campus.course.pk].version == 2
    assert policies_for(course_ids=many)[many[-1]].version == 3


def test_dropped_and_deactivated_students_are_not_listed(in_campus: Cast) -> None:
    for person in (in_campus.student, in_campus.classmate):
        history(in_campus.course, person, "aa")
    Enrollment.objects.filter(student=in_campus.student).update(status="dropped")
    in_campus.classmate.is_active = False
    in_campus.classmate.save()
    assert listed(in_campus) == []


def test_lowest_first_and_lecturers_see_their_own(in_campus: Cast) -> None:
    history(in_campus.course, in_campus.student, "pa")
    history(in_campus.course, in_campus.classmate, "aa")
    assert listed(in_campus) == ["MATE", "STUD"]
    assert listed(in_campus, viewer=Viewer(faculty=in_campus.lecturer)) == ["MATE", "STUD"]
    assert listed(in_campus, viewer=Viewer(faculty=in_campus.outsider)) == []


def test_what_is_still_within_reach(in_campus: Cast) -> None:
    history(in_campus.course, in_campus.student, "paaa")
    for day in range(1, 9):
        make_session(in_campus.course, starts_at=NOW + timedelta(days=day))
    # none of these is left: cancelled, in the past, after the term
    make_session(in_campus.course, starts_at=NOW + timedelta(days=20), status="cancelled")
    make_session(in_campus.course, starts_at=NOW - timedelta(days=1))
    make_session(in_campus.course, starts_at=FIRST + timedelta(days=300))
    (row,) = rows("defaulters", ask(in_campus))
    assert row["remaining"] == 8
    assert row["highest"] == Decimal("75.00")  # (1 + 8) / (4 + 8)
    assert (row["must_attend"], row["may_miss"], row["in_a_row"]) == (8, 0, 8)


def test_only_the_latest_term_unless_one_is_named(in_campus: Cast) -> None:
    history(in_campus.course, in_campus.student, "aa")
    spring = make_term(name="Spring", starts_on="2026-10-20", ends_on="2027-06-30")
    assert listed(in_campus) == []
    assert listed(in_campus, term=spring.pk) == []
    assert listed(in_campus, term=in_campus.course.term_id) == ["STUD"]
    assert listed(in_campus, course=in_campus.course.pk) == ["STUD"]


# --- Absences in a row -----------------------------------------------------------------------


def streaks(cast: Cast, **asked: object) -> list[tuple[str, int]]:
    found = rows("consecutive-absences", ask(cast, **asked))  # type: ignore[arg-type]
    return [(row["code"], row["missed"]) for row in found]


@pytest.mark.parametrize(
    ("letters", "missed"),
    [
        ("paaa", 3),
        ("aaa", 3),
        ("aaap", None),
        ("aapaa", None),
        ("paeaa", 3),  # an excused session neither counts nor ends the row
        ("paiaa", 4),
        ("pa-aa", 3),
        ("paaal", None),
    ],
)
def test_rows_of_absences(in_campus: Cast, letters: str, missed: int | None) -> None:
    history(in_campus.course, in_campus.student, letters)
    assert streaks(in_campus) == ([("STUD", missed)] if missed else [])


def test_two_sessions_on_one_day_are_told_apart(in_campus: Cast) -> None:
    for hour, status in ((0, "present"), (2, "absent"), (4, "absent")):
        session = a_session(in_campus.course, starts_at=FIRST + timedelta(hours=hour))
        mark(session, in_campus.student, status)
    assert streaks(in_campus, absences=2) == [("STUD", 2)]
    assert streaks(in_campus, absences=3) == []


def test_the_number_is_the_policys(in_campus: Cast, now: object) -> None:
    history(in_campus.course, in_campus.student, "paa")
    assert streaks(in_campus) == []
    Policy.objects.create(version=1, consecutive_absences=2, created_at=now)
    assert streaks(in_campus) == [("STUD", 2)]


def missed_in_a_row(letters: str) -> int:
    counted = [letter for letter in letters if letter in "plai"]
    return len(list(takewhile(lambda letter: letter in "ai", reversed(counted))))


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(letters=st.text(alphabet="paaei-", min_size=1, max_size=9), number=st.integers(1, 4))
def test_rows_are_what_counting_backwards_finds(in_campus: Cast, letters: str, number: int) -> None:
    with transaction.atomic():
        history(in_campus.course, in_campus.student, letters)
        missed = missed_in_a_row(letters)
        expected = [("STUD", missed)] if missed >= number else []
        assert streaks(in_campus, absences=number) == expected
        transaction.set_rollback(True)
