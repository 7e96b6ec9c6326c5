"""Choosing links (LTI Deep Linking 2.0): answers are checked as the platform checks them."""

import re
from datetime import timedelta
from html import unescape
from typing import Any
from urllib.parse import urlencode

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from apps.audit.models import Entry
from apps.lti.models import LtiKey, LtiLink, LtiPlatform
from apps.tenants.scope import campus_scope
from tests.attendance.support import open_session
from tests.factories import Cast
from tests.leave.support import closed, marked
from tests.lti.platform import CLAIM, DEEP, INSTRUCTOR, LEARNER, LearningPlatform
from tests.lti.support import (
    arrived,
    begun,
    browser,
    launched,
    linked,
    login_of,
    moodle,
    posted,
    registered,
    sent,
    words,
)

pytestmark = pytest.mark.django_db
__all__ = ["moodle"]
CHECK_IN = {"campus_page": "check_in"}
ATTENDANCE = {"campus_page": "attendance"}
LAUNCH = "http://north.example/lti/launch"


def known(cast: Cast, moodle: LearningPlatform, *, connected: bool = True) -> LtiPlatform:
    platform = registered(cast, moodle)
    with campus_scope(cast.campus):
        if connected:
            linked(cast, platform, moodle)
        moodle.tool_keys = {"keys": [key.public_jwk for key in LtiKey.shown(now=timezone.now())]}
    return platform


def choosing(client: Client, moodle: LearningPlatform, **settings: Any) -> str:
    """The address of the page on which a link is chosen."""
    there = arrived(client, moodle, **moodle.choosing(**settings))
    choice: str = client.get(there)["Location"]
    assert choice.startswith("/lti/choice/")
    return choice


def posted_form(answer: Any) -> tuple[str, str]:
    """Where the page posts itself, and the signed answer in it."""
    page = answer.content.decode()
    form = re.search(r'<form method="post" action="([^"]*)" id="hand-over">', page)
    token = re.search(r'name="JWT" value="([^"]*)"', page)
    assert form is not None, page
    assert token is not None
    return unescape(form[1]), token[1]


def test_a_lecturer_chooses_links_and_the_platform_checks_the_answer(
    cast: Cast, moodle: LearningPlatform
) -> None:
    known(cast, moodle)
    client = browser(cast, cast.lecturer.user)
    choice = choosing(client, moodle)
    page = client.get(choice)
    assert "grade column" in words(page)
    answer = client.post(choice, {"pages": ["attendance", "check_in"], "graded": "on"})
    there, token = posted_form(answer)
    assert there == f"{moodle.url}/chosen?course=7"
    first, second = moodle.chosen(token)
    assert moodle.echoed == "course=7&sign=é"
    assert (first["type"], first["url"], first["custom"]) == ("ltiResourceLink", LAUNCH, CHECK_IN)
    assert (second["type"], second["custom"]) == ("ltiResourceLink", ATTENDANCE)
    assert "lineItem" not in first
    assert second["lineItem"]["scoreMaximum"] == 100
    policy = answer["Content-Security-Policy"]
    assert f"form-action 'self' {moodle.url}" in policy
    assert "frame-ancestors 'none'" in policy
    assert "Continue" in words(answer)
    with campus_scope(cast.campus):
        entry = Entry.objects.get(action="lti.link.chosen")
        assert entry.data["pages"] == ["check_in", "attendance"]


def test_scores_go_to_the_column_that_came_with_the_link(
    cast: Cast, moodle: LearningPlatform
) -> None:
    known(cast, moodle)
    client = browser(cast, cast.lecturer.user)
    answer = client.post(choosing(client, moodle), {"pages": ["attendance"], "graded": "on"})
    moodle.take(moodle.chosen(posted_form(answer)[1]))
    now = timezone.now()
    with campus_scope(cast.campus):
        marked(closed(cast, now - timedelta(hours=3)), cast.student, "present", now)
        LtiLink.objects.update(scores="percentage")
    assert sent(cast.campus, now) == 2
    (column,) = moodle.columns.values()
    with campus_scope(cast.campus):
        assert LtiLink.objects.get().line_item_url == column["id"]
    assert moodle.given("user-1") == [100.0]
    assert "grade column" not in words(client.get(choosing(client, moodle)))


@pytest.mark.parametrize(
    ("accepted", "pages", "status"),
    [
        ({"accept_multiple": False}, ["check_in"], 200),
        ({"accept_multiple": None}, ["attendance"], 200),
        ({}, [], 400),
        ({}, ["reports"], 400),
    ],
)
def test_what_the_platform_accepts_is_what_can_be_chosen(
    cast: Cast,
    moodle: LearningPlatform,
    accepted: dict[str, Any],
    pages: list[str],
    status: int,
) -> None:
    known(cast, moodle)
    client = browser(cast, cast.lecturer.user)
    answer = client.post(choosing(client, moodle, **accepted), {"pages": pages})
    assert answer.status_code == status
    if status == 200:
        assert len(moodle.chosen(posted_form(answer)[1])) == 1


def test_one_link_is_sent_where_one_is_accepted(cast: Cast, moodle: LearningPlatform) -> None:
    known(cast, moodle)
    client = browser(cast, cast.lecturer.user)
    choice = choosing(client, moodle, accept_multiple=False)
    assert 'type="radio"' in client.get(choice).content.decode()
    answer = client.post(choice, {"pages": ["check_in", "attendance"]})
    assert [item["custom"] for item in moodle.chosen(posted_form(answer)[1])] == [ATTENDANCE]


@pytest.mark.parametrize("accepted", [False, None])
def test_a_column_comes_only_where_it_is_accepted(
    cast: Cast, moodle: LearningPlatform, accepted: bool | None
) -> None:
    known(cast, moodle)
    client = browser(cast, cast.lecturer.user)
    choice = choosing(client, moodle, accept_lineitem=accepted, data=None)
    assert "grade column" not in words(client.get(choice))
    answer = client.post(choice, {"pages": ["attendance"], "graded": "on"})
    (item,) = moodle.chosen(posted_form(answer)[1])
    assert "lineItem" not in item
    assert moodle.echoed is None


def test_a_choice_is_sent_once(cast: Cast, moodle: LearningPlatform) -> None:
    known(cast, moodle)
    client = browser(cast, cast.lecturer.user)
    choice = choosing(client, moodle)
    assert client.post(choice, {"pages": ["check_in"]}).status_code == 200
    for answer in (client.post(choice, {"pages": ["check_in"]}), client.get(choice)):
        assert (answer.status_code, "launch is over" in words(answer)) == (404, True)


def test_a_course_that_is_not_connected_is_connected_first(
    cast: Cast, moodle: LearningPlatform
) -> None:
    known(cast, moodle, connected=False)
    client = browser(cast, cast.lecturer.user)
    asked = {**moodle.choosing(), f"{CLAIM}lis": None}
    there = arrived(client, moodle, **asked)
    assert "Connect a course" in words(client.get(there))
    choice = client.post(there, {"code": cast.course.code})["Location"]
    assert choice.startswith("/lti/choice/")
    assert client.post(choice, {"pages": ["check_in"]}).status_code == 200
    with campus_scope(cast.campus):
        assert LtiLink.objects.get().course_id == cast.course.pk


def test_without_a_course_there_is_no_column(cast: Cast, moodle: LearningPlatform) -> None:
    known(cast, moodle, connected=False)
    client = browser(cast, cast.lecturer.user)
    there = arrived(client, moodle, **{**moodle.choosing(), f"{CLAIM}context": None})
    choice = client.get(there)["Location"]
    answer = client.post(choice, {"pages": ["attendance"], "graded": "on"})
    (item,) = moodle.chosen(posted_form(answer)[1])
    assert "lineItem" not in item


# --- Who may not -------------------------------------------------------------------------------


def test_students_choose_nothing_whatever_the_platform_says(
    cast: Cast, other_cast: Cast, moodle: LearningPlatform
) -> None:
    known(cast, moodle)
    for roles in ([LEARNER], [], None, "Instructor", [7]):
        answer = launched(
            browser(cast, cast.lecturer.user),
            moodle,
            **{**moodle.choosing(), f"{CLAIM}roles": roles},
        )
        assert (answer.status_code, "chosen by lecturers" in words(answer)) == (403, True)
    student = browser(cast, cast.student.user)
    there = arrived(student, moodle, **moodle.choosing())
    for page in (there, there.replace("/go/", "/choice/")):
        for answer in (student.get(page), student.post(page, {"pages": ["check_in"]})):
            assert (answer.status_code, "chosen by lecturers" in words(answer)) == (403, True)


@pytest.mark.parametrize(
    "role",
    [
        f"{INSTRUCTOR.replace('#', '/Instructor#')}",
        "http://purl.imsglobal.org/vocab/lis/v2/institution/person#Administrator",
    ],
)
def test_other_staff_of_the_platform_chooses_too(
    cast: Cast, moodle: LearningPlatform, role: str
) -> None:
    known(cast, moodle)
    client = browser(cast, cast.admin)
    there = arrived(client, moodle, **{**moodle.choosing(), f"{CLAIM}roles": [role]})
    assert client.get(client.get(there)["Location"]).status_code == 200


def test_another_lecturer_another_browser_and_another_campus_choose_nothing(
    cast: Cast, other_cast: Cast, moodle: LearningPlatform
) -> None:
    known(cast, moodle)
    outsider = browser(cast, cast.outsider.user)
    answer = outsider.post(choosing(outsider, moodle), {"pages": ["check_in"]})
    assert (answer.status_code, "somebody else here" in words(answer)) == (403, True)
    choice = choosing(browser(cast, cast.lecturer.user), moodle)
    assert browser(cast, cast.lecturer.user).get(choice).status_code == 404
    assert browser(other_cast, other_cast.lecturer.user).get(choice).status_code == 404
    foreign = browser(other_cast, other_cast.lecturer.user).get("/lti/login", login_of(moodle))
    assert foreign.status_code == 403
    assert browser(cast).get(choice)["Location"].startswith("/accounts/login/")


def test_a_launch_of_a_link_is_no_choice(cast: Cast, moodle: LearningPlatform) -> None:
    known(cast, moodle)
    client = browser(cast, cast.lecturer.user)
    there = arrived(client, moodle).replace("/go/", "/choice/")
    assert client.get(there).status_code == 404


# --- What the platform may not ask ---------------------------------------------------------------

BENT: dict[str, tuple[dict[str, Any], int, str]] = {
    "no address": ({"deep_link_return_url": None}, 400, "to which address"),
    "no TLS": ({"deep_link_return_url": "http://lms.example/"}, 400, "to which address"),
    "a script": ({"deep_link_return_url": "javascript:alert(1)"}, 400, "to which address"),
    "a list": ({"deep_link_return_url": ["https://lms.example/"]}, 400, "to which address"),
    "too long": ({"deep_link_return_url": f"https://x.example/{'x' * 5000}"}, 400, "which address"),
    "files alone": ({"accept_types": ["file"]}, 400, "takes no links to tools"),
    "no types": ({"accept_types": None}, 400, "takes no links to tools"),
    "odd types": ({"accept_types": "ltiResourceLink"}, 400, "takes no links to tools"),
    "odd data": ({"data": {"course": 7}}, 400, "cannot be read"),
    "much data": ({"data": "x" * 20_000}, 400, "cannot be read"),
}


@pytest.mark.parametrize("bent", BENT)
def test_settings_that_are_refused_in_words(
    cast: Cast, moodle: LearningPlatform, bent: str
) -> None:
    known(cast, moodle)
    settings, status, said = BENT[bent]
    answer = launched(browser(cast, cast.lecturer.user), moodle, **moodle.choosing(**settings))
    assert (answer.status_code, said in words(answer)) == (status, True)


def test_a_choice_without_settings_is_refused(cast: Cast, moodle: LearningPlatform) -> None:
    known(cast, moodle)
    bare = {**moodle.choosing(), f"{DEEP}deep_linking_settings": None}
    answer = launched(browser(cast, cast.lecturer.user), moodle, **bare)
    assert (answer.status_code, "to which address" in words(answer)) == (400, True)


def test_what_is_over_or_cannot_be_signed_says_so(cast: Cast, moodle: LearningPlatform) -> None:
    known(cast, moodle)
    client = browser(cast, cast.lecturer.user)
    choice = choosing(client, moodle)
    with campus_scope(cast.campus):
        LtiKey.objects.all().delete()
    answer = client.post(choice, {"pages": ["check_in"]})
    assert (answer.status_code, "no key to sign" in words(answer)) == (503, True)
    with campus_scope(cast.campus):
        LtiPlatform.objects.update(is_active=False)
    assert client.get(choice).status_code == 403
    cache.clear()  # half an hour later
    assert client.get(choice).status_code == 404


# --- Where links lead ----------------------------------------------------------------------------


def test_links_lead_students_where_they_say(cast: Cast, moodle: LearningPlatform) -> None:
    known(cast, moodle)
    client = browser(cast, cast.student.user)
    mine = f"/attendance/?course={cast.course.pk}"

    def led(custom: Any) -> str:
        there = arrived(client, moodle, **{f"{CLAIM}custom": custom})
        return client.get(there)["Location"]  # type: ignore[no-any-return]

    assert [led(one) for one in (CHECK_IN, ATTENDANCE, None)] == ["/c", mine, mine]
    open_session(cast)
    assert [led(one) for one in (CHECK_IN, ATTENDANCE, None)] == ["/c", mine, "/c"]
    assert [led(one) for one in ({"campus_page": "admin"}, "x", {"campus_page": 7})] == ["/c"] * 3


def test_links_lead_lecturers_where_they_say(cast: Cast, moodle: LearningPlatform) -> None:
    known(cast, moodle)
    client = browser(cast, cast.lecturer.user)
    with campus_scope(cast.campus):
        connection = f"/lti/links/{LtiLink.objects.get().pk}/"

    def led(custom: Any) -> str:
        there = arrived(client, moodle, **{f"{CLAIM}custom": custom})
        return client.get(there)["Location"]  # type: ignore[no-any-return]

    assert led(CHECK_IN) == f"/teach/courses/{cast.course.pk}/"
    assert led(ATTENDANCE) == connection
    session = open_session(cast)
    assert led(CHECK_IN) == f"/teach/sessions/{session.pk}/"
    assert led(ATTENDANCE) == connection


def test_a_chosen_link_opens_nothing_that_its_person_may_not_see(
    cast: Cast, moodle: LearningPlatform
) -> None:
    known(cast, moodle)
    stranger = browser(cast, cast.stranger.user)
    answer = stranger.post(arrived(stranger, moodle, sub="user-9", **{f"{CLAIM}custom": CHECK_IN}))
    assert (answer.status_code, "not on the roster" in words(answer)) == (403, True)


# --- Inside of a frame -------------------------------------------------------------------------


def framed(client: Client, moodle: LearningPlatform, target: str) -> str:
    asked = login_of(moodle, target_link_uri=target)
    page = client.get("/lti/login", asked, headers={"sec-fetch-dest": "iframe"})
    return unescape(page.content.decode())


def test_the_frame_takes_over_what_the_window_chose(cast: Cast, moodle: LearningPlatform) -> None:
    """Moodle and others show the choice in a frame and take the answer there alone."""
    known(cast, moodle)
    window, frame = browser(cast, cast.lecturer.user), browser(cast)
    page = framed(frame, moodle, f"{LAUNCH}?choice=1")
    found = re.search(r'name="relay" value="([^"]*)"', page)
    link = re.search(r'href="(/lti/login\?[^"]*)"', page)
    assert found is not None
    assert link is not None
    early = frame.post("/lti/relay", {"relay": found[1]})
    assert "Nothing is chosen" in words(early)
    assert f"frame-ancestors {moodle.url}" in early["Content-Security-Policy"]
    asked = dict(re.findall(r"[?&](state|nonce)=([^&]*)", window.get(link[1])["Location"]))
    taken = posted(window, asked, moodle.sign(moodle.claims(asked["nonce"], **moodle.choosing())))
    choice = window.get(taken["Location"])["Location"]
    assert "Take over the choice" in words(window.post(choice, {"pages": ["check_in"]}))
    answer = frame.post("/lti/relay", {"relay": found[1]})
    there, token = posted_form(answer)
    assert there == f"{moodle.url}/chosen?course=7"
    assert [item["custom"] for item in moodle.chosen(token)] == [CHECK_IN]
    policy = answer["Content-Security-Policy"]
    assert f"frame-ancestors {moodle.url}" in policy
    assert f"form-action 'self' {moodle.url}" in policy
    assert "X-Frame-Options" not in answer
    assert frame.post("/lti/relay", {"relay": found[1]}).status_code == 404


def test_a_frame_of_an_ordinary_link_waits_for_nothing(
    cast: Cast, moodle: LearningPlatform
) -> None:
    known(cast, moodle)
    assert "relay" not in framed(browser(cast), moodle, LAUNCH)
    assert "relay" not in framed(browser(cast), moodle, "https://[x?choice=1")


def test_an_unknown_or_foreign_frame_gets_nothing(
    cast: Cast, other_cast: Cast, moodle: LearningPlatform
) -> None:
    known(cast, moodle)
    client = browser(cast, cast.lecturer.user)
    asked = begun(client, moodle, relay="made-up")
    taken = posted(client, asked, moodle.sign(moodle.claims(asked["nonce"], **moodle.choosing())))
    choice = client.get(taken["Location"])["Location"]
    answer = client.post(choice, {"pages": ["check_in"]})
    assert len(moodle.chosen(posted_form(answer)[1])) == 1  # no frame waits: from here
    page = framed(browser(cast), moodle, f"{LAUNCH}?{urlencode({'choice': 1})}")
    found = re.search(r'name="relay" value="([^"]*)"', page)
    assert found is not None
    assert browser(other_cast).post("/lti/relay", {"relay": found[1]}).status_code == 404
    assert browser(cast).post("/lti/relay", {"relay": "made-up"}).status_code == 404
    with campus_scope(cast.campus):
        LtiPlatform.objects.update(is_active=False)
    assert browser(cast).post("/lti/relay", {"relay": found[1]}).status_code == 403
