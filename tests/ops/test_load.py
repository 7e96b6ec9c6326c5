"""The load script, small, against the pages themselves."""

import pytest
from pytest_django.live_server_helper import LiveServer

from apps.tenants.models import Domain
from bench.load_site import Result, load, sign_in
from tests.factories import PASSWORD, make_cast


@pytest.fixture
def site(transactional_db: None, live_server: LiveServer) -> tuple[str, str]:
    cast = make_cast("north")
    Domain.objects.create(campus=cast.campus, host="localhost")
    return str(live_server), cast.student.user.email


def test_a_small_load_meets_no_server_error(site: tuple[str, str]) -> None:
    url, email = site
    headers = sign_in(url, email, PASSWORD, {})
    result = load(url, users=3, seconds=30, most=60, headers=headers)
    assert len(result.latencies) >= 60
    assert set(result.statuses) == {200}
    assert result.errors == 0
    assert result.percentile(0.95) >= result.percentile(0.5) > 0


def test_nobody_there_is_an_error() -> None:
    result = load("http://127.0.0.1:1", users=1, seconds=5, most=2)
    assert result.errors == len(result.latencies) >= 2


def test_only_an_announced_503_is_none() -> None:
    result = Result(announced=2)
    result.statuses.update({200: 5, 503: 3, 500: 1})
    assert result.errors == 2
