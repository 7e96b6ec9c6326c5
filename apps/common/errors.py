"""Refusals that a caller can act on, in one shape for every interface."""

from collections.abc import Callable
from typing import Any, Self

from django.db.models import TextChoices


class Refused(Exception):
    """A domain rule said no.

    `code` is the documented, stable reason; `message` is for people (translated, says what to do);
    `status` is the HTTP status an API answers with; `extra` carries facts that help
    (never secrets or biometric values).
    """

    status = 409

    def __init__(self, code: str, message: str, *, status: int | None = None, **extra: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.extra = extra
        if status is not None:
            self.status = status


class NotFound(Refused):
    """Nothing by that name here. Another campus's object is also this, never a 403."""

    status = 404


class Forbidden(Refused):
    """The object may be seen, but this person may not do this to it."""

    status = 403


class Invalid(Refused):
    """The input itself is wrong."""

    status = 400


class TooMany(Refused):
    """Too often; `retry_after` seconds from now it may be tried again (a Retry-After header)."""

    status = 429

    def __init__(self, code: str, message: str, *, retry_after: int) -> None:
        super().__init__(code, message)
        self.retry_after = max(1, retry_after)


_by_constraint: dict[str, Callable[[], Refused]] = {}


def add_constraint_refusal(constraint: str, make: Callable[[], Refused]) -> None:
    """What people are told where a trigger of the database raises under this constraint's name."""
    _by_constraint[constraint] = make


def constraint_refusal(error: BaseException) -> Refused | None:
    """The refusal for an `IntegrityError`, where one was named for its constraint."""
    diagnosis = getattr(error.__cause__, "diag", None)
    make = _by_constraint.get(getattr(diagnosis, "constraint_name", None) or "")
    return make() if make else None


class Refusal(TextChoices):
    """Reasons of one subject, each with its code, the HTTP status of an API, and its words:
    `TOO_LATE = "too_late", 410, _("It is too late.")`. Without a status it is answered with 409.
    """

    status: int

    def __new__(cls, code: str, status: int = Refused.status) -> Self:
        member = str.__new__(cls, code)
        member._value_ = str(code)
        member.status = status
        return member

    def error(self) -> Refused:
        """What an interface raises."""
        return Refused(self.value, str(self.label), status=self.status)
