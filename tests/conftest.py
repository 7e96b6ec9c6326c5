"""The fixed cast, and the real servers that the tests run against."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from django.core.cache import cache
from django.core.management import call_command
from rest_framework.test import APIClient

from apps.tenants.scope import campus_scope
from tests.factories import Cast, make_cast


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: pytest.FixtureRequest) -> None:
    """Migrate as the owner; the tests themselves connect as the application role."""
    with django_db_blocker.unblock():
        call_command("migrate", verbosity=0)
        grant_flush()


# Written again after tables were emptied; only `migrate` does so in the application.
FILLED_BY_FLUSH = ("django_content_type", "auth_permission")


def grant_flush() -> None:
    """Transactional tests empty the tables; the application itself never may."""
    from django.db import connections

    role = connections["default"].settings_dict["USER"]
    with connections["owner"].cursor() as cursor:
        cursor.execute(f'GRANT TRUNCATE ON ALL TABLES IN SCHEMA public TO "{role}"')
        cursor.execute(f'REVOKE ALL ON campus_signing_key FROM "{role}"')
        cursor.execute(f'GRANT INSERT ON {", ".join(FILLED_BY_FLUSH)} TO "{role}"')


@pytest.fixture(autouse=True)
def _empty_cache() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def now() -> datetime:
    return datetime(2026, 9, 14, 8, 0, tzinfo=UTC)


@pytest.fixture
def cast(db: None) -> Cast:
    """Campus "north": an administrator, two lecturers, a representative, two students, a course."""
    return make_cast("north")


@pytest.fixture
def other_cast(db: None) -> Cast:
    """The same people on campus "south"."""
    return make_cast("south")


@pytest.fixture
def in_campus(cast: Cast) -> Iterator[Cast]:
    """The cast, with its campus entered for the whole test."""
    with campus_scope(cast.campus):
        yield cast


@pytest.fixture
def api(cast: Cast) -> APIClient:
    """A REST client that talks to the host of campus "north"."""
    return APIClient(headers={"host": cast.host})
