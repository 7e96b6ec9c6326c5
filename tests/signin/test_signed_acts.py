"""What the database refuses to raw SQL goes on working where a person may do it."""

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from allauth.usersessions.models import UserSession
from django.core.management import CommandError, call_command
from django.db import ProgrammingError, transaction
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from apps.accounts.services import sessions_end
from apps.tenants.models import Campus, Domain
from apps.tenants.signed import signed_act
from tests.accounts.support import at, login
from tests.admin.support import fields_of, url
from tests.factories import PASSWORD, Cast, make_user
from tests.phone import signed_in
from tests.totp import totp_code

pytestmark = pytest.mark.django_db
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
NEW_PASSWORD = "another-long-passphrase-of-mine"


@pytest.fixture
def root(cast: Cast) -> User:
    return make_user("root@platform.example", is_superuser=True)


@pytest.fixture
def root_client(root: User) -> Client:
    client = Client(headers={"host": "platform.example"})
    client.force_login(root)
    return client


def browser(cast: Cast, user: User) -> Client:
    """Signed in on the page, just now: what asks for the password again does not."""
    client = Client(headers={"host": cast.host})
    answer = client.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})
    assert answer.status_code == 302, answer.content
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    return client


def code_for(secret: str) -> str:
    return totp_code(secret)


def user_of(cast: Cast) -> User:
    assert cast.lecturer.user is not None
    return cast.lecturer.user


def factors(user: User) -> set[str]:
    return set(Authenticator.objects.filter(user=user).values_list("type", flat=True))


def test_a_person_adds_and_removes_their_second_factor(cast: Cast) -> None:
    user = user_of(cast)
    client = browser(cast, user)
    page = client.get(reverse("mfa_activate_totp"))
    secret = client.session["mfa.totp.secret"]
    assert page.status_code == 200
    client.post(reverse("mfa_activate_totp"), {"code": code_for(secret)})
    assert factors(user) == {"totp", "recovery_codes"}
    client.post(reverse("mfa_generate_recovery_codes"))
    assert factors(user) == {"totp", "recovery_codes"}
    client.post(reverse("mfa_deactivate_totp"))
    assert factors(user) == set()


def test_a_phone_removes_the_second_factor(cast: Cast) -> None:
    user = user_of(cast)
    client = signed_in(cast, user)
    with signed_act("mfa_authenticator"):
        TOTP.activate(user, SECRET)
    again = {"code": code_for(SECRET)}
    client.post("/_allauth/app/v1/auth/2fa/reauthenticate", again, format="json")
    answer = client.delete("/_allauth/app/v1/account/authenticators/totp")
    assert answer.status_code == 200, answer.content
    assert factors(user) == set()


def test_without_a_signature_a_second_factor_stays(cast: Cast) -> None:
    user = user_of(cast)
    with signed_act("mfa_authenticator"):
        TOTP.activate(user, SECRET)
        RecoveryCodes.activate(user)
    for act in (
        lambda: Authenticator.objects.filter(user=user).delete(),
        lambda: Authenticator.objects.filter(user=user).update(data={"secret": "mine"}),
        lambda: Authenticator.objects.filter(user=user).update(user=cast.admin),
    ):
        with pytest.raises(ProgrammingError), transaction.atomic():
            act()
    assert factors(user) == {"totp", "recovery_codes"}


def test_an_administrator_of_the_platform_changes_the_own_password(cast: Cast, root: User) -> None:
    client = browser(cast, root)
    client.post(
        reverse("account_change_password"),
        {"oldpassword": PASSWORD, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD},
    )
    root.refresh_from_db()
    assert root.check_password(NEW_PASSWORD)


def test_a_hash_of_older_rounds_is_renewed_at_sign_in(
    cast: Cast, root: User, settings: object
) -> None:
    settings.PASSWORD_HASHERS = [  # type: ignore[attr-defined]
        "django.contrib.auth.hashers.PBKDF2PasswordHasher",
        "django.contrib.auth.hashers.MD5PasswordHasher",
    ]
    signed_in(cast, root)
    root.refresh_from_db()
    assert root.password.startswith("pbkdf2_sha256$")


def test_one_administrator_of_the_platform_closes_another(root_client: Client) -> None:
    other = make_user("other@platform.example", is_superuser=True)
    page = url(User, "change", other.pk)
    form = fields_of(root_client.get(page))
    form.pop("is_active")
    assert root_client.post(page, form).status_code == 302
    other.refresh_from_db()
    assert not other.is_active


def test_domains_are_changed_and_deleted_in_the_administration(
    cast: Cast, root_client: Client
) -> None:
    domain = Domain.objects.get(campus=cast.campus)
    page = url(Domain, "change", domain.pk)
    root_client.post(page, {**fields_of(root_client.get(page)), "host": "new.example"})
    domain.refresh_from_db()
    assert domain.host == "new.example"
    root_client.post(url(Domain, "delete", domain.pk), {"post": "yes"})
    assert not Domain.objects.filter(pk=domain.pk).exists()


def test_domains_are_deleted_on_the_page_of_their_campus(cast: Cast, root_client: Client) -> None:
    page = url(Campus, "change", cast.campus.pk)
    form = {**fields_of(root_client.get(page)), "email_domains": ""}
    form.update({"domains-0-DELETE": "on", "is_active": ""})
    assert root_client.post(page, form).status_code == 302
    assert not Domain.objects.filter(campus=cast.campus).exists()
    cast.campus.refresh_from_db()
    assert not cast.campus.is_active


def test_a_command_makes_and_ends_an_administrator_of_the_platform(cast: Cast) -> None:
    signed_in(cast, cast.admin)
    call_command("super_admin", cast.admin.email)
    cast.admin.refresh_from_db()
    assert cast.admin.is_superuser
    call_command("super_admin", cast.admin.email, "--end")
    cast.admin.refresh_from_db()
    assert not cast.admin.is_superuser
    assert not UserSession.objects.filter(user=cast.admin).exists()
    with pytest.raises(CommandError):
        call_command("super_admin", "nobody@platform.example")


def test_sessions_of_a_person_are_ended_by_the_service_only(cast: Cast) -> None:
    user = user_of(cast)
    client = signed_in(cast, user)
    with pytest.raises(ProgrammingError), transaction.atomic():
        UserSession.objects.filter(user=user).delete()
    assert client.get("/api/v1/me").status_code == 200
    assert sessions_end(user=user) == 1
    assert client.get("/api/v1/me").status_code == 401


def test_an_act_that_was_signed_for_covers_no_other_table(cast: Cast, root: User) -> None:
    with signed_act("tenants_domain"), pytest.raises(ProgrammingError), transaction.atomic():
        User.objects.filter(pk=cast.admin.pk).update(is_superuser=True)
    with signed_act("tenants_domain"):
        with signed_act("accounts_user"):
            User.objects.filter(pk=cast.admin.pk).update(is_superuser=True)
        Domain.objects.filter(campus=cast.campus).delete()
    with pytest.raises(ProgrammingError), transaction.atomic():
        User.objects.filter(pk=cast.admin.pk).update(is_superuser=False)


def test_a_row_of_the_library_for_somebody_elses_address_keeps_nobody_out(cast: Cast) -> None:
    """SQL as the application's role may write such rows; an account signs in by its own address."""
    other = make_user("other@north.example")
    for email in (cast.admin.email, "alias@north.example"):
        EmailAddress.objects.create(user=other, email=email, verified=True)
    EmailAddress.objects.create(
        user=cast.admin, email="second@north.example", verified=True, primary=True
    )
    assert login(at(cast.host), cast.admin.email).status_code == 200
    assert login(at(cast.host), "alias@north.example").status_code == 400
    browser = Client(headers={"host": cast.host})
    browser.force_login(cast.admin)
    asked = browser.post("/accounts/reauthenticate/", {"password": PASSWORD})
    assert asked.status_code == 302
