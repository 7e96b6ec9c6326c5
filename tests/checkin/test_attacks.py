"""The attack list, tried against the API (docs/attacks.md). Relays: test_attacks_simulated."""

import base64
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from apps.attendance.models import AttendanceRecord
from apps.attendance.services.register import register_close, register_open
from apps.audit.services import SYSTEM
from apps.checkin.models import CheckInAttempt
from apps.integrity.models import Finding, FindingKind
from apps.integrity.services.findings import findings_find
from apps.integrity.services.rapid_codes import challenge_start
from apps.qr_otp.models import Scan
from apps.qr_otp.selectors import shown_rapid_code
from apps.qr_otp.tokens import QR_PERIOD, TEXT_LENGTH, parse_token, window_at
from apps.sessions.models import ClassSession
from apps.sessions.services import RAPID_CODE, subject_of
from apps.tenants.scope import campus_scope
from tests.attendance.support import HEARD, HERE, open_session
from tests.factories import Cast, enroll, make_course, make_session
from tests.phone import Phone, code_of, signed_in

pytestmark = pytest.mark.django_db
FAR = {**HERE, "latitude": "52.53"}  # about 1.5 km


def attempts_of(cast: Cast, student: Any) -> int:
    with campus_scope(cast.campus):
        return CheckInAttempt.objects.filter(student=student).count()


def marked(cast: Cast, student: Any) -> bool:
    with campus_scope(cast.campus):
        return AttendanceRecord.objects.filter(student=student, status="present").exists()


def kinds_in(cast: Cast, session: ClassSession, student: Any) -> set[str]:
    with campus_scope(cast.campus):
        findings_find(session=session, now=timezone.now())
        return set(Finding.objects.filter(student=student).values_list("kind", flat=True))


def kept_by(phone: Phone, *args: Any, **evidence: Any) -> dict[str, str]:
    """An offline check-in of a phone that can prove where it is."""
    return phone.offline_item(*args, **{"location": HERE, "beacons": HEARD, **evidence})


def now_token(cast: Cast, session: ClassSession) -> str:
    return code_of(cast, session.pk, timezone.now()).token


# --- Replay ----------------------------------------------------------------------------------


def test_replay_of_a_code_two_windows_old(cast: Cast, session: ClassSession, phone: Phone) -> None:
    old = code_of(cast, session.pk, timezone.now() - timedelta(seconds=2 * QR_PERIOD)).token
    answer = phone.redeem(token=old)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (410, "expired_code")


def test_replay_of_a_code_that_is_not_shown_yet(
    cast: Cast, session: ClassSession, phone: Phone
) -> None:
    """Nobody gets such a code from the server; even one that fits is refused."""
    early = code_of(cast, session.pk, timezone.now() + timedelta(seconds=2 * QR_PERIOD)).token
    assert phone.redeem(token=early).status_code == 410


def test_replay_of_a_signed_check_in_by_somebody_else(
    cast: Cast, session: ClassSession, phone: Phone
) -> None:
    """The recorded bytes, sent from a classmate's account."""
    sent: list[dict[str, Any]] = []
    post = phone.client.post
    phone.client.post = lambda url, body, **kw: sent.append(body) or post(url, body, **kw)
    ticket = phone.ticket(now_token(cast, session))
    assert phone.check_in(ticket).json()["outcome"] == "accepted"
    thief = Phone(cast, cast.classmate)
    answer = thief.client.post("/api/v1/check-in", sent[-1], format="json").json()
    assert (answer["outcome"], answer["reason"]) == ("refused", "bad_ticket")
    assert not marked(cast, cast.classmate)


def test_a_friend_in_the_room_does_not_scan_for_the_phone_elsewhere(
    cast: Cast, session: ClassSession, phone: Phone
) -> None:
    """Signed in as the student, the friend would turn 5 seconds for the code into 90."""
    assert cast.student.user is not None
    friend = signed_in(cast, cast.student.user)
    token = now_token(cast, session)
    redeemed = friend.post("/api/v1/check-in/redeem", {"token": token}, format="json")
    assert redeemed.status_code == 201
    answer = phone.check_in(redeemed.json()["ticket"], location=HERE, beacons=HEARD).json()
    assert (answer["outcome"], answer["reason"]) == ("refused", "bad_ticket")
    assert not marked(cast, cast.student)
    # The own scan of the same code is one of its own, as late as it was.
    assert phone.check_in(phone.ticket(token)).json()["outcome"] == "accepted"
    with campus_scope(cast.campus):
        assert Scan.objects.filter(accepted=True).count() == 2


def test_a_friend_does_not_type_for_the_phone_elsewhere(
    cast: Cast, session: ClassSession, phone: Phone
) -> None:
    """What another sign-in typed is a redeem of its own: the later one is as late as it was."""
    assert cast.student.user is not None
    friend = signed_in(cast, cast.student.user)
    body = {"session": session.pk, "text_code": code_of(cast, session.pk, timezone.now()).text}
    assert friend.post("/api/v1/check-in/redeem", body, format="json").status_code == 201
    assert phone.redeem(**body).status_code == 201
    with campus_scope(cast.campus):
        assert Scan.objects.filter(accepted=True).count() == 2


def test_a_friend_in_the_room_does_not_answer_the_challenge(
    cast: Cast, session: ClassSession, phone: Phone
) -> None:
    """The phone elsewhere checked in with a code that travelled; the friend cannot pass for it."""
    assert cast.student.user is not None
    assert phone.check_in(phone.ticket(now_token(cast, session))).json()["outcome"] == "accepted"
    friend = signed_in(cast, cast.student.user)
    with campus_scope(cast.campus):
        challenge_start(session=session, now=timezone.now(), actor=SYSTEM)
        shown = shown_rapid_code(
            purpose=RAPID_CODE, subject=subject_of(session.pk), now=timezone.now()
        )
    assert shown is not None
    body = {"token": shown.token}
    refused = friend.post("/api/v1/check-in/rapid-code", body, format="json")
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (403, "other_sign_in")
    own = phone.client.post("/api/v1/check-in/rapid-code", body, format="json")
    assert own.status_code == 201
    with campus_scope(cast.campus):
        scans = Scan.objects.filter(purpose=RAPID_CODE).order_by("at")
        assert [scan.reason for scan in scans] == ["other_sign_in", ""]


def test_a_browser_checks_in_with_the_ticket_that_it_redeemed(
    cast: Cast, session: ClassSession, phone: Phone
) -> None:
    assert cast.student.user is not None
    phone.client = APIClient(headers={"host": cast.host})
    phone.client.force_login(cast.student.user)
    assert phone.check_in(phone.ticket(now_token(cast, session))).json()["outcome"] == "accepted"


# --- Wrong place -----------------------------------------------------------------------------


def test_wrong_place_costs_its_weight_and_is_a_sign(
    cast: Cast, session: ClassSession, phone: Phone
) -> None:
    ticket = phone.ticket(now_token(cast, session))
    body = phone.check_in(ticket, location=FAR, beacons=[]).json()
    # Place (0.15) and beacon (0.10) of 0.80 earn nothing. QR and device alone still count: place
    # is never decisive, it is a sign.
    assert body["score"] == pytest.approx(0.55 / 0.8, abs=0.01)
    assert not body["factors"]["location"]["passed"]
    assert FindingKind.FAR_AWAY in kinds_in(cast, session, cast.student)


def test_a_made_up_place_that_the_phone_admits_is_a_flag(
    cast: Cast, session: ClassSession, phone: Phone
) -> None:
    ticket = phone.ticket(now_token(cast, session))
    phone.check_in(ticket, location=HERE, beacons=HEARD, device_info={"mock_location": "true"})
    assert FindingKind.MOCK_LOCATION in kinds_in(cast, session, cast.student)


# --- Shared device ---------------------------------------------------------------------------


def test_one_phone_for_two_students(cast: Cast, session: ClassSession, phone: Phone) -> None:
    """The classmate's account on the student's phone, whose key signs."""
    phone.check_in(phone.ticket(now_token(cast, session)))
    other = Phone(cast, cast.classmate)
    other.key = phone.key
    body = other.check_in(other.ticket(now_token(cast, session))).json()
    assert (body["outcome"], body["reason"]) == ("refused", "bad_signature")
    assert not marked(cast, cast.classmate)
    assert kinds_in(cast, session, cast.student) == {FindingKind.SHARED_DEVICE}
    assert FindingKind.SHARED_DEVICE in kinds_in(cast, session, cast.classmate)


def test_one_key_cannot_be_bound_to_two_students(
    cast: Cast, session: ClassSession, phone: Phone
) -> None:
    with campus_scope(cast.campus):
        enroll(cast.stranger, cast.course)
    unbound = Phone(cast, cast.stranger, bind=False)
    unbound.key = phone.key
    body = unbound.check_in(unbound.ticket(now_token(cast, session))).json()
    assert (body["outcome"], body["reason"]) == ("refused", "no_device")


# --- Brute force -----------------------------------------------------------------------------


def test_brute_force_of_text_codes_ends_after_five_tries(
    cast: Cast, session: ClassSession, phone: Phone
) -> None:
    code = code_of(cast, session.pk, timezone.now()).text
    wrong = "00000000" if code != "00000000" else "11111111"
    for _try in range(5):
        answer = phone.redeem(session=session.pk, text_code=wrong)
        assert answer.json()["errors"][0]["code"] == "wrong_code"
    answer = phone.redeem(session=session.pk, text_code=code)
    assert answer.status_code == 429
    # Five tries at two standing codes of 40 bits: below one in a hundred thousand millions.
    assert 5 * 2 / 32**TEXT_LENGTH < 1e-11


def test_brute_force_of_codes_is_limited_per_minute(
    cast: Cast, session: ClassSession, phone: Phone
) -> None:
    token = now_token(cast, session)
    answers = [phone.redeem(token=flipped(token, bit)).status_code for bit in range(11)]
    assert answers[-1] == 429
    assert set(answers[:-1]) == {400}


@pytest.mark.parametrize("bit", [0, 63, 127])
def test_one_wrong_bit_in_a_code_is_a_forgery(
    cast: Cast, session: ClassSession, phone: Phone, bit: int
) -> None:
    token = now_token(cast, session)
    assert len(parse_token(token).mac) * 8 >= 112
    answer = phone.redeem(token=flipped(token, bit))
    assert answer.json()["errors"][0]["code"] == "forged_code"


def flipped(token: str, bit: int) -> str:
    """The same token with one bit of its MAC changed."""
    mac = bytearray(parse_token(token).mac)
    mac[bit // 8] ^= 1 << (bit % 8)
    head = token.rpartition(".")[0]
    return f"{head}.{base64.b32encode(bytes(mac)).decode().rstrip('=')}"


# --- Clock skew ------------------------------------------------------------------------------


@pytest.mark.parametrize("skew", [timedelta(days=-3), timedelta(hours=5), timedelta(days=400)])
def test_clock_skew_of_a_phone_changes_nothing_online(
    cast: Cast, session: ClassSession, phone: Phone, skew: timedelta
) -> None:
    """Nothing that the phone says about the time is asked: the server's clock decides."""
    body = phone.check_in(
        phone.ticket(now_token(cast, session)),
        device_info={"time": (timezone.now() + skew).isoformat()},
    ).json()
    assert body["outcome"] == "accepted"
    assert marked(cast, cast.student)


@pytest.mark.parametrize(
    ("skew", "noticed"), [(0, False), (9, False), (-9, False), (60, True), (-3600, True)]
)
def test_clock_skew_offline_is_a_sign_and_not_a_refusal(
    cast: Cast, session: ClassSession, phone: Phone, skew: int, noticed: bool
) -> None:
    at = timezone.now()
    start = datetime.fromtimestamp(window_at(at) * QR_PERIOD, tz=at.tzinfo)
    kept = kept_by(
        phone,
        session.pk,
        now_token_at(cast, session, at),
        counter=1,
        at=start + timedelta(seconds=skew),
    )
    (result,) = phone.send_offline(kept).json()["results"]
    assert result["attempt"]["outcome"] == "accepted"
    assert (FindingKind.CLOCK_DRIFT in kinds_in(cast, session, cast.student)) == noticed


# --- Offline replays -------------------------------------------------------------------------


def now_token_at(cast: Cast, session: ClassSession, at: datetime) -> str:
    return code_of(cast, session.pk, at).token


@pytest.fixture
def held(cast: Cast, session: ClassSession) -> ClassSession:
    """Opened half an hour ago."""
    by = timedelta(minutes=30)
    with campus_scope(cast.campus):
        ClassSession.objects.filter(pk=session.pk).update(
            starts_at=session.starts_at - by, opened_at=session.opened_at - by
        )
        session.refresh_from_db()
    return session


Forge = Callable[[Cast, ClassSession, Phone, datetime], dict[str, str]]


def same_counter(cast: Cast, session: ClassSession, phone: Phone, at: datetime) -> dict[str, str]:
    later = at + timedelta(minutes=1)
    return kept_by(phone, session.pk, now_token_at(cast, session, later), counter=5, at=later)


def lower_counter(cast: Cast, session: ClassSession, phone: Phone, at: datetime) -> dict[str, str]:
    later = at + timedelta(minutes=1)
    return kept_by(phone, session.pk, now_token_at(cast, session, later), counter=4, at=later)


def same_window(cast: Cast, session: ClassSession, phone: Phone, at: datetime) -> dict[str, str]:
    return kept_by(phone, session.pk, now_token_at(cast, session, at), counter=6, at=at)


def forged_window(cast: Cast, session: ClassSession, phone: Phone, at: datetime) -> dict[str, str]:
    """A code of now, said to be one of a minute ago: the MAC covers the window."""
    head, _window, mac = now_token_at(cast, session, at).rsplit(".", 2)
    _head, window, _mac = now_token_at(cast, session, at - timedelta(minutes=1)).rsplit(".", 2)
    return kept_by(phone, session.pk, f"{head}.{window}.{mac}", counter=6, at=at)


def nonsense(cast: Cast, session: ClassSession, phone: Phone, at: datetime) -> dict[str, str]:
    return kept_by(phone, session.pk, "not a code", counter=6, at=at)


def before_opening(cast: Cast, session: ClassSession, phone: Phone, at: datetime) -> dict[str, str]:
    early = session.opened_at - timedelta(minutes=1)
    return kept_by(phone, session.pk, now_token_at(cast, session, early), counter=6, at=early)


def in_the_future(cast: Cast, session: ClassSession, phone: Phone, at: datetime) -> dict[str, str]:
    ahead = timezone.now() + timedelta(minutes=5)
    return kept_by(phone, session.pk, now_token_at(cast, session, ahead), counter=6, at=ahead)


def a_rapid_code(cast: Cast, session: ClassSession, phone: Phone, at: datetime) -> dict[str, str]:
    token = now_token_at(cast, session, at)
    return kept_by(phone, session.pk, f"B{token[1:]}", counter=6, at=at)


def others_key(cast: Cast, session: ClassSession, phone: Phone, at: datetime) -> dict[str, str]:
    kept = kept_by(phone, session.pk, now_token_at(cast, session, at), counter=6, at=at)
    thief = Phone(cast, cast.classmate)
    return {**kept, "signature": thief.sign(kept["evidence"].encode())}


def changed_after(cast: Cast, session: ClassSession, phone: Phone, at: datetime) -> dict[str, str]:
    kept = kept_by(phone, session.pk, now_token_at(cast, session, at), counter=6, at=at)
    return {**kept, "evidence": kept["evidence"].replace('"counter": 6', '"counter": 7')}


@pytest.mark.parametrize(
    ("forge", "reason"),
    [
        (same_counter, "counter_used"),
        (lower_counter, "counter_used"),
        (same_window, "replayed_code"),
        (forged_window, "forged_code"),
        (nonsense, "malformed_code"),
        (a_rapid_code, "malformed_code"),
        (before_opening, "outside_session"),
        (in_the_future, "outside_session"),
        (others_key, "bad_signature"),
        (changed_after, "bad_signature"),
    ],
)
def test_offline_replays_are_refused_with_their_reason_and_kept(
    cast: Cast, held: ClassSession, phone: Phone, forge: Forge, reason: str
) -> None:
    """After one honest offline check-in (counter 5) everything else is tried."""
    at = timezone.now() - timedelta(minutes=10)
    first = kept_by(phone, held.pk, now_token_at(cast, held, at), counter=5, at=at)
    (result,) = phone.send_offline(first).json()["results"]
    assert result["attempt"]["outcome"] == "accepted"
    (result,) = phone.send_offline(forge(cast, held, phone, at)).json()["results"]
    assert (result["attempt"]["outcome"], result["attempt"]["reason"]) == ("refused", reason)
    assert attempts_of(cast, cast.student) == 2


def test_offline_after_the_closing_is_no_use(cast: Cast, held: ClassSession, phone: Phone) -> None:
    """A code computed for a moment after the closing: the secret alone does not make it shown."""
    closed = timezone.now() - timedelta(minutes=5)
    late = now_token_at(cast, held, closed + timedelta(minutes=1))
    with campus_scope(cast.campus):
        register_close(session=held, now=closed, actor=SYSTEM)
    kept = kept_by(phone, held.pk, late, counter=1, at=closed)
    (result,) = phone.send_offline(kept).json()["results"]
    assert result["attempt"]["reason"] == "outside_session"


@pytest.mark.parametrize(("hours", "reason"), [(23, ""), (25, "offline_too_old")])
def test_offline_within_a_day_only(
    cast: Cast, held: ClassSession, phone: Phone, hours: int, reason: str
) -> None:
    at = timezone.now() - timedelta(hours=hours)
    kept = kept_by(phone, held.pk, now_token_at(cast, held, at), counter=1, at=at)
    with campus_scope(cast.campus):
        ClassSession.objects.filter(pk=held.pk).update(
            starts_at=at - timedelta(minutes=1), opened_at=at - timedelta(minutes=1)
        )
        held.refresh_from_db()
        register_close(session=held, now=at + timedelta(minutes=80), actor=SYSTEM)
    (result,) = phone.send_offline(kept).json()["results"]
    assert result["attempt"]["reason"] == reason


def test_offline_when_the_session_closed_more_than_a_day_ago(
    cast: Cast, held: ClassSession, phone: Phone
) -> None:
    at = timezone.now() - timedelta(hours=26)
    kept = kept_by(phone, held.pk, now_token_at(cast, held, at), counter=1, at=at)
    with campus_scope(cast.campus):
        register_close(session=held, now=at + timedelta(hours=1), actor=SYSTEM)
    (result,) = phone.send_offline(kept).json()["results"]
    assert result["attempt"]["reason"] == "offline_too_old"


def test_offline_with_another_sessions_code(cast: Cast, held: ClassSession, phone: Phone) -> None:
    with campus_scope(cast.campus):
        other = make_course(faculty=cast.lecturer, code="CS299-A")
        enroll(cast.student, other)
    elsewhere = open_session_of(cast, other)
    at = timezone.now()
    kept = kept_by(phone, held.pk, now_token_at(cast, elsewhere, at), counter=1, at=at)
    (result,) = phone.send_offline(kept).json()["results"]
    assert result["attempt"]["reason"] == "other_session"


def open_session_of(cast: Cast, course: Any) -> ClassSession:
    with campus_scope(cast.campus):
        session = make_session(course, starts_at=timezone.now())
        return register_open(session=session, topic="Graphs", now=timezone.now(), actor=SYSTEM)


def test_offline_with_another_campus_code(
    cast: Cast, other_cast: Cast, held: ClassSession, phone: Phone
) -> None:
    foreign = open_session(other_cast)
    at = timezone.now()
    kept = kept_by(phone, held.pk, now_token_at(other_cast, foreign, at), counter=1, at=at)
    (result,) = phone.send_offline(kept).json()["results"]
    assert result["attempt"]["reason"] == "forged_code"


def test_offline_by_a_stranger_to_the_course(cast: Cast, held: ClassSession) -> None:
    stranger = Phone(cast, cast.stranger)
    at = timezone.now()
    kept = kept_by(stranger, held.pk, now_token_at(cast, held, at), counter=1, at=at)
    (result,) = stranger.send_offline(kept).json()["results"]
    assert result["attempt"]["reason"] == "not_enrolled"


def test_a_forger_cannot_use_up_somebodys_counter(
    cast: Cast, held: ClassSession, phone: Phone
) -> None:
    """A huge counter under a wrong signature leaves the real phone's next one good."""
    at = timezone.now()
    forged = kept_by(phone, held.pk, now_token_at(cast, held, at), counter=2**62, at=at)
    thief = Phone(cast, cast.classmate)
    forged["signature"] = thief.sign(forged["evidence"].encode())
    honest = kept_by(phone, held.pk, now_token_at(cast, held, at), counter=1, at=at)
    results = phone.send_offline(forged, honest).json()["results"]
    assert [one["attempt"]["outcome"] for one in results] == ["refused", "accepted"]
