"""What identifies a person in texts, and how to find it there."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from allauth.socialaccount.models import SocialAccount
from django.db.models import Model, Q

from apps.accounts.models import Contact, Device, Faculty, Member, Student, User
from apps.notifications.models import PushToken
from apps.privacy.registry import KnownPerson

# A word of an address is none of another one: “doe@…” is not in “jane.doe@…”.
_BEFORE: Final = r"(?<![\w.@+-])"
_AFTER: Final = r"(?![\w@-])"
_AFTER_ADDRESS: Final = r"(?!\.\w)"  # “doe@a.example” is not in “doe@a.example.org”
# JSON as text writes a line's end as a letter.
_BEFORE_IN_JSON: Final = r"(?:(?<![\w.@+-])|\\[bfnrt])"
SHORTEST: Final = 4
_SPECIAL: Final = re.compile(r"([^\w\s])")

# Where the values of other people stand: a guardian's number may be that of two students.
_SHARED: Final[tuple[tuple[type[Model], str, tuple[str, ...]], ...]] = (
    (Student, "pk", ("email", "phone", "representative_mobile", "full_name")),
    (Faculty, "pk", ("email", "phone", "full_name")),
    (Member, "user_id", ("email", "name")),
    (Contact, "student_id", ("email", "phone", "name")),
    (Device, "student_id", ("device_uuid",)),
)


@dataclass(frozen=True, kw_only=True)
class Identifying:
    """Values that mean this person and nobody else of the campus; `shared`: how many do not."""

    values: tuple[str, ...]
    shared: int

    @property
    def pattern(self) -> str:
        """For one string, in Python and in PostgreSQL; case is no matter. Empty: no values."""
        return f"{_BEFORE}{self._either}{_AFTER}" if self.values else ""

    @property
    def in_json(self) -> str:
        """For JSON as text, in PostgreSQL."""
        return f"{_BEFORE_IN_JSON}{self._either}{_AFTER}" if self.values else ""

    @property
    def _either(self) -> str:
        longest = sorted(self.values, key=len, reverse=True)
        return "(?:" + "|".join(map(_quoted, longest)) + ")"


def identifying(person: KnownPerson, *, with_account: bool) -> Identifying:
    """Addresses, numbers, full names and ids of the person and their devices.

    A name of one word, or shorter than four characters, identifies nobody and is not searched for.
    """
    found = {text for text in map(str.strip, _known(person, with_account)) if _tells(text)}
    shared = _shared(person, found)
    return Identifying(values=tuple(sorted(found - shared)), shared=len(shared))


def _tells(text: str) -> bool:
    return len(text) >= SHORTEST


def _known(person: KnownPerson, with_account: bool) -> Iterable[str]:
    yield from person.emails
    for row in Student.objects.filter(pk=person.student_id or 0):
        yield from (row.email, row.phone, row.representative_mobile, row.code, str(row.uuid))
        yield from _names(row.full_name)
    for lecturer in Faculty.objects.filter(pk=person.faculty_id or 0):
        yield from (lecturer.email, lecturer.phone, lecturer.code, str(lecturer.uuid))
        yield from _names(lecturer.full_name)
    for name in Member.objects.filter(user_id=person.user_id or 0).values_list("name", flat=True):
        yield from _names(name)
    for device in Device.objects.filter(student_id=person.student_id or 0):
        yield from (device.device_uuid, device.push_token)
    for contact in Contact.objects.filter(student_id=person.student_id or 0):
        yield from (contact.email, contact.phone)
        yield from _names(contact.name)
    yield from PushToken.objects.filter(user_id=person.user_id or 0).values_list("token", flat=True)
    if with_account and person.user_id is not None:
        yield from _of_account(person.user_id)


def _of_account(user_id: int) -> Iterable[str]:
    for user in User.objects.filter(pk=user_id):
        yield user.email
        yield from _names(user.name)
    yield from SocialAccount.objects.filter(user_id=user_id).values_list("uid", flat=True)


def _names(name: str) -> Iterable[str]:
    """Of two words at least."""
    if " " in name.strip():
        yield name


def _shared(person: KnownPerson, values: set[str]) -> set[str]:
    own: dict[type[Model], int | None] = {
        Student: person.student_id,
        Faculty: person.faculty_id,
        Member: person.user_id,
        Contact: person.student_id,
        Device: person.student_id,
    }
    known = {value.lower(): value for value in values}
    found = set()
    for model, owner, columns in _SHARED:
        for column in columns:
            theirs = Q(**{owner: own[model]}) if own[model] else Q(pk__in=())
            others = model._default_manager.exclude(theirs).filter(
                **{f"{column}__iregex": _exactly(values)}
            )
            found |= {
                known[text.lower()]
                for text in others.values_list(column, flat=True)
                if text.lower() in known
            }
    return found


def _quoted(value: str) -> str:
    return _SPECIAL.sub(r"\\\1", value) + (_AFTER_ADDRESS if "@" in value else "")


def _exactly(values: set[str]) -> str:
    return "^(?:" + "|".join(_SPECIAL.sub(r"\\\1", value) for value in sorted(values)) + ")$"
