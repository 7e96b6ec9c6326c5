"""What a phone has to load before it can sign in to check in, and after that."""

import re
from datetime import timedelta

import pytest
from django.contrib.staticfiles import finders
from django.test import Client
from django.utils import timezone

from tests.attendance.support import open_session
from tests.factories import Cast
from tests.phone import code_of

pytestmark = pytest.mark.django_db

MOST = 60_000  # bytes, uncompressed: what is compressed on the way is less
FLOW_MOST = 100_000


def page_of(cast: Cast, client: Client) -> str:
    session = open_session(cast)
    client.get("/c")  # the first page of a process takes longer than a code stands
    answer = client.get(f"/C/{code_of(cast, session.pk, timezone.now()).token}")
    assert answer.status_code == 200
    return answer.content.decode()


def loaded(page: str) -> dict[str, int]:
    """Bytes of the page and of every file of ours that it names."""
    names = set(re.findall(r'(?:src|href)="/static/([^"#]+)', page))
    sizes = {"": len(page.encode())}
    for name in names:
        with open(str(finders.find(name)), "rb") as file:
            sizes[name] = len(file.read())
    return sizes


@pytest.fixture
def client(cast: Cast) -> Client:
    return Client(headers={"host": cast.host})


def test_signing_in_loads_at_most_60_kilobytes(cast: Cast, client: Client) -> None:
    sizes = loaded(page_of(cast, client))
    assert {"css/tokens.css", "css/portal/student/check-in.css"} <= set(sizes)
    assert sum(sizes.values()) <= MOST, sizes
    assert not any("bootstrap.min" in name or "htmx" in name for name in sizes)


def test_the_check_in_itself_loads_at_most_100(cast: Cast, client: Client) -> None:
    assert cast.student.user is not None
    client.force_login(cast.student.user)
    page = page_of(cast, client)
    sizes = loaded(page)
    assert sum(sizes.values()) <= FLOW_MOST, sizes
    modules = {name for name in sizes if name.endswith(".js")}
    imported = set()
    for name in modules:
        with open(str(finders.find(name))) as file:
            found = re.findall(r'from "\./([a-z]+\.js)"', file.read())
        imported |= {f"js/portal/student/{module}" for module in found}
    assert imported <= modules, "not named in the page: loaded one after the other"


@pytest.mark.parametrize("path", ["/c", "/C"])
def test_the_short_address_is_as_light(cast: Cast, client: Client, path: str) -> None:
    assert sum(loaded(client.get(path).content.decode()).values()) <= MOST


def test_camera_and_place_are_allowed_to_this_page_alone(cast: Cast, client: Client) -> None:
    policy = client.get("/c")["Permissions-Policy"]
    assert "camera=(self)" in policy
    assert "geolocation=(self)" in policy
    assert "script-src 'self'" in client.get("/c")["Content-Security-Policy"]


def test_no_text_of_the_page_is_left_in_its_scripts(cast: Cast, client: Client) -> None:
    """Words for people are translated by the server, in the page."""
    assert cast.student.user is not None
    client.force_login(cast.student.user)
    for name in loaded(page_of(cast, client)):
        if not name.startswith("js/portal/student/"):
            continue
        with open(str(finders.find(name))) as file:
            code = re.sub(r"/\*.*?\*/|//[^\n]*", "", file.read(), flags=re.DOTALL)
        assert not re.findall(r'"[A-Z][a-z]+ [a-z]+ [^"]*"', code), name


def test_a_policy_without_lateness_says_so(cast: Cast) -> None:
    from apps.portal.student.selectors.check_in import late_from_ms

    session = open_session(cast)
    session.policy = {**session.policy, "late_after_minutes": 0}
    assert late_from_ms(session) is None
    session.policy = {**session.policy, "late_after_minutes": 10, "grace_minutes": 5}
    assert session.opened_at is not None
    expected = max(
        session.starts_at + timedelta(minutes=10), session.opened_at + timedelta(minutes=5)
    )
    assert late_from_ms(session) == int(expected.timestamp() * 1000)
