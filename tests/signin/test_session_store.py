"""A session that was ended stays ended, whatever the cache still held."""

import threading
from datetime import timedelta
from typing import Any
from unittest.mock import Mock

import pytest
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.cache import cache, caches
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.signin.session_keys import StoredKey, stored
from apps.signin.session_store import CACHE_PREFIX, CACHE_SECONDS, SessionStore
from apps.tenants.signed import signed_act
from tests.admin.support import client_of
from tests.factories import PASSWORD, Cast
from tests.phone import signed_in


def opened() -> SessionStore:
    store = SessionStore()
    store["x"] = 1
    store.create()
    store.save()
    return store


def test_second_read_asks_no_database(db: None, django_assert_num_queries: object) -> None:
    key = opened().session_key
    with django_assert_num_queries(0):  # type: ignore[operator]
        assert SessionStore(key)["x"] == 1


def test_reader_who_saw_the_row_cannot_bring_the_session_back(db: None) -> None:
    store = opened()
    key = store.session_key
    assert key is not None
    cache.delete(f"{CACHE_PREFIX}{stored(key)}")
    row = Session.objects.get(pk=key)
    slow = SessionStore(key)
    # The slow reader has the row in hand while the session ends, and caches it afterwards.
    slow._get_session_from_db = lambda: (SessionStore(key).delete(), row)[1]  # type: ignore[attr-defined]
    assert slow["x"] == 1
    late = SessionStore(key)
    assert late.get("x") is None
    assert late.session_key is None


@pytest.mark.django_db(transaction=True)
def test_a_request_that_saves_while_the_session_ends_does_not_bring_it_back() -> None:
    key = opened().session_key
    saving = SessionStore(key)
    saving["y"] = 2
    written = saving._cache.set  # type: ignore[attr-defined]

    def end() -> None:
        SessionStore(key).delete()
        connection.close()

    ending = threading.Thread(target=end)

    def write(*values: Any) -> None:
        """As slowly as the end needs, if nothing holds it up."""
        ending.start()
        ending.join(timeout=0.5)
        written(*values)

    saving._cache = Mock(set=write)  # type: ignore[attr-defined]
    saving.save()
    ending.join()
    assert SessionStore(key).get("x") is None
    assert not Session.objects.exists()


def test_expired_session_is_not_kept_by_the_cache(db: None) -> None:
    store = opened()
    key = store.session_key
    cache.clear()
    Session.objects.update(expire_date=timezone.now() + timedelta(seconds=100))
    SessionStore(key).get("x")
    assert SessionStore(key)._cached_for(expiry=timezone.now() + timedelta(seconds=100)) <= 100
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    cache.clear()
    assert SessionStore(key).get("x") is None


def test_a_deletion_that_the_cache_missed_is_believed_within_minutes(db: None) -> None:
    key = opened().session_key
    assert key is not None
    kept = cache.make_key(f"{CACHE_PREFIX}{stored(key)}")
    seconds = caches["default"]._cache.get_client(kept).ttl(kept)  # type: ignore[attr-defined]
    assert 0 < seconds <= CACHE_SECONDS <= 300


def test_what_the_tables_hold_of_a_session_opens_none(cast: Cast) -> None:
    """Read by raw SQL, as an injection would."""
    client = client_of(cast, cast.admin)
    phone = signed_in(cast, cast.admin)
    key = client.cookies[settings.SESSION_COOKIE_NAME].value
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT session_key FROM django_session "
            "UNION ALL SELECT session_key FROM usersessions_usersession"
        )
        held = [row[0] for row in cursor.fetchall()]
    assert str(stored(key)) in held
    assert key not in held
    for value in held:
        thief = Client(headers={"host": cast.host})
        thief.cookies[settings.SESSION_COOKIE_NAME] = value
        assert thief.get("/admin/").status_code == 302
        answer = phone.get("/_allauth/app/v1/auth/session", headers={"X-Session-Token": value})
        assert answer.status_code in (401, 410)
    assert client.get("/admin/").status_code == 200


@pytest.mark.parametrize(
    "smuggled",
    [
        "INSERT INTO django_session SELECT %(mine)s, session_data, expire_date "
        "FROM django_session WHERE session_key = %(theirs)s",
        "UPDATE django_session SET session_key = %(mine)s WHERE session_key = %(theirs)s",
    ],
)
def test_what_one_session_holds_is_no_other_sessions(cast: Cast, smuggled: str) -> None:
    """An injection copies somebody's row under a key that the thief has chosen."""
    client = client_of(cast, cast.admin)
    assert client.get("/admin/").status_code == 200
    chosen, key = "k" * 32, client.cookies[settings.SESSION_COOKIE_NAME].value
    with connection.cursor() as cursor:
        cursor.execute(smuggled, {"mine": str(stored(chosen)), "theirs": str(stored(key))})
        assert cursor.rowcount == 1
    thief = Client(headers={"host": cast.host})
    thief.cookies[settings.SESSION_COOKIE_NAME] = chosen
    assert thief.get("/admin/").status_code == 302


def test_the_list_of_sessions_knows_which_one_is_looking(cast: Cast) -> None:
    client = Client(headers={"host": cast.host})
    client.post(reverse("account_login"), {"login": cast.admin.email, "password": PASSWORD})
    session = UserSession.objects.get(user=cast.admin)
    assert session.session_key == client.session.session_key
    assert session.exists()
    with signed_act("usersessions_usersession"):
        session.end()
    assert client.get("/admin/").status_code == 302


def test_a_digest_equals_its_key_and_no_text_that_looks_like_it() -> None:
    digest = stored("a" * 32)
    assert digest == "a" * 32
    assert "a" * 32 == digest  # noqa: SIM300
    assert digest != "b" * 32
    assert stored(digest) is digest
    assert digest == StoredKey(str(digest))
    assert stored(str(digest)) != digest
