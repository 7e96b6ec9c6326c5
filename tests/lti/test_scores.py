"""Attendance as a grade: worth what the rule says, sent once, corrected, and sent after a pause."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from apps.audit.services import SYSTEM
from apps.common.crypto import seal
from apps.lti.models import LtiKey, LtiLink, LtiPerson, LtiScore
from apps.lti.selectors import score_of, signing_key
from apps.lti.services.keys import key_replace, keys_purge
from apps.lti.services.links import link_scores_set, links_send_again
from apps.lti.tasks import collect, send
from apps.tenants.scope import campus_scope
from tests.factories import Cast
from tests.leave.support import closed, marked
from tests.lti.platform import LearningPlatform
from tests.lti.support import linked, moodle, registered, sent

pytestmark = pytest.mark.django_db
__all__ = ["moodle"]
SOON = timedelta(minutes=6)


def set_up(cast: Cast, moodle: LearningPlatform, **rule: Any) -> datetime:
    """One of two sessions was attended by `student`, none by `classmate`; returns the time."""
    platform = registered(cast, moodle)
    now = timezone.now()
    with campus_scope(cast.campus):
        linked(cast, platform, moodle, **{"scores": "percentage", **rule})
        first = closed(cast, now - timedelta(hours=6))
        closed(cast, now - timedelta(hours=3))
        marked(first, cast.student, "present", now)
    return now


def the_link(cast: Cast) -> LtiLink:
    with campus_scope(cast.campus):
        return LtiLink.objects.get()


@pytest.mark.parametrize(
    ("rule", "attended", "total", "score"),
    [
        ({"scores": "percentage"}, 2, 3, "66.67"),
        ({"scores": "percentage"}, 0, 0, None),
        ({"scores": "percentage", "drop_lowest": 1}, 2, 3, "100.00"),
        ({"scores": "percentage", "drop_lowest": 5}, 0, 3, None),
        ({"scores": "points", "points": Decimal(20)}, 3, 4, "15.00"),
        ({"scores": "points", "points": Decimal(10), "drop_lowest": 1}, 1, 3, "5.00"),
        ({"scores": "threshold", "points": Decimal(5), "threshold": Decimal(75)}, 3, 4, "5.00"),
        ({"scores": "threshold", "points": Decimal(5), "threshold": Decimal(75)}, 2, 3, "0.00"),
    ],
)
def test_what_attendance_is_worth(
    rule: dict[str, Any], attended: int, total: int, score: str | None
) -> None:
    got, _maximum = score_of(LtiLink(**rule), attended=attended, total=total)
    assert got == (None if score is None else Decimal(score))


def test_scores_are_sent_once_to_a_column_of_their_own_and_again_when_corrected(
    cast: Cast, moodle: LearningPlatform
) -> None:
    now = set_up(cast, moodle)
    assert sent(cast.campus, now) == 2
    assert moodle.given("user-1") == [50.0]
    assert moodle.given("user-2") == [0.0]
    assert [(column["label"], column["tag"]) for column in moodle.columns.values()] == [
        ("Attendance", "attendance")
    ]
    assert sent(cast.campus, now + timedelta(minutes=1)) == 0  # not compared yet
    assert sent(cast.campus, now + SOON) == 0
    with campus_scope(cast.campus):
        session = cast.course.sessions.order_by("-starts_at")[0]
        marked(session, cast.student, "late", now)
    assert sent(cast.campus, now + 2 * SOON) == 1
    assert moodle.given("user-1") == [50.0, 100.0]
    assert len(moodle.columns) == 1
    assert the_link(cast).error == ""


def test_nothing_is_sent_of_who_left_or_is_not_connected_or_before_anything_counts(
    cast: Cast, moodle: LearningPlatform
) -> None:
    platform = registered(cast, moodle)
    now = timezone.now()
    with campus_scope(cast.campus):
        linked(cast, platform, moodle, scores="points")
    assert sent(cast.campus, now) == 0
    with campus_scope(cast.campus):
        closed(cast, now - timedelta(hours=3))
        cast.classmate.enrollments.update(status="dropped", ended_on="2026-11-01")
        LtiPerson.objects.filter(student=cast.student).update(student=cast.representative)
    assert sent(cast.campus, now + SOON) == 1
    assert set(moodle.scores) == {("/columns/1", "user-1")}


def test_what_no_longer_counts_is_cleared(cast: Cast, moodle: LearningPlatform) -> None:
    now = set_up(cast, moodle)
    sent(cast.campus, now)
    with campus_scope(cast.campus):
        for session in cast.course.sessions.all():
            marked(session, cast.student, "excused", now)
    assert sent(cast.campus, now + SOON) == 1
    assert moodle.given("user-1") == [50.0, None]
    assert moodle.scores["/columns/1", "user-1"][-1]["gradingProgress"] == "NotReady"


@pytest.mark.parametrize("status", [500, 429, 401])
def test_a_platform_that_is_away_is_asked_later_and_later_and_then_told_everything(
    cast: Cast, moodle: LearningPlatform, status: int
) -> None:
    now = set_up(cast, moodle)
    moodle.away = status
    waits = []
    for _ in range(3):
        assert sent(cast.campus, now) == 0
        link = the_link(cast)
        waits.append((link.next_run_at - now).total_seconds())  # type: ignore[operator]
        assert sent(cast.campus, now + timedelta(seconds=20)) == 0
        now = link.next_run_at  # type: ignore[assignment]
    assert waits == sorted(waits)
    assert (link.failures, str(status) in link.error) == (3, True)
    moodle.away = 0
    assert sent(cast.campus, now) == 2
    link = the_link(cast)
    assert (link.failures, link.failing_since, link.error) == (0, None, "")


def test_one_whom_the_platform_does_not_take_keeps_nobody_else_waiting(
    cast: Cast, moodle: LearningPlatform
) -> None:
    now = set_up(cast, moodle)
    moodle.unknown = {"user-1"}
    assert sent(cast.campus, now) == 1
    assert sent(cast.campus, now + SOON) == 0
    with campus_scope(cast.campus):
        row = LtiScore.objects.get(student=cast.student)
        assert "no such user in this course" in row.error
        assert row.sent_at is None
    moodle.unknown = set()
    assert sent(cast.campus, now + 2 * SOON) == 0  # not without being asked
    with campus_scope(cast.campus):
        links_send_again(links=LtiLink.objects.all(), now=now + 3 * SOON, actor=SYSTEM)
    assert sent(cast.campus, now + 3 * SOON) == 1
    with campus_scope(cast.campus):
        assert LtiScore.objects.get(student=cast.student).error == ""


def test_a_column_that_was_deleted_there_is_made_anew(cast: Cast, moodle: LearningPlatform) -> None:
    now = set_up(cast, moodle)
    sent(cast.campus, now)
    moodle.columns.clear()
    moodle.scores.clear()
    with campus_scope(cast.campus):
        link_scores_set(link=LtiLink.objects.get(), now=now, actor=SYSTEM, scores="points")
    assert sent(cast.campus, now + SOON) == 0
    assert "made anew" in the_link(cast).error
    assert sent(cast.campus, now + 2 * SOON) == 2
    assert moodle.given("user-1") == [5.0]


def test_a_lost_answer_makes_no_second_column(cast: Cast, moodle: LearningPlatform) -> None:
    now = set_up(cast, moodle)
    sent(cast.campus, now)
    with campus_scope(cast.campus):
        LtiLink.objects.update(line_item_url="", next_run_at=now)
        LtiScore.objects.all().delete()
    sent(cast.campus, now + SOON)
    assert len(moodle.columns) == 1


def test_without_an_address_for_grades_it_says_what_to_do(
    cast: Cast, moodle: LearningPlatform
) -> None:
    now = set_up(cast, moodle, line_items_url="")
    assert sent(cast.campus, now) == 0
    assert "Switch on grades there" in the_link(cast).error


def test_a_course_that_is_held_is_left_to_its_worker(cast: Cast, moodle: LearningPlatform) -> None:
    now = set_up(cast, moodle)
    with campus_scope(cast.campus):
        LtiLink.objects.update(next_run_at=now + timedelta(minutes=8))
    assert sent(cast.campus, now) == 0
    assert sent(cast.campus, now + timedelta(minutes=9)) == 2


def test_the_tasks_send_what_is_due(
    cast: Cast, moodle: LearningPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_up(cast, moodle)
    woken: list[Any] = []
    monkeypatch.setattr(send, "apply_async", lambda args, **_: woken.append(args))
    assert collect() == 1
    assert woken == [(cast.campus.pk,)]
    assert send(*woken[0]) == 2
    assert collect() == 0


def test_a_new_key_signs_after_an_hour_and_both_are_shown_for_a_day(
    cast: Cast, moodle: LearningPlatform
) -> None:
    now = set_up(cast, moodle)
    with campus_scope(cast.campus):
        old = LtiKey.objects.get()
        new = key_replace(now=now, actor=SYSTEM)
        for passed, names, signer in (
            (timedelta(0), {old.pk, new.pk}, old.pk),
            (timedelta(hours=2), {old.pk, new.pk}, new.pk),
            (timedelta(hours=25), {new.pk}, new.pk),
        ):
            at = now + passed
            assert {key.pk for key in LtiKey.shown(now=at)} == names
            signing = signing_key(now=at)
            assert signing is not None
            assert signing[0].pk == signer
        moodle.tool_keys = {"keys": [new.public_jwk]}
        LtiLink.objects.update(next_run_at=now + timedelta(hours=2))
        assert keys_purge(now=now + timedelta(hours=25)) == 1
    assert sent(cast.campus, now + timedelta(hours=2)) == 2


def test_a_key_that_is_damaged_is_said(cast: Cast, moodle: LearningPlatform) -> None:
    now = set_up(cast, moodle)
    with campus_scope(cast.campus):
        key = LtiKey.objects.get()
        key.sealed_key = seal(LtiKey.SEAL, cast.campus.pk, b"x", context=b"another")
        key.save()
    assert sent(cast.campus, now) == 0
    assert "Replace it." in the_link(cast).error
