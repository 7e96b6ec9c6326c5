"""The lean lane answers, writes, counts and limits exactly what the ordinary way does.

Each scenario is played twice from the same state, with LEAN_LANE off and on, and everything that
came of it is compared. What the lane has to answer itself is said as well: a lane that leaves
everything to the view would be equal, too.
"""

import gzip
import json
import re
import time
from collections.abc import Callable
from datetime import timedelta
from itertools import zip_longest
from typing import Any

import pytest
from django.core.cache import cache
from django.db import transaction
from django.utils import timezone
from rest_framework.test import APIClient

from apps.accounts.models import Device, Membership, Student, User
from apps.accounts.services import sessions_end
from apps.attendance.models import AttendanceRecord, AttendanceSummary
from apps.attendance.services.register import register_close
from apps.audit.models import Entry
from apps.audit.services import SYSTEM
from apps.checkin.models import CheckInAttempt
from apps.common import measures
from apps.lane.api.middleware import LeanLane
from apps.qr_otp.models import Scan
from apps.sessions.models import ClassSession
from apps.tenants.models import Campus
from apps.tenants.scope import campus_scope
from apps.tenants.signed import signed_act
from tests.attendance.support import HEARD, HERE, open_session
from tests.factories import Cast
from tests.phone import Phone, code_of

pytestmark = pytest.mark.django_db

REDEEM = "/api/v1/check-in/redeem"
CHECK_IN = "/api/v1/check-in"
WRITTEN = (Scan, CheckInAttempt, AttendanceRecord, AttendanceSummary, Entry)
# Random, or of the moment by the database's clock.
MADE_ANEW = {"mac", "created_at", "updated_at"}
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")


class World:
    """What a scenario has to play with, and the answers that it got."""

    def __init__(self, cast: Cast, other: Cast, session: ClassSession) -> None:
        self.cast, self.other, self.session = cast, other, session
        self.phone = Phone(cast, cast.student)
        self.stranger = Phone(cast, cast.stranger)
        self.unbound = Phone(cast, cast.classmate, bind=False)
        self.elsewhere = open_session(other)
        self.foreign = Phone(other, other.student)
        self.answers: list[Any] = []

    def token(self, *, seconds: int = 0) -> str:
        return code_of(
            self.cast, self.session.pk, timezone.now() - timedelta(seconds=seconds)
        ).token

    def post(self, path: str, body: Any, *, phone: Phone | None = None, **extra: Any) -> Any:
        """The body as JSON, or as the text that it is."""
        text = body if isinstance(body, str) else json.dumps(body)
        kind = extra.pop("content_type", "application/json")
        client = (phone or self.phone).client
        if "authorization" in extra:
            client = APIClient(headers={"host": self.cast.host})
            client.credentials(HTTP_AUTHORIZATION=extra.pop("authorization"))
        answer = client.generic("POST", path, text, content_type=kind, **extra)
        self.answers.append(answer)
        return answer

    def redeem(self, token: str | None = None, **extra: Any) -> Any:
        return self.post(REDEEM, {"token": self.token() if token is None else token}, **extra)

    def ticket(self, phone: Phone | None = None) -> str:
        return self.redeem(phone=phone).json()["ticket"]

    def check_in(self, phone: Phone | None = None, ticket: str = "", **evidence: Any) -> Any:
        phone = phone or self.phone
        signature = evidence.pop("signature", None)
        extra, headers = evidence.pop("extra", {}), evidence.pop("headers", {})
        fields = {"nonce": "nonce-0001", "ticket": ticket or self.ticket(phone), **evidence}
        text = json.dumps(fields)
        body = {"evidence": text, "signature": signature or phone.sign(text.encode()), **extra}
        return self.post(CHECK_IN, body, phone=phone, **headers)


Scenario = Callable[[World], object]


def _completed(world: World) -> None:
    with campus_scope(world.cast.campus):
        register_close(session=world.session, now=timezone.now(), actor=SYSTEM)


def _set(model: Any, **values: Any) -> Scenario:
    """Change rows of the student's campus, between signing in and asking."""

    def change(world: World) -> None:
        with campus_scope(world.cast.campus):
            student = world.cast.student
            key = {User: student.user_id, Student: student.pk, ClassSession: world.session.pk}
            with signed_act("accounts_user"):
                model.objects.filter(pk=key[model]).update(**values)

    return change


def _no_student(world: World) -> None:
    """The entry stands, and another role keeps the sign-in good."""
    user = world.cast.student.user
    with campus_scope(world.cast.campus):
        Membership.objects.filter(user=user).update(role="operator")


def _unbound(world: World) -> None:
    with campus_scope(world.cast.campus):
        Device.objects.filter(student=world.cast.student).update(is_active=False)


def _signed_out(world: World) -> None:
    assert world.cast.student.user is not None
    with campus_scope(world.cast.campus):
        sessions_end(user=world.cast.student.user)


def _late(world: World) -> None:
    earlier = timezone.now() - timedelta(minutes=40)
    _set(ClassSession, starts_at=earlier, opened_at=earlier)(world)


def _policy(**changes: Any) -> Scenario:
    def change(world: World) -> None:
        _set(ClassSession, policy={**world.session.policy, **changes})(world)

    return change


def _dropped(world: World) -> None:
    ticket = world.ticket()
    with campus_scope(world.cast.campus):
        world.cast.student.enrollments.update(status="dropped")
    world.check_in(ticket=ticket)


def _closed_after_the_ticket(world: World) -> None:
    ticket = world.ticket()
    _completed(world)
    world.check_in(ticket=ticket)


def _bound_after_the_ticket(world: World) -> None:
    ticket = world.ticket(world.unbound)
    world.unbound.bind()
    world.check_in(world.unbound, ticket)


def _redeemed_after(change: Scenario) -> Scenario:
    def play(world: World) -> None:
        token = world.token()
        change(world)
        world.redeem(token)

    return play


def _campus_off(world: World) -> None:
    with signed_act("tenants_campus"):
        Campus.objects.filter(pk=world.cast.campus.pk).update(is_active=False)
    cache.clear()


def _after(*steps: Scenario) -> Scenario:
    def play(world: World) -> None:
        for step in steps:
            step(world)

    return play


def redeem(**extra: Any) -> Scenario:
    return lambda world: world.redeem(**extra)


def check_in(**evidence: Any) -> Scenario:
    return lambda world: world.check_in(**evidence)


def raw(path: str, body: Any, **extra: Any) -> Scenario:
    return lambda world: world.post(path, body, **extra)


GZIP = {"HTTP_ACCEPT_ENCODING": "gzip, deflate"}
# Scenario, and how many of its requests the lane answers.
SCENARIOS: dict[str, tuple[Scenario, int]] = {
    "a good code": (redeem(), 1),
    "from a page of the site": (redeem(HTTP_SEC_FETCH_SITE="same-origin"), 1),
    "in another site's name": (redeem(HTTP_SEC_FETCH_SITE="cross-site"), 1),
    "with a user agent": (redeem(HTTP_USER_AGENT="Campus/1 (Android)"), 1),
    "in a language": (redeem(HTTP_ACCEPT_LANGUAGE="de, en;q=0.5"), 1),
    "with another cookie": (redeem(HTTP_COOKIE="campus_device=x"), 1),
    "with a session's cookie": (redeem(HTTP_COOKIE="sessionid=x"), 0),
    "over https": (redeem(secure=True), 1),
    "a host of nobody": (redeem(HTTP_HOST="nowhere.example"), 0),
    "a host with a port": (lambda w: w.redeem(HTTP_HOST=f"{w.cast.host}:8000"), 1),
    "another campus's host": (lambda w: w.redeem(HTTP_HOST=w.other.host), 0),
    "a link": (lambda w: w.redeem(f"HTTPS://X.EXAMPLE/C/{w.token()}"), 1),
    "a lower-case code": (lambda w: w.redeem(w.token().lower()), 1),
    "a code with spaces": (lambda w: w.redeem(f" {w.token()} "), 1),
    "twice the same code": (_after(redeem(), redeem()), 1),
    "with another device": (_after(redeem(), _unbound, redeem()), 2),
    "a code from before": (lambda w: w.redeem(w.token(seconds=60)), 0),
    "a code to come": (lambda w: w.redeem(w.token(seconds=-60)), 0),
    "a forged code": (lambda w: w.redeem(w.token()[:-26] + "A" * 26), 0),
    "a malformed code": (redeem(token="https://example.org/"), 0),
    "an odd code": (redeem(token="C.1.ü.1.AAAA"), 0),
    "another campus's code": (
        lambda w: w.redeem(code_of(w.other, w.elsewhere.pk, timezone.now()).token),
        0,
    ),
    "somebody who is not enrolled": (lambda w: w.redeem(phone=w.stranger), 0),
    "a foreign token": (
        lambda w: w.redeem(phone=w.foreign, HTTP_HOST=w.cast.host),
        0,
    ),
    "a completed session": (_redeemed_after(_completed), 0),
    "a scheduled session": (_redeemed_after(_set(ClassSession, status="scheduled")), 0),
    "an inactive account": (_after(_set(User, is_active=False), redeem()), 0),
    "an inactive student": (_after(_set(Student, is_active=False), redeem()), 0),
    "no student any more": (_after(_no_student, redeem()), 0),
    "a first password": (_after(_set(User, must_change_password=True), redeem()), 0),
    "another password": (_after(_set(User, password="x"), redeem()), 0),
    "signed out": (_after(_signed_out, redeem()), 0),
    "a closed campus": (_after(_campus_off, redeem()), 0),
    "nobody": (lambda w: w.redeem(authorization=""), 0),
    "a broken token": (redeem(authorization="Bearer x.y.z"), 0),
    "an unknown key": (redeem(authorization="Bearer campus_x"), 0),
    "the scheme in lower case": (redeem(authorization="bearer x.y.z"), 0),
    "eleven scans": (lambda w: [w.redeem() for _ in range(11)], 1),
    "an empty object": (raw(REDEEM, {}), 0),
    "an unknown field": (lambda w: w.post(REDEEM, {"token": w.token(), "a": 1}), 0),
    "a number for a code": (raw(REDEEM, {"token": 1}), 0),
    "a list": (raw(REDEEM, []), 0),
    "no JSON": (raw(REDEEM, "{"), 0),
    "a NUL": (raw(REDEEM, '{"token": "\\u0000"}'), 0),
    "a form": (raw(REDEEM, "token=x", content_type="application/x-www-form-urlencoded"), 0),
    "a query": (lambda w: w.post(f"{REDEEM}?format=json", {"token": w.token()}), 0),
    "XML": (redeem(HTTP_ACCEPT="application/xml"), 0),
    "a typed code": (
        lambda w: w.post(REDEEM, {"session": w.session.pk, "text_code": "ABCDEFGH"}),
        0,
    ),
    "a check-in with everything": (check_in(location=HERE, beacons=HEARD), 2),
    # Long enough to be shorter when compressed, whatever the random part adds.
    "compressed": (check_in(location=HERE, beacons=HEARD, headers=GZIP), 2),
    "a check-in with facts": (check_in(device_info={"model": "Pixel 9", "os": "16"}), 2),
    "a check-in with nothing": (check_in(), 2),
    "a vague fix": (check_in(location={**HERE, "accuracy_m": 140}), 2),
    "an old fix": (check_in(location={**HERE, "age_s": 11.5}), 2),
    "numbers for degrees": (
        check_in(location={**HERE, "latitude": 52.516273, "longitude": 13.377704}),
        2,
    ),
    "somewhere else": (check_in(location={**HERE, "latitude": "52.53"}, beacons=[]), 2),
    "another beacon": (check_in(beacons=[{"identifier": "x", "rssi": -60}]), 2),
    "late": (_after(_late, check_in(location=HERE, beacons=HEARD)), 2),
    "too late": (_after(_late, _policy(check_in_until_minutes=5), check_in()), 2),
    "a high threshold": (_after(_policy(present_threshold="0.95"), check_in()), 2),
    "a face that is missing": (_after(_policy(face="required"), check_in()), 2),
    "a person unseen": (_after(_policy(person="required"), check_in()), 2),
    "no bound device": (lambda w: w.check_in(w.unbound), 2),
    "another device": (_bound_after_the_ticket, 2),
    "a classmate's signature": (
        lambda w: w.check_in(signature=w.stranger.sign(b"x")),
        2,
    ),
    "a signature that is none": (check_in(signature="AAAA"), 2),
    "a signature that is no base64": (check_in(signature="A*"), 1),
    "a classmate's ticket": (lambda w: w.check_in(w.stranger, w.ticket()), 1),
    "a ticket that nobody signed": (check_in(ticket="x:y"), 0),
    "a retried nonce": (_after(check_in(location=HERE), check_in(location=HERE)), 2),
    "a second check-in": (
        _after(check_in(), check_in(location=HERE, beacons=HEARD, nonce="nonce-0002")),
        3,
    ),
    "dropped meanwhile": (_dropped, 2),
    "closed meanwhile": (_closed_after_the_ticket, 2),
    "an odd nonce": (check_in(nonce="x"), 1),
    "an unknown proof": (check_in(hat="red"), 1),
    "an unknown part": (check_in(extra={"hat": "red"}), 1),
    "a fix without its age": (check_in(location={"latitude": "1", "longitude": "1"}), 1),
    "a fix that is exact": (check_in(location={**HERE, "accuracy_m": 0}), 1),
    "a beacon too loud": (check_in(beacons=[{"identifier": "x", "rssi": 1}]), 1),
    "a photo that is none": (check_in(extra={"selfie": "AAAA"}), 1),
    "evidence that is no JSON": (raw(CHECK_IN, {"evidence": "{", "signature": "AAAA"}), 0),
    "no evidence": (raw(CHECK_IN, {}), 0),
    "a nonce that is gone": (
        lambda w: [w.check_in(ticket="x:y") for _ in range(21)],
        0,
    ),
}


def lines_of(answer: Any, same: Callable[[Any], str]) -> list[str]:
    """The whole answer: status, headers in their order, body."""
    headers = [f"{name}: {value}" for name, value in answer.headers.items()]
    kept = [line for line in headers if not line.startswith("X-Request-ID")]
    body = answer.content
    if answer.headers.get("Content-Encoding") == "gzip":  # with a random part
        body = gzip.decompress(body)
        kept = [line for line in kept if not line.startswith("Content-Length")]
    return [str(answer.status_code), *kept, same(body.decode())]


def of_both(name: str, value: Any) -> Any:
    """The value; of what is made anew each time, whether there is one."""
    numbered = name in ("id", "device_id") and isinstance(value, int)
    return value is not None if numbered or name in MADE_ANEW else value


def unlike(lean: list[Any], ordinary: list[Any]) -> list[tuple[Any, Any]]:
    return [pair for pair in zip_longest(lean, ordinary) if pair[0] != pair[1]]


class Outcome:
    """All that came of a scenario, with what is random replaced."""

    def __init__(self, world: World, counted: list[Any], lean: int) -> None:
        self.lean = lean
        names: dict[str, str] = {}

        def same(text: Any) -> str:
            return UUID.sub(lambda m: names.setdefault(m[0], f"id {len(names)}"), str(text))

        self.answers = [line for answer in world.answers for line in lines_of(answer, same)]
        with campus_scope(world.cast.campus):
            self.rows = {
                model.__name__: [
                    same({name: of_both(name, value) for name, value in row.items()})
                    for row in model.objects.order_by("pk").values()
                ]
                for model in WRITTEN
            }
        timed = ("campus_request_seconds", "campus_cache_reads", "campus_statements_slow")
        self.counted = sorted(series for series in counted if series[0] not in timed)


def played(
    scenario: Scenario, world: World, monkeypatch: pytest.MonkeyPatch, *, lean: bool
) -> Outcome:
    counted: list[Any] = []
    answered: list[Any] = []
    world.answers = []
    cache.clear()
    original = LeanLane._response

    def noted(self: LeanLane, *arguments: Any) -> Any:
        answered.append(arguments)
        return original(self, *arguments)

    with monkeypatch.context() as patch, transaction.atomic():
        patch.setattr("django.conf.settings.LEAN_LANE", lean, raising=False)
        patch.setattr(LeanLane, "_response", noted)
        patch.setattr(
            measures._Table, "add", lambda _s, *changes: counted.extend(c[0] for c in changes)
        )
        scenario(world)
        outcome = Outcome(world, counted, len(answered))
        transaction.set_rollback(True)
    return outcome


@pytest.fixture
def world(cast: Cast, other_cast: Cast, monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(cast, other_cast, open_session(cast))
    # One moment for both, two seconds into a code's window.
    moment = timezone.now().replace(microsecond=250_000)
    moment -= timedelta(seconds=moment.timestamp() % 5 - 2.25)
    monkeypatch.setattr(timezone, "now", lambda: moment)
    monkeypatch.setattr(time, "time", lambda: moment.timestamp())
    return made


@pytest.mark.parametrize("name", SCENARIOS)
def test_both_ways_are_equal(name: str, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    scenario, answered = SCENARIOS[name]
    ordinary = played(scenario, world, monkeypatch, lean=False)
    lean = played(scenario, world, monkeypatch, lean=True)
    assert unlike(lean.answers, ordinary.answers) == []
    for name_of_table, rows in ordinary.rows.items():
        assert unlike(lean.rows[name_of_table], rows) == []
    assert unlike(lean.counted, ordinary.counted) == []
    assert (ordinary.lean, lean.lean) == (0, answered)
