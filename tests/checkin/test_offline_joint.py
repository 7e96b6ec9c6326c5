"""Offline check-ins of a class that several courses share: they count in the student's course."""

from datetime import timedelta

import pytest

from apps.sessions.models import ClassSession, SessionCourse
from apps.tenants.scope import campus_scope
from tests.attendance.support import open_session
from tests.checkin.test_offline import item, opened_earlier, sent
from tests.factories import Cast, enroll
from tests.phone import Phone
from tests.timetable.test_joint import make_other

pytestmark = pytest.mark.django_db


def test_a_class_that_another_course_leads_counts_for_the_own_one(cast: Cast) -> None:
    """Two of the own course, and then one that is led by another, are three."""
    with campus_scope(cast.campus):
        other = make_other(cast, classroom=cast.classroom)
        enroll(cast.stranger, other)
    phone = Phone(cast, cast.stranger)
    reasons = []
    own, lead = other, cast.course
    for counter, led_by in enumerate((own, own, lead), start=1):
        with campus_scope(cast.campus):
            ClassSession.objects.update(status="completed")
        cast.course = led_by
        session = open_session(cast)
        if led_by == lead:
            with campus_scope(cast.campus):
                SessionCourse.objects.create(session=session, course=own)
        session = opened_earlier(session, timedelta(hours=1))
        assert session.opened_at is not None
        at = session.opened_at + timedelta(minutes=2)
        (result,) = sent(phone, item(phone, session, at, counter=counter))
        reasons.append(result["attempt"]["reason"])
    assert reasons == ["", "", "often_offline"]
