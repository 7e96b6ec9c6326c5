"""Tokens of phones: bound to a campus, and ended as a whole when a refresh token is replayed."""

from typing import Any, Final

from allauth.headless.tokens.strategies.jwt import JWTTokenStrategy, internal

from apps.tenants.scope import entered_campus_id

CAMPUS_CLAIM: Final = "campus"


class CampusTokenStrategy(JWTTokenStrategy):
    def get_claims(self, user: Any) -> dict[str, Any]:
        return {CAMPUS_CLAIM: entered_campus_id()}

    def refresh_token(self, refresh_token: str) -> tuple[str, str] | None:
        """Rotate; a token that was rotated away before ends the session it came from.

        Whoever replays it is either a thief or the victim: both sign in again.
        """
        rotated = super().refresh_token(refresh_token)
        if rotated is None:
            self._end_session_of(refresh_token)
        return rotated

    @staticmethod
    def _end_session_of(refresh_token: str) -> None:
        payload = internal.decode_token(refresh_token, "refresh")
        session = internal.get_token_session(payload) if payload else None
        if session is not None:
            session.flush()
