"""Nobody gets another's account by what an office writes into entries or a directory closes."""

from datetime import timedelta
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.utils import timezone

from apps.accounts.models import Membership, Role, Student
from apps.accounts.services import profile_activate, profile_deactivate
from apps.accounts.services.accounts import super_admin_set
from apps.audit.models import Entry
from apps.audit.services import SYSTEM
from apps.identity_providers.models import IdentityProvider
from apps.notifications.models import Channel, Delivery, Message
from apps.tenants.scope import campus_scope
from tests.admin.support import client_of, fields_of, url
from tests.authenticator import SoftPasskey, registered
from tests.factories import Cast
from tests.identity_providers.provider_server import Provider
from tests.identity_providers.support import browser, change, sign_in, user_of, words
from tests.identity_providers.test_scim import ENTRA_OFF, ENTRA_ON, USERS, Directory

pytestmark = pytest.mark.django_db
# What the provider says of the operator, who has no entry, and writes it into somebody else's.
MINE: dict[str, dict[str, Any]] = {
    "code": {"employeeNumber": "OPER1"},
    "email": {"email": "second@north.example", "email_verified": True},
}
WRITTEN = {"code": "OPER1", "email": "second@north.example"}


def written_by_the_operator(cast: Cast, field: str, value: str) -> None:
    page, client = url(Student, "change", cast.student.pk), client_of(cast, cast.operator)
    form = {**fields_of(client.get(page)), field: value}
    assert client.post(page, form).status_code == 302


@pytest.mark.parametrize("field", ["code", "email"])
@pytest.mark.parametrize("role", [Role.ADMIN, Role.FACULTY])
def test_an_operator_does_not_come_in_as_an_administrator_who_studies(
    cast: Cast, server: Provider, provider: IdentityProvider, field: str, role: str
) -> None:
    assert cast.student.user is not None
    with campus_scope(cast.campus):
        Membership.objects.create(user=cast.student.user, role=role)
    written_by_the_operator(cast, field, WRITTEN[field])
    with campus_scope(cast.campus):
        assert getattr(Student.objects.get(pk=cast.student.pk), field) != WRITTEN[field]
    client = browser(cast.host)
    assert sign_in(client, server, provider, **MINE[field]).status_code == 403
    assert user_of(client) is None


def test_an_address_that_was_written_into_an_entry_moves_no_account(
    cast: Cast, server: Provider, provider: IdentityProvider
) -> None:
    """To whom the address belongs: an account of their own, or a new login by the office."""
    written_by_the_operator(cast, "email", WRITTEN["email"])
    client = browser(cast.host)
    answer = sign_in(client, server, provider, **MINE["email"])
    assert answer.status_code == 403
    assert "Your entry has no sign-in yet" in words(answer)
    assert user_of(client) is None
    # The student's own address opens the entry no more; the number does.
    own = {"employeeNumber": cast.student.code}
    assert sign_in(client, server, provider, **own).status_code == 302
    assert user_of(client) == cast.student.user_id


def test_a_number_does_not_count_against_the_address_beside_it(
    cast: Cast, server: Provider, provider: IdentityProvider
) -> None:
    written_by_the_operator(cast, "code", WRITTEN["code"])
    client = browser(cast.host)
    mine = {"email": cast.operator.email, "email_verified": True}
    answer = sign_in(client, server, provider, **MINE["code"], **mine)
    assert answer.status_code == 403
    assert "fits two people" in words(answer)
    assert user_of(client) is None


def test_a_number_does_not_count_against_another_address_of_the_same_domain(
    cast: Cast, server: Provider, provider: IdentityProvider
) -> None:
    """Whose it is need not be known here: it is not the account's."""
    written_by_the_operator(cast, "code", WRITTEN["code"])
    client = browser(cast.host)
    mine = {"email": "stranger@north.example", "email_verified": True}
    answer = sign_in(client, server, provider, **MINE["code"], **mine)
    assert answer.status_code == 403
    assert "another e-mail address of you" in words(answer)
    assert user_of(client) is None
    own = {"email": cast.student.email, "email_verified": True}
    assert sign_in(client, server, provider, **MINE["code"], **own).status_code == 302
    assert links(cast) == ["address"]


def test_a_number_counts_for_whom_its_provider_speaks(
    cast: Cast, server: Provider, provider: IdentityProvider
) -> None:
    """A second provider, of a library or a partner, is to name nobody else's students."""
    number = {"employeeNumber": cast.student.code}
    change(provider, email_domains=["library.example"])
    answer = sign_in(browser(cast.host), server, provider, **number)
    assert answer.status_code == 403
    assert "does not speak" in words(answer)
    change(provider, email_domains=["library.example", "north.example"])
    assert sign_in(browser(cast.host), server, provider, **number).status_code == 302
    assert links(cast) == ["number"]


def links(cast: Cast) -> list[str]:
    with campus_scope(cast.campus):
        made = Entry.objects.filter(action="identity_providers.link.made")
        return [entry.data["by"] for entry in made]


@pytest.mark.parametrize("changed", [True, False])
def test_administrators_are_told_who_comes_in_by_a_changed_number_alone(
    cast: Cast, server: Provider, provider: IdentityProvider, changed: bool
) -> None:
    number = cast.student.code
    if changed:
        number = WRITTEN["code"]
        written_by_the_operator(cast, "code", number)
    client = browser(cast.host)
    assert sign_in(client, server, provider, employeeNumber=number).status_code == 302
    with campus_scope(cast.campus):
        told = Message.objects.filter(key__startswith="number_connected:")
        assert [message.data["who"] for message in told] == ["Operator"] * changed
        to = Delivery.objects.filter(message__in=told, channel=Channel.INBOX)
        assert set(to.values_list("user_id", flat=True)) == ({cast.admin.pk} if changed else set())
        connected = Delivery.objects.filter(message__key__startswith="sign_in_connected:")
        assert set(connected.values_list("user_id", flat=True)) == {cast.student.user_id}


def test_whom_the_office_closed_after_reopening_stays_closed(cast: Cast) -> None:
    directory = Directory(cast.campus, cast.host)
    wanted = f'userName eq "{cast.student.email}"'
    place = f"{USERS}/{directory.found(wanted)['id']}"
    assert directory.ask("PATCH", place, ENTRA_OFF).status_code == 200
    with campus_scope(cast.campus):
        for act in (profile_activate, profile_deactivate):
            person = Student.objects.get(pk=cast.student.pk)
            assert act(person=person, now=timezone.now(), actor=SYSTEM)
    answer = directory.ask("PATCH", place, ENTRA_ON)
    assert (answer.status_code, answer.json()["scimType"]) == (409, "mutability")
    with campus_scope(cast.campus):
        assert not Student.objects.get(pk=cast.student.pk).is_active


def test_a_directory_takes_no_passkeys_of_a_platform_administrator(cast: Cast) -> None:
    user = cast.student.user
    assert user is not None
    super_admin_set(user=user, is_super=True, now=timezone.now(), actor=SYSTEM)
    registered(user, SoftPasskey(cast.host), age=timedelta(days=3))
    directory = Directory(cast.campus, cast.host)
    wanted = f'userName eq "{cast.student.email}"'
    place = f"{USERS}/{directory.found(wanted)['id']}"
    assert directory.ask("PATCH", place, ENTRA_OFF).json()["active"] is False
    assert Authenticator.objects.filter(user=user).count() == 1
