"""What the apps below, which do not know this one, keep of a person."""

from typing import Any
from uuid import NAMESPACE_OID, uuid5

from allauth.account.models import EmailAddress, EmailConfirmation
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from allauth.usersessions.models import UserSession
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.db.models import CharField, F, Q, Value
from django.db.models.functions import Cast, Concat

from apps.accounts.models import (
    AllowedAddress,
    Contact,
    Device,
    Faculty,
    Invitation,
    Member,
    Membership,
    Student,
    User,
)
from apps.audit.models import (
    BadEntry,
    Entry,
    PlatformBadEntry,
    PlatformEntry,
    PlatformRedaction,
    PlatformSeal,
    Redaction,
    Root,
    RootCopy,
    Seal,
)
from apps.jobs.models import Job
from apps.notifications.models import (
    CampusMessages,
    Delivery,
    Message,
    Preference,
    PushToken,
    QuietHours,
)
from apps.privacy.models import Consent, ErasureRequest, PrivacyRules, SearchPermission
from apps.privacy.registry import (
    NOBODY,
    KnownPerson,
    PersonRows,
    add_impersonal,
    add_person_rows,
    of_actor,
    of_faculty,
    of_student,
    of_user,
    pseudonym,
)
from apps.qr_otp.models import OneTimeCode, QrSecret, Scan, Tries
from apps.tenants.models import Campus, CampusRemoval, Domain, MasterKey

REGISTER = "registers and their sums name the row by its number"


def _address(person: KnownPerson) -> str:
    return f"{person.pseudonym}@erased.invalid"


def _numbered(column: str) -> Any:
    """A value of its own in each row, where one is unique."""
    return Concat(Value("erased-"), Cast(F(column), CharField()))


def _scanner(person: KnownPerson) -> Q:
    return Q(scanner=f"student:{person.student_id}") if person.student_id else NOBODY


def _tried(person: KnownPerson) -> Q:
    who = [f"student:{person.student_id}"] * bool(person.student_id)
    who += [f"faculty:{person.faculty_id}"] * bool(person.faculty_id)
    return Q(who__in=who) if who else NOBODY


def _addressed(person: KnownPerson) -> Q:
    return Q(email__in=person.emails) if person.emails else NOBODY


def _invited(person: KnownPerson) -> Q:
    return _addressed(person) | of_student()(person) | of_faculty()(person)


def _asked_to_go(person: KnownPerson) -> Q:
    return of_student()(person) | of_faculty()(person) | of_user("account_id")(person)


def _acted_on(person: KnownPerson) -> Q:
    found = NOBODY
    for model, pk in (
        ("accounts.student", person.student_id),
        ("accounts.faculty", person.faculty_id),
        ("accounts.user", person.user_id),
    ):
        if pk:
            found |= Q(target_type=model, target_id=str(pk))
    return found


def register() -> None:
    _register_people()
    _register_account()
    _register_messages()
    _register_logs()
    _register_impersonal()


def _register_people() -> None:
    profile = {
        "first_name": "Erased",
        "last_name": "",
        "email": _address,
        "phone": "",
        "code": pseudonym,
        "user_id": None,
        "is_active": False,
        # By the pseudonym too, so that it is the same however often erasure is tried.
        "uuid": _uuid,
    }
    add_person_rows(
        PersonRows(
            model=Student,
            rows=of_student("pk"),
            blanked={
                **profile,
                "program": "",
                "year_of_study": None,
                "age": None,
                "is_representative": False,
                "representative_mobile": "",
            },
            because=REGISTER,
        ),
        PersonRows(
            model=Faculty,
            rows=of_faculty("pk"),
            blanked={**profile, "department": ""},
            because="courses and sessions name the row by its number",
        ),
        PersonRows(
            model=Device,
            rows=of_student(),
            withheld=("push_token",),
            blanked={
                "device_uuid": _numbered("id"),
                "browser": "",
                "public_key": b"",
                "name": "",
                "model": "",
                "os_version": "",
                "app_version": "",
                "push_token": "",
                "is_active": False,
            },
            because="check-ins name the row by its number",
        ),
        PersonRows(model=Contact, rows=of_student(), deleted=True),
        PersonRows(
            model=Invitation,
            rows=_invited,
            blanked={"email": _address, "name": "", "student_id": None, "faculty_id": None},
            because="that somebody was asked, by whom the audit log says",
        ),
        PersonRows(model=AllowedAddress, rows=_addressed, deleted=True),
        PersonRows(
            model=Consent, rows=of_student(), because="that there was a consent, and which wording"
        ),
        PersonRows(
            model=ErasureRequest,
            rows=_asked_to_go,
            because="the proof of the erasure",
        ),
        PersonRows(
            model=ErasureRequest,
            part="ended",
            exported=False,  # they are above
            rows=lambda person: _asked_to_go(person) & ~Q(status="waiting"),
            blanked={"account_id": None},
            because="the proof of the erasure",
        ),
        *(
            PersonRows(
                model=ErasureRequest,
                part=part,
                rows=of_actor(column),
                exported=False,  # somebody else's
                blanked={column: pseudonym},
                because="the proof of the erasure",
            )
            for part, column in (("asked", "asked_by_id"), ("approved", "approved_by_id"))
        ),
    )


def _uuid(person: KnownPerson) -> Any:
    return uuid5(NAMESPACE_OID, person.pseudonym)


def _register_account() -> None:
    add_person_rows(
        PersonRows(model=Member, rows=of_user(), deleted=True),
        PersonRows(model=Membership, rows=of_user(), deleted=True),
        PersonRows(
            model=User,
            rows=of_user("pk"),
            withheld=("password",),
            blanked={
                "email": _address,
                "name": "",
                "language": "",
                "password": "!",  # Django's mark of one that fits nothing
                "last_login": None,
                "is_active": False,
            },
            because="rows of this campus name the account by its number",
            of_account=True,
        ),
        PersonRows(model=EmailAddress, rows=of_user(), deleted=True, of_account=True),
        PersonRows(
            model=Authenticator,
            rows=of_user(),
            withheld=("data",),
            deleted=True,
            of_account=True,
        ),
        PersonRows(model=SocialAccount, rows=of_user(), deleted=True, of_account=True),
        PersonRows(
            model=UserSession,
            rows=of_user(),
            withheld=("session_key", "data"),
            deleted=True,
            of_account=True,
        ),
    )


def _register_messages() -> None:
    add_person_rows(
        PersonRows(
            model=Message,
            rows=of_user("sender_id"),
            blanked={"sender_id": None},
            because="what was said to others",
        ),
        PersonRows(model=Delivery, rows=of_user(), withheld=("lease",), deleted=True),
        PersonRows(
            model=PushToken,
            rows=of_user(),
            withheld=("token", "p256dh", "auth"),
            deleted=True,
        ),
        PersonRows(model=Preference, rows=of_user(), deleted=True),
        PersonRows(model=QuietHours, rows=of_user(), deleted=True),
        PersonRows(
            model=Job,
            rows=of_user("created_by_id"),
            withheld=("params", "result"),
            blanked={"created_by_id": None},
            because="that work was done",
        ),
    )


def _register_logs() -> None:
    add_person_rows(
        PersonRows(
            model=Scan, rows=_scanner, blanked={"address": None}, because="the log of codes"
        ),
        PersonRows(model=Tries, rows=_tried, deleted=True),
        PersonRows(
            model=Entry,
            rows=of_actor(),
            because="redacted by apps.audit.services.redacting: the chain still holds",
        ),
        PersonRows(
            model=Entry,
            part="about",
            rows=_acted_on,
            withheld=("actor_id", "actor_label", "address", "user_agent", "data"),
            because="redacted, as above",
        ),
    )


def _register_impersonal() -> None:
    add_impersonal(
        "libraries' tables in which this platform writes nothing",
        EmailConfirmation,
        SocialToken,
        SocialApp,
        LogEntry,
        User.groups.through,
        User.user_permissions.through,
        Group,
        Group.permissions.through,
        Permission,
        ContentType,
        "django_migrations",
    )
    add_impersonal("ended and deleted with the account's sessions", Session)
    add_impersonal(
        "the installation's own", Campus, CampusRemoval, Domain, MasterKey, "campus_signing_key"
    )
    add_impersonal("kept by triggers from the rows of people", "search_entry")
    add_impersonal(
        "places, links and digests of entries; no content of them",
        *(Seal, BadEntry, Redaction, Root, RootCopy),
        *(PlatformSeal, PlatformBadEntry, PlatformRedaction),
    )
    add_impersonal("redacted with the account", PlatformEntry)
    add_impersonal("settings of the campus", CampusMessages, PrivacyRules, SearchPermission)
    add_impersonal(
        "codes of sessions; the address of who asked goes within 30 days", OneTimeCode, QrSecret
    )
