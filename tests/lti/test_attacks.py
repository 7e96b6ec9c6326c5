"""What a hostile platform, and students who share a browser, may try."""

import time
from datetime import timedelta
from typing import Any

import pytest

from apps.audit.services import SYSTEM
from apps.common.answers import HttpAnswer
from apps.lti.models import LtiLink, LtiPerson, LtiPlatform, LtiScore
from apps.lti.services import sending
from apps.lti.services.asking import next_page
from apps.lti.services.links import link_make
from apps.tenants.scope import campus_scope
from tests.factories import Cast
from tests.leave.support import marked
from tests.lti.platform import CLAIM, LearningPlatform
from tests.lti.support import arrived, browser, login_of, moodle, registered, sent
from tests.lti.test_scores import SOON, set_up, the_link

pytestmark = pytest.mark.django_db
__all__ = ["moodle"]
PAGE = "https://lms.example/members"


@pytest.mark.parametrize(
    "issuer", ["urn:moodle", "https://a b", "https://x/#y", "https://*", "https://a;b", "http://ü/"]
)
def test_an_issuer_that_is_no_address_is_named_in_no_policy(
    cast: Cast, moodle: LearningPlatform, issuer: str
) -> None:
    registered(cast, moodle, issuer=issuer)
    asked = login_of(moodle, iss=issuer)
    answer = browser(cast).get("/lti/login", asked, headers={"sec-fetch-dest": "iframe"})
    assert answer.status_code == 200
    policy = answer["Content-Security-Policy"].split("frame-ancestors")[1].split(";")[0]
    assert policy.split() == [moodle.url]


@pytest.mark.parametrize(
    "column", ["https://[x", "/columns/1", "https://a/\x00", "https://\ud800", ""]
)
def test_a_column_without_a_usable_address_is_one_failed_course(
    cast: Cast, moodle: LearningPlatform, monkeypatch: pytest.MonkeyPatch, column: str
) -> None:
    """It ended the worker's run, and with it the courses of other platforms."""
    now = set_up(cast, moodle)
    made = moodle._columns

    def bent(*asked: Any) -> Any:
        status, content, headers = made(*asked)
        return status, {**content, "id": column} if isinstance(content, dict) else [], headers

    monkeypatch.setattr(moodle, "_columns", bent)
    assert sent(cast.campus, now) == 0
    assert "without a usable address" in the_link(cast).error
    monkeypatch.undo()
    assert sent(cast.campus, now + timedelta(hours=1)) == 2


def test_whatever_goes_wrong_with_one_course_the_others_are_sent(
    cast: Cast, moodle: LearningPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = set_up(cast, moodle)
    with campus_scope(cast.campus):
        broken = link_make(
            platform_id=the_link(cast).platform_id,
            context_id="ctx-0",
            context_title="Broken",
            addresses={"line_items_url": f"{moodle.url}/lineitems?type=1"},
            course=cast.course,
            now=now,
            actor=SYSTEM,
        )
        earlier = now - timedelta(hours=1)
        LtiLink.objects.filter(pk=broken.pk).update(scores="points", next_run_at=earlier)
    token = sending._token

    def failing(campus_id: int, run: Any, at: Any) -> str:
        if run.link.pk == broken.pk:
            raise ZeroDivisionError
        return token(campus_id, run, at)

    monkeypatch.setattr(sending, "_token", failing)
    assert sent(cast.campus, now) == 2


def test_a_course_that_is_disconnected_while_it_is_sent_is_left(
    cast: Cast, moodle: LearningPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = set_up(cast, moodle)
    ask = sending.ask

    def asked(method: str, url: str, **more: Any) -> Any:
        answer = ask(method, url, **more)
        if url.partition("?")[0].endswith("/scores"):
            with campus_scope(cast.campus):
                LtiLink.objects.all().delete()
        return answer

    monkeypatch.setattr(sending, "ask", asked)
    assert sent(cast.campus, now) == 0
    with campus_scope(cast.campus):
        assert not LtiScore.objects.exists()


@pytest.mark.parametrize("header", ["<" * 200_000, "<a>;" * 50_000, '<a>; rel="' * 20_000])
def test_a_list_of_pages_that_is_endless_costs_nothing(header: str) -> None:
    """A pattern that looked for the end from every bracket held a worker for half a minute."""
    answer = HttpAnswer(status=200, headers={"Link": header}, body=b"")
    began = time.process_time()
    assert next_page(answer, of=PAGE) == ""
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    ("header", "there"),
    [
        (f'<{PAGE}?p=2>; rel="next"', f"{PAGE}?p=2"),
        (f"<{PAGE}?p=1>; rel=prev, <{PAGE}?p=3>; title=x; REL=Next", f"{PAGE}?p=3"),
        (f'<{PAGE}?p=4>; rel="last next"', f"{PAGE}?p=4"),
        ('<https://evil.example/>; rel="next"', ""),
        ('<//lms.example/members>; rel="next"', ""),
        (f'<{PAGE}>; rel="nextx"', ""),
        ("", ""),
        (";,<>;=,rel=next", ""),
    ],
)
def test_the_next_page_is_one_of_the_same_place(header: str, there: str) -> None:
    assert next_page(HttpAnswer(status=200, headers={"Link": header}, body=b""), of=PAGE) == there


@pytest.mark.parametrize("who", ["student", "lecturer"])
@pytest.mark.parametrize("gone", [True, False])
def test_a_launch_of_a_platform_that_is_gone_since_connects_nothing(
    cast: Cast, moodle: LearningPlatform, who: str, gone: bool
) -> None:
    platform = registered(cast, moodle)
    client = browser(cast, getattr(cast, who).user)
    client.raise_request_exception = False
    there = arrived(client, moodle, **{f"{CLAIM}lis": None})
    with campus_scope(cast.campus):
        rows = LtiPlatform.objects.filter(pk=platform.pk)
        if gone:
            rows.delete()
        else:
            rows.update(is_active=False)
    answer = client.post(there, {"code": "CS201-A"})
    assert answer.status_code == 403
    with campus_scope(cast.campus):
        assert not LtiPerson.objects.exists()
        assert not LtiLink.objects.exists()


def test_a_student_does_not_leave_the_own_attendance_to_somebody_else_there(
    cast: Cast, moodle: LearningPlatform
) -> None:
    """Connected as a friend shortly before the grades, and as oneself again."""
    now = set_up(cast, moodle)
    sent(cast.campus, now)
    client = browser(cast, cast.student.user)
    for minutes, subject in ((6, "friend"), (12, "user-1")):
        client.post(arrived(client, moodle, sub=subject))
        sent(cast.campus, now + timedelta(minutes=minutes))
    assert moodle.given("friend") == [50.0, None]
    assert moodle.given("user-1") == [50.0, None, 50.0]
    assert sent(cast.campus, now + timedelta(minutes=18)) == 0


def test_what_is_taken_back_is_not_another_students_score(
    cast: Cast, moodle: LearningPlatform
) -> None:
    """The office had connected two students the wrong way round."""
    now = set_up(cast, moodle)
    sent(cast.campus, now)
    with campus_scope(cast.campus):
        LtiPerson.objects.filter(student=cast.student).update(subject="x")
        LtiPerson.objects.filter(student=cast.classmate).update(subject="user-1")
        LtiPerson.objects.filter(student=cast.student).update(subject="user-2")
    assert sent(cast.campus, now + SOON) == 2
    assert moodle.given("user-1")[-1] == 0.0
    assert moodle.given("user-2")[-1] == 50.0


def test_somebody_who_is_gone_there_is_not_told_for_ever_that_nothing_counts(
    cast: Cast, moodle: LearningPlatform
) -> None:
    now = set_up(cast, moodle)
    sent(cast.campus, now)
    with campus_scope(cast.campus):
        LtiPerson.objects.filter(student=cast.student).update(subject="new")
        for session in cast.course.sessions.all():
            marked(session, cast.student, "excused", now)
    moodle.unknown = {"user-1"}
    assert sent(cast.campus, now + SOON) == 0
    with campus_scope(cast.campus):
        assert LtiScore.objects.get(student=cast.student).refused == "None/100.00"
        LtiScore.objects.filter(student=cast.student).update(error="once")
    assert sent(cast.campus, now + 2 * SOON) == 0
    with campus_scope(cast.campus):
        assert LtiScore.objects.get(student=cast.student).error == "once"
