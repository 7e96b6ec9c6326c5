"""Guessing is slow, and a campus behind one address is never locked out."""

import pytest
from django.test import Client
from rest_framework.test import APIClient

from tests.accounts.support import at, code_of, login
from tests.factories import PASSWORD, Cast

WRONG = "not the password at all"
ALLOWED = 5


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


def test_same_account_name_on_another_campus_counts_apart(
    api: APIClient, cast: Cast, other_cast: Cast
) -> None:
    fail(api, cast.student.email)
    assert login(at(other_cast.host), cast.student.email, PASSWORD).status_code == 400


def test_right_password_within_the_limit_gives_no_tries_back(api: APIClient, cast: Cast) -> None:
    fail(api, cast.student.email, times=ALLOWED - 1)
    assert login(at(cast.host), cast.student.email).status_code == 200
    fail(api, cast.student.email, times=1)
    assert login(api, cast.student.email, WRONG).status_code == 429
