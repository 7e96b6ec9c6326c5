"""The campus that a session was opened on, for whichever session engine is set."""

from importlib import import_module
from typing import Any, Final

from django.conf import settings

from apps.tenants.scope import entered_campus_id

# Under this key a session remembers the campus that it was opened on.
CAMPUS_KEY: Final = "campus_id"


def belongs_here(session: Any) -> bool:
    """Whether this session was opened on the entered campus."""
    return bool(session.get(CAMPUS_KEY) == entered_campus_id())


def store_of(session_key: str) -> Any:
    """The session of that key, to look into."""
    return import_module(settings.SESSION_ENGINE).SessionStore(session_key)
