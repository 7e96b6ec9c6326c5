"""The transaction of a request in the lane."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from apps.tenants.scope import campus_scope


class LeftToTheView(Exception):
    """Nothing was written: the request goes the ordinary way."""


class Unknown(LeftToTheView):
    """The statement found no such sign-in at this host: the host may lead elsewhere by now."""


@contextmanager
def in_few_messages(campus_id: int) -> Iterator[None]:
    """The campus's scope, as the middleware enters it, with statements that travel together."""
    with connection.together(), campus_scope(campus_id, for_request=True):  # type: ignore[attr-defined]
        yield
