"""Tokens of phones: short, rotating, bound to one campus, and over at once."""

import re
from datetime import timedelta
from functools import partial
from typing import Any

import jwt
import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from apps.accounts.services import account_deactivate, person_deactivate
from apps.audit.services import SYSTEM
from apps.tenants.scope import campus_scope
from tests.accounts.support import (
    CHANGE_PASSWORD,
    ME,
    REFRESH,
    SESSION,
    at,
    code_of,
    race,
    signed_in,
    tokens,
)
from tests.factories import PASSWORD, Cast

NEW_PASSWORD = "another horse battery staple"


def bearer(cast: Cast, token: str) -> APIClient:
    return at(cast.host, Authorization=f"Bearer {token}")


def refresh(cast: Cast, token: str) -> Any:
    return at(cast.host).post(REFRESH, {"refresh_token": token})


def status_of(cast: Cast, token: str) -> int:
    code: int = bearer(cast, token).get(ME).status_code
    return code


def test_access_tokens_live_fifteen_minutes_at_most(cast: Cast) -> None:
    token = tokens(at(cast.host), cast.student.email)["access_token"]
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] <= timedelta(minutes=15).total_seconds()


@override_settings(HEADLESS_JWT_ACCESS_TOKEN_EXPIRES_IN=-1)
def test_expired_access_token_is_refused(cast: Cast) -> None:
    assert status_of(cast, tokens(at(cast.host), cast.student.email)["access_token"]) == 401


def test_forged_access_token_is_refused(cast: Cast) -> None:
    token = tokens(at(cast.host), cast.student.email)["access_token"]
    claims = jwt.decode(token, options={"verify_signature": False})
    forged = jwt.encode(claims, "another key, long enough for the algorithm", algorithm="HS256")
    unsigned = jwt.encode(claims, None, algorithm="none")
    assert status_of(cast, forged) == 401
    assert status_of(cast, unsigned) == 401


def test_refresh_token_is_no_access_token(cast: Cast) -> None:
    assert status_of(cast, tokens(at(cast.host), cast.student.email)["refresh_token"]) == 401


def test_session_token_is_no_access_token(cast: Cast) -> None:
    session = tokens(at(cast.host), cast.student.email)["session_token"]
    assert at(cast.host, **{"X-Session-Token": session}).get(ME).status_code == 401


def test_refresh_rotates(cast: Cast) -> None:
    first = tokens(at(cast.host), cast.student.email)
    second = refresh(cast, first["refresh_token"]).json()["data"]
    assert second["refresh_token"] != first["refresh_token"]
    assert status_of(cast, second["access_token"]) == 200
    assert refresh(cast, second["refresh_token"]).status_code == 200


def test_replayed_refresh_token_ends_the_session(cast: Cast) -> None:
    first = tokens(at(cast.host), cast.student.email)
    second = refresh(cast, first["refresh_token"]).json()["data"]
    assert refresh(cast, first["refresh_token"]).status_code == 400
    assert status_of(cast, second["access_token"]) == 401
    assert refresh(cast, second["refresh_token"]).status_code == 400


def test_replay_ends_only_its_own_session(cast: Cast) -> None:
    stolen = tokens(at(cast.host), cast.student.email)
    other = tokens(at(cast.host), cast.student.email)
    refresh(cast, stolen["refresh_token"])
    refresh(cast, stolen["refresh_token"])
    assert status_of(cast, other["access_token"]) == 200


@pytest.mark.django_db(transaction=True)
def test_of_two_simultaneous_refreshes_one_is_a_replay(cast: Cast) -> None:
    first = tokens(at(cast.host), cast.student.email)
    again = partial(refresh, cast, first["refresh_token"])
    assert race(again, again) == [200, 400]
    assert status_of(cast, first["access_token"]) == 401


def test_logout_takes_effect_at_once(cast: Cast) -> None:
    pair = tokens(at(cast.host), cast.student.email)
    at(cast.host, **{"X-Session-Token": pair["session_token"]}).delete(SESSION)
    assert status_of(cast, pair["access_token"]) == 401
    assert refresh(cast, pair["refresh_token"]).status_code == 400


def test_logged_out_token_stays_out_after_a_restart(cast: Cast) -> None:
    pair = tokens(at(cast.host), cast.student.email)
    bearer(cast, pair["access_token"]).delete(SESSION)
    cache.clear()
    assert status_of(cast, pair["access_token"]) == 401


def test_restarted_cache_signs_nobody_out(cast: Cast) -> None:
    pair = tokens(at(cast.host), cast.student.email)
    cache.clear()
    assert status_of(cast, pair["access_token"]) == 200
    cache.clear()
    assert refresh(cast, pair["refresh_token"]).status_code == 200


def test_password_change_ends_every_session(cast: Cast) -> None:
    other_phone = tokens(at(cast.host), cast.student.email)
    this = signed_in(cast.host, cast.student.email)
    body = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    assert this.post(CHANGE_PASSWORD, body).status_code == 401  # done, and signed out
    assert this.get(ME).status_code == 401
    assert status_of(cast, other_phone["access_token"]) == 401
    assert refresh(cast, other_phone["refresh_token"]).status_code == 400
    assert tokens(at(cast.host), cast.student.email, NEW_PASSWORD)


def test_weak_new_password_is_refused(cast: Cast) -> None:
    client = signed_in(cast.host, cast.student.email)
    for weak in ("short one", "passwordpassword"[:14], "x" * 129):
        body = {"current_password": PASSWORD, "new_password": weak}
        assert client.post(CHANGE_PASSWORD, body).status_code == 400
    assert client.get(ME).status_code == 200


@pytest.mark.parametrize("close", [account_deactivate, person_deactivate])
def test_deactivation_takes_effect_at_once(cast: Cast, close: Any) -> None:
    pair = tokens(at(cast.host), cast.student.email)
    user = cast.student.user
    with campus_scope(cast.campus):
        close(user=user, now=timezone.now(), actor=SYSTEM)
    assert status_of(cast, pair["access_token"]) == 401
    assert refresh(cast, pair["refresh_token"]).status_code == 400
    answer = at(cast.host).post(
        "/_allauth/app/v1/auth/login", {"email": user.email, "password": PASSWORD}
    )
    assert answer.status_code == 400


def test_token_of_another_campus_is_refused(cast: Cast, other_cast: Cast) -> None:
    access = tokens(at(other_cast.host), other_cast.student.email)["access_token"]
    answer = bearer(cast, access).get(ME)
    assert (answer.status_code, code_of(answer)) == (401, "other_campus")


def test_refresh_token_of_another_campus_is_refused_and_survives(
    cast: Cast, other_cast: Cast
) -> None:
    pair = tokens(at(other_cast.host), other_cast.student.email)
    assert refresh(cast, pair["refresh_token"]).status_code == 400
    assert refresh(other_cast, pair["refresh_token"]).status_code == 200


def test_session_of_another_campus_manages_nothing_here(cast: Cast, other_cast: Cast) -> None:
    session = tokens(at(other_cast.host), other_cast.student.email)["session_token"]
    answer = at(cast.host, **{"X-Session-Token": session}).get(SESSION)
    assert answer.status_code == 410


def test_session_outlives_two_weeks_of_silence_as_its_refresh_token_does(cast: Cast) -> None:
    opened = tokens(at(cast.host), cast.student.email)["session_token"]
    lifetime = timedelta(seconds=settings.HEADLESS_JWT_REFRESH_TOKEN_EXPIRES_IN)
    left = Session.objects.get(pk=opened).expire_date - timezone.now()
    assert lifetime - left < timedelta(minutes=1)


def test_statements_of_a_phones_request(cast: Cast) -> None:
    """The campus of the host and the session come from the cache; signing in is one statement."""
    client = signed_in(cast.host, cast.student.email)
    client.get("/api/v1/me/device")
    with CaptureQueriesContext(connection) as asked:
        client.get("/api/v1/me/device")
    tables = [re.findall(r'FROM "(\w+)"', query["sql"])[:1] for query in asked]
    assert [table for found in tables for table in found] == [
        "accounts_user",
        "accounts_student",
        "accounts_device",
    ]


@pytest.mark.parametrize("garbage", ["", "x", "a.b.c", "Bearer", "é" * 9])
def test_garbage_is_401_and_400(cast: Cast, garbage: str) -> None:
    assert refresh(cast, garbage).status_code == 400
    client = at(cast.host, Authorization=f"Bearer {garbage}")
    assert client.get(ME).status_code == 401


def test_what_cannot_be_stored_is_400_everywhere(cast: Cast) -> None:
    assert refresh(cast, "\x00").status_code == 400
    assert at(cast.host, Authorization="Bearer \x00").get(ME).status_code == 400
