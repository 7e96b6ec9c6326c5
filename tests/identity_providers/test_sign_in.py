"""Signing in at a campus's own provider: who comes in, as whom, and where that holds."""

from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from django.test import Client

from apps.accounts.models import Faculty, Membership, Role, Student, User
from apps.accounts.services import profile_deactivate
from apps.audit.models import Entry
from apps.audit.services import SYSTEM
from apps.identity_providers.models import EmergencyAccount, IdentityProvider, ProviderLink
from apps.notifications.models import Message
from apps.tenants.models import Campus
from apps.tenants.scope import campus_scope
from apps.tenants.signed import signed_act
from tests.accounts.support import SESSION, at, login
from tests.factories import PASSWORD, Cast
from tests.identity_providers.provider_server import Provider
from tests.identity_providers.support import (
    address,
    browser,
    change,
    led_to,
    set_up,
    sign_in,
    user_of,
    words,
)
from tests.totp import totp_code

pytestmark = pytest.mark.django_db
TOTP_SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def code_now() -> str:
    return totp_code(TOTP_SECRET)


def test_the_sign_in_page_shows_the_campuss_own_buttons(
    cast: Cast, other_cast: Cast, provider: IdentityProvider, other_provider: IdentityProvider
) -> None:
    page = words(browser(cast.host).get("/accounts/login/?next=/week/"))
    assert "Continue with North login" in page
    assert "Continue with Library login" in page
    assert f'href="{address(provider)}?next=/week/"' in page
    assert "North login" not in words(browser(other_cast.host).get("/accounts/login/"))
    change(provider, is_active=False)
    assert "North login" not in words(browser(cast.host).get("/accounts/login/"))
    assert browser(cast.host).get(address(provider)).status_code == 404


@pytest.mark.parametrize("who", ["student", "lecturer", "admin"])
def test_people_of_the_roster_come_in(
    cast: Cast, server: Provider, provider: IdentityProvider, who: str
) -> None:
    """A student and a lecturer by their number, an administrator by the verified address."""
    person = getattr(cast, who)
    user = person if isinstance(person, User) else person.user
    number = None if isinstance(person, User) else person.code.lower()
    client = browser(cast.host)
    answer = sign_in(
        client,
        server,
        provider,
        employeeNumber=number,
        email=user.email.upper() if number is None else "elsewhere@mail.example",
        email_verified=True,
    )
    assert answer.status_code == 302, words(answer)
    assert user_of(client) == user.pk
    assert client.get("/api/v1/me").status_code == 200
    with campus_scope(cast.campus):
        link = ProviderLink.objects.get()
        assert (link.user_id, link.subject, link.issuer) == (user.pk, "subject-1", server.issuer)
        assert Message.objects.filter(deliveries__user=user).exists()
        actions = set(Entry.objects.values_list("action", flat=True))
    assert {"identity_providers.link.made", "identity_providers.sign_in.accepted"} <= actions


def test_the_way_leads_on_to_where_somebody_wanted_to_go(
    cast: Cast, server: Provider, provider: IdentityProvider
) -> None:
    for wanted, got in (("/devices/", "/devices/"), ("https://evil.example/", "/")):
        client = browser(cast.host)
        query = server.answer_to(led_to(client, provider, f"?next={wanted}"), employeeNumber="STUD")
        answer = client.get(f"{address(provider, 'callback/')}?{query}")
        assert answer["Location"] == got


def test_later_sign_ins_go_by_the_link_and_never_again_by_address(
    cast: Cast, server: Provider, provider: IdentityProvider
) -> None:
    """The address was given to somebody else at the provider meanwhile."""
    first = {"sub": "a", "email": cast.student.email, "email_verified": True}
    assert sign_in(browser(cast.host), server, provider, **first).status_code == 302
    client = browser(cast.host)
    again = {"sub": "a", "email": cast.classmate.email, "email_verified": True}
    assert sign_in(client, server, provider, **again).status_code == 302
    assert user_of(client) == cast.student.user_id
    refused = sign_in(browser(cast.host), server, provider, **{**first, "sub": "b"})
    assert refused.status_code == 403
    assert "another account or another provider" in words(refused)
    with campus_scope(cast.campus):
        assert ProviderLink.objects.count() == 1


def test_a_provider_does_not_speak_for_another_ones_people(
    cast: Cast,
    server: Provider,
    provider: IdentityProvider,
    other_server: Provider,
    other_provider: IdentityProvider,
) -> None:
    assert sign_in(browser(cast.host), server, provider, employeeNumber="STUD").status_code == 302
    client = browser(cast.host)
    refused = sign_in(client, other_server, other_provider, employeeNumber="STUD")
    assert refused.status_code == 403
    assert user_of(client) is None
    # The same subject at the other provider is somebody else.
    other = sign_in(client, other_server, other_provider, employeeNumber="MATE")
    assert other.status_code == 302
    assert user_of(client) == cast.classmate.user_id


UNKNOWN: list[dict[str, Any]] = [
    {"employeeNumber": "NOBODY"},
    {"email": "stud@north.example"},
    {"email": "stud@north.example", "email_verified": False},
    {"email": "stud@north.example", "email_verified": "true"},
    {"email": "stud@south.example", "email_verified": True},
    {"email": "stud@mail.example", "email_verified": True},
    {"email": "x@evil.example@north.example", "email_verified": True},
    {"email": ["stud@north.example"], "email_verified": False},
    {"employeeNumber": ["NOBODY", "STUD"]},
    {"employeeNumber": {"a": "STUD"}},
    {"employeeNumber": "x" * 3000},
    {"employeeNumber": "STUD\x00"},
    {},
]


def test_whom_the_campus_does_not_know_stays_outside(
    cast: Cast, other_cast: Cast, server: Provider, provider: IdentityProvider
) -> None:
    client = browser(cast.host)
    for claims in UNKNOWN:
        answer = sign_in(client, server, provider, **claims)
        assert answer.status_code == 403, claims
        assert "does not know you by it yet" in words(answer), claims
        assert user_of(client) is None, claims
    assert "Other ways to sign in" in words(answer)
    with campus_scope(cast.campus):
        assert not ProviderLink.objects.exists()
        refused = Entry.objects.filter(action="identity_providers.sign_in.refused")
        reasons = [entry.data for entry in refused]
    assert reasons == [{"reason": "unknown_person"}] * len(UNKNOWN)


def test_an_unverified_address_counts_where_the_campus_says_so(
    cast: Cast, server: Provider, provider: IdentityProvider
) -> None:
    """Of the domains that the provider speaks for, and of no other."""
    change(provider, trusts_email=True, email_claim="upn", email_domains=["north.example"])
    client = browser(cast.host)
    assert sign_in(client, server, provider, upn="stud@north.example").status_code == 302
    change(provider, email_domains=["staff.north.example"])
    refused = sign_in(browser(cast.host), server, provider, sub="b", upn="mate@north.example")
    assert refused.status_code == 403


def test_what_only_userinfo_says_is_read_there(
    cast: Cast, server: Provider, provider: IdentityProvider
) -> None:
    server.userinfo = {"sub": "subject-1", "employeeNumber": "STUD", "nonce": "x"}
    client = browser(cast.host)
    assert sign_in(client, server, provider).status_code == 302
    assert user_of(client) == cast.student.user_id
    server.userinfo = {"sub": "another", "employeeNumber": "MATE"}
    assert sign_in(browser(cast.host), server, provider, sub="b").status_code == 403


def test_rules_say_by_which_role_somebody_comes_in(
    cast: Cast, server: Provider, provider: IdentityProvider
) -> None:
    rules = "student: realm.groups = students\nfaculty: realm.groups = staff"
    change(provider, rules=rules)
    enter = {"employeeNumber": "STUD", "realm": {"groups": ["sports", "students"]}}
    client = browser(cast.host)
    assert sign_in(client, server, provider, **enter).status_code == 302
    assert user_of(client) == cast.student.user_id
    # Another group: the number of a student is not looked for among the faculty.
    staff = {"sub": "b", "employeeNumber": "MATE", "realm": {"groups": "staff"}}
    assert sign_in(browser(cast.host), server, provider, **staff).status_code == 403
    # And who came in before does not with a group that is gone.
    gone = sign_in(browser(cast.host), server, provider, **{**enter, "realm": {}})
    assert "With your role" in words(gone)
    change(provider, rules="", roles=["faculty"])
    assert sign_in(browser(cast.host), server, provider, employeeNumber="STUD").status_code == 403


def test_a_student_is_made_where_the_campus_allows_it(
    cast: Cast, server: Provider, provider: IdentityProvider
) -> None:
    new = {
        "employeeNumber": "N900001",
        "email": "new@north.example",
        "email_verified": True,
        "given_name": "Noor",
        "family_name": "Newman",
    }
    assert sign_in(browser(cast.host), server, provider, **new).status_code == 403
    change(provider, makes_students=True)
    client = browser(cast.host)
    assert sign_in(client, server, provider, **new).status_code == 302
    with campus_scope(cast.campus):
        made = Student.objects.get(code="N900001")
        assert (str(made), made.email, made.user_id) == (
            "Noor Newman",
            "new@north.example",
            user_of(client),
        )
        roles = Membership.objects.filter(user=made.user).values_list("role", flat=True)
        assert list(roles) == [Role.STUDENT]
        assert made.user is not None
        assert not made.user.has_usable_password()
    # Neither over somebody's entry nor without what an entry needs.
    for changes in (
        {"employeeNumber": None},
        {"email_verified": False},
        {"given_name": None},
        {"employeeNumber": "N 1"},
    ):
        other = {**new, "sub": "b", "email": "b@north.example", "employeeNumber": "N900002"}
        assert (
            sign_in(browser(cast.host), server, provider, **{**other, **changes}).status_code == 403
        )
    with campus_scope(cast.campus):
        assert Student.objects.filter(email="b@north.example").count() == 0


def test_an_account_of_another_campus_is_invited_and_not_taken(
    cast: Cast, other_cast: Cast, server: Provider, provider: IdentityProvider
) -> None:
    Campus.objects.filter(pk=cast.campus.pk).update(email_domains=["south.example"])
    change(provider, makes_students=True)
    found = {"employeeNumber": "N900001", "email": "stud@south.example", "name": "Ada Lovelace"}
    client = browser(cast.host)
    answer = sign_in(client, server, provider, email_verified=True, **found)
    assert answer.status_code == 403
    assert "Answer the invitation" in words(answer)
    assert user_of(client) is None
    again = sign_in(client, server, provider, email_verified=True, **found)
    assert "Answer the invitation" in words(again)


def test_who_left_comes_in_no_more(
    cast: Cast, server: Provider, provider: IdentityProvider, now: Any
) -> None:
    client = browser(cast.host)
    assert sign_in(client, server, provider, employeeNumber="STUD").status_code == 302
    with campus_scope(cast.campus):
        profile_deactivate(person=cast.student, now=now, actor=SYSTEM)
    assert client.get("/api/v1/me").status_code in (401, 403)
    assert sign_in(browser(cast.host), server, provider, employeeNumber="STUD").status_code == 403


# --- Where a session holds ---------------------------------------------------------------------


@pytest.fixture
def shared(cast: Cast, other_cast: Cast) -> User:
    """The lecturer of "north", who administers "south" by the same account."""
    user = cast.lecturer.user
    assert user is not None
    with campus_scope(other_cast.campus):
        Membership.objects.create(user=user, role=Role.ADMIN)
    return user


def moved(client: Client, host: str) -> Client:
    """The same cookies at another host: what somebody does who wants more."""
    other = browser(host)
    other.cookies = client.cookies
    return other


def test_a_session_by_a_provider_is_good_on_its_campus_alone(
    cast: Cast, other_cast: Cast, server: Provider, provider: IdentityProvider, shared: User
) -> None:
    client = browser(cast.host)
    assert sign_in(client, server, provider, employeeNumber="LECT").status_code == 302
    assert client.get("/api/v1/me").status_code == 200
    key = client.session.session_key
    assert moved(client, other_cast.host).get("/api/v1/me").status_code == 401
    # That ended it: a cookie that is carried about is no longer anybody's.
    assert client.get("/api/v1/me").status_code == 401
    assert key
    # By a password it is the person's own, wherever they have a role.
    client = browser(cast.host)
    client.post("/accounts/login/", {"login": shared.email, "password": PASSWORD})
    assert user_of(client) == shared.pk
    assert moved(client, other_cast.host).get("/api/v1/me").status_code == 200


def test_a_session_by_a_provider_is_no_phones(
    cast: Cast, other_cast: Cast, server: Provider, provider: IdentityProvider, shared: User
) -> None:
    client = browser(cast.host)
    sign_in(client, server, provider, employeeNumber="LECT")
    key = str(client.session.session_key)
    for host in (cast.host, other_cast.host):
        answer = at(host, **{"X-Session-Token": key}).get(SESSION)
        assert answer.status_code in (401, 410), host


OF_THE_ACCOUNT = (
    "/accounts/password/change/",
    "/accounts/password/set/",
    "/accounts/2fa/",
    "/accounts/2fa/totp/activate/",
    "/accounts/2fa/webauthn/add/",
    "/accounts/3rdparty/",
    "/accounts/sessions/",
    "/accounts/reauthenticate/",
    "/invitations/",
    "/my-data/export",
)


def test_what_is_the_accounts_is_closed_to_it(
    cast: Cast, server: Provider, provider: IdentityProvider
) -> None:
    """Else who runs the provider gives the account a password, and comes in elsewhere."""
    client, own = browser(cast.host), browser(cast.host)
    sign_in(client, server, provider, employeeNumber="STUD")
    own.post("/accounts/login/", {"login": cast.student.email, "password": PASSWORD})
    for path in OF_THE_ACCOUNT:
        for answer in (client.get(path), client.post(path, {"password1": "x"})):
            assert answer.status_code == 403, path
            assert "sign in with your password" in words(answer), path
        assert own.get(path).status_code in (200, 302, 404, 405), path


def test_it_shows_and_ends_the_sign_ins_of_its_campus_only(
    cast: Cast, other_cast: Cast, server: Provider, provider: IdentityProvider
) -> None:
    user = cast.student.user
    assert user is not None
    with campus_scope(other_cast.campus):
        Membership.objects.create(user=user, role=Role.STUDENT)
    here, there = browser(cast.host), browser(other_cast.host)
    for client, name in ((here, "Here/1"), (there, "There/1")):
        client.post(
            "/accounts/login/",
            {"login": user.email, "password": PASSWORD},
            headers={"user-agent": f"Mozilla/5.0 {name}"},
        )
    client = browser(cast.host)
    sign_in(client, server, provider, employeeNumber="STUD")
    page = client.get("/devices/")
    assert len(page.context["sign_ins"]) == 2
    client.post("/devices/sign-out")
    assert here.get("/api/v1/me").status_code == 401
    assert there.get("/api/v1/me").status_code == 200


def test_a_password_that_must_be_changed_keeps_nobody_out(
    cast: Cast, server: Provider, provider: IdentityProvider
) -> None:
    with signed_act("accounts_user"):
        User.objects.filter(pk=cast.student.user_id).update(must_change_password=True)
    client = browser(cast.host)
    sign_in(client, server, provider, employeeNumber="STUD")
    assert client.get("/api/v1/me").status_code == 200


def test_administrators_of_the_platform_come_in_by_no_campuss_provider(
    cast: Cast, server: Provider, provider: IdentityProvider
) -> None:
    with signed_act("accounts_user"):
        User.objects.filter(pk=cast.lecturer.user_id).update(is_superuser=True)
    client = browser(cast.host)
    answer = sign_in(client, server, provider, employeeNumber="LECT")
    assert answer.status_code == 403
    assert "by their password" in words(answer)


def test_who_becomes_one_is_signed_out(
    cast: Cast, server: Provider, provider: IdentityProvider
) -> None:
    client = browser(cast.host)
    sign_in(client, server, provider, employeeNumber="LECT")
    with signed_act("accounts_user"):
        User.objects.filter(pk=cast.lecturer.user_id).update(is_superuser=True)
    assert client.get("/api/v1/me").status_code == 401


# --- Second factors, other ways in, signing out ------------------------------------------------


def test_the_second_factor_stays_unless_the_providers_counts(
    cast: Cast, server: Provider, provider: IdentityProvider
) -> None:
    with signed_act("mfa_authenticator"):
        TOTP.activate(cast.lecturer.user, TOTP_SECRET)
    assert Authenticator.objects.count() == 1
    enter = {"employeeNumber": "LECT", "amr": ["pwd", "mfa"], "acr": "strong"}

    def leads_to(**claims: Any) -> str:
        return str(sign_in(browser(cast.host), server, provider, **claims)["Location"])

    assert leads_to(**enter) == "/accounts/2fa/authenticate/"
    change(provider, accepts_multi_factor=True)
    assert leads_to(**enter) == "/"
    assert leads_to(**{**enter, "amr": ["pwd"]}) == "/accounts/2fa/authenticate/"
    change(provider, multi_factor_acr="gold strong")
    assert leads_to(**{**enter, "amr": None}) == "/"
    assert "acr_values=gold+strong" in led_to(browser(cast.host), provider)


def test_a_code_after_the_provider_opens_a_bound_session_too(
    cast: Cast, other_cast: Cast, server: Provider, provider: IdentityProvider, shared: User
) -> None:
    with signed_act("mfa_authenticator"):
        TOTP.activate(shared, TOTP_SECRET)
    client = browser(cast.host)
    sign_in(client, server, provider, employeeNumber="LECT")
    answer = client.post("/accounts/2fa/authenticate/", {"code": code_now()})
    assert answer.status_code == 302
    assert client.get("/api/v1/me").status_code == 200
    assert client.get("/accounts/2fa/").status_code == 403
    assert moved(client, other_cast.host).get("/api/v1/me").status_code == 401


def test_a_code_is_not_given_on_another_campus(
    cast: Cast, other_cast: Cast, server: Provider, provider: IdentityProvider, shared: User
) -> None:
    """Begun at this campus's provider, the sign-in ends where somebody carries it elsewhere."""
    with signed_act("mfa_authenticator"):
        TOTP.activate(shared, TOTP_SECRET)
    client = browser(cast.host)
    sign_in(client, server, provider, employeeNumber="LECT")
    there = moved(client, other_cast.host)
    answer = there.post("/accounts/2fa/authenticate/", {"code": code_now()})
    assert answer.status_code == 403
    assert user_of(there) is None


def test_a_role_comes_in_by_the_provider_alone_where_the_campus_says_so(
    cast: Cast, other_cast: Cast, server: Provider, provider: IdentityProvider
) -> None:
    change(provider, only_roles=[Role.STUDENT, Role.ADMIN])

    def by_password(host: str, email: str) -> Any:
        return login(at(host), email)

    refused = by_password(cast.host, cast.student.email)
    assert refused.status_code == 403
    assert "you sign in by North login" in refused.content.decode()
    assert by_password(other_cast.host, other_cast.student.email).status_code == 200
    assert by_password(cast.host, cast.lecturer.email).status_code == 200
    # The last way in stays open: no administrator has an emergency account.
    assert by_password(cast.host, cast.admin.email).status_code == 200
    with campus_scope(cast.campus):
        EmergencyAccount.objects.create(user=cast.operator, note="no administrator")
        assert by_password(cast.host, cast.admin.email).status_code == 200
        other = User.objects.create_user("second@north.example", PASSWORD)
        Membership.objects.create(user=other, role=Role.ADMIN)
        EmergencyAccount.objects.create(user=other, note="when the provider is down")
    assert by_password(cast.host, cast.admin.email).status_code == 403
    assert by_password(cast.host, other.email).status_code == 200
    assert sign_in(browser(cast.host), server, provider, employeeNumber="STUD").status_code == 302
    change(provider, is_active=False)
    assert by_password(cast.host, cast.student.email).status_code == 200


def test_signing_out_shows_the_way_out_of_the_provider(
    cast: Cast, server: Provider, provider: IdentityProvider
) -> None:
    client = browser(cast.host)
    sign_in(client, server, provider, employeeNumber="STUD")
    answer = client.post("/accounts/logout/")
    assert answer["Location"] == address(provider, "signed-out/")
    page = words(client.get(answer["Location"]))
    assert f"http://{server.place}/logout?client_id=campus-client&amp;post_logout" in page
    assert "https://north.example" in page or "http%3A%2F%2Fnorth.example%2Faccounts" in page
    assert client.get("/api/v1/me").status_code == 401


def test_another_campuss_provider_lets_nobody_in(
    cast: Cast, other_cast: Cast, server: Provider, other_server: Provider
) -> None:
    foreign = set_up(other_cast.campus, server)
    assert browser(cast.host).get(address(foreign)).status_code == 404
    # Its answer to a sign-in that was begun there, at this campus's address of its own provider.
    own = set_up(cast.campus, other_server)
    client = browser(other_cast.host)
    query = server.answer_to(led_to(client, foreign), employeeNumber="STUD")
    there = moved(client, cast.host)
    for provider in (foreign, own):
        answer = there.get(f"{address(provider, 'callback/')}?{query}")
        assert answer.status_code in (403, 404)
    assert user_of(there) is None


def test_a_lecturer_and_a_student_with_one_number_are_told_apart(
    cast: Cast, server: Provider, provider: IdentityProvider
) -> None:
    with campus_scope(cast.campus):
        Faculty.objects.filter(pk=cast.outsider.pk).update(code="STUD")
    answer = sign_in(browser(cast.host), server, provider, employeeNumber="STUD")
    assert "fits two people" in words(answer)
    change(provider, roles=["student"])
    client = browser(cast.host)
    assert sign_in(client, server, provider, employeeNumber="STUD").status_code == 302
    assert user_of(client) == cast.student.user_id
