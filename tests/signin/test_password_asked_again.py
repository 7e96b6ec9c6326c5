"""Anyone who took a session over does not learn the password where it is asked for again."""

import pytest
from django.test import Client

from tests.accounts.support import CHANGE_PASSWORD, at, login
from tests.factories import PASSWORD, Cast

WRONG = "not the password at all"
NEW_PASSWORD = "another-long-passphrase-of-mine"
CHANGED = {"oldpassword": WRONG, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}


@pytest.mark.parametrize(
    ("path", "wrong"),
    [("/accounts/password/change/", CHANGED), ("/accounts/reauthenticate/", {"password": WRONG})],
)
def test_a_page_that_asks_again_slows_guessing(
    cast: Cast, path: str, wrong: dict[str, str]
) -> None:
    browser = Client(headers={"host": cast.host})
    browser.force_login(cast.admin)
    codes = [browser.post(path, wrong).status_code for _try in range(6)]
    assert codes == [200] * 5 + [429]
    answer = browser.post(path, wrong)
    assert answer.status_code == 429
    assert 0 < int(answer["Retry-After"]) <= 60
    assert login(at(cast.host), cast.admin.email).status_code == 429


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        (CHANGE_PASSWORD, {"current_password": WRONG, "new_password": NEW_PASSWORD}),
        ("/_allauth/app/v1/auth/reauthenticate", {"password": WRONG}),
    ],
)
def test_an_address_of_phones_that_asks_again_slows_guessing(
    cast: Cast, path: str, wrong: dict[str, str]
) -> None:
    token = login(at(cast.host), cast.admin.email).json()["meta"]["session_token"]
    phone = at(cast.host, **{"X-Session-Token": token})
    codes = [phone.post(path, wrong).status_code for _try in range(6)]
    assert codes == [400] * 5 + [429]
    assert 0 < int(phone.post(path, wrong)["Retry-After"]) <= 60
    assert login(at(cast.host), cast.admin.email).status_code == 429


def test_a_mistyped_password_keeps_nobody_from_changing_it(cast: Cast) -> None:
    browser = Client(headers={"host": cast.host})
    browser.force_login(cast.admin)
    for _try in range(4):
        browser.post("/accounts/password/change/", CHANGED)
    right = {**CHANGED, "oldpassword": PASSWORD}
    assert browser.post("/accounts/password/change/", right).status_code == 302
    assert login(at(cast.host), cast.admin.email, NEW_PASSWORD).status_code == 200
