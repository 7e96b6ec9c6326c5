"""API keys: what a script may do with one, what it may not, and how one ends."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from apps.accounts.models import Membership, User
from apps.api_keys.models import ApiKey
from apps.api_keys.services import MOST, key_make, keys_revoke
from apps.audit.models import Entry
from apps.audit.services import SYSTEM
from apps.common.errors import Forbidden, Invalid, Refused
from apps.tenants.scope import campus_scope
from apps.tenants.signed import signed_act
from tests.admin.support import client_of, url
from tests.factories import PASSWORD, Cast
from tests.test_permissions import every_route

pytestmark = pytest.mark.django_db


def made(cast: Cast, user: Any, *, scope: str = "write", **fields: Any) -> tuple[ApiKey, str]:
    values = {"name": "Script", "days": 30, "now": timezone.now(), "actor": SYSTEM, **fields}
    with campus_scope(cast.campus):
        return key_make(user=user, scope=scope, **values)


def script(cast: Cast, text: str, scheme: str = "Bearer") -> APIClient:
    client = APIClient(headers={"host": cast.host})
    client.credentials(HTTP_AUTHORIZATION=f"{scheme} {text}")
    return client


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["errors"][0]["code"]


def test_a_script_acts_as_its_person(cast: Cast) -> None:
    _key, text = made(cast, cast.lecturer.user)
    answer = script(cast, text).get("/api/v1/me")
    assert answer.status_code == 200
    assert answer.json()["faculty"]["code"] == "LECT"
    assert script(cast, text, "bearer").get("/api/v1/courses").status_code == 200
    assert script(cast, text).get("/api/v1/face-verifications/metrics").status_code == 403
    with campus_scope(cast.campus):
        assert ApiKey.objects.get().last_used_at is not None


def test_a_key_to_read_changes_nothing(cast: Cast) -> None:
    _key, text = made(cast, cast.admin, scope="read")
    client = script(cast, text)
    assert client.get("/api/v1/students").status_code == 200
    assert code(client.post("/api/v1/students", {})) == (403, "key_reads_only")
    _other, writes = made(cast, cast.admin)
    assert script(cast, writes).post("/api/v1/students", {}).status_code == 400


def test_what_is_a_persons_own_is_no_scripts(cast: Cast) -> None:
    """Every address below `me/` and of the check-in, whatever comes to be added there."""
    _key, text = made(cast, cast.lecturer.user)
    client = script(cast, text)
    own = {
        route
        for route, _view in every_route()
        if route.startswith(("api/v1/me/", "api/v1/check-in"))
    }
    assert len(own) > 15
    for route in own:
        path = "/" + route.replace("<int:", "1<").replace("<uuid:", "1<").replace("<slug:", "1<")
        while "<" in path:
            before, _bracket, rest = path.partition("<")
            path = before + rest.partition(">")[2]
        answer = client.get(
            path.replace("attempts/1", f"attempts/{'0' * 8}-0000-4000-8000-{'0' * 12}")
        )
        assert code(answer) == (403, "not_by_key"), route


@pytest.mark.parametrize(
    "text",
    [
        "campus_",
        "campus_000000000000_" + "a" * 43,
        "campus_" + "é" * 56,
        "campus_000000000000_" + "a" * 5000,
    ],
)
def test_any_other_text_is_refused(cast: Cast, text: str) -> None:
    made(cast, cast.admin)
    client = APIClient(headers={"host": cast.host})
    header = f"Bearer {text}".encode().decode("latin-1")
    answer = client.get("/api/v1/students", headers={"authorization": header})
    assert code(answer) == (401, "invalid_key")


def test_the_right_beginning_with_another_end_is_refused(cast: Cast) -> None:
    _key, text = made(cast, cast.admin)
    changed = text[:-1] + ("a" if text[-1] != "a" else "b")
    assert code(script(cast, changed).get("/api/v1/students")) == (401, "invalid_key")


def test_it_is_good_on_its_own_campus_alone(cast: Cast, other_cast: Cast) -> None:
    _key, text = made(cast, cast.admin)
    assert code(script(other_cast, text).get("/api/v1/students")) == (401, "invalid_key")


def _revoke(cast: Cast, key: ApiKey) -> None:
    keys_revoke(keys=[key], now=timezone.now(), actor=SYSTEM)


def _run_out(cast: Cast, key: ApiKey) -> None:
    now = timezone.now()
    ApiKey.objects.filter(pk=key.pk).update(created_at=now - timedelta(2), expires_at=now)


def _end_role(cast: Cast, key: ApiKey) -> None:
    Membership.objects.filter(user=key.user).update(is_active=False)


def _end_account(cast: Cast, key: ApiKey) -> None:
    with signed_act("accounts_user"):
        User.objects.filter(pk=key.user_id).update(is_active=False)


@pytest.mark.parametrize("end", [_revoke, _run_out, _end_role, _end_account])
def test_it_ends_with_itself_the_role_and_the_account(cast: Cast, end: Any) -> None:
    key, text = made(cast, cast.admin)
    assert script(cast, text).get("/api/v1/students").status_code == 200
    with campus_scope(cast.campus):
        end(cast, key)
    assert code(script(cast, text).get("/api/v1/students")) == (401, "invalid_key")


def test_students_and_administrators_of_the_platform_have_none(cast: Cast) -> None:
    for user in (cast.student.user, User.objects.create_superuser("root@example.org", PASSWORD)):
        with pytest.raises(Forbidden):
            made(cast, user)


@pytest.mark.parametrize(
    "fields",
    [{"name": " "}, {"name": "x" * 101}, {"name": "a\nb"}, {"days": 31}, {"scope": "all"}],
)
def test_odd_keys_are_not_made(cast: Cast, fields: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        made(cast, cast.admin, **fields)


def test_there_is_a_limit_of_live_ones(cast: Cast) -> None:
    keys = [made(cast, cast.admin)[0] for _number in range(MOST)]
    with pytest.raises(Refused, match="20 keys"):
        made(cast, cast.admin)
    with campus_scope(cast.campus):
        keys_revoke(keys=keys[:1], now=timezone.now(), actor=SYSTEM)
    made(cast, cast.admin)


def test_from_the_page_to_the_script_and_to_its_end(cast: Cast) -> None:
    """The password is asked for again before."""
    client = Client(headers={"host": cast.host})
    client.post("/accounts/login/", {"login": cast.lecturer.email, "password": PASSWORD})
    asked = client.get("/api-keys/")["Location"]
    assert asked.startswith("/accounts/reauthenticate/")
    assert client.post(asked, {"password": PASSWORD})["Location"] == "/api-keys/"
    page = client.post("/api-keys/", {"name": "Marks", "scope": "read", "days": "90"})
    text = page.context["text"]
    assert page.status_code == 200
    assert text in page.content.decode()
    assert "no-store" in page["Cache-Control"]
    assert text not in client.get("/api-keys/").content.decode()
    assert script(cast, text).get("/api/v1/me").status_code == 200
    with campus_scope(cast.campus):
        key = ApiKey.objects.get()
        assert not Entry.objects.filter(data__icontains=text[20:]).exists()
    client.post("/api-keys/revoke", {"key": str(key.pk)})
    assert script(cast, text).get("/api/v1/me").status_code == 401


def test_nobody_revokes_another_ones_by_its_number(cast: Cast) -> None:
    key, text = made(cast, cast.admin)
    client = client_of(cast, cast.lecturer.user)  # type: ignore[arg-type]
    for number in (str(key.pk), "x", "", "9" * 30):
        assert client.post("/api-keys/revoke", {"key": number}).status_code == 302
    assert script(cast, text).get("/api/v1/students").status_code == 200


@pytest.mark.parametrize(("who", "ends"), [("admin", True), ("operator", False)])
def test_an_administrator_ends_any(cast: Cast, who: str, ends: bool) -> None:
    key, text = made(cast, cast.lecturer.user)
    client = client_of(cast, getattr(cast, who))
    chosen = {"action": "revoke", "_selected_action": [str(key.pk)]}
    client.post(url(ApiKey, "changelist"), chosen)
    works = script(cast, text).get("/api/v1/me").status_code == 200
    assert works is not ends


def test_a_request_by_key_asks_the_database_a_bounded_number_of_questions(
    cast: Cast, django_assert_max_num_queries: Any
) -> None:
    _key, text = made(cast, cast.admin)
    client = script(cast, text)
    client.get("/api/v1/me")
    with django_assert_max_num_queries(9):
        client.get("/api/v1/me")
