"""The platform's members beside our roster: all pages, both sides, nothing done unasked."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.enrollments.models import Enrollment
from apps.lti.models import LtiLink, LtiPerson
from apps.tenants.scope import campus_scope
from tests.factories import Cast
from tests.lti.platform import INSTRUCTOR, LEARNER, LearningPlatform
from tests.lti.support import browser, linked, moodle, registered

pytestmark = pytest.mark.django_db
__all__ = ["moodle"]


def member(user: str, **fields: Any) -> dict[str, Any]:
    return {"user_id": user, "name": f"Name of {user}", "roles": [LEARNER], **fields}


def address(cast: Cast, moodle: LearningPlatform) -> str:
    """Of the comparison; `student` and `classmate` are not connected."""
    platform = registered(cast, moodle)
    with campus_scope(cast.campus):
        link = linked(cast, platform, moodle)
        LtiPerson.objects.all().delete()
    moodle.members = [
        member("user-1", lis_person_sourcedid="stud"),
        member("user-2", email="MATE@north.example"),
        member("user-3", lis_person_sourcedid="STRA"),
        member("user-4", roles=[INSTRUCTOR], lis_person_sourcedid="REPR"),
        member("user-5", status="Inactive", lis_person_sourcedid="REPR"),
        {"user_id": 7, "roles": "x"},
        "odd",  # type: ignore[list-item]
    ]
    return f"/lti/links/{link.pk}/roster"


def test_both_sides_are_shown_and_only_what_is_ticked_is_connected(
    cast: Cast, moodle: LearningPlatform
) -> None:
    there = address(cast, moodle)
    client = browser(cast, cast.lecturer.user)
    comparison = client.get(there).context["comparison"]
    assert [(pair.student.code, pair.how) for pair in comparison.matching] == [
        ("STUD", "number"),
        ("MATE", "email"),
    ]
    assert [(told.subject, student.code) for told, student in comparison.only_there] == [
        ("user-3", "STRA")
    ]
    assert [student.code for student in comparison.only_here] == ["REPR"]
    with campus_scope(cast.campus):
        before = Enrollment.objects.count()
    page = client.post(there, {"subject": ["user-2", "user-3", "made-up"]}, follow=True)
    assert "Connected: 1." in page.content.decode()
    with campus_scope(cast.campus):
        person = LtiPerson.objects.get()
        assert (person.subject, person.student_id) == ("user-2", cast.classmate.pk)
        assert Enrollment.objects.count() == before
    assert [pair.how for pair in page.context["comparison"].connected] == ["connected"]


def test_more_members_need_no_more_queries(cast: Cast, moodle: LearningPlatform) -> None:
    there = address(cast, moodle)
    client = browser(cast, cast.lecturer.user)
    client.get(there)
    numbers = []
    for more in (0, 7):
        moodle.members += [member(f"more-{n}", lis_person_sourcedid=f"X{n}") for n in range(more)]
        with CaptureQueriesContext(connection) as queries:
            assert client.get(there).status_code == 200
        numbers.append(len(queries))
    assert numbers[0] == numbers[1]


def test_lists_that_cannot_be_read_are_said(cast: Cast, moodle: LearningPlatform) -> None:
    there = address(cast, moodle)
    client = browser(cast, cast.admin)
    moodle.away = 503
    answer = client.get(there)
    assert (answer.status_code, "does not answer" in answer.content.decode()) == (503, True)
    moodle.away, moodle.page = 0, 0  # each page names itself as the next one
    assert client.get(there).status_code == 503
    with campus_scope(cast.campus):
        LtiLink.objects.update(memberships_url="")
    answer = client.get(there)
    assert (answer.status_code, "Names and" in answer.content.decode()) == (409, True)


def test_a_lecturer_chooses_what_is_sent(cast: Cast, moodle: LearningPlatform) -> None:
    there = address(cast, moodle).removesuffix("roster")
    client = browser(cast, cast.lecturer.user)
    rule = {"scores": "points", "points": "20", "threshold": "75", "drop_lowest": "2"}
    page = client.post(there, rule, follow=True)
    assert "Scores are sent within a few minutes" in page.content.decode()
    with campus_scope(cast.campus):
        link = LtiLink.objects.get()
        assert (link.scores, link.points, link.drop_lowest) == ("points", 20, 2)
    for wrong in ({"points": "2000"}, {"threshold": "101"}, {"drop_lowest": "-1"}, {"scores": "x"}):
        assert client.post(there, {**rule, **wrong}).status_code == 400
