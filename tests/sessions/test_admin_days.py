"""The list of sessions in the administration: it opens at today, and times have 24 hours."""

from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from tests.admin.support import client_of, url
from tests.factories import Cast, make_session

pytestmark = pytest.mark.django_db


@pytest.fixture
def noon(cast: Cast) -> datetime:
    return timezone.localtime(timezone=cast.campus.zone).replace(
        hour=14, minute=30, second=0, microsecond=0
    )


@pytest.fixture
def client(cast: Cast, noon: datetime) -> Client:
    """Sessions yesterday, today, tomorrow and in three weeks."""
    with campus_scope(cast.campus):
        for days in (-1, 0, 1, 21):
            make_session(cast.course, starts_at=noon + timedelta(days=days), topic=f"day {days}")
    return client_of(cast, cast.admin)


def shown(client: Client, **asked: str) -> list[str]:
    page = client.get(url(ClassSession, "changelist"), asked)
    assert page.status_code == 200
    return sorted(session.topic for session in page.context["cl"].result_list)


def test_the_list_opens_at_today(client: Client) -> None:
    assert shown(client) == ["day 0"]
    assert shown(client, o="1") == ["day 0"]
    assert shown(client, day="today") == ["day 0"]


def test_a_search_and_other_filters_look_at_all_days(client: Client) -> None:
    everything = ["day -1", "day 0", "day 1", "day 21"]
    assert shown(client, q="CS201") == everything
    assert shown(client, status__exact="scheduled") == everything
    assert shown(client, day="all") == everything
    assert shown(client, q="CS201", day="today") == ["day 0"]


def test_days_beside_the_one_that_is_shown_are_one_click_away(
    client: Client, noon: datetime
) -> None:
    tomorrow = noon.date() + timedelta(days=1)
    page = client.get(url(ClassSession, "changelist")).content.decode()
    assert f"?day={tomorrow}" in page
    assert shown(client, day=str(tomorrow)) == ["day 1"]
    page = client.get(url(ClassSession, "changelist"), {"day": str(tomorrow)}).content.decode()
    assert f"?day={tomorrow + timedelta(days=1)}" in page


def test_weeks_begin_on_mondays(client: Client, noon: datetime) -> None:
    monday = noon.date() - timedelta(days=noon.weekday())
    found = {
        f"day {days}"
        for days in (-1, 0, 1, 21)
        if monday <= noon.date() + timedelta(days=days) < monday + timedelta(days=7)
    }
    assert set(shown(client, day="week")) == found
    assert "day 0" not in shown(client, day="next")


@pytest.mark.parametrize(("across", "cancelled"), [("0", {"day 1"}), ("1", {"day 0"})])
def test_actions_reach_what_was_ticked_or_what_the_list_shows(
    cast: Cast, client: Client, across: str, cancelled: set[str]
) -> None:
    with campus_scope(cast.campus):
        ticked = ClassSession.objects.get(topic="day 1")
    form = {"action": "cancel", "_selected_action": [ticked.pk], "select_across": across}
    client.post(url(ClassSession, "changelist"), form)
    with campus_scope(cast.campus):
        found = set(ClassSession.objects.filter(status="cancelled").values_list("topic", flat=True))
    assert found == cancelled


@pytest.mark.parametrize("day", ["x", "0001-01-01", "9999-12-31", "2026-13-01", "20260101", "-"])
def test_odd_days_are_no_error(client: Client, day: str) -> None:
    shown(client, day=day)


def test_times_have_24_hours(client: Client, noon: datetime) -> None:
    page = client.get(url(ClassSession, "changelist")).content.decode()
    assert f"{noon.day} {noon:%b} {noon.year}, 14:30" in page
    assert "p.m." not in page


def test_a_day_is_read_from_morning_to_evening_and_all_days_from_the_newest(
    cast: Cast, client: Client, noon: datetime
) -> None:
    with campus_scope(cast.campus):
        make_session(cast.course, starts_at=noon - timedelta(hours=4), topic="morning")
    page = client.get(url(ClassSession, "changelist"))
    assert [s.topic for s in page.context["cl"].result_list] == ["morning", "day 0"]
    assert '<a href="?day=today"' in page.content.decode().replace("\n", "")
    page = client.get(url(ClassSession, "changelist"), {"day": "all"})
    assert page.context["cl"].result_list[0].topic == "day 21"
