"""Sessions: kept in PostgreSQL, cached, and over the moment they are ended."""

from typing import Any, Final

from django.conf import settings
from django.contrib.sessions.backends import db
from django.contrib.sessions.backends.base import CreateError, UpdateError
from django.core.cache import caches
from django.db import DatabaseError, IntegrityError, transaction

from apps.signin.session_keys import stored
from apps.tenants.signed import signed_act

CACHE_PREFIX: Final = "session:"
ENDED: Final = "ended"
# Longer than any request: a reader that saw the row before it was deleted cannot outlast it.
ENDED_SECONDS: Final = 60
# A deletion that the cache server missed (it was away) is believed after this long at the latest.
CACHE_SECONDS: Final = 300


class SessionStore(db.SessionStore):
    """Like Django's `cached_db`, without its gap.

    There, a request that read the row just before another one deleted it puts it back into the
    cache, and the ended session lives on for two weeks. Here ending leaves a mark in the cache for
    a minute, and a reader fills the cache only where nothing stands (`add`).
    """

    def __init__(self, session_key: str | None = None) -> None:
        self._cache = caches[settings.SESSION_CACHE_ALIAS]
        super().__init__(session_key)

    @property
    def key_salt(self) -> str:
        """What a session holds is signed together with its key.

        So nobody can copy another session's row under a key of their own by SQL.
        """
        assert self.session_key is not None
        return f"accounts.session:{stored(self.session_key)}"

    def load(self) -> dict[str, Any]:
        if self.session_key is None:
            return {}
        key = _cache_key(self.session_key)
        data = self._cache.get(key)
        if data == ENDED:
            self._session_key = None
            return {}
        if data is None:
            row = self._get_session_from_db()  # type: ignore[attr-defined]
            data = self.decode(row.session_data) if row else {}
            if row:
                self._cache.add(key, data, self._cached_for(expiry=row.expire_date))
        return data

    def save(self, must_create: bool = False) -> None:
        """As Django's, with the cache written while the row is held: who ends the session meanwhile
        waits for it, and leaves the mark afterwards."""
        if self.session_key is None:
            self.create()
            return
        data = self._get_session(no_load=must_create)  # type: ignore[attr-defined]
        row = self.create_model_instance(data)
        try:
            with transaction.atomic():
                row.save(force_insert=must_create, force_update=not must_create)
                key = _cache_key(self.session_key)
                self._cache.set(key, self._session, self._cached_for())  # type: ignore[attr-defined]
        except IntegrityError as error:
            if must_create:
                raise CreateError from error
            raise
        except DatabaseError as error:
            if not must_create:
                raise UpdateError from error
            raise

    def delete(self, session_key: str | None = None) -> None:
        key = session_key or self.session_key
        if key is None:
            return
        with signed_act("django_session"):
            super().delete(key)
        self._cache.set(_cache_key(key), ENDED, ENDED_SECONDS)

    def flush(self) -> None:
        self.clear()
        self.delete(self.session_key)
        self._session_key = None

    def _cached_for(self, **expiry: Any) -> int:
        return max(0, min(CACHE_SECONDS, self.get_expiry_age(**expiry)))


def _cache_key(session_key: str) -> str:
    return f"{CACHE_PREFIX}{stored(session_key)}"
