"""What is done outside every campus, or to what belongs to none, stands in the platform's log."""

from datetime import datetime
from io import StringIO
from typing import Any

import pytest
from django.contrib import admin
from django.core.management import CommandError, call_command
from django.db import connection, connections, transaction
from django.test import Client, RequestFactory
from django.urls import reverse

from apps.accounts.models import User
from apps.accounts.services import account_deactivate, password_set
from apps.audit.models import Entry, PlatformEntry, PlatformSeal
from apps.audit.services import (
    PLATFORM_LOG,
    SYSTEM,
    Actor,
    entered,
    log_event,
    log_platform_event,
    seal_pending,
    verify,
)
from apps.audit.tasks import seal_entries
from apps.tenants.models import Campus, CampusModel, Domain
from apps.tenants.scope import NoCampus, campus_scope, entered_campus_id, platform_scope
from tests.factories import PASSWORD, Cast, make_campus

pytestmark = pytest.mark.django_db


def actions() -> list[str]:
    with platform_scope():
        return list(PlatformEntry.objects.order_by("pk").values_list("action", flat=True))


@pytest.fixture
def boss() -> User:
    return User.objects.create_superuser("boss@platform.example", PASSWORD, name="Boss")


@pytest.fixture
def platform(boss: User) -> Client:
    """The platform's administrator at a host of no campus, with none chosen."""
    client = Client(headers={"host": "platform.example"})
    client.force_login(boss)
    return client


# --- Acts ----------------------------------------------------------------------------------------


def test_a_campus_made_changed_and_its_domains(platform: Client) -> None:
    add = {
        "slug": "east",
        "name": "East",
        "time_zone": "UTC",
        "email_domains": "",
        "years_of_study": 4,
        "is_active": "on",
        "domains-TOTAL_FORMS": 1,
        "domains-INITIAL_FORMS": 0,
        "domains-0-host": "east.example",
    }
    assert platform.post(reverse("admin:tenants_campus_add"), add).status_code == 302
    campus = Campus.objects.get(slug="east")
    domain = Domain.objects.get(campus=campus)
    change = {
        **add,
        "name": "Far East",
        "domains-INITIAL_FORMS": 1,
        "domains-0-id": domain.pk,
        "domains-0-campus": campus.pk,
    }
    page = reverse("admin:tenants_campus_change", args=[campus.pk])
    assert platform.post(page, change).status_code == 302
    page = reverse("admin:tenants_domain_change", args=[domain.pk])
    platform.post(page, {"host": "far-east.example", "campus": campus.pk})
    platform.post(reverse("admin:tenants_domain_delete", args=[domain.pk]), {"post": "yes"})
    assert sorted(actions()) == [
        "admin.campus.added",
        "admin.campus.changed",
        "admin.domain.added",
        "admin.domain.changed",
        "admin.domain.deleted",
    ]
    with platform_scope():
        entry = PlatformEntry.objects.get(action="admin.campus.changed")
    assert entry.data["name"] == ["East", "Far East"]
    assert entry.actor_label == "Boss"


def test_the_same_from_inside_a_campus_stands_in_both_logs(
    cast: Cast, boss: User, platform: Client
) -> None:
    platform.post(reverse("admin:choose_campus"), {"campus": "north"})
    page = reverse("admin:accounts_user_change", args=[cast.student.user.pk])
    forms = {"memberships-TOTAL_FORMS": 0, "memberships-INITIAL_FORMS": 0}
    platform.post(page, {"name": "Renamed", "is_active": "on", **forms})
    platform.post(reverse("admin:choose_campus"), {"campus": ""})
    assert actions() == ["platform.campus.entered", "admin.user.changed", "platform.campus.left"]
    with campus_scope(cast.campus):
        assert Entry.objects.filter(action="admin.user.changed").count() == 1


def not_of_a_campus() -> list[Any]:
    import apps.accounts.admin  # noqa: F401

    return [model for model in admin.site._registry if not issubclass(model, CampusModel)]


@pytest.mark.parametrize("model", not_of_a_campus(), ids=lambda model: model.__name__)
def test_every_page_of_the_administration_notes_what_is_done_without_a_campus(
    model: Any, boss: User
) -> None:
    """Of every model that belongs to no campus, those to come included."""
    request = RequestFactory().post("/", headers={"user-agent": "test"})
    request.user = boss
    page = admin.site._registry[model]
    row = make_campus("east") if model is Campus else model(pk=10**9)
    page.log_addition(request, row, {"a": [None, 1]})
    page.log_change(request, row, {"a": [1, 2]})
    page.log_deletions(request, [row])
    name = model._meta.model_name
    assert actions() == [f"admin.{name}.{what}" for what in ("added", "changed", "deleted")]


def test_accounts_outside_every_campus(boss: User, now: datetime) -> None:
    password_set(user=boss, password="x" * 20, now=now, actor=SYSTEM)
    account_deactivate(user=boss, now=now, actor=SYSTEM)
    assert actions() == ["accounts.password.set", "accounts.account.deactivated"]


def test_a_sign_in_at_no_campus(boss: User) -> None:
    visitor = Client(headers={"host": "platform.example"})
    answer = visitor.post("/accounts/login/", {"login": boss.email, "password": PASSWORD})
    assert answer.status_code == 302
    assert actions() == ["accounts.signed_in"]


def test_an_account_made_on_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "x" * 20)
    call_command(
        "createsuperuser", interactive=False, email="new@platform.example", stdout=StringIO()
    )
    with platform_scope():
        entry = PlatformEntry.objects.get()
    assert entry.action == "accounts.super_admin.made"
    assert entry.data == {"email": "new@platform.example"}
    assert entry.actor_label.endswith("on the command line")


def test_a_password_set_on_the_command_line(boss: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getpass", lambda **_: "an unusual pass phrase 7")
    call_command("changepassword", boss.email, stdout=StringIO())
    assert actions() == ["accounts.password.set"]
    with pytest.raises(CommandError):
        call_command("changepassword", stdout=StringIO())


def test_a_second_factor_of_the_platform_and_of_a_campus(cast: Cast, boss: User) -> None:
    from allauth.mfa.models import Authenticator
    from allauth.mfa.signals import authenticator_added, authenticator_removed

    request = RequestFactory().post("/")
    request.user = boss
    factor = Authenticator(user=boss, type=Authenticator.Type.TOTP, data={})
    values = {"request": request, "user": boss, "authenticator": factor}
    authenticator_added.send(sender=Authenticator, **values)
    assert actions() == ["accounts.second_factor.added"]
    with campus_scope(cast.campus):
        authenticator_removed.send(sender=Authenticator, **values)
        assert Entry.objects.get(action="accounts.second_factor.removed").data == {"kind": "totp"}
    assert len(actions()) == 1


# --- The log itself ------------------------------------------------------------------------------


def test_it_is_sealed_and_verified_like_every_other(now: datetime) -> None:
    for number in range(3):
        log_platform_event(actor=SYSTEM, action=f"test.{number}", now=now, data={"n": number})
    assert seal_entries() == 3
    with entered(None) as log:
        outcome = verify(log=log)
    assert (outcome.sealed, outcome.problems) == (3, [])
    out = StringIO()
    call_command("verify_audit", campus="@platform", expect=3, stdout=out)
    assert "@platform: 3 entries, chain holds" in out.getvalue()


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_a_change_by_hand_is_named(now: datetime) -> None:
    for number in range(3):
        log_platform_event(actor=SYSTEM, action=f"test.{number}", now=now)
    seal_entries()
    with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
        cursor.execute("UPDATE audit_platform_entry SET action = 'x' WHERE action = 'test.1'")
    with entered(None):
        (problem,) = verify(log=PLATFORM_LOG).problems
    assert problem.startswith("position 2: entry ")


def test_a_bad_entry_of_the_platform_is_put_aside(now: datetime, settings: Any) -> None:
    right, settings.CAMPUS_MASTER_KEY = settings.CAMPUS_MASTER_KEY, bytes(range(100, 132))
    log_platform_event(actor=SYSTEM, action="test.wrong", now=now)
    settings.CAMPUS_MASTER_KEY = right
    for _again in range(2):
        with entered(None) as log:
            seal_pending(now=now, log=log)
    with platform_scope():
        assert PlatformSeal.objects.get().entry.action == "audit.entries.set_aside"


def test_it_is_closed_inside_a_campus(now: datetime) -> None:
    campus = make_campus("west")
    log_platform_event(actor=SYSTEM, action="test.outside", now=now)
    with campus_scope(campus):
        log_event(actor=SYSTEM, action="test.inside", now=now)
        assert not PlatformEntry.objects.exists()
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM audit_platform_entry")
            assert cursor.fetchone() == (0,)
        log_platform_event(actor=Actor(label="a"), action="test.from_inside", now=now)
        assert entered_campus_id() == campus.pk
        assert [entry.action for entry in Entry.objects.all()] == ["test.inside"]
        log_event(actor=SYSTEM, action="test.inside", now=now)
    assert actions() == ["test.outside", "test.from_inside"]


def test_the_platform_scope_gives_the_campus_back(now: datetime) -> None:
    west, east = make_campus("west"), make_campus("east")
    for campus in (west, east):
        with campus_scope(campus):
            log_event(actor=SYSTEM, action=f"test.{campus.slug}", now=now)
    with campus_scope(west):
        with campus_scope(east), platform_scope():
            with campus_scope(west):
                assert Entry.objects.get().action == "test.west"
            with pytest.raises(NoCampus):
                Entry.objects.exists()
        assert Entry.objects.get().action == "test.west"
        with pytest.raises(RuntimeError), platform_scope():
            raise RuntimeError
        assert Entry.objects.get().action == "test.west"


def test_it_can_be_read_where_no_campus_is_chosen(platform: Client, now: datetime) -> None:
    log_platform_event(actor=SYSTEM, action="test.to_be_read", now=now)
    page = platform.get(reverse("admin:audit_platformentry_changelist"))
    assert b"test.to_be_read" in page.content


def test_nobody_on_a_campus_can_read_it(cast: Cast) -> None:
    client = Client(headers={"host": cast.host})
    client.force_login(cast.admin)
    assert client.get(reverse("admin:audit_platformentry_changelist")).status_code == 403
