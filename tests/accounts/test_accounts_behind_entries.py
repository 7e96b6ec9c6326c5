"""Somebody who may write the entry of a student gets nothing over the account behind it, where that
account is more than a student: an administrator, a lecturer, or the platform's administrator."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

import pytest
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.core.cache import cache

from apps.accounts.models import Member, Membership, Role, Student, User
from apps.accounts.services.accounts import super_admin_set
from apps.accounts.writes import Writer
from apps.audit.services import SYSTEM
from apps.tenants.models import Campus
from apps.tenants.scope import campus_scope
from tests.accounts.support import at, tokens
from tests.admin.support import client_of, url
from tests.authenticator import SoftPasskey, registered
from tests.factories import Cast
from tests.imports.support import NOW, do_import, reasons
from tests.permission_matrix import ROWS, Row
from tests.phone import signed_in

pytestmark = pytest.mark.django_db

# Routes that write about one student.
OF_A_STUDENT: Final = [
    row for row in ROWS if "<int:student_id>" in row.route and row.method != "get"
]
WRITERS: Final = [("operator", kind) for kind in ("admin", "faculty", "platform")]
WRITERS += [("admin", "platform")]  # administrators of a campus change no platform's


def become(cast: Cast, kind: str) -> User:
    """The student is something else too, has a passkey for this campus, and is signed in."""
    user = cast.student.user
    assert user is not None
    if kind == "platform":
        super_admin_set(user=user, is_super=True, now=NOW, actor=SYSTEM)
    else:
        with campus_scope(cast.campus):
            Membership.objects.create(user=user, role=kind)
    registered(user, SoftPasskey(cast.host), age=timedelta(days=3))
    tokens(at(cast.host), user.email)
    return user


def state_of(user: User, cast: Cast) -> list[Any]:
    """What no writer of the entry may change: the account, how it gets in, its other roles."""
    with campus_scope(cast.campus):
        roles = Membership.objects.filter(user=user).exclude(role=Role.STUDENT)
        return [
            User.objects.filter(pk=user.pk).values().get(),
            list(Authenticator.objects.filter(user=user).values_list("pk", flat=True)),
            list(UserSession.objects.filter(user=user).values_list("pk", flat=True)),
            list(roles.values_list("role", "is_active")),
            Member.objects.filter(user=user).values_list("name", "email").get(),
        ]


def move_the_address(cast: Cast) -> None:
    """Before the account was more than a student: nothing may be decided by the entry's address."""
    with campus_scope(cast.campus):
        Student.objects.filter(pk=cast.student.pk).update(email="moved@north.example")


@pytest.mark.parametrize(("who", "kind"), WRITERS)
def test_no_act_of_the_office_on_the_entry_reaches_the_account(
    cast: Cast, who: str, kind: str
) -> None:
    user = become(cast, kind)
    writer = getattr(cast, who)
    client, api = client_of(cast, writer), signed_in(cast, writer)
    client.raise_request_exception = False
    move_the_address(cast)
    before = state_of(user, cast)
    passkey = Authenticator.objects.get(user=user)
    actions = {act if isinstance(act, str) else act.__name__ for act in all_actions()}
    assert "remove_passkeys" in actions
    for action in sorted(
        actions - {"renew_login"}
    ):  # administrators' alone, and by another account
        form = {"action": action, "_selected_action": [cast.student.pk]}
        assert client.post(url(Student, "changelist"), form).status_code < 500, action
        assert state_of(user, cast) == before, action
    with campus_scope(cast.campus):
        Student.objects.filter(pk=cast.student.pk).update(is_active=True)
    for row in OF_A_STUDENT:
        assert send(api, row, cast, passkey).status_code < 500, row
        assert state_of(user, cast) == before, row


def all_actions() -> list[str | Callable[..., Any]]:
    return [*admin.site._registry[Student].actions]


def send(api: Any, row: Row, cast: Cast, passkey: Authenticator) -> Any:
    cache.clear()
    arguments = row.arguments_in(cast) | {"student_id": cast.student.pk}
    if "passkey_id" in arguments:
        arguments["passkey_id"] = passkey.pk
    path = "/" + row.route
    for name, value in arguments.items():
        path = path.replace(f"<int:{name}>", str(value))
    return getattr(api, row.method)(path, row.body)


def test_an_administrator_removes_the_passkeys_of_a_colleague_who_studies(cast: Cast) -> None:
    """Somebody has to be able to, after a lost phone."""
    user = become(cast, Role.FACULTY)
    passkey = Authenticator.objects.get(user=user)
    address = f"/api/v1/students/{cast.student.pk}/passkeys/{passkey.pk}/remove"
    assert signed_in(cast, cast.admin).post(address, {"reason": "lost"}).status_code == 204
    assert not Authenticator.objects.exists()


@pytest.mark.parametrize("way", ["api", "page", "file"])
def test_an_operator_names_no_platform_administrator_by_entering_them(
    cast: Cast, other_cast: Cast, way: str
) -> None:
    """Where addresses of the domain join at once: else its owner is asked, as anybody."""
    Campus.objects.filter(pk=cast.campus.pk).update(verified_domains=["north.example"])
    root = User.objects.create_superuser("root@north.example", "x", name="Root")
    new = {"code": "X1", "first_name": "Silly", "last_name": "Name", "email": root.email}
    if way == "api":
        answer = signed_in(cast, cast.operator).post("/api/v1/students", new)
        assert answer.json()["errors"][0]["code"] == "account_with_other_roles"
    elif way == "page":
        page = client_of(cast, cast.operator).post(url(Student, "add"), new, follow=True)
        assert b"an administrator enters them" in page.content
    else:
        rows = [["id", "name", "email"], ["X1", "Silly Name", root.email]]
        report = do_import(cast, "students", rows, writer=Writer(cast.operator))
        assert len(reasons(report)) == 1
    with campus_scope(cast.campus):
        assert not Student.objects.filter(code="X1").exists()
        assert not Membership.objects.filter(user=root).exists()


def test_elsewhere_a_platform_administrator_is_invited_like_anybody(
    cast: Cast, other_cast: Cast
) -> None:
    """A refusal would say who the owner of the address is."""
    root = User.objects.create_superuser("root@north.example", "x", name="Root")
    new = {"code": "X1", "first_name": "Silly", "email": root.email}
    answer = signed_in(cast, cast.operator).post("/api/v1/students", new)
    assert (answer.status_code, answer.json()["sign_in"]) == (201, "invited")
