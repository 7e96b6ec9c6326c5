"""The days of an enrolment: filled in, kept through leaving and coming back, never overlapping."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.enrollments.models import Enrollment, EnrollmentPeriod
from apps.tenants.scope import campus_scope
from apps.tenants.selectors import campus_day
from tests.admin.support import client_of, fields_of, url
from tests.factories import Cast

pytestmark = pytest.mark.django_db

Days = tuple[date, date | None]


def stays(enrollment: Enrollment) -> list[Days]:
    rows = EnrollmentPeriod.objects.filter(enrollment=enrollment).order_by("enrolled_on", "pk")
    return list(rows.values_list("enrolled_on", "ended_on"))


def enrolment(cast: Cast) -> Enrollment:
    return Enrollment.objects.get(student=cast.student, course=cast.course)


def change(found: Enrollment, **fields: Any) -> Enrollment:
    Enrollment.objects.filter(pk=found.pk).update(**fields)
    found.refresh_from_db()
    return found


def test_a_new_enrolment_has_one_open_period(in_campus: Cast) -> None:
    assert stays(enrolment(in_campus)) == [(date(2026, 9, 1), None)]


def test_leaving_and_coming_back_makes_two(in_campus: Cast) -> None:
    found = change(enrolment(in_campus), status="dropped", ended_on=date(2026, 9, 10))
    assert stays(found) == [(date(2026, 9, 1), date(2026, 9, 10))]
    change(found, status="enrolled", enrolled_on=date(2026, 9, 20), ended_on=None)
    assert stays(found) == [
        (date(2026, 9, 1), date(2026, 9, 10)),
        (date(2026, 9, 20), None),
    ]


def test_a_corrected_day_corrects_the_period(in_campus: Cast) -> None:
    found = change(enrolment(in_campus), enrolled_on=date(2026, 9, 3))
    assert stays(found) == [(date(2026, 9, 3), None)]
    change(found, status="dropped", ended_on=date(2026, 9, 9))
    change(found, ended_on=date(2026, 9, 8))
    assert stays(found) == [(date(2026, 9, 3), date(2026, 9, 8))]


def test_a_status_without_a_day_changes_today(in_campus: Cast) -> None:
    today = campus_day(now=timezone.now())
    found = change(enrolment(in_campus), status="dropped")
    assert found.ended_on == today
    change(found, status="enrolled")
    assert (found.enrolled_on, found.ended_on) == (today, None)
    assert stays(found) == [(date(2026, 9, 1), today), (today, None)]


def test_coming_and_going_within_a_day_leaves_one_stay(in_campus: Cast) -> None:
    today = campus_day(now=timezone.now())
    found = Enrollment.objects.create(
        student=in_campus.stranger, course=in_campus.course, enrolled_on=today
    )
    change(found, status="dropped")
    change(found, status="enrolled")
    assert stays(found) == [(today, None)]


@pytest.mark.parametrize(
    "fields",
    [
        {"status": "dropped", "ended_on": date(2026, 8, 31)},
        {"ended_on": date(2026, 9, 30)},
    ],
    ids=["before it began", "enrolled and gone"],
)
def test_impossible_days_are_refused(in_campus: Cast, fields: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        change(enrolment(in_campus), **fields)


def test_stays_never_overlap(in_campus: Cast) -> None:
    found = change(enrolment(in_campus), status="dropped", ended_on=date(2026, 9, 10))
    change(found, status="enrolled", enrolled_on=date(2026, 9, 20), ended_on=None)
    with pytest.raises(IntegrityError), transaction.atomic():
        change(found, enrolled_on=date(2026, 9, 5))


# --- By hand, in the administration --------------------------------------------------------------


def save(cast: Cast, **fields: Any) -> Any:
    with campus_scope(cast.campus):
        found = enrolment(cast)
    client = client_of(cast, cast.operator)
    page = client.get(url(Enrollment, "change", found.pk))
    sent = {**fields_of(page), **fields}
    return client.post(url(Enrollment, "change", found.pk), sent)


def test_the_page_drops_as_of_today_and_shows_every_stay(cast: Cast) -> None:
    assert save(cast, status="dropped").status_code == 302
    assert save(cast, status="enrolled").status_code == 302
    with campus_scope(cast.campus):
        today = campus_day(now=timezone.now())
        found = enrolment(cast)
        assert stays(found) == [(date(2026, 9, 1), today), (today, None)]
    page = client_of(cast, cast.operator).get(url(Enrollment, "change", found.pk))
    assert f"2026-09-01 – {today}" in page.content.decode()


def test_the_page_takes_days_and_refuses_impossible_ones(cast: Cast) -> None:
    assert save(cast, status="dropped", ended_on="2026-09-10").status_code == 302
    assert save(cast, status="dropped", ended_on="2026-08-10").status_code == 200
    with campus_scope(cast.campus):
        assert enrolment(cast).ended_on == date(2026, 9, 10)
    later = date(2026, 9, 20) + timedelta(days=1)
    assert save(cast, status="enrolled", enrolled_on=later, ended_on="").status_code == 302
    refused = save(cast, enrolled_on="2026-09-05")
    assert refused.status_code == 200
    assert "in the course on this day already" in refused.content.decode()
