"""A session that was ended stays ended, whatever the cache still held."""

from datetime import timedelta

from django.contrib.sessions.models import Session
from django.core.cache import cache, caches
from django.utils import timezone

from apps.accounts.session_store import CACHE_PREFIX, CACHE_SECONDS, SessionStore


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
    cache.delete(f"{CACHE_PREFIX}{key}")
    row = Session.objects.get(pk=key)
    slow = SessionStore(key)
    # The slow reader has the row in hand while the session ends, and caches it afterwards.
    slow._get_session_from_db = lambda: (SessionStore(key).delete(), row)[1]  # type: ignore[attr-defined]
    assert slow["x"] == 1
    late = SessionStore(key)
    assert late.get("x") is None
    assert late.session_key is None


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
    stored = cache.make_key(f"{CACHE_PREFIX}{opened().session_key}")
    seconds = caches["default"]._cache.get_client(stored).ttl(stored)  # type: ignore[attr-defined]
    assert 0 < seconds <= CACHE_SECONDS <= 300
