"""An account that several campuses share: each controls its own membership, none the account.

The story is an attack: the operator of campus "north" enters the principal of campus "south".
"""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from apps.accounts.models import (
    AllowedAddress,
    Invitation,
    Member,
    Membership,
    Role,
    Student,
    User,
)
from apps.accounts.permissions import may_enter
from apps.accounts.services import (
    campus_sessions_end,
    invitations_answer,
    membership_add,
    person_deactivate,
    profile_deactivate,
    student_create,
)
from apps.accounts.writes import Writer
from apps.audit.models import Entry
from apps.audit.services import SYSTEM
from apps.notifications.models import Delivery
from apps.tenants.models import Campus
from apps.tenants.scope import campus_scope
from apps.tenants.signed import signed_act
from tests.accounts.support import ME, REFRESH, at, code_of, signed_in, tokens
from tests.admin.support import client_of, fields_of, url
from tests.factories import PASSWORD, Cast, make_cast, make_user
from tests.imports.support import do_import, reasons
from tests.notifications.support import deliver, tell

pytestmark = pytest.mark.django_db

REAL_NAME = "Prof. Dr. Real Name"


@pytest.fixture
def victim(cast: Cast, other_cast: Cast) -> User:
    """South's principal, who has been here a while and speaks German."""
    user = other_cast.principal
    user.name, user.language, user.last_login = REAL_NAME, "de", timezone.now()
    user.save()
    Campus.objects.filter(pk=cast.campus.pk).update(email_domains=[])
    return user


def enter_as_student(cast: Cast, email: str) -> Any:
    return signed_in(cast.host, cast.operator.email).post(
        "/api/v1/students", {"code": "EVIL", "first_name": "Typed", "email": email}
    )


def accepted(cast: Cast, user: User) -> Student:
    """The student EVIL of north, after the owner of the address has accepted."""
    assert enter_as_student(cast, user.email).status_code == 201
    invitations_answer(
        email=user.email,
        campus_id=cast.campus.pk,
        accept=True,
        now=timezone.now(),
    )
    with campus_scope(cast.campus):
        student = Student.objects.select_related("user").get(code="EVIL")
    assert student.user == user
    return student


def account_of(user: User) -> dict[str, Any]:
    fields = ("email", "name", "language", "password", "is_active", "last_login", "updated_at")
    return User.objects.filter(pk=user.pk).values(*fields).get()


def test_the_operator_of_another_campus_gets_nothing_but_an_invitation(
    cast: Cast, other_cast: Cast, victim: User
) -> None:
    before = account_of(victim)
    answer = enter_as_student(cast, victim.email)
    assert answer.status_code == 201
    assert answer.json()["sign_in"] == "invited"
    assert REAL_NAME not in answer.content.decode()
    with campus_scope(cast.campus):
        student = Student.objects.get(code="EVIL")
        assert student.user is None
        assert not Membership.objects.filter(user=victim).exists()
        assert not Member.objects.filter(user=victim).exists()
        assert not may_enter(User.objects.get(pk=victim.pk))
    assert account_of(victim) == before


@pytest.mark.parametrize("who", ["admin", "operator", "principal"])
def test_until_they_accept_no_page_shows_more_than_was_typed(
    cast: Cast, victim: User, who: str
) -> None:
    enter_as_student(cast, victim.email)
    client = client_of(cast, getattr(cast, who))
    with campus_scope(cast.campus):
        student = Student.objects.get(code="EVIL")
    pages = [
        url(Student, "changelist"),
        url(Student, "change", student.pk),
        url(User, "changelist"),
        url(Membership, "changelist"),
        url(Invitation, "changelist"),
        url(Delivery, "changelist"),
        url(Entry, "changelist"),
        f"{url(User, 'changelist')}?q=Real",
    ]
    for page in pages:
        assert REAL_NAME not in client.get(page).content.decode(), page
    assert client.get(url(User, "change", victim.pk)).status_code == 404


def test_the_link_of_the_mail_stands_in_no_table(cast: Cast, victim: User) -> None:
    """Anyone who administers the campus must not be able to accept in somebody's place."""
    enter_as_student(cast, victim.email)
    with campus_scope(cast.campus):
        delivery = Delivery.objects.select_related("message").get(channel="email", user=victim)
        assert delivery.message.data == {"campus": "North Campus"}
        entries = str(list(Entry.objects.values_list("data", flat=True)))
    assert "/invitation/" not in f"{delivery.message.body}{entries}"


def test_a_campus_renames_and_translates_its_own_row_only(
    cast: Cast, other_cast: Cast, victim: User
) -> None:
    accepted(cast, victim)
    before = account_of(victim)
    client = client_of(cast, cast.admin)
    page = url(User, "change", victim.pk)
    form = {**fields_of(client.get(page)), "name": "Renamed", "language": "en"}
    assert client.post(page, form).status_code == 302
    with campus_scope(cast.campus):
        member = Member.objects.get(user=victim)
        assert (member.name, member.language) == ("Renamed", "en")
    assert account_of(victim) == before
    with campus_scope(other_cast.campus):
        assert Member.objects.get(user=victim).name == "Principal"
        assert not Entry.objects.filter(action__startswith="admin.user").exists()


def test_a_campus_sees_of_a_shared_account_what_is_its_own(cast: Cast, victim: User) -> None:
    """Not the real name, the language, the last sign-in, or an address that was changed since."""
    accepted(cast, victim)
    typed = victim.email
    with signed_act("accounts_user"):
        User.objects.filter(pk=victim.pk).update(email="moved@elsewhere.example")
    client = client_of(cast, cast.admin)
    seen_at = client.get(url(User, "change", victim.pk)).context["adminform"].form.initial
    assert seen_at["name"] == "Typed"
    assert seen_at["language"] == ""
    for page in (
        url(User, "changelist"),
        url(User, "change", victim.pk),
        url(Membership, "changelist"),
        url(Delivery, "changelist"),
        f"{url(User, 'changelist')}?q={typed}",
    ):
        content = client.get(page).content.decode()
        assert REAL_NAME not in content, page
        assert "moved@elsewhere.example" not in content, page
    listed = client.get(f"{url(User, 'changelist')}?q=moved@elsewhere")
    assert listed.context["cl"].result_count == 0
    (row,) = client.get(f"{url(User, 'changelist')}?q={typed}").context["cl"].result_list
    with campus_scope(cast.campus):
        assert Member.objects.get(user=row).last_sign_in_at is None


def test_the_last_sign_in_is_the_one_on_this_campus(cast: Cast, other_cast: Cast) -> None:
    tokens(at(other_cast.host), other_cast.admin.email)
    with campus_scope(cast.campus):
        membership_add(user=other_cast.admin, role=Role.ADMIN, now=timezone.now(), actor=SYSTEM)
        assert Member.objects.get(user=other_cast.admin).last_sign_in_at is None
    with campus_scope(other_cast.campus):
        assert Member.objects.get(user=other_cast.admin).last_sign_in_at is not None


def test_the_audit_log_of_a_campus_names_people_as_that_campus_does(
    cast: Cast, victim: User
) -> None:
    accepted(cast, victim)
    tokens(at(cast.host), victim.email)
    with campus_scope(cast.campus):
        labels = set(Entry.objects.values_list("actor_label", flat=True))
    assert "Typed" in labels
    assert REAL_NAME not in labels


def close(way: str, cast: Cast, student: Student) -> None:
    """Every way in which a campus ends somebody's being there."""
    now = timezone.now()
    if way == "api":
        admin = signed_in(cast.host, cast.admin.email)
        assert admin.delete(f"/api/v1/students/{student.pk}").status_code == 204
    elif way == "admin":
        form = {"action": "deactivate", "_selected_action": [student.pk]}
        client_of(cast, cast.admin).post(url(Student, "changelist"), form)
    else:
        with campus_scope(cast.campus):
            if way == "profile":
                profile_deactivate(person=student, now=now, actor=SYSTEM)
            else:
                person_deactivate(user=student.user, now=now, actor=SYSTEM)  # type: ignore[arg-type]


@pytest.mark.parametrize("way", ["api", "admin", "profile", "person"])
def test_ending_a_profile_ends_the_sessions_of_that_campus_only(
    cast: Cast, other_cast: Cast, victim: User, way: str
) -> None:
    student = accepted(cast, victim)
    here, there = tokens(at(cast.host), victim.email), tokens(at(other_cast.host), victim.email)
    browser = Client(headers={"host": other_cast.host})
    assert browser.post(
        "/accounts/login/", {"login": victim.email, "password": PASSWORD}
    ).has_header("Location")
    close(way, cast, student)
    phone_here = at(cast.host, Authorization=f"Bearer {here['access_token']}")
    phone_there = at(other_cast.host, Authorization=f"Bearer {there['access_token']}")
    assert phone_here.get(ME).status_code == 401
    refreshed = at(cast.host).post(REFRESH, {"refresh_token": here["refresh_token"]})
    assert refreshed.status_code == 400
    assert phone_there.get(ME).status_code == 200
    refreshed = at(other_cast.host).post(REFRESH, {"refresh_token": there["refresh_token"]})
    assert refreshed.status_code == 200
    assert browser.get("/accounts/sessions/").status_code == 200


def test_a_platform_administrator_is_signed_out_by_no_campus(cast: Cast) -> None:
    with campus_scope(cast.campus):
        root = make_user("root@north.example", Role.FACULTY, is_superuser=True)
    pair = tokens(at(cast.host), root.email)
    with campus_scope(cast.campus):
        person_deactivate(user=root, now=timezone.now(), actor=SYSTEM)
        assert campus_sessions_end(user=root) == 0
    phone = at(cast.host, Authorization=f"Bearer {pair['access_token']}")
    assert phone.get(ME).status_code == 200


def test_a_platform_administrator_is_invited_like_anybody(cast: Cast, other_cast: Cast) -> None:
    root = User.objects.create_superuser("root@platform.example", PASSWORD)
    with campus_scope(cast.campus):
        AllowedAddress.objects.create(email=root.email, note="Teaches.")
    answer = enter_as_student(cast, root.email)
    assert answer.json()["sign_in"] == "invited"
    with campus_scope(cast.campus):
        assert not Membership.objects.filter(user=root).exists()


def test_a_shared_account_keeps_its_password_and_its_names_on_both_campuses(
    cast: Cast, other_cast: Cast, victim: User
) -> None:
    student = accepted(cast, victim)
    account = User.objects.get(pk=victim.pk)
    assert account.check_password(PASSWORD)
    with campus_scope(cast.campus):
        assert str(User.objects.get(pk=victim.pk)) == str(student) == "Typed"
    with campus_scope(other_cast.campus):
        assert str(User.objects.get(pk=victim.pk)) == "Principal"
    assert str(account) == REAL_NAME


def test_the_campus_writes_in_the_language_that_it_chose(
    cast: Cast, victim: User, mailoutbox: list[Any], settings: Any
) -> None:
    settings.LANGUAGES = [("en", "English"), ("ar", "العربية")]
    accepted(cast, victim)
    with campus_scope(cast.campus):
        Member.objects.filter(user=victim).update(language="ar")
        tell(victim, now=timezone.now(), kind="account_security", key="k")
    deliver(cast.campus, "email", timezone.now() + timedelta(seconds=1))
    assert {mail.extra_headers["Content-Language"] for mail in mailoutbox} == {"ar"}


@pytest.mark.django_db(transaction=True)
def test_on_an_installation_with_one_campus_nobody_is_invited(now: Any) -> None:
    cast = make_cast("north")
    stray = User.objects.create_user("stray@north.example", PASSWORD)
    with campus_scope(cast.campus):
        made = student_create(
            code="N1", first_name="Stray", email=stray.email, now=now, actor=SYSTEM
        )
        assert made.user == stray
        assert not Invitation.objects.exists()


def test_an_own_verified_domain_takes_no_step_more(cast: Cast, other_cast: Cast, now: Any) -> None:
    Campus.objects.filter(pk=cast.campus.pk).update(verified_domains=["north.example"])
    with campus_scope(other_cast.campus):
        known = make_user("both@north.example", Role.FACULTY)
    with campus_scope(cast.campus):
        made = student_create(code="N1", first_name="B", email=known.email, now=now, actor=SYSTEM)
        assert made.user == known


def test_a_domain_that_another_campus_claims_is_verified_for_nobody(
    cast: Cast, other_cast: Cast, now: Any
) -> None:
    Campus.objects.filter(pk=cast.campus.pk).update(verified_domains=["north.example"])
    claims = [*other_cast.campus.email_domains, "north.example"]
    Campus.objects.filter(pk=other_cast.campus.pk).update(email_domains=claims)
    with campus_scope(other_cast.campus):
        known = make_user("both@north.example", Role.FACULTY)
    with campus_scope(cast.campus):
        made = student_create(code="N1", first_name="B", email=known.email, now=now, actor=SYSTEM)
        assert made.user is None


@pytest.mark.parametrize("domain", ["gmail.com", "south.example", "no domain"])
def test_a_domain_that_is_not_the_campus_s_alone_cannot_be_verified(
    cast: Cast, other_cast: Cast, domain: str
) -> None:
    root = User.objects.create_superuser("root@platform.example", PASSWORD)
    client = client_of(cast, root)
    page = url(Campus, "change", cast.campus.pk)
    form = {
        **fields_of(client.get(page)),
        "email_domains": "",
        "verified_domains": domain,
    }
    answer = client.post(page, form)
    assert answer.status_code == 200
    assert "verified_domains" in answer.context["adminform"].form.errors


def test_who_is_a_member_here_already_gets_another_role_at_once(
    cast: Cast, other_cast: Cast, now: Any
) -> None:
    with campus_scope(cast.campus):
        made = student_create(
            code="N1", first_name="P", email=cast.principal.email, now=now, actor=SYSTEM
        )
        assert made.user == cast.principal
        assert not Invitation.objects.exists()


def test_the_api_of_a_phone_names_the_account_to_its_owner_only(cast: Cast, victim: User) -> None:
    accepted(cast, victim)
    own: APIClient = signed_in(cast.host, victim.email)
    assert own.get(ME).json()["user"]["name"] == REAL_NAME


# --- Entries that operators make for people with more rights -----------------------------------


@pytest.mark.parametrize("who", ["admin", "principal", "lecturer"])
def test_an_operator_enters_nobody_as_a_student_who_is_more_than_that(
    cast: Cast, who: str, now: Any
) -> None:
    """Else they would rename them, in the audit log too, and sign them out by closing the entry."""
    email = cast.lecturer.email if who == "lecturer" else getattr(cast, who).email
    operator = signed_in(cast.host, cast.operator.email)
    body = {"code": "N1", "first_name": "Dr. Evil", "email": email.upper()}
    answer = operator.post("/api/v1/students", body)
    assert (answer.status_code, code_of(answer)) == (403, "account_with_other_roles")
    page = client_of(cast, cast.operator).post(url(Student, "add"), body, follow=True)
    assert "other roles here" in page.content.decode()
    report = do_import(
        cast,
        "students",
        [["id", "name", "email"], ["N1", "Dr. Evil", email]],
        writer=Writer(cast.operator),
    )
    assert "other roles here" in reasons(report)[0][1]
    with campus_scope(cast.campus):
        assert not Student.objects.filter(code="N1").exists()
    assert signed_in(cast.host, cast.admin.email).post("/api/v1/students", body).status_code == 201


def test_closing_a_student_leaves_an_administrator_signed_in(cast: Cast, now: Any) -> None:
    with campus_scope(cast.campus):
        student = student_create(
            code="N1", first_name="A", email=cast.admin.email, now=now, actor=SYSTEM
        )
    admin = signed_in(cast.host, cast.admin.email)
    operator = signed_in(cast.host, cast.operator.email)
    assert operator.delete(f"/api/v1/students/{student.pk}").status_code == 204
    assert admin.get(ME).json()["roles"] == [Role.ADMIN]
