"""Asking the owner of an account that other campuses know to join this one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import IntegrityError, connection, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from apps.accounts.invitation_links import GOOD_FOR_SECONDS
from apps.accounts.models import Invitation, Member, Person, Role, Student, User
from apps.accounts.notices import invited
from apps.accounts.selectors import address_problem
from apps.accounts.services.accounts import account_provide, log
from apps.accounts.services.roles import membership_add
from apps.accounts.writes import joins_at_once
from apps.audit.services import Actor, log_event
from apps.common.errors import Invalid, NotFound, Refused
from apps.common.rows import table_name
from apps.tenants.bulk import Stage
from apps.tenants.models import Campus
from apps.tenants.scope import campus_scope, current_campus_id
from apps.tenants.selectors import campus_is_open

GOOD_FOR: Final = timedelta(seconds=GOOD_FOR_SECONDS)
AGAIN_AFTER: Final = timedelta(days=1)  # between two mails to one address
Status = Invitation.Status
_OF_ADDRESS: Final = f"""
    SELECT campus.id, campus.slug, campus.name, invitation.role, invitation.expires_at
    FROM accounts_invitation invitation
    JOIN {table_name(Campus)} campus ON campus.id = invitation.campus_id AND campus.is_active
    WHERE invitation.email = %(email)s AND invitation.status = 'waiting'
        AND invitation.expires_at > %(now)s
    ORDER BY campus.name, campus.id, invitation.role
"""  # noqa: S608  (names of our models)
_SET_INVITED: Final = "SELECT set_config('campus.invited', %s, true)"


# Of staged rows (`roster.columns_of`). Nobody is asked twice by a file: who declined, or let an
# invitation expire, is invited again by hand.
_WITHDRAW_OTHERS: Final = """
    UPDATE accounts_invitation invitation
    SET status = 'withdrawn', answered_at = %(now)s, updated_at = %(now)s
    FROM (
        SELECT i.id FROM accounts_invitation i JOIN {{stage}} s ON i.{person} = s.id
        WHERE i.campus_id = %(campus)s AND i.status = 'waiting' AND s.wants AND i.email <> s.email
        UNION
        SELECT i.id FROM accounts_invitation i JOIN {{stage}} s ON i.email = s.email
        WHERE i.campus_id = %(campus)s AND i.status = 'waiting' AND s.wants
            AND i.role = %(role)s AND i.{person} IS DISTINCT FROM s.id
    ) AS stale
    WHERE invitation.campus_id = %(campus)s AND invitation.id = stale.id
"""
_INVITE: Final = """
    WITH asked AS (
        INSERT INTO accounts_invitation (campus_id, email, role, name, {person}, status,
            sent_at, expires_at, created_at, updated_at)
        SELECT %(campus)s, s.email, %(role)s, trim(concat(s.first_name, ' ', s.last_name)), s.id,
            'waiting', %(now)s, %(until)s, %(now)s, %(now)s
        FROM {{stage}} s
        WHERE s.is_invited AND NOT EXISTS (
            SELECT FROM accounts_invitation known
            WHERE known.campus_id = %(campus)s AND known.{person} = s.id AND known.email = s.email
        )
        ON CONFLICT (campus_id, email, role) WHERE status = 'waiting' DO NOTHING
        RETURNING email
    )
    SELECT asked.email, person.id, EXISTS (
        SELECT FROM accounts_invitation known WHERE known.campus_id = %(campus)s
            AND known.email = asked.email AND known.sent_at > %(since)s
    )
    FROM asked JOIN accounts_user person USING (email) ORDER BY asked.email
"""


@dataclass(frozen=True, kw_only=True)
class Invited:
    """A campus that invites somebody, and as what."""

    campus_id: int
    slug: str
    campus: str
    roles: tuple[str, ...]  # as people read them
    expires_at: datetime


def account_offer(
    *, email: str, name: str, password: str | None = None, must_change_password: bool = False
) -> tuple[User | None, bool]:
    """The account that this campus may give a role at once, and whether it was made now.

    None where the address has an account elsewhere, whose owner has to be asked:
    `invitation_send`.
    """
    known = User.objects.filter(email=email).first()
    if known is None:
        known, made = account_provide(
            email=email, name=name, password=password, must_change_password=must_change_password
        )
        if made:
            return known, True
    return (known, False) if joins_at_once(user=known) else (None, False)


@transaction.atomic
def invitation_send(
    *, email: str, role: str, now: datetime, actor: Actor, name: str = "", person: Any = None
) -> Invitation:
    """Ask the owner of this address; a waiting invitation is sent again, once a day at most."""
    of = {} if person is None else {_field_of(person): person}
    known = Invitation.objects.filter(email=email, role=role, status=Status.WAITING).first()
    if known is not None and all(getattr(known, name) == value for name, value in of.items()):
        if now - known.sent_at >= AGAIN_AFTER:
            _mail(known, now, actor)
        return known
    if known is not None:  # for an entry whose address was another one's once
        invitation_withdraw(invitation=known, now=now, actor=actor)
    invitation = Invitation(email=email, role=role, name=name[:201], **of)
    _mail(invitation, now, actor)
    return invitation


def _field_of(person: Person) -> str:
    return "student" if isinstance(person, Student) else "faculty"


def _mail(invitation: Invitation, now: datetime, actor: Actor) -> None:
    """Let it wait from now on. One mail a day tells of all that waits for the address."""
    invitation.status, invitation.answered_at = Status.WAITING, None
    invitation.sent_at, invitation.expires_at = now, now + GOOD_FOR
    of_address = Invitation.objects.filter(email=invitation.email, sent_at__gt=now - AGAIN_AFTER)
    was_mailed = of_address.exclude(pk=invitation.pk).exists()
    invitation.save()
    if not was_mailed:
        accounts = User.objects.filter(email=invitation.email).values_list("pk", flat=True)
        invited(user_ids=list(accounts), key=f"{invitation.pk}:{now.isoformat()}", now=now)
    data = {"email": invitation.email, "role": invitation.role}
    log(actor=actor, action="accounts.invitation.sent", now=now, target=invitation, **data)


@transaction.atomic
def invitation_renew(*, invitation: Invitation, now: datetime, actor: Actor) -> None:
    """Renew an invitation that was declined or has expired. Raises `Refused`."""
    invitation = Invitation.objects.select_for_update().get(pk=invitation.pk)
    if invitation.status == Status.ACCEPTED:
        raise Refused("invitation_accepted", _("This invitation was accepted."))
    if now - invitation.sent_at < AGAIN_AFTER:
        raise Refused("invited_recently", _("One mail a day is enough. Try again tomorrow."))
    twin = Invitation.objects.filter(
        email=invitation.email, role=invitation.role, status=Status.WAITING
    )
    if twin.exclude(pk=invitation.pk).exists():
        raise Refused("invited_already", _("Another invitation to this address is waiting."))
    _mail(invitation, now, actor)


def waiting_for(*, person: Person) -> QuerySet[Invitation]:
    """The invitations of this entry that nobody has answered."""
    return Invitation.objects.filter(**{_field_of(person): person}, status=Status.WAITING)


@transaction.atomic
def invitation_withdraw(*, invitation: Invitation, now: datetime, actor: Actor) -> bool:
    """Take a waiting invitation back; returns whether it was waiting."""
    withdrawn = _answer(invitation, Status.WITHDRAWN, now)
    if withdrawn:
        log(actor=actor, action="accounts.invitation.withdrawn", now=now, target=invitation)
    return withdrawn


def _answer(invitation: Invitation, status: str, now: datetime) -> bool:
    waiting = Invitation.objects.filter(pk=invitation.pk, status=Status.WAITING)
    return bool(waiting.update(status=status, answered_at=now, updated_at=now))


@transaction.atomic
def invitations_of(*, email: str, now: datetime) -> Sequence[Invited]:
    """The campuses that invite the owner of this address, on whatever campus they are now.

    Only for that owner: signed in with the address, or with the link that was mailed to it.
    """
    with connection.cursor() as cursor:
        cursor.execute(_SET_INVITED, [email])
        cursor.execute(_OF_ADDRESS, {"email": email, "now": now})
        rows = cursor.fetchall()
        cursor.execute(_SET_INVITED, [""])
    found: dict[int, Invited] = {}
    for campus_id, slug, name, role, expires_at in rows:
        label = str(Role(role).label)
        known = found.get(campus_id)
        if known is None:
            found[campus_id] = Invited(
                campus_id=campus_id, slug=slug, campus=name, roles=(label,), expires_at=expires_at
            )
        else:
            found[campus_id] = replace(
                known,
                roles=(*known.roles, label),
                expires_at=min(known.expires_at, expires_at),
            )
    return list(found.values())


@transaction.atomic
def invitations_answer(*, email: str, campus_id: int, accept: bool, now: datetime) -> None:
    """Accept or decline what this campus asks of the address; its owner's word, nobody else's.

    Raises `NotFound` (no_such_invitation) where nothing waits (any more), and `Refused` where the
    campus could not take them in.
    """
    user = User.objects.filter(email=email, is_active=True).first()
    if user is None or not campus_is_open(campus_id=campus_id):
        raise _nothing_waits()
    with campus_scope(campus_id):
        waiting = Invitation.objects.filter(
            email=email, status=Status.WAITING, expires_at__gt=now
        ).select_related("student", "faculty")
        # What the campus learns of who answers is the address that it wrote to: not where they are,
        # nor with which browser, and which account it is only from a person who joins.
        by = Actor(label=email, id=f"user:{user.pk}" if accept else "")
        answered = [_settle(row, user, accept, now, by) for row in waiting.order_by("pk")]
        if not any(answered):
            raise _nothing_waits()


def _nothing_waits() -> NotFound:
    return NotFound(
        "no_such_invitation", _("This invitation was answered, withdrawn, or has expired.")
    )


def _settle(invitation: Invitation, user: User, accept: bool, now: datetime, actor: Actor) -> bool:
    if not _answer(invitation, Status.ACCEPTED if accept else Status.DECLINED, now):
        return False
    if accept:
        _admit(invitation, user, now, actor)
    what = "accepted" if accept else "declined"
    log(actor=actor, action=f"accounts.invitation.{what}", now=now, target=invitation)
    return True


def _admit(invitation: Invitation, user: User, now: datetime, actor: Actor) -> None:
    problem = address_problem(email=user.email)
    if problem:
        raise Refused("address_not_allowed", problem)
    person = invitation.student or invitation.faculty
    if person is not None and person.email.lower() != invitation.email:
        raise _nothing_waits()  # the office has corrected the address since
    if person is not None:
        _link(person, user, now)
    membership_add(user=user, role=invitation.role, now=now, actor=actor, name=invitation.name)


def _link(person: Person, user: User, now: datetime) -> None:
    """The entry gets its login, which it must not have yet: nobody's is replaced."""
    without = type(person)._default_manager.filter(pk=person.pk, user=None)
    try:
        with transaction.atomic():
            linked = without.update(user=user, updated_at=now)
    except IntegrityError:  # the account is another entry's
        linked = 0
    if not linked:
        raise Refused(
            "login_taken", _("This entry has a sign-in already. Ask the office of the campus.")
        )


def invitations_import(
    stage: Stage, *, model: type[Person], source: str, now: datetime, actor: Actor
) -> list[str]:
    """Invite the owners of staged rows' accounts, in one go; returns their addresses."""
    role = Role.STUDENT if model is Student else Role.FACULTY
    params = {
        "campus": current_campus_id(),
        "role": role.value,
        "now": now,
        "until": now + GOOD_FOR,
        "since": now - AGAIN_AFTER,
    }
    person = f"{model._meta.model_name}_id"
    stage.execute(_WITHDRAW_OTHERS.format(person=person), params)
    asked = stage.rows(_INVITE.format(person=person), params)
    if asked:
        key = f"import:{role}:{now.isoformat()}"
        to = [user_id for _email, user_id, was_mailed in asked if not was_mailed]
        invited(user_ids=to, key=key, now=now)
        data = {"count": len(asked), "role": role.value, "source": source}
        log_event(actor=actor, action="accounts.invitation.sent", now=now, data=data)
    return [email for email, *_rest in asked]


@transaction.atomic
def member_add(
    *, email: str, name: str, roles: Sequence[str], now: datetime, actor: Actor, language: str = ""
) -> tuple[User | None, bool]:
    """Give an address roles on this campus: at once, or when its owner accepts.

    Returns the account, or None where its owner was invited, and whether it was made now. Raises
    `Invalid` (address_not_allowed).
    """
    email = email.strip().lower()
    problem = address_problem(email=email)
    if problem:
        raise Invalid("address_not_allowed", problem, fields={"email": [problem]})
    user, made = account_offer(email=email, name=name)
    for role in roles:
        if user is None:
            invitation_send(email=email, role=role, name=name, now=now, actor=actor)
        else:
            membership_add(user=user, role=role, now=now, actor=actor, name=name)
    if user is not None and language:
        Member.objects.filter(user=user).update(language=language, updated_at=now)
    return user, made
