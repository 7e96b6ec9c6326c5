"""Tokens of phones: bound to a campus, and ended as a whole when a refresh token is replayed."""

from typing import Any, Final

from allauth.headless.tokens.strategies.jwt import JWTTokenStrategy, internal
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from apps.accounts.open_sessions import belongs_here
from apps.signin.bound import is_bound
from apps.signin.online import online_note
from apps.tenants.scope import entered_campus_id

CAMPUS_CLAIM: Final = "campus"


class CampusTokenStrategy(JWTTokenStrategy):
    """allauth's JWTs with a campus in them, over sessions that belong to one campus."""

    def get_claims(self, user: Any) -> dict[str, Any]:
        return {CAMPUS_CLAIM: entered_campus_id()}

    def create_access_token_payload(self, request: HttpRequest) -> dict[str, Any] | None:
        """A phone's session lives, unused, as long as the refresh token that it comes with."""
        request.session.set_expiry(settings.HEADLESS_JWT_REFRESH_TOKEN_EXPIRES_IN)
        _note_online(request.session)
        return super().create_access_token_payload(request)

    def lookup_session(self, session_token: str) -> Any:
        """The live session of that token, unless it was opened on another campus."""
        session = super().lookup_session(session_token)
        return session if session is not None and _usable_here(session) else None

    def refresh_token(self, refresh_token: str) -> tuple[str, str] | None:
        """Rotate; a token that was rotated away before ends the session it came from.

        A replay comes from a thief or the victim: both sign in again. The session's row is
        locked, so that of two simultaneous refreshes one is the replay.
        """
        payload = internal.decode_token(refresh_token, "refresh")
        key = internal.session_key_from_sid(payload["sid"]) if payload else None
        if payload is None or key is None:
            return None
        with transaction.atomic():
            if not Session.objects.select_for_update().filter(pk=key).exists():
                return None
            session = internal.get_token_session(payload)
            if session is None or not belongs_here(session):
                return None
            rotated = super().refresh_token(refresh_token)
            if rotated is None:
                session.flush()
            else:
                _note_online(session)
            return rotated


def _note_online(session: Any) -> None:
    """Record that this person was online: they signed in or renewed a token."""
    if SESSION_KEY in session and entered_campus_id() is not None:
        online_note(user_id=int(session[SESSION_KEY]), now=timezone.now(), opening=True)


def _usable_here(session: Any) -> bool:
    """A session in the middle of signing in has no campus yet; a signed-in one must be of this.
    A browser's that the campus's provider opened is no phone's."""
    return SESSION_KEY not in session or (belongs_here(session) and not is_bound(session))
