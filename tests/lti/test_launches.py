"""Launches: who is led where, and what is refused, each with a page of words and never a 5xx."""

import re
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from django.core.cache import cache
from django.utils import timezone

from apps.audit.models import Entry
from apps.audit.services import SYSTEM
from apps.lti.models import LtiLink, LtiPerson, LtiPlatform
from apps.lti.services.links import link_make
from apps.tenants.scope import campus_scope
from tests.attendance.support import open_session
from tests.factories import Cast
from tests.lti.platform import CLAIM, LearningPlatform
from tests.lti.support import (
    COOKIE,
    arrived,
    begun,
    browser,
    launched,
    linked,
    login_of,
    moodle,
    posted,
    registered,
    words,
)
from tests.rsa_keys import rsa_key

pytestmark = pytest.mark.django_db
__all__ = ["moodle"]


# --- Where a launch leads ------------------------------------------------------------------------


def test_a_student_signs_in_connects_once_and_is_led_to_the_open_session(
    cast: Cast, moodle: LearningPlatform
) -> None:
    """The course is found by its code, which the platform names."""
    registered(cast, moodle)
    client = browser(cast)
    there = arrived(client, moodle)
    asked = client.get(there)
    assert asked.status_code == 302
    assert asked["Location"].startswith("/accounts/login/?next=/lti/go/")
    client.force_login(cast.student.user)
    page = client.get(there)
    assert "Stu Dent" in page.content.decode()
    assert client.post(there)["Location"] == f"/attendance/?course={cast.course.pk}"
    with campus_scope(cast.campus):
        person = LtiPerson.objects.get()
        assert (person.subject, person.student_id) == ("user-1", cast.student.pk)
        assert LtiLink.objects.get().course_id == cast.course.pk
        acts = set(Entry.objects.filter(action__startswith="lti.").values_list("action", flat=True))
    assert {"lti.person.connected", "lti.link.made", "lti.key.made"} <= acts
    open_session(cast)
    again = arrived(client, moodle)
    assert client.get(again)["Location"] == "/c"


def test_a_launch_signs_nobody_in(cast: Cast, moodle: LearningPlatform) -> None:
    """Not even who is connected: it would be a way around second factors and other campuses."""
    platform = registered(cast, moodle)
    with campus_scope(cast.campus):
        linked(cast, platform, moodle)
    client = browser(cast)
    there = arrived(client, moodle)
    assert client.get(there)["Location"].startswith("/accounts/login/")
    assert client.get("/attendance/").status_code == 302


def test_a_lecturer_connects_the_course_and_is_led_to_the_session_of_now(
    cast: Cast, moodle: LearningPlatform
) -> None:
    registered(cast, moodle)
    client = browser(cast, cast.lecturer.user)
    there = arrived(client, moodle, **{f"{CLAIM}lis": None})
    assert cast.course.code in client.get(there).content.decode()
    refused = client.post(there, {"code": cast.other_course.code})
    assert refused.status_code == 400
    assert "no active course of yours" in words(refused)
    page = client.post(there, {"code": "cs201-a"}, follow=True)
    assert page.status_code == 200
    assert "0 of 3 are connected" in words(page)
    session = open_session(cast)
    assert client.get(arrived(client, moodle))["Location"] == f"/teach/sessions/{session.pk}/"


def test_students_are_told_what_is_missing(cast: Cast, moodle: LearningPlatform) -> None:
    registered(cast, moodle)
    client = browser(cast, cast.student.user)
    there = arrived(client, moodle, **{f"{CLAIM}lis": None})
    answer = client.post(there)
    assert answer.status_code == 409
    assert "Your lecturer connects it" in words(answer)
    client = browser(cast, cast.stranger.user)
    answer = client.post(arrived(client, moodle, sub="user-3"))
    assert answer.status_code == 403
    assert "not on the roster" in words(answer)


def test_an_account_of_one_student_is_never_another_ones(
    cast: Cast, moodle: LearningPlatform
) -> None:
    platform = registered(cast, moodle)
    with campus_scope(cast.campus):
        linked(cast, platform, moodle)
    client = browser(cast, cast.classmate.user)
    there = arrived(client, moodle, sub="user-1")
    for answer in (client.get(there), client.post(there)):
        assert answer.status_code == 409
        assert "connected with another student" in words(answer)


def test_a_second_account_takes_the_place_of_the_first_where_its_person_confirms(
    cast: Cast, moodle: LearningPlatform
) -> None:
    platform = registered(cast, moodle)
    with campus_scope(cast.campus):
        linked(cast, platform, moodle)
    client = browser(cast, cast.student.user)
    there = arrived(client, moodle, sub="user-new")
    assert "Are both you?" in words(client.get(there))
    client.post(there)
    with campus_scope(cast.campus):
        assert LtiPerson.objects.get(student=cast.student).subject == "user-new"


def test_the_launch_of_one_browser_is_not_anothers(cast: Cast, moodle: LearningPlatform) -> None:
    registered(cast, moodle)
    there = arrived(browser(cast, cast.student.user), moodle)
    answer = browser(cast, cast.classmate.user).get(there)
    assert answer.status_code == 404
    assert "This launch is over" in words(answer)


def test_new_addresses_are_taken_over_and_a_new_place_has_no_column_of_ours(
    cast: Cast, moodle: LearningPlatform
) -> None:
    platform = registered(cast, moodle)
    with campus_scope(cast.campus):
        linked(cast, platform, moodle, line_items_url="https://old.example/", line_item_url="x")
    arrived(browser(cast), moodle)
    with campus_scope(cast.campus):
        link = LtiLink.objects.get()
        assert link.line_items_url == f"{moodle.url}/lineitems?type=1"
        assert link.line_item_url == ""
        entry = Entry.objects.get(action="lti.link.moved")
        assert entry.data["line_items_url"] == link.line_items_url
    arrived(browser(cast), moodle)
    with campus_scope(cast.campus):
        assert Entry.objects.filter(action="lti.link.moved").count() == 1


# --- Inside of a frame -------------------------------------------------------------------------


def test_in_a_frame_of_the_platform_there_is_a_link_to_a_window(
    cast: Cast, moodle: LearningPlatform
) -> None:
    registered(cast, moodle, issuer="https://lms.example")
    moodle.issuer = "https://lms.example"
    framed = {"sec-fetch-dest": "iframe"}
    client = browser(cast)
    page = client.post("/lti/login", login_of(moodle), headers=framed)
    policy = page["Content-Security-Policy"]
    ancestors = next(part for part in policy.split(";") if "frame-ancestors" in part).split()
    assert ancestors == ["frame-ancestors", moodle.url, "https://lms.example"]
    assert "X-Frame-Options" not in page
    assert COOKIE not in page.cookies
    there = re.search(r'href="(/lti/login\?[^"]*)"', page.content.decode())
    assert there is not None
    assert client.get(there[1].replace("&amp;", "&"))["Location"].startswith(f"{moodle.url}/auth")
    unknown = client.get("/lti/login", login_of(moodle, client_id="x"), headers=framed)
    assert "frame-ancestors 'none'" in unknown["Content-Security-Policy"]
    assert unknown["X-Frame-Options"] == "DENY"


def test_the_cookie_comes_with_the_platforms_form_and_with_nothing_else(
    cast: Cast, moodle: LearningPlatform
) -> None:
    registered(cast, moodle)
    cookie = browser(cast).get("/lti/login", login_of(moodle)).cookies[COOKIE]
    assert (cookie["samesite"], bool(cookie["secure"]), bool(cookie["httponly"])) == (
        "None",
        True,
        True,
    )


# --- What is refused ---------------------------------------------------------------------------

BENT: dict[str, tuple[dict[str, Any], int, str]] = {
    "another audience": ({"aud": "other-tool"}, 403, "meant for another tool"),
    "two audiences, no party": ({"aud": ["campus-tool", "other"]}, 403, "another tool"),
    "another party": ({"azp": "other-tool"}, 403, "meant for another tool"),
    "another issuer": ({"iss": "https://evil.example"}, 403, "meant for another tool"),
    "another nonce": ({"nonce": "made-up"}, 403, "used already"),
    "no nonce": ({"nonce": None}, 400, "cannot be read"),
    "expired": ({"exp": 1_700_000_000}, 403, "launch is over"),
    "not yet issued": ({"iat": 4_000_000_000}, 403, "launch is over"),
    "an end that is no number": ({"exp": True}, 400, "cannot be read"),
    "another deployment": ({f"{CLAIM}deployment_id": "2"}, 403, "does not know"),
    "no deployment": ({f"{CLAIM}deployment_id": None}, 403, "does not know"),
    "a deployment that is a list": ({f"{CLAIM}deployment_id": ["1"]}, 403, "does not know"),
    "another version": ({f"{CLAIM}version": "1.1"}, 400, "LTI 1.3 only"),
    "another message": ({f"{CLAIM}message_type": "LtiSubmissionReviewRequest"}, 400, "only"),
    "nobody": ({"sub": None}, 400, "cannot be read"),
    "a subject with a NUL": ({"sub": "a\x00b"}, 400, "cannot be read"),
}


@pytest.mark.parametrize("bent", BENT)
def test_bent_launches_are_refused_in_words(
    cast: Cast, moodle: LearningPlatform, bent: str
) -> None:
    registered(cast, moodle)
    changes, status, said = BENT[bent]
    answer = launched(browser(cast), moodle, **changes)
    assert answer.status_code == status
    assert said in words(answer)


def test_odd_parts_of_a_launch_are_left_out(cast: Cast, moodle: LearningPlatform) -> None:
    registered(cast, moodle)
    odd = {
        "name": ["x"],
        f"{CLAIM}context": "x",
        f"{CLAIM}lis": 7,
        f"{CLAIM}roles": None,
        "https://purl.imsglobal.org/spec/lti-ags/claim/endpoint": {"lineitems": "file:///etc"},
        "https://purl.imsglobal.org/spec/lti-nrps/claim/namesroleservice": [],
    }
    client = browser(cast, cast.lecturer.user)
    assert client.get(arrived(client, moodle, **odd))["Location"] == "/"


def test_a_token_and_a_state_are_good_once(cast: Cast, moodle: LearningPlatform) -> None:
    registered(cast, moodle)
    client = browser(cast)
    asked = begun(client, moodle)
    token = moodle.sign(moodle.claims(asked["nonce"]))
    assert posted(client, asked, token).status_code == 303
    again = posted(client, asked, token)
    assert (again.status_code, "used already" in words(again)) == (403, True)
    other = posted(client, begun(client, moodle), token)
    assert (other.status_code, "used already" in words(other)) == (403, True)


def test_a_launch_that_another_browser_began_is_refused(
    cast: Cast, moodle: LearningPlatform
) -> None:
    """Else anybody could be launched as somebody else (login CSRF)."""
    registered(cast, moodle)
    asked = begun(browser(cast), moodle)
    token = moodle.sign(moodle.claims(asked["nonce"]))
    victim = browser(cast)
    begun(victim, moodle)
    assert posted(victim, asked, token).status_code == 403
    assert posted(browser(cast), asked, token).status_code == 403


def test_signatures_of_others_are_refused(cast: Cast, moodle: LearningPlatform) -> None:
    registered(cast, moodle)
    client = browser(cast)
    forged: list[dict[str, Any]] = [
        {"key": rsa_key("another platform")},
        {"key": "shared-secret-shared-secret-shared", "algorithm": "HS256"},
        {"algorithm": "RS512"},
        {"kid": "made-up"},
        {"kid": 7},
    ]
    for header in forged:
        asked = begun(client, moodle)
        claims = moodle.claims(asked["nonce"])
        try:
            token = moodle.sign(claims, **header)
        except jwt.InvalidTokenError:  # PyJWT itself refuses such a name
            continue
        answer = posted(client, asked, token)
        assert (answer.status_code, "not signed" in words(answer)) == (403, True), header
    asked = begun(client, moodle)
    unsigned = jwt.encode(moodle.claims(asked["nonce"]), "", "none", headers={"kid": "first"})
    assert "not signed" in words(posted(client, asked, unsigned))
    for broken in ("", "x", "a.b.c", "é" * 10, "x" * 70_000):
        answer = posted(client, begun(client, moodle), broken)
        assert (answer.status_code, "cannot be read" in words(answer)) == (400, True)


def test_a_new_key_is_read_at_once_and_unknown_ones_once_a_minute(
    cast: Cast, moodle: LearningPlatform
) -> None:
    registered(cast, moodle)
    client = browser(cast)
    assert launched(client, moodle).status_code == 303
    assert launched(client, moodle).status_code == 303
    assert moodle.keyset_reads == 1
    moodle.key, moodle.key_id = rsa_key("another platform"), "second"
    assert launched(client, moodle).status_code == 403  # read less than a minute ago
    for key in cache._cache.get_client(None).scan_iter("*asked"):  # type: ignore[attr-defined]
        cache._cache.get_client(None).delete(key)  # type: ignore[attr-defined]
    assert launched(client, moodle).status_code == 303
    assert moodle.keyset_reads == 2


def test_a_weak_key_of_the_platform_is_none(cast: Cast, moodle: LearningPlatform) -> None:
    registered(cast, moodle)
    moodle.key = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    answer = launched(browser(cast), moodle)
    assert (answer.status_code, "not signed" in words(answer)) == (403, True)


def test_a_platform_that_is_away_says_so(cast: Cast, moodle: LearningPlatform) -> None:
    registered(cast, moodle)
    moodle.away = 500
    answer = launched(browser(cast), moodle)
    assert answer.status_code == 503
    assert "cannot be read now" in words(answer)
    moodle.away = 0
    assert launched(browser(cast), moodle).status_code == 503  # not asked again at once
    assert moodle.keyset_reads == 0
    cache.clear()
    assert launched(browser(cast), moodle).status_code == 303


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"iss": "https://unknown.example"}, 403),
        ({"client_id": "other"}, 403),
        ({"login_hint": ""}, 400),
        ({"lti_deployment_id": "9"}, 403),
        ({"iss": "x" * 300}, 403),
        ({"iss": "a\x00b"}, 403),
    ],
)
def test_logins_that_begin_wrongly(
    cast: Cast, moodle: LearningPlatform, changes: dict[str, str], status: int
) -> None:
    registered(cast, moodle)
    assert browser(cast).get("/lti/login", login_of(moodle, **changes)).status_code in (status, 400)


def test_a_platform_that_names_no_client_id_is_known_where_there_is_one(
    cast: Cast, moodle: LearningPlatform
) -> None:
    registered(cast, moodle)
    client = browser(cast)
    assert client.get("/lti/login", login_of(moodle, client_id="")).status_code == 302
    registered(cast, moodle, client_id="second", name="Second")
    assert client.get("/lti/login", login_of(moodle, client_id="")).status_code == 403


def test_the_platforms_own_no_is_said(cast: Cast, moodle: LearningPlatform) -> None:
    registered(cast, moodle)
    client = browser(cast)
    asked = begun(client, moodle)
    answer = client.post("/lti/launch", {"state": asked["state"], "error": "login_required"})
    assert "did not let you through" in words(answer)


def test_one_campuss_platform_launches_nobody_into_another(
    cast: Cast, other_cast: Cast, moodle: LearningPlatform
) -> None:
    registered(cast, moodle)
    client = browser(other_cast)
    assert client.get("/lti/login", login_of(moodle)).status_code == 403
    asked = begun(browser(cast), moodle)
    token = moodle.sign(moodle.claims(asked["nonce"]))
    assert posted(client, asked, token).status_code == 403
    there = arrived(browser(cast), moodle)
    client.force_login(other_cast.student.user)
    assert client.get(there).status_code == 404
    with campus_scope(cast.campus):
        link = LtiLink.objects.get()
    client.force_login(other_cast.admin)
    assert client.get(f"/lti/links/{link.pk}/").status_code == 404
    keys = [browser(one).get("/lti/jwks").json()["keys"] for one in (cast, other_cast)]
    assert [len(found) for found in keys] == [1, 0]
    assert set(keys[0][0]) == {"kty", "n", "e", "kid", "use", "alg"}


def test_a_platform_that_was_switched_off_launches_nobody(
    cast: Cast, moodle: LearningPlatform
) -> None:
    registered(cast, moodle)
    client = browser(cast, cast.student.user)
    asked, there = begun(client, moodle), arrived(client, moodle)
    with campus_scope(cast.campus):
        LtiPlatform.objects.update(is_active=False)
    token = moodle.sign(moodle.claims(asked["nonce"]))
    assert posted(client, asked, token).status_code == 403
    assert client.get(there).status_code == 403


def test_a_course_is_connected_once_whoever_else_launches(
    cast: Cast, moodle: LearningPlatform
) -> None:
    platform = registered(cast, moodle)
    client = browser(cast, cast.lecturer.user)
    arrived(client, moodle)
    with campus_scope(cast.campus):
        made = link_make(
            platform_id=platform.pk,
            context_id="ctx-1",
            context_title="",
            addresses={},
            course=cast.other_course,
            now=timezone.now() + timedelta(minutes=1),
            actor=SYSTEM,
        )
        assert made.course_id == cast.course.pk
    outsider = browser(cast, cast.outsider.user)
    assert outsider.get(arrived(outsider, moodle), follow=True).status_code == 404
