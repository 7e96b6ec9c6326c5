"""Rotating codes and one-time codes, against the database."""

import threading
from datetime import datetime, timedelta

import pytest
from django.core.cache import cache
from django.db import connection, connections

from apps.qr_otp.models import OneTimeCode, QrSecret, Scan, Tries
from apps.qr_otp.problems import Problem
from apps.qr_otp.scan_log import window_counts
from apps.qr_otp.selectors import (
    check_text,
    check_token,
    live_secret,
    secret_cache_key,
    shown_code,
)
from apps.qr_otp.services import (
    codes_end,
    one_time_code_issue,
    one_time_code_try,
    scan_save,
    secret_start,
)
from apps.tenants.scope import campus_scope
from tests.factories import Cast, make_campus

pytestmark = pytest.mark.django_db
QR = {"purpose": "check_in", "subject": "42"}


@pytest.fixture
def secret(in_campus: Cast, now: datetime) -> None:
    secret_start(**QR, now=now)


def scan(text: str, now: datetime) -> str:
    return check_token(purpose="check_in", text=text, now=now).problem


def shown(now: datetime) -> str:
    code = shown_code(**QR, now=now)
    assert code is not None
    return code.token


def test_the_shown_code_is_right_now_and_one_window_later_but_no_longer(
    secret: None, now: datetime
) -> None:
    token = shown(now)
    assert scan(token, now) == ""
    assert scan(token, now + timedelta(seconds=9.9)) == ""
    assert scan(token, now + timedelta(seconds=10)) == Problem.EXPIRED


def test_a_code_of_the_future_is_refused(secret: None, now: datetime) -> None:
    assert scan(shown(now + timedelta(seconds=5)), now) == Problem.EXPIRED


def test_a_forged_or_foreign_code_is_refused(secret: None, now: datetime) -> None:
    token = shown(now)
    last = "A" if token[-3] != "A" else "B"
    assert scan(token[:-3] + last + token[-2:], now) == Problem.FORGED
    other = make_campus("west")
    with campus_scope(other):
        secret_start(**QR, now=now)
        assert scan(token, now) == Problem.FORGED
        assert scan(shown(now), now) == ""


def test_a_restarted_cache_is_filled_from_the_database(secret: None, now: datetime) -> None:
    token = shown(now)
    cache.clear()
    assert scan(token, now) == ""


def test_no_secret_is_kept_in_clear(secret: None, now: datetime) -> None:
    clear = live_secret(**QR)
    assert clear is not None
    stored = bytes(QrSecret.objects.get().sealed_secret)
    assert clear not in stored
    cached = cache.get(secret_cache_key(**QR))
    assert cached is not None
    assert clear.hex() not in cached
    assert clear not in cached.encode()


def test_an_ended_code_is_dead_at_once(secret: None, now: datetime) -> None:
    token = shown(now)
    codes_end(purposes=["check_in"], subject="42", now=now)
    assert scan(token, now) == Problem.EXPIRED
    assert shown_code(**QR, now=now) is None


def test_a_new_secret_kills_the_codes_of_the_old_one(secret: None, now: datetime) -> None:
    token = shown(now)
    secret_start(**QR, now=now)
    assert scan(token, now) == Problem.FORGED


def test_the_text_code_stands_for_its_window_and_one_more(secret: None, now: datetime) -> None:
    code = shown_code(**QR, now=now)
    assert code is not None
    for seconds, problem in ((0, ""), (59, ""), (60, Problem.WRONG_CODE)):
        at = now + timedelta(seconds=seconds)
        typed = f"{code.text[:4].lower()} {code.text[4:]}"
        assert check_text(**QR, typed=typed, now=at).problem == problem


def test_the_delay_counts_from_the_start_of_the_window(secret: None, now: datetime) -> None:
    check = check_token(purpose="check_in", text=shown(now), now=now + timedelta(seconds=3.5))
    assert check.delay_ms == 3500


# --- One-time codes ---------------------------------------------------------------------------

OTP = {"purpose": "start", "subject": "F1-C2"}


def other_than(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06d}"


def attempt(code: str, now: datetime) -> str:
    return one_time_code_try(**OTP, who="faculty:1", code=code, now=now)


def test_a_code_has_six_digits_and_works_once(in_campus: Cast, now: datetime) -> None:
    code, expires_at = one_time_code_issue(**OTP, now=now)
    assert len(code) == 6
    assert code.isdigit()
    assert expires_at == now + timedelta(minutes=5)
    assert attempt(code, now) == ""
    assert attempt(code, now) == Problem.EXPIRED


def test_a_code_dies_after_five_minutes(in_campus: Cast, now: datetime) -> None:
    code, _expires_at = one_time_code_issue(**OTP, now=now)
    assert attempt(code, now + timedelta(minutes=5, seconds=1)) == Problem.EXPIRED


def test_after_five_failures_the_right_code_is_refused_and_a_new_code_does_not_help(
    in_campus: Cast, now: datetime
) -> None:
    code, _expires_at = one_time_code_issue(**OTP, now=now)
    assert [attempt(other_than(code), now) for _ in range(5)] == [Problem.WRONG_CODE] * 5
    assert OneTimeCode.objects.get().attempts == 5
    assert attempt(code, now) == Problem.TOO_MANY_TRIES
    fresh, _expires_at = one_time_code_issue(**OTP, now=now)
    assert attempt(fresh, now) == Problem.TOO_MANY_TRIES
    later = now + timedelta(minutes=16)
    fresh, _expires_at = one_time_code_issue(**OTP, now=later)
    assert attempt(fresh, later) == ""


def test_a_new_code_ends_the_one_before(in_campus: Cast, now: datetime) -> None:
    old, _expires_at = one_time_code_issue(**OTP, now=now)
    new, _expires_at = one_time_code_issue(**OTP, now=now)
    assert attempt(old, now) == Problem.WRONG_CODE if old != new else True
    assert attempt(new, now) == ""


def test_a_code_is_bound_to_its_subject(in_campus: Cast, now: datetime) -> None:
    code, _expires_at = one_time_code_issue(**OTP, now=now)
    other = one_time_code_try(purpose="start", subject="F1-C3", who="f", code=code, now=now)
    assert other == Problem.EXPIRED


def test_two_live_codes_of_a_campus_are_never_the_same(
    in_campus: Cast, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    draws = iter([123456, 123456, 123456, 654321])
    monkeypatch.setattr("apps.qr_otp.services.secrets.randbelow", lambda _n: next(draws))
    first, _ = one_time_code_issue(purpose="check_in", subject="1", now=now)
    second, _ = one_time_code_issue(purpose="check_in", subject="2", now=now)
    assert (first, second) == ("123456", "654321")


def test_the_code_itself_is_nowhere_in_the_database(in_campus: Cast, now: datetime) -> None:
    code, _expires_at = one_time_code_issue(**OTP, now=now)
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(t)::text FROM qr_otp_onetimecode t")
        text = cursor.fetchone()[0]
    assert code not in text.replace(str(now.year), "")


def test_there_is_no_master_code(in_campus: Cast, now: datetime) -> None:
    code, _expires_at = one_time_code_issue(**OTP, now=now)
    for guess in {"000000", "123456", "111111", "999999"} - {code}:
        assert attempt(guess, now) == Problem.WRONG_CODE
        Tries.objects.all().delete()


@pytest.mark.django_db(transaction=True)
def test_of_sixteen_uses_at_once_exactly_one_wins(now: datetime) -> None:
    campus = make_campus("north")
    with campus_scope(campus):
        code, _expires_at = one_time_code_issue(**OTP, now=now)
    outcomes: list[str] = []

    def use(number: int) -> None:
        with campus_scope(campus):
            outcome = one_time_code_try(**OTP, who=f"faculty:{number}", code=code, now=now)
        outcomes.append(outcome)
        connections.close_all()

    threads = [threading.Thread(target=use, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert sorted(outcomes) == ["", *[Problem.EXPIRED] * 15]


@pytest.mark.django_db(transaction=True)
def test_guesses_at_once_are_all_counted(now: datetime) -> None:
    campus = make_campus("north")
    with campus_scope(campus):
        code, _expires_at = one_time_code_issue(**OTP, now=now)
    outcomes: list[str] = []

    def guess() -> None:
        with campus_scope(campus):
            outcomes.append(attempt(other_than(code), now))
        connections.close_all()

    threads = [threading.Thread(target=guess) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert sorted(outcomes) == [Problem.TOO_MANY_TRIES] * 7 + [Problem.WRONG_CODE] * 5


# --- Scan log ---------------------------------------------------------------------------------


def test_a_minute_of_showing_is_twelve_windows_and_every_scan_is_counted(
    secret: None, now: datetime
) -> None:
    def scanned(at: datetime, *, reason: str = "") -> None:
        check = check_token(purpose="check_in", text=shown(at), now=at)
        scan_save(
            purpose="check_in",
            check=check,
            scanner="student:1",
            method="qr",
            reason=reason,
            now=at,
            address="2001:db8::1",
        )

    scanned(now)
    scanned(now + timedelta(seconds=1))
    scanned(now + timedelta(seconds=2), reason="not_enrolled")
    scanned(now + timedelta(seconds=31))
    counts = window_counts(**QR, started_at=now, ended_at=now + timedelta(seconds=60))
    assert len(counts) == 12
    assert [(c.accepted, c.refused) for c in counts if c.scan_count] == [(2, 1), (1, 0)]
    assert counts[0].generated_at == now
    assert counts[0].expires_at == now + timedelta(seconds=10)
    assert sum(c.scan_count for c in counts) == Scan.objects.count() == 4


def test_showing_codes_writes_nothing(
    secret: None, now: datetime, django_assert_num_queries: pytest.FixtureRequest
) -> None:
    shown(now)
    with django_assert_num_queries(0):
        for second in range(60):
            shown(now + timedelta(seconds=second))
