"""What the lines of a log say of where they come from: request, campus, user, task."""

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

from django.http import HttpRequest

REQUEST_ID_HEADER: Final = "X-Request-ID"
FIELDS: Final = ("request_id", "campus_id", "user_id", "task", "task_id")
_READABLE: Final = re.compile(r"[A-Za-z0-9-]{8,64}")

_bound: ContextVar[dict[str, Any] | None] = ContextVar("log_context", default=None)


@contextmanager
def log_context(**values: Any) -> Iterator[None]:
    """Lines written inside carry these values, and those that `log_also` adds."""
    token = _bound.set({**(_bound.get() or {}), **values})
    try:
        yield
    finally:
        _bound.reset(token)


def log_also(**values: Any) -> None:
    """Add to the context that was entered; outside of every context nothing happens."""
    bound = _bound.get()
    if bound is not None:
        bound.update(values)


def logged_fields() -> dict[str, Any]:
    """What is known, by name; ids alone. Asks no database."""
    bound = _bound.get() or {}
    found = {name: bound[name] for name in FIELDS if bound.get(name) is not None}
    request = bound.get("request")
    if request is not None and (user_id := _known_user_id(request)) is not None:
        found["user_id"] = user_id
    return found


def request_id() -> str:
    """The id of the request that is being answered, or ""."""
    return str((_bound.get() or {}).get("request_id", ""))


def new_request_id(given: str = "", *, trusted: bool = False) -> str:
    """The id that a trusted proxy gave, if it is one, else a new one."""
    return given if trusted and _READABLE.fullmatch(given) else uuid.uuid4().hex


def _known_user_id(request: HttpRequest) -> int | None:
    """Who the request turned out to be from; does not look the person up."""
    user = getattr(request, "_cached_user", None)
    if user is None:
        user = vars(request).get("user")
        if user is None or "_wrapped" in vars(user):  # nobody has looked yet
            return None
    return getattr(user, "pk", None)
