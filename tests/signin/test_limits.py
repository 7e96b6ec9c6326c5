"""Guessing is slow, and a campus behind one address is never locked out."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from apps.signin.known_devices import mark_of
from apps.signin.password_links import password_link
from apps.tenants.scope import campus_scope
from tests.accounts.support import at, code_of, login
from tests.factories import PASSWORD, Cast

WRONG = "not the password at all"
ALLOWED = 5
STRANGERS = 20


@dataclass
class Clock:
    now: float = 1_000_000.0


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    stopped = Clock()
    # Theirs alone: signed acts go by the real one.
    monkeypatch.setattr("apps.signin.guesses.time", SimpleNamespace(time=lambda: stopped.now))
    return stopped


@pytest.fixture
def one_proxy(settings: Any) -> None:
    settings.TRUSTED_PROXY_COUNT = 1


def fail(client: APIClient, email: str, times: int = ALLOWED, **extra: str) -> None:
    for _try in range(times):
        assert login(client, email, WRONG, **extra).status_code == 400


def test_sixth_wrong_password_in_a_minute_is_refused(api: APIClient, cast: Cast) -> None:
    fail(api, cast.student.email)
    answer = login(api, cast.student.email, WRONG)
    assert (answer.status_code, code_of(answer)) == (429, "too_many_attempts")
    assert 0 < int(answer["Retry-After"]) <= 60


def test_right_password_does_not_tell_itself_apart_while_refused(
    api: APIClient, cast: Cast
) -> None:
    fail(api, cast.student.email)
    assert login(api, cast.student.email).status_code == 429


def test_sixth_wrong_password_in_the_browser_is_refused(cast: Cast) -> None:
    browser = Client(headers={"host": cast.host})
    body = {"login": cast.student.email, "password": WRONG}
    codes = [browser.post("/accounts/login/", body).status_code for _try in range(ALLOWED + 1)]
    assert codes == [200] * ALLOWED + [429]


def test_unknown_accounts_are_limited_alike(api: APIClient, cast: Cast) -> None:
    fail(api, "unknown@north.example")
    assert login(api, "unknown@north.example", WRONG).status_code == 429


@pytest.mark.parametrize("spelling", ["stud@north.example", "STUD@North.Example"])
def test_spelling_does_not_buy_more_tries(api: APIClient, cast: Cast, spelling: str) -> None:
    fail(api, cast.student.email)
    assert login(api, spelling, WRONG).status_code == 429


def test_forty_right_sign_ins_from_one_address_all_succeed(cast: Cast) -> None:
    people = [cast.student.email, cast.classmate.email, cast.lecturer.email, cast.admin.email]
    codes = [login(at(cast.host), people[n % 4]).status_code for n in range(40)]
    assert codes == [200] * 40


def test_forty_right_sign_ins_of_one_account_all_succeed(cast: Cast) -> None:
    codes = [login(at(cast.host), cast.student.email).status_code for _n in range(40)]
    assert codes == [200] * 40


def test_neighbours_behind_the_address_are_not_affected(api: APIClient, cast: Cast) -> None:
    fail(api, cast.student.email)
    assert login(api, cast.classmate.email).status_code == 200


def test_a_stranger_elsewhere_cannot_lock_the_owner_out(api: APIClient, cast: Cast) -> None:
    fail(api, cast.student.email, REMOTE_ADDR="203.0.113.9")
    assert login(api, cast.student.email, WRONG, REMOTE_ADDR="203.0.113.9").status_code == 429
    assert login(api, cast.student.email, REMOTE_ADDR="198.51.100.7").status_code == 200


def test_forged_forwarding_header_does_not_buy_more_tries(api: APIClient, cast: Cast) -> None:
    fail(api, cast.student.email)
    answer = login(api, cast.student.email, WRONG, headers={"x-forwarded-for": "192.0.2.77"})
    assert answer.status_code == 429


def test_another_campus_is_no_way_to_more_tries(
    api: APIClient, cast: Cast, other_cast: Cast
) -> None:
    """An account is one and the same on every campus."""
    fail(api, cast.student.email)
    assert login(at(other_cast.host), cast.student.email, WRONG).status_code == 429


def test_right_password_starts_the_count_of_that_place_anew(api: APIClient, cast: Cast) -> None:
    fail(api, cast.student.email, times=ALLOWED - 1)
    assert login(at(cast.host), cast.student.email).status_code == 200
    fail(api, cast.student.email)
    assert login(api, cast.student.email, WRONG).status_code == 429


def test_pauses_grow(api: APIClient, cast: Cast, clock: Clock) -> None:
    fail(api, cast.student.email)
    for expected in (60, 120, 240, 480, 900, 900):
        answer = login(api, cast.student.email, WRONG)
        assert (answer.status_code, int(answer["Retry-After"])) == (429, expected)
        clock.now += expected
        fail(api, cast.student.email, times=1)


def behind_proxy(address: str) -> dict[str, Any]:
    return {"headers": {"x-forwarded-for": address}}


@pytest.mark.usefixtures("one_proxy")
def test_a_network_of_ipv6_is_one_guesser(cast: Cast) -> None:
    """Case 47."""
    codes = [
        login(at(cast.host), cast.student.email, WRONG, **behind_proxy(f"2001:db8:1:2::{n:x}"))
        for n in range(1, 31)
    ]
    assert [code.status_code for code in codes] == [400] * ALLOWED + [429] * 25


@pytest.mark.usefixtures("one_proxy")
@pytest.mark.parametrize(
    ("guesser", "other"),
    [
        ("203.0.113.8:{}", "198.51.100.20:1234"),
        ("203.0.113.8:{}", "198.51.100.20"),
        ("[2001:db8:1:3::9]:{}", "[2001:db8:9:3::9]:40000"),
    ],
)
def test_ports_make_neither_one_of_all_nor_many_of_one(
    cast: Cast, guesser: str, other: str
) -> None:
    """Case 48."""
    codes = [
        login(at(cast.host), cast.student.email, WRONG, **behind_proxy(guesser.format(50000 + n)))
        for n in range(ALLOWED + 1)
    ]
    assert [code.status_code for code in codes] == [400] * ALLOWED + [429]
    answer = login(at(cast.host), cast.student.email, WRONG, **behind_proxy(other))
    assert answer.status_code == 400


@pytest.mark.usefixtures("one_proxy")
def test_unreadable_addresses_share_no_bucket_but_the_strangers(cast: Cast) -> None:
    codes = [
        login(at(cast.host), cast.student.email, WRONG, **behind_proxy("unknown")).status_code
        for _n in range(STRANGERS + 1)
    ]
    assert codes == [400] * STRANGERS + [429]
    answer = login(at(cast.host), cast.classmate.email, WRONG, **behind_proxy("unknown"))
    assert answer.status_code == 400


def from_everywhere(cast: Cast, times: int) -> list[int]:
    """Wrong passwords of one account, each from another network."""
    return [
        login(at(cast.host), cast.student.email, WRONG, REMOTE_ADDR=f"203.0.{n}.7").status_code
        for n in range(times)
    ]


def test_many_addresses_buy_few_more_tries(cast: Cast, clock: Clock) -> None:
    assert from_everywhere(cast, STRANGERS + 30) == [400] * STRANGERS + [429] * 30
    clock.now += 24 * 3600 / 2
    assert from_everywhere(cast, 10) == [400] + [429] * 9


def test_strangers_do_not_keep_the_owners_browser_out(cast: Cast) -> None:
    mine = Client(headers={"host": cast.host}, REMOTE_ADDR="198.51.100.7")
    body = {"login": cast.student.email, "password": PASSWORD}
    assert mine.post("/accounts/login/", body).status_code == 302
    mine.post("/accounts/logout/")
    from_everywhere(cast, STRANGERS + 5)
    assert login(at(cast.host), cast.student.email, REMOTE_ADDR="192.0.2.1").status_code == 429
    # Even in the hall whose address the guesser shares.
    for _n in range(ALLOWED + 1):
        login(at(cast.host), cast.student.email, WRONG, REMOTE_ADDR="198.51.100.7")
    assert mine.post("/accounts/login/", body).status_code == 302


def test_strangers_do_not_keep_the_owner_out_where_the_account_is_signed_in(cast: Cast) -> None:
    home = {"REMOTE_ADDR": "2001:db8:5:5::1"}
    assert login(at(cast.host), cast.student.email, **home).status_code == 200
    from_everywhere(cast, STRANGERS + 5)
    neighbour = {"REMOTE_ADDR": "2001:db8:5:5::2"}
    assert login(at(cast.host), cast.student.email, **neighbour).status_code == 200


def test_an_email_lets_the_owner_in_at_a_new_place(cast: Cast) -> None:
    from_everywhere(cast, STRANGERS + 5)
    new_place = Client(headers={"host": cast.host}, REMOTE_ADDR="192.0.2.1")
    with campus_scope(cast.campus):
        link = password_link(cast.student.user_id, {"host": cast.host})  # type: ignore[arg-type]
    page = new_place.get(link, follow=True)
    new = "another horse battery staple"
    new_place.post(page.request["PATH_INFO"], {"password1": new, "password2": new})
    body = {"login": cast.student.email, "password": new}
    assert new_place.post("/accounts/login/", body).status_code == 302
    assert new_place.get("/api/v1/me").status_code == 200


def test_a_forged_or_foreign_device_cookie_is_a_stranger(cast: Cast) -> None:
    mate = Client(headers={"host": cast.host}, REMOTE_ADDR="198.51.100.7")
    mate.post("/accounts/login/", {"login": cast.classmate.email, "password": PASSWORD})
    assert mate.cookies["campus_device"]["httponly"]
    mate.post("/accounts/logout/")
    from_everywhere(cast, STRANGERS)
    body = {"login": cast.student.email, "password": WRONG}
    assert mate.post("/accounts/login/", body).status_code == 429
    mate.cookies["campus_device"] = "x." + mark_of(cast.student.email) + ":1:forged"
    assert mate.post("/accounts/login/", body).status_code == 429


def every_allauth_rate() -> dict[str, Any]:
    from allauth.account import app_settings as account
    from allauth.mfa import app_settings as mfa

    return {**account.RATE_LIMITS, **mfa.RATE_LIMITS}


def test_no_limit_of_the_library_counts_by_address_alone() -> None:
    rates = {action: rate for action, rate in every_allauth_rate().items() if rate}
    assert rates
    assert [action for action, rate in rates.items() if "/ip" in rate or rate.count("/") < 2] == []
