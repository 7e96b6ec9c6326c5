"""People of one campus: making them, and closing the campus to them."""

from datetime import datetime
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from apps.accounts.models import Faculty, Membership, Person, Role, Student, User
from apps.accounts.selectors import address_problem
from apps.accounts.services.accounts import campus_sessions_end, log
from apps.accounts.services.invitations import (
    account_offer,
    invitation_send,
    invitation_withdraw,
    waiting_for,
)
from apps.accounts.services.roles import membership_add, membership_deactivate
from apps.audit.services import Actor
from apps.common.errors import Invalid, Refused
from apps.tenants.models import Campus
from apps.tenants.scope import current_campus_id

P = TypeVar("P", bound=Person)


def student_create(
    *,
    code: str,
    first_name: str,
    email: str,
    now: datetime,
    actor: Actor,
    password: str | None = None,
    **fields: Any,
) -> Student:
    """A student with an account and the student role, or an invitation to the account's owner.

    `fields`: last_name, phone, year_of_study (within the campus's years), program, age,
    is_representative, representative_mobile. Raises `Invalid` (invalid_person, with the faulty
    fields) or `Refused` (person_exists: number or e-mail is taken on this campus).
    """
    year = fields.get("year_of_study")
    years = Campus.objects.get(pk=current_campus_id()).years_of_study
    if year is not None and not 1 <= year <= years:
        message = _("The year of study lies between 1 and %(years)d.") % {"years": years}
        raise Invalid("invalid_person", message, fields={"year_of_study": [message]})
    student = Student(code=code, first_name=first_name, email=email.strip().lower(), **fields)
    return _person_create(student, role=Role.STUDENT, password=password, now=now, actor=actor)


def faculty_create(
    *,
    code: str,
    first_name: str,
    email: str,
    now: datetime,
    actor: Actor,
    password: str | None = None,
    **fields: Any,
) -> Faculty:
    """A faculty member with an account and the faculty role, or an invitation.

    `fields`: last_name, phone, department. Raises as `student_create` does.
    """
    faculty = Faculty(code=code, first_name=first_name, email=email.strip().lower(), **fields)
    return _person_create(faculty, role=Role.FACULTY, password=password, now=now, actor=actor)


@transaction.atomic
def _person_create(person: P, *, role: str, password: str | None, now: datetime, actor: Actor) -> P:
    """Save the profile with its account and role. A given password has to be changed at once.

    An account that other campuses know is asked first: until its owner accepts, the profile has
    no login.
    """
    try:
        person.full_clean(exclude=["user"], validate_unique=False, validate_constraints=False)
    except ValidationError as error:
        message = " ".join(error.messages)
        raise Invalid("invalid_person", message, fields=error.message_dict) from error
    problem = address_problem(email=person.email)
    if problem:
        raise Invalid("invalid_person", problem, fields={"email": [problem]})
    name = f"{person.first_name} {person.last_name}".strip()
    person.user, _made = account_offer(
        email=person.email,
        name=name,
        password=password,
        must_change_password=password is not None,
    )
    try:
        with transaction.atomic():
            person.save(force_insert=True)
    except IntegrityError as error:
        raise Refused(
            "person_exists", _("This number, e-mail address or phone is already taken.")
        ) from error
    if person.user is not None:
        membership_add(user=person.user, role=role, now=now, actor=actor)
    else:
        invitation_send(
            email=person.email, role=role, name=name, person=person, now=now, actor=actor
        )
    action = f"accounts.{person._meta.model_name}.created"
    log(actor=actor, action=action, now=now, target=person, code=person.code)  # type: ignore[attr-defined]
    return person


@transaction.atomic
def person_deactivate(*, user: User, now: datetime, actor: Actor) -> None:
    """Close this campus to the account: profiles and roles rest, sessions here end, rows are kept.

    The account itself stays open, since it may be good on another campus; see
    `account_deactivate`.
    """
    for profile in (Student, Faculty):
        profile.objects.filter(user=user, is_active=True).update(is_active=False, updated_at=now)
    Membership.objects.filter(user=user, is_active=True).update(is_active=False, updated_at=now)
    user.__dict__.pop("_campus_roles", None)
    campus_sessions_end(user=user)
    log(actor=actor, action="accounts.person.deactivated", now=now, target=user)


@transaction.atomic
def login_renew(*, person: Person, now: datetime, actor: Actor) -> User | None:
    """Give the entry a sign-in by the address that stands in it now; the one before ends here.

    Returns the account, or None where its owner was invited. The one way to another login: a
    change of the address alone, by hand or by a file, moves nothing. Raises `Refused`
    (same_login, person_exists) and `Invalid` (address_not_allowed).
    """
    kind, email, before = type(person), person.email.strip().lower(), person.user
    role = Role.STUDENT if kind is Student else Role.FACULTY
    if before is not None and before.email == email:
        raise Refused("same_login", _("This is the address that they sign in with already."))
    problem = address_problem(email=email)
    if problem:
        raise Invalid("address_not_allowed", problem)
    if before is not None:
        _part(before, role, now, actor)
    for invitation in waiting_for(person=person):
        invitation_withdraw(invitation=invitation, now=now, actor=actor)
    user, _made = account_offer(email=email, name=str(person))
    try:
        with transaction.atomic():
            kind._default_manager.filter(pk=person.pk).update(user=user, updated_at=now)
    except IntegrityError as error:
        raise Refused("person_exists", _("Somebody else here signs in with this.")) from error
    if user is None:
        invitation_send(
            email=email, role=role, name=str(person), person=person, now=now, actor=actor
        )
    else:
        membership_add(user=user, role=role, now=now, actor=actor)
    action = f"accounts.{kind._meta.model_name}.login_renewed"
    log(actor=actor, action=action, now=now, target=person)
    return user


def _part(user: User, role: str, now: datetime, actor: Actor) -> None:
    membership = Membership.objects.filter(user=user, role=role).first()
    if membership is not None:
        membership_deactivate(membership=membership, now=now, actor=actor)
    campus_sessions_end(user=user)
