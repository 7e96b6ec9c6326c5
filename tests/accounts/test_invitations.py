"""Invitations: by mail or on a page, accepted, declined, expired, withdrawn, sent again."""

import re
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core import signing
from django.db import connection, connections
from django.test import Client
from django.utils import timezone

from apps.accounts.admin.members import InvitationAdmin
from apps.accounts.invitation_links import SALT, invitation_link, invitation_token, read_token
from apps.accounts.models import (
    AllowedAddress,
    Faculty,
    Invitation,
    Membership,
    Role,
    Student,
    User,
)
from apps.accounts.services import (
    faculty_create,
    invitation_renew,
    invitation_withdraw,
    invitations_answer,
    invitations_of,
    login_renew,
    profile_deactivate,
    student_create,
)
from apps.accounts.services import invitations as services
from apps.accounts.services.invitations import AGAIN_AFTER, GOOD_FOR
from apps.audit.models import Entry
from apps.audit.services import SYSTEM
from apps.common.errors import NotFound, Refused
from apps.tenants.models import Campus, Domain
from apps.tenants.scope import campus_scope
from apps.tenants.signed import signed_act
from tests.admin.support import client_of, url
from tests.factories import Cast, make_cast, make_user
from tests.notifications.support import deliver

pytestmark = pytest.mark.django_db

LINK = re.compile(r"http://north\.example(/invitation/\S+)")
Status = Invitation.Status


@pytest.fixture
def guest(cast: Cast, other_cast: Cast) -> User:
    """South's lecturer, whom north may enter and therefore invites."""
    Campus.objects.filter(pk=cast.campus.pk).update(email_domains=[])
    user = other_cast.lecturer.user
    assert user is not None
    return user


@pytest.fixture
def student(cast: Cast, guest: User) -> Student:
    with campus_scope(cast.campus):
        return student_create(
            code="GUEST", first_name="Guest", email=guest.email, now=timezone.now(), actor=SYSTEM
        )


def waiting(cast: Cast) -> Invitation:
    with campus_scope(cast.campus):
        return Invitation.objects.select_related("student", "faculty").get()


def answer(cast: Cast, email: str, *, accept: bool = True, now: datetime | None = None) -> None:
    invitations_answer(
        email=email,
        campus_id=cast.campus.pk,
        accept=accept,
        now=now or timezone.now(),
    )


def mailed_link(cast: Cast, mailoutbox: list[Any]) -> str:
    deliver(cast.campus, "email", timezone.now() + timedelta(seconds=1))
    found = LINK.search(mailoutbox[-1].body)
    assert found, mailoutbox[-1].body
    return found[1]


def reload(cast: Cast, student: Student) -> Student:
    with campus_scope(cast.campus):
        return Student.objects.select_related("user").get(pk=student.pk)


# --- By mail -------------------------------------------------------------------------------------


def test_the_mail_leads_to_a_page_that_changes_nothing_until_it_is_answered(
    cast: Cast, guest: User, student: Student, mailoutbox: list[Any]
) -> None:
    link = mailed_link(cast, mailoutbox)
    (mail,) = mailoutbox
    assert mail.to == [guest.email]
    assert mail.subject == "North Campus invites you"
    in_html = LINK.search(mail.alternatives[0][0].replace('"', " "))
    assert in_html
    assert read_token(in_html[1].rpartition("/")[2]) == (cast.campus.pk, guest.email)
    visitor = Client(headers={"host": cast.host})
    page = visitor.get(link)
    assert page.status_code == 200
    assert "North Campus" in page.content.decode()
    assert "no-store" in page["Cache-Control"]
    assert reload(cast, student).user is None
    done = visitor.post(link, {"answer": "accept"})
    assert "You are now a member of North Campus." in done.content.decode()
    after = reload(cast, student)
    assert after.user == guest
    with campus_scope(cast.campus):
        assert Membership.objects.get(user=guest).role == Role.STUDENT
        entry = Entry.objects.get(action="accounts.invitation.accepted")
    assert (entry.actor_label, entry.actor_id) == (guest.email, f"user:{guest.pk}")
    assert visitor.get(link).status_code == 404


@pytest.mark.parametrize("host", ["north.example", "south.example", "platform.example"])
def test_the_link_answers_on_every_host(
    cast: Cast, guest: User, student: Student, host: str
) -> None:
    token = invitation_token(campus_id=cast.campus.pk, email=guest.email)
    visitor = Client(headers={"host": host})
    assert visitor.get(f"/invitation/{token}").status_code == 200
    assert visitor.post(f"/invitation/{token}", {"answer": "accept"}).status_code == 200
    assert reload(cast, student).user == guest


def test_declining_by_mail_leaves_everything_as_it_is(
    cast: Cast, guest: User, student: Student, mailoutbox: list[Any]
) -> None:
    link = mailed_link(cast, mailoutbox)
    assert Client(headers={"host": cast.host}).post(link, {"answer": "no"}).status_code == 200
    assert reload(cast, student).user is None
    assert waiting(cast).status == Status.DECLINED


@pytest.mark.parametrize("answer", ["no", "accept"])
def test_the_campus_does_not_learn_from_where_it_was_answered(
    cast: Cast, guest: User, student: Student, answer: str
) -> None:
    """No address, no browser; and which account it is only once its owner has joined."""
    token = invitation_token(campus_id=cast.campus.pk, email=guest.email)
    visitor = Client(
        headers={"host": "south.example", "user-agent": "Own browser"}, REMOTE_ADDR="198.51.100.77"
    )
    assert visitor.post(f"/invitation/{token}", {"answer": answer}).status_code == 200
    with campus_scope(cast.campus):
        entries = Entry.objects.filter(actor_label=guest.email)
        seen = set(entries.values_list("address", "user_agent", "actor_id"))
    assert seen == {(None, "", f"user:{guest.pk}" if answer == "accept" else "")}


def test_a_campus_without_a_host_name_says_where_to_look(
    cast: Cast, guest: User, student: Student, mailoutbox: list[Any]
) -> None:
    with signed_act("tenants_domain"):
        Domain.objects.filter(campus=cast.campus).delete()
    assert invitation_link(campus_id=cast.campus.pk, email=guest.email) == ""
    deliver(cast.campus, "email", timezone.now() + timedelta(seconds=1))
    assert "the start page shows the invitation" in mailoutbox[-1].body


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "a:b:c",
        signing.dumps("not a pair", salt=SALT),
        signing.dumps([1, "a@b.c"], salt="other"),
    ],
    ids=["none", "short", "unsigned", "not-a-pair", "other-salt"],
)
def test_forged_tokens_say_nothing(db: None, token: str) -> None:
    assert read_token(token) is None


def test_a_token_is_too_old_after_as_long_as_the_invitation_is_good(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    token = invitation_token(campus_id=1, email="a@b.c")
    assert read_token(token) == (1, "a@b.c")
    later = timezone.now() + GOOD_FOR + timedelta(seconds=2)
    monkeypatch.setattr("django.core.signing.time.time", later.timestamp)
    assert read_token(token) is None


# --- On a page -----------------------------------------------------------------------------------


def test_after_signing_in_elsewhere_the_start_page_shows_who_invites(
    cast: Cast, other_cast: Cast, guest: User, student: Student
) -> None:
    client = client_of(other_cast, guest)
    start = client.get("/")
    assert start["Location"] == "/invitations/"
    page = client.get("/invitations/").content.decode()
    assert "North Campus" in page
    assert "student" in page
    assert client.get("/")["Location"] == "/teach/"  # shown once, then out of the way
    done = client.post("/invitations/answer", {"campus": "north", "answer": "accept"}, follow=True)
    assert "You are now a member of North Campus." in done.content.decode()
    assert reload(cast, student).user == guest


def test_declining_on_the_page(cast: Cast, other_cast: Cast, guest: User, student: Student) -> None:
    client = client_of(other_cast, guest)
    client.post("/invitations/answer", {"campus": "north", "answer": "decline"})
    assert waiting(cast).status == Status.DECLINED
    assert reload(cast, student).user is None
    assert "North Campus" not in client.get("/invitations/").content.decode()


def test_nobody_else_sees_or_answers_it(cast: Cast, other_cast: Cast, student: Student) -> None:
    for user in (other_cast.admin, other_cast.outsider.user):
        client = client_of(other_cast, user)  # type: ignore[arg-type]
        assert "North Campus" not in client.get("/invitations/").content.decode()
        form = {"campus": "north", "answer": "accept"}
        assert client.post("/invitations/answer", form).status_code == 404
    assert waiting(cast).status == Status.WAITING


def test_the_campus_that_they_are_on_learns_nothing_of_it(
    cast: Cast, other_cast: Cast, guest: User, student: Student
) -> None:
    with campus_scope(other_cast.campus):
        before = Entry.objects.count()
    client_of(other_cast, guest).post(
        "/invitations/answer", {"campus": "north", "answer": "accept"}
    )
    with campus_scope(other_cast.campus):
        assert Entry.objects.count() == before


def test_the_database_shows_an_invitation_to_its_address_alone(
    cast: Cast, guest: User, student: Student
) -> None:
    """Past every Python guard, as the application role."""

    def seen(setting: str) -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('campus.invited', %s, true)", [setting])
            cursor.execute("SELECT count(*) FROM accounts_invitation")
            (count,) = cursor.fetchone()
            cursor.execute("UPDATE accounts_invitation SET status = 'accepted'")
            assert cursor.rowcount == 0  # read, not written
            return int(count)

    assert (seen(guest.email), seen("other@south.example"), seen("")) == (1, 0, 0)


def test_asking_leaves_no_setting_behind(guest: User, student: Student) -> None:
    invitations_of(email=guest.email, now=timezone.now())
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM accounts_invitation")
        assert cursor.fetchone() == (0,)


# --- Its end -------------------------------------------------------------------------------------


def test_it_expires(cast: Cast, guest: User, student: Student) -> None:
    late = timezone.now() + GOOD_FOR + timedelta(seconds=1)
    assert invitations_of(email=guest.email, now=late) == []
    with pytest.raises(NotFound):
        answer(cast, guest.email, now=late)


def test_an_answer_counts_once(cast: Cast, guest: User, student: Student) -> None:
    answer(cast, guest.email, accept=False)
    with pytest.raises(NotFound):
        answer(cast, guest.email)
    assert reload(cast, student).user is None


def test_closing_the_profile_withdraws_it(cast: Cast, guest: User, student: Student) -> None:
    with campus_scope(cast.campus):
        profile_deactivate(person=student, now=timezone.now(), actor=SYSTEM)
    assert waiting(cast).status == Status.WITHDRAWN
    with pytest.raises(NotFound):
        answer(cast, guest.email)


def test_correcting_the_address_makes_it_void(cast: Cast, guest: User, student: Student) -> None:
    with campus_scope(cast.campus):
        Student.objects.filter(pk=student.pk).update(email="right@north.example")
    with pytest.raises(NotFound):
        answer(cast, guest.email)
    assert reload(cast, student).user is None


def test_a_campus_that_is_switched_off_invites_nobody(
    cast: Cast, guest: User, student: Student
) -> None:
    with signed_act("tenants_campus"):
        Campus.objects.filter(pk=cast.campus.pk).update(is_active=False)
    assert invitations_of(email=guest.email, now=timezone.now()) == []
    with pytest.raises(NotFound):
        answer(cast, guest.email)


def test_an_entry_that_got_a_login_meanwhile_keeps_it(
    cast: Cast, guest: User, student: Student
) -> None:
    with campus_scope(cast.campus):
        Student.objects.filter(pk=student.pk).update(user=cast.principal)
    with pytest.raises(Refused) as refusal:
        answer(cast, guest.email)
    assert refusal.value.code == "login_taken"
    assert reload(cast, student).user == cast.principal


def test_it_is_sent_again_by_hand_once_a_day(
    cast: Cast, guest: User, student: Student, mailoutbox: list[Any]
) -> None:
    now = timezone.now()
    answer(cast, guest.email, accept=False)
    with campus_scope(cast.campus):
        with pytest.raises(Refused):
            invitation_renew(invitation=waiting(cast), now=now, actor=SYSTEM)
        invitation_renew(invitation=waiting(cast), now=now + AGAIN_AFTER + GOOD_FOR, actor=SYSTEM)
    again = waiting(cast)
    assert (again.status, again.answered_at) == (Status.WAITING, None)
    deliver(cast.campus, "email", now + AGAIN_AFTER + GOOD_FOR)
    assert len(mailoutbox) == 2


def test_an_accepted_one_is_not_sent_again(cast: Cast, guest: User, student: Student) -> None:
    answer(cast, guest.email)
    row, later = waiting(cast), timezone.now() + AGAIN_AFTER
    with campus_scope(cast.campus), pytest.raises(Refused) as refusal:
        invitation_renew(invitation=row, now=later, actor=SYSTEM)
    assert refusal.value.code == "invitation_accepted"


def test_withdrawing_counts_once(cast: Cast, guest: User, student: Student) -> None:
    with campus_scope(cast.campus):
        for expected in (True, False):
            done = invitation_withdraw(invitation=waiting(cast), now=timezone.now(), actor=SYSTEM)
            assert done is expected


def test_the_administration_lists_sends_and_withdraws(
    cast: Cast, guest: User, student: Student
) -> None:
    client = client_of(cast, cast.operator)
    page = url(Invitation, "changelist")
    assert guest.email in client.get(page).content.decode()
    for action, text in (("invite_again", "One mail a day"), ("withdraw", "Withdrawn: 1.")):
        form = {"action": action, "_selected_action": [waiting(cast).pk]}
        assert text in client.post(page, form, follow=True).content.decode()
    assert waiting(cast).status == Status.WITHDRAWN


def test_operators_answer_for_students_only(cast: Cast, guest: User) -> None:
    with campus_scope(cast.campus):
        faculty_create(
            code="G", first_name="G", email=guest.email, now=timezone.now(), actor=SYSTEM
        )
    form = {"action": "withdraw", "_selected_action": [waiting(cast).pk]}
    client_of(cast, cast.operator).post(url(Invitation, "changelist"), form)
    assert waiting(cast).status == Status.WAITING
    client_of(cast, cast.admin).post(url(Invitation, "changelist"), form)
    assert waiting(cast).status == Status.WITHDRAWN


def test_what_has_expired_says_so(cast: Cast, guest: User, student: Student) -> None:
    row = waiting(cast)
    row.expires_at = timezone.now() - timedelta(days=1)
    state, _label = InvitationAdmin.shown_state(None, row)  # type: ignore[arg-type]
    assert state == "expired"


def test_several_roles_are_accepted_together(
    cast: Cast, other_cast: Cast, guest: User, mailoutbox: list[Any]
) -> None:
    form = {"email": guest.email, "name": "G", "roles": [Role.PRINCIPAL, Role.OPERATOR]}
    client_of(cast, cast.admin).post(url(User, "add"), form)
    deliver(cast.campus, "email", timezone.now() + timedelta(seconds=1))
    assert len(mailoutbox) == 1
    (invited,) = invitations_of(email=guest.email, now=timezone.now())
    assert sorted(invited.roles) == ["operator", "principal"]
    answer(cast, guest.email)
    with campus_scope(cast.campus):
        roles = set(Membership.objects.filter(user=guest).values_list("role", flat=True))
        assert str(User.objects.get(pk=guest.pk)) == "G"
    assert roles == {Role.PRINCIPAL, Role.OPERATOR}


# --- Another login -------------------------------------------------------------------------------


def test_a_login_is_renewed_by_hand_and_the_one_before_ends_here(
    cast: Cast, other_cast: Cast
) -> None:
    before = cast.student.user
    assert before is not None
    with campus_scope(cast.campus):
        Student.objects.filter(pk=cast.student.pk).update(email="right@north.example")
    form = {"action": "renew_login", "_selected_action": [cast.student.pk]}
    client_of(cast, cast.operator).post(url(Student, "changelist"), form)
    assert reload(cast, cast.student).user == before  # an operator may not
    client_of(cast, cast.admin).post(url(Student, "changelist"), form)
    after = reload(cast, cast.student).user
    assert after is not None
    assert after.email == "right@north.example"
    with campus_scope(cast.campus):
        assert not Membership.objects.get(user=before).is_active
        assert Membership.objects.get(user=after).role == Role.STUDENT


def test_renewing_to_an_account_elsewhere_invites_its_owner(cast: Cast, guest: User) -> None:
    with campus_scope(cast.campus):
        Faculty.objects.filter(pk=cast.outsider.pk).update(email=guest.email)
        person = Faculty.objects.get(pk=cast.outsider.pk)
        assert login_renew(person=person, now=timezone.now(), actor=SYSTEM) is None
        assert Faculty.objects.get(pk=person.pk).user is None
    answer(cast, guest.email)
    with campus_scope(cast.campus):
        assert Faculty.objects.get(pk=cast.outsider.pk).user == guest


def test_renewing_to_the_same_login_is_refused(in_campus: Cast) -> None:
    with pytest.raises(Refused) as refusal:
        login_renew(person=in_campus.student, now=timezone.now(), actor=SYSTEM)
    assert refusal.value.code == "same_login"


def test_who_is_invited_can_be_anybody_s_student_meanwhile(
    cast: Cast, other_cast: Cast, guest: User, student: Student
) -> None:
    """Invitations of two campuses stand beside each other; each is answered by itself."""
    with campus_scope(other_cast.campus):
        make_user("third@north.example", Role.STUDENT)
    third = User.objects.get(email="third@north.example")
    with campus_scope(cast.campus):
        student_create(
            code="T", first_name="T", email=third.email, now=timezone.now(), actor=SYSTEM
        )
    answer(cast, third.email)
    assert [found.slug for found in invitations_of(email=guest.email, now=timezone.now())] == [
        "north"
    ]


@pytest.mark.django_db(transaction=True)
def test_who_accepts_while_the_entry_is_closed_is_in_or_out_and_never_half(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No closed entry with a role that is open, and no deadlock: both take their locks in turn."""
    north, south = make_cast("north"), make_cast("south")
    now = timezone.now()
    with campus_scope(south.campus):
        owner = make_user("owner@south.example", Role.STUDENT)
    with campus_scope(north.campus):
        AllowedAddress.objects.create(email=owner.email)
        facts = {"code": "I1", "first_name": "I", "email": owner.email}
        student = student_create(**facts, now=now, actor=SYSTEM)
    accepting, closing, failed = threading.Event(), threading.Event(), []
    admit = services._admit

    def slowly(*facts: Any) -> None:
        accepting.set()
        closing.wait(5)
        admit(*facts)

    def close() -> None:
        accepting.wait(5)
        threading.Timer(0.2, closing.set).start()  # by then it waits for the answer's locks
        with campus_scope(north.campus):
            person = Student.objects.get(pk=student.pk)
            profile_deactivate(person=person, now=now, actor=SYSTEM)

    def accept() -> None:
        campus_id = north.campus.pk
        invitations_answer(email=owner.email, campus_id=campus_id, accept=True, now=now)

    def alone(job: Callable[[], None]) -> None:
        try:
            job()
        except Exception as error:
            failed.append(error)
        finally:
            connections.close_all()

    monkeypatch.setattr(services, "_admit", slowly)
    threads = [threading.Thread(target=alone, args=(job,)) for job in (accept, close)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert failed == []
    with campus_scope(north.campus):
        assert not Student.objects.get(pk=student.pk).is_active
        assert not Membership.objects.filter(user=owner, is_active=True).exists()
