"""The link of a code: what its page carries, and who may redeem it."""

import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.accounts.models import Student
from apps.attendance.services.register import register_close
from apps.audit.services import SYSTEM
from apps.checkin.models import CheckInAttempt
from apps.checkin.tickets import read_ticket
from apps.qr_otp.models import Scan
from apps.qr_otp.selectors import shown_rapid_code
from apps.qr_otp.services import secret_start
from apps.qr_otp.stamps import read_stamp, stamp_text
from apps.qr_otp.tokens import QR_PERIOD
from apps.sessions.models import ClassSession
from apps.sessions.services import RAPID_CODE, subject_of
from apps.tenants.scope import campus_scope
from apps.tenants.signed import signed_act
from tests.attendance.support import HEARD, HERE, open_session
from tests.factories import PASSWORD, Cast, make_cast
from tests.phone import Phone, code_of

pytestmark = pytest.mark.django_db

PHONE = "Mozilla/5.0 (Linux; Android 15) Mobile"
ROOM = "192.0.2.10"


class Browser:
    """A phone's browser: its cookies, its address, its user agent."""

    def __init__(self, cast: Cast, *, address: str = ROOM, agent: str = PHONE) -> None:
        self.cast = cast
        self.address = address
        self.client = Client(headers={"host": cast.host, "user-agent": agent})

    def get(self, path: str) -> Any:
        return self.client.get(path, REMOTE_ADDR=self.address)

    def open(self, token: str) -> Any:
        return self.get(f"/C/{token}")

    def sign_in(self, student: Student) -> None:
        body = {"login": student.email, "password": PASSWORD}
        answer = self.client.post("/accounts/login/", body, REMOTE_ADDR=self.address)
        assert answer.status_code == 302

    def redeem(self, stamp: str) -> Any:
        return self.client.post(
            "/api/v1/check-in/redeem",
            {"stamp": stamp},
            content_type="application/json",
            REMOTE_ADDR=self.address,
        )

    @property
    def cookie(self) -> str:
        found = self.client.cookies.get(django_settings.STAMP_COOKIE_NAME)
        return found.value if found else ""

    @property
    def stamp(self) -> str:
        """What the browser holds; the page of somebody signed in carries the same text."""
        return self.cookie.partition(".")[2]

    def takes_over(self, other: "Browser") -> None:
        self.client.cookies[django_settings.STAMP_COOKIE_NAME] = other.cookie


def code_and_status(answer: Any) -> tuple[str, int]:
    if answer.status_code == 201:
        return "", 201
    return answer.json()["errors"][0]["code"], answer.status_code


def later(monkeypatch: pytest.MonkeyPatch, by: timedelta) -> datetime:
    moment = timezone.now() + by
    monkeypatch.setattr(timezone, "now", lambda: moment)
    return moment


@pytest.fixture
def token(cast: Cast, session: ClassSession) -> str:
    return code_of(cast, session.pk, timezone.now()).token


@pytest.fixture
def browser(cast: Cast, token: str) -> Browser:
    """One that opened the link before its student signed in there."""
    found = Browser(cast)
    assert found.open(token).status_code == 200
    return found


def facts_of(page: Any) -> dict[str, Any]:
    script = re.search(r'<script id="facts"[^>]*>(.*?)</script>', page.content.decode(), re.DOTALL)
    assert script
    return dict(json.loads(script[1]))


def test_asking_for_the_link_changes_nothing(cast: Cast, token: str) -> None:
    """Statements that only read; no scan; and one cookie that scripts cannot see."""
    browser = Browser(cast)
    with CaptureQueriesContext(connection) as queries:
        answer = browser.open(token)
    writing = [
        q["sql"] for q in queries if not q["sql"].startswith(("SELECT", "SAVEPOINT", "RELE"))
    ]
    assert writing == []
    with campus_scope(cast.campus):
        assert not Scan.objects.exists()
    cookie = answer.cookies[django_settings.STAMP_COOKIE_NAME]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/")
    assert cookie["max-age"] == 180


def test_upper_and_lower_case_and_head_are_the_same(cast: Cast, token: str) -> None:
    browser = Browser(cast)
    assert browser.get(f"/c/{token.lower()}").status_code == 200
    assert browser.client.head(f"/C/{token}").status_code == 200
    assert browser.client.post(f"/C/{token}").status_code == 405


def test_a_slow_sign_in_loses_no_code(
    cast: Cast, token: str, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = timezone.now()
    later(monkeypatch, timedelta(seconds=100))
    browser.sign_in(cast.student)
    page = browser.open(token)
    assert facts_of(page)["stamp"] == browser.stamp
    answer = browser.redeem(browser.stamp)
    assert code_and_status(answer) == ("", 201)
    with campus_scope(cast.campus):
        ticket = read_ticket(answer.json()["ticket"])
    assert ticket is not None
    assert ticket.seen_at is not None
    assert abs(ticket.seen_at - seen) < timedelta(seconds=5)
    assert ticket.redeemed_at - seen > timedelta(seconds=99)
    assert ticket.delay_ms is not None
    assert ticket.delay_ms < 2 * QR_PERIOD * 1000


def begun_by_passkey(browser: Browser) -> None:
    """The button for passkeys keeps its challenge in a session of nobody."""
    headers = {"accept": "application/json", "x-requested-with": "XMLHttpRequest"}
    browser.client.get("/accounts/2fa/webauthn/login/", headers=headers)


def ended(browser: Browser) -> None:
    browser.sign_in(browser.cast.student)
    with signed_act("django_session"):
        Session.objects.all().delete()
    cache.clear()


def signed_out(browser: Browser) -> None:
    browser.sign_in(browser.cast.student)
    browser.client.post("/accounts/logout/", REMOTE_ADDR=browser.address)


@pytest.mark.parametrize("before", [begun_by_passkey, ended, signed_out])
def test_a_session_of_nobody_loses_no_code(
    cast: Cast, token: str, monkeypatch: pytest.MonkeyPatch, before: Callable[[Browser], None]
) -> None:
    """It is no sign-in: the one that follows has another."""
    browser = Browser(cast)
    before(browser)
    assert browser.open(token).status_code == 200
    later(monkeypatch, timedelta(seconds=60))
    browser.sign_in(cast.student)
    page = browser.open(token)
    assert page.status_code == 200
    assert code_and_status(browser.redeem(facts_of(page)["stamp"])) == ("", 201)


def test_a_slow_binding_loses_no_code(
    cast: Cast, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = Browser(cast)
    browser.sign_in(cast.student)
    stamp = facts_of(browser.open(token))["stamp"]
    later(monkeypatch, timedelta(seconds=170))
    assert code_and_status(browser.redeem(stamp)) == ("", 201)


def test_lateness_counts_from_the_moment_that_the_code_was_seen(
    cast: Cast, session: ClassSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen in the last minute that is in time, redeemed in the first that is late."""
    with campus_scope(cast.campus):
        ClassSession.objects.filter(pk=session.pk).update(
            policy={**session.policy, "late_after_minutes": 2, "grace_minutes": 2},
            starts_at=timezone.now() - timedelta(seconds=60),
        )
    browser = Browser(cast)
    phone = Phone(cast, cast.student, client=browser.client)
    browser.sign_in(cast.student)
    browser.open(code_of(cast, session.pk, timezone.now()).token)
    later(monkeypatch, timedelta(seconds=150))
    ticket = browser.redeem(browser.stamp).json()["ticket"]
    text = json.dumps({"ticket": ticket, "nonce": "nonce-0001", "location": HERE})
    body = {"evidence": text, "signature": phone.sign(text.encode())}
    answer = browser.client.post("/api/v1/check-in", body, content_type="application/json")
    assert answer.json()["outcome"] == "accepted", answer.json()
    assert answer.json()["seen_at"] < answer.json()["redeemed_at"]
    with campus_scope(cast.campus):
        attempt = CheckInAttempt.objects.get()
        record = session.records.get(student=cast.student)
    assert attempt.scanned_at == attempt.seen_at
    assert (record.status, record.recorded_at) == ("present", attempt.seen_at)


# --- Attacks ---------------------------------------------------------------------------------


def test_a_link_passed_on_is_worth_what_the_code_is(
    cast: Cast, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Relayed: opened after its ten seconds it is an expired code for everybody."""
    later(monkeypatch, timedelta(seconds=2 * QR_PERIOD))
    away = Browser(cast, address="198.51.100.7")
    away.sign_in(cast.student)
    answer = away.open(token)
    assert answer.status_code == 410
    assert "Scan the code that is on the screen now" in answer.content.decode()
    assert away.cookie == ""


def test_a_stamp_without_its_cookie_is_nothing(cast: Cast, browser: Browser) -> None:
    other = Browser(cast)
    other.sign_in(cast.student)
    assert code_and_status(other.redeem(browser.stamp)) == ("seen_elsewhere", 403)
    with campus_scope(cast.campus):
        assert list(Scan.objects.values_list("accepted", "reason")) == [(False, "seen_elsewhere")]


@pytest.mark.parametrize(
    ("address", "agent"),
    [("198.51.100.7", PHONE), (ROOM, "Mozilla/5.0 (iPhone)")],
    ids=["network", "agent"],
)
def test_stamp_and_cookie_copied_to_another_phone_are_nothing(
    cast: Cast, browser: Browser, address: str, agent: str
) -> None:
    away = Browser(cast, address=address, agent=agent)
    away.sign_in(cast.student)
    away.takes_over(browser)
    assert code_and_status(away.redeem(browser.stamp)) == ("seen_elsewhere", 403)


def test_where_the_address_is_unknown_a_stamp_of_before_the_sign_in_is_nothing(
    cast: Cast, token: str
) -> None:
    browser = Browser(cast, address="")
    browser.open(token)
    browser.sign_in(cast.student)
    assert code_and_status(browser.redeem(browser.stamp)) == ("seen_elsewhere", 403)


def test_a_stamp_is_over_after_three_minutes(
    cast: Cast, token: str, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    stamp = browser.stamp
    browser.sign_in(cast.student)
    later(monkeypatch, timedelta(minutes=3, seconds=10))
    assert code_and_status(browser.redeem(stamp)) == ("stamp_expired", 410)
    page = browser.open(token)
    assert page.status_code == 410
    assert "Scan the code once more" in page.content.decode()


def test_a_stamp_of_one_sign_in_is_no_other_ones(cast: Cast, token: str) -> None:
    browser = Browser(cast)
    browser.sign_in(cast.classmate)
    browser.open(token)
    stamp = browser.stamp
    browser.client.post("/accounts/logout/")
    browser.sign_in(cast.student)
    assert code_and_status(browser.redeem(stamp)) == ("seen_elsewhere", 403)


def test_a_stamp_of_before_the_sign_in_is_one_students(
    cast: Cast, token: str, browser: Browser
) -> None:
    stamp = browser.stamp
    browser.sign_in(cast.student)
    assert code_and_status(browser.redeem(stamp)) == ("", 201)
    browser.client.post("/accounts/logout/")
    browser.sign_in(cast.classmate)
    assert code_and_status(browser.redeem(stamp)) == ("seen_elsewhere", 403)


def test_a_preview_gains_nothing(cast: Cast, token: str) -> None:
    """Somebody who asks for the link in a student's place has a cookie that the student has not."""
    preview = Browser(cast, address="203.0.113.1", agent="facebookexternalhit/1.1")
    preview.open(token)
    with campus_scope(cast.campus):
        assert not Scan.objects.exists()
    student = Browser(cast)
    student.sign_in(cast.student)
    assert code_and_status(student.redeem(preview.stamp)) == ("seen_elsewhere", 403)


def test_a_stamp_again_is_the_same_ticket(cast: Cast, token: str) -> None:
    """So is the code itself, from the same sign-in: one code is one ticket."""
    browser = Browser(cast)
    browser.sign_in(cast.student)
    browser.open(token)
    first = browser.redeem(browser.stamp).json()
    assert browser.redeem(browser.stamp).json() == first
    by_token = browser.client.post(
        "/api/v1/check-in/redeem", {"token": token}, content_type="application/json"
    )
    assert by_token.json() == first


def test_the_ticket_of_a_stamp_is_not_prolonged(
    cast: Cast, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = Browser(cast)
    browser.sign_in(cast.student)
    browser.open(token)
    browser.redeem(browser.stamp)
    later(monkeypatch, timedelta(seconds=95))
    assert code_and_status(browser.redeem(browser.stamp)) == ("expired_code", 410)


@pytest.mark.parametrize("change", [{"window": 1}, {"sign_in": ""}, {"delay_ms": 0}])
def test_a_changed_stamp_is_forged(cast: Cast, token: str, change: dict[str, Any]) -> None:
    browser = Browser(cast)
    browser.sign_in(cast.student)
    browser.open(token)
    _body, _colon, mac = browser.stamp.rpartition(":")
    with campus_scope(cast.campus):
        stamp = read_stamp(browser.stamp)
        assert stamp is not None
        bent = stamp_text(type(stamp)(**{**vars(stamp), **change})).rpartition(":")[0]
    assert code_and_status(browser.redeem(f"{bent}:{mac}")) == ("forged_code", 400)


def test_the_stamp_of_another_campus_is_forged(cast: Cast, other_cast: Cast) -> None:
    elsewhere = open_session(other_cast)
    theirs = Browser(other_cast)
    theirs.open(code_of(other_cast, elsewhere.pk, timezone.now()).token)
    browser = Browser(cast)
    browser.sign_in(cast.student)
    browser.takes_over(theirs)
    assert code_and_status(browser.redeem(theirs.stamp)) == ("forged_code", 400)


def test_a_class_that_has_ended_takes_no_stamp(
    cast: Cast, session: ClassSession, browser: Browser
) -> None:
    browser.sign_in(cast.student)
    with campus_scope(cast.campus):
        register_close(session=session, now=timezone.now(), actor=SYSTEM)
    assert code_and_status(browser.redeem(browser.stamp)) == ("session_not_open", 409)


def test_who_is_not_enrolled_gets_no_ticket_for_a_stamp(cast: Cast, browser: Browser) -> None:
    browser.sign_in(cast.stranger)
    assert code_and_status(browser.redeem(browser.stamp)) == ("not_enrolled", 403)


def test_a_browser_needs_the_token_against_forgery(cast: Cast, token: str) -> None:
    browser = Browser(cast)
    browser.client = Client(headers={"host": cast.host}, enforce_csrf_checks=True)
    assert cast.student.user is not None
    browser.client.force_login(cast.student.user)
    page = browser.open(token)
    assert code_and_status(browser.redeem(browser.stamp)) == ("permission_denied", 403)
    sent = browser.client.post(
        "/api/v1/check-in/redeem",
        {"stamp": browser.stamp},
        content_type="application/json",
        headers={"X-CSRFToken": str(page.context["csrf_token"])},
    )
    assert sent.status_code != 403 or "CSRF" not in sent.content.decode()


# --- The page --------------------------------------------------------------------------------


def test_the_newest_stamp_serves_an_older_link(
    cast: Cast, session: ClassSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = Browser(cast)
    first = code_of(cast, session.pk, timezone.now()).token
    browser.open(first)
    later(monkeypatch, timedelta(seconds=2 * QR_PERIOD))
    browser.open(code_of(cast, session.pk, timezone.now()).token)
    newest = browser.stamp
    assert browser.open(first).status_code == 200
    assert browser.stamp == newest


def test_the_page_knows_what_is_asked(cast: Cast, session: ClassSession, token: str) -> None:
    """Nothing has to be asked before the first request that counts."""
    browser = Browser(cast)
    browser.sign_in(cast.student)
    facts = facts_of(browser.open(token))
    assert facts["device"] is None
    assert "{device_uuid}" in facts["challenge"]["message"]
    assert [(one["id"], one["place"], one["face"]) for one in facts["sessions"]] == [
        (session.pk, True, "off")
    ]
    phone = Phone(cast, cast.student)
    facts = facts_of(browser.open(token))
    assert facts["challenge"] is None
    assert phone.public_key.hex() not in json.dumps(facts)
    assert set(facts["device"]) == {"hash", "name", "says", "free_at", "may_replace"}


def test_the_short_address_offers_the_open_classes(cast: Cast, session: ClassSession) -> None:
    browser = Browser(cast)
    assert "Sign in" in browser.get("/c").content.decode()
    browser.sign_in(cast.student)
    assert [one["id"] for one in facts_of(browser.get("/c"))["sessions"]] == [session.pk]
    stranger = Browser(cast)
    stranger.sign_in(cast.stranger)
    assert facts_of(stranger.get("/c"))["sessions"] == []


@pytest.mark.parametrize(
    ("text", "status", "words"),
    [
        ("X", 400, "This is not a code of this campus"),
        ("C.ZZZZZZ.1.1.AAAAAAAAAAAAAAAAAAAAAAAAAA", 400, "This is not a code of this campus"),
        ("B.1.1.1.AAAAAAAAAAAAAAAAAAAAAAAAAA", 200, "This is a quick check"),
    ],
)
def test_every_other_code_says_what_to_do(cast: Cast, text: str, status: int, words: str) -> None:
    answer = Browser(cast).open(text)
    assert answer.status_code == status
    assert words in answer.content.decode()


def test_people_of_another_campus_see_no_class(cast: Cast, other_cast: Cast, token: str) -> None:
    browser = Browser(cast)
    assert other_cast.student.user is not None
    browser.client.force_login(other_cast.student.user)
    answer = browser.open(token)
    assert answer.status_code == 403
    assert cast.course.subject.name not in answer.content.decode()


def test_whoever_must_choose_a_password_comes_back_to_the_link(cast: Cast, token: str) -> None:
    assert cast.student.user is not None
    cast.student.user.must_change_password = True
    cast.student.user.save(update_fields=["must_change_password"])
    browser = Browser(cast)
    browser.client.force_login(cast.student.user)
    answer = browser.open(token)
    assert answer["Location"] == f"/accounts/password/change/?next=%2FC%2F{token}"


@pytest.mark.django_db(transaction=True)
def test_a_stamp_takes_as_many_statements_as_a_code() -> None:
    """Four of its own; two more say who is signed in by a cookie, as with a code."""
    cast = make_cast("north")
    session = open_session(cast)
    counts = []
    for by_stamp in (True, False):
        browser = Browser(cast)
        browser.sign_in(cast.student)
        token = code_of(cast, session.pk, timezone.now()).token
        browser.open(token)
        body = {"stamp": browser.stamp} if by_stamp else {"token": token}
        with CaptureQueriesContext(connection) as queries:
            answer = browser.client.post(
                "/api/v1/check-in/redeem",
                body,
                content_type="application/json",
                REMOTE_ADDR=ROOM,
            )
        assert answer.status_code == 201, answer.content
        counts.append(len([q for q in queries if q["sql"] not in ("BEGIN", "COMMIT")]))
    assert counts[0] == counts[1] <= 6


def test_evidence_for_a_stamp_is_accepted_by_cookie(cast: Cast, token: str) -> None:
    browser = Browser(cast)
    browser.sign_in(cast.student)
    phone = Phone(cast, cast.student, client=browser.client)
    browser.open(token)
    ticket = browser.redeem(browser.stamp).json()["ticket"]
    text = json.dumps({"ticket": ticket, "nonce": "nonce-0001", "location": HERE, "beacons": HEARD})
    body = {"evidence": text, "signature": phone.sign(text.encode())}
    answer = browser.client.post("/api/v1/check-in", body, content_type="application/json")
    assert answer.json()["outcome"] == "accepted"
    lines = {line["factor"]: line for line in answer.json()["lines"]}
    assert lines["device"] == {
        "factor": "device",
        "name": "device",
        "passed": True,
        "said": "",
        "advice": "",
    }


def test_whatever_takes_a_code_takes_its_link(
    cast: Cast, session: ClassSession, token: str
) -> None:
    link = f"HTTPS://{cast.host.upper()}/C/{token}"
    phone = Phone(cast, cast.student)
    assert code_and_status(phone.redeem(token=link)) == ("", 201)
    other = Phone(cast, cast.classmate)
    item = other.offline_item(session.pk, link, counter=1, at=timezone.now(), location=HERE)
    sent = other.send_offline(item).json()["results"][0]
    assert (sent["error"], sent["attempt"]["reason"]) == (None, "")


def test_a_rapid_code_is_taken_as_a_link(cast: Cast, session: ClassSession) -> None:
    phone = Phone(cast, cast.student)
    with campus_scope(cast.campus):
        secret_start(purpose=RAPID_CODE, subject=subject_of(session.pk), now=timezone.now())
        code = shown_rapid_code(
            purpose=RAPID_CODE, subject=subject_of(session.pk), now=timezone.now()
        )
    assert code is not None
    link = f"HTTPS://{cast.host.upper()}/C/{code.token}"
    answer = phone.client.post("/api/v1/check-in/rapid-code", {"token": link}, format="json")
    assert answer.status_code == 201, answer.content
