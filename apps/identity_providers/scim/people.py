"""People of the campus as SCIM's users: accounts with a place here, whether or not it is open."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from django.db.models import Q, QuerySet

from apps.accounts.models import Faculty, Member, Membership, Person, Student
from apps.identity_providers.models import ScimClient, ScimPerson
from apps.identity_providers.scim.requests import ENTERPRISE, USER, PersonPage

LONGEST_ID: Final = 18  # digits


@dataclass(frozen=True, kw_only=True)
class ScimUser:
    """One person with what the answer says of them."""

    member: Member
    entry: Person | None
    active: bool
    external_id: str

    @property
    def email(self) -> str:
        return self.entry.email if self.entry is not None else self.member.email

    @property
    def number(self) -> str:
        return str(getattr(self.entry, "code", ""))


def scim_users(
    client: ScimClient, wanted: tuple[str, str] | None, page: PersonPage
) -> tuple[int, list[ScimUser]]:
    """How many fit, and those of the page; six statements at most."""
    found = _found(client, wanted).order_by("pk")
    total = found.count()
    start = page.start - 1
    rows = list(found[start : start + page.count]) if page.count else []
    return total, _with_facts(client, rows)


def scim_user(client: ScimClient, person_id: str) -> ScimUser | None:
    """By its id; None for what is none, or another campus's."""
    _total, found = scim_users(client, ("id", person_id), PersonPage(start=1, count=1))
    return found[0] if found else None


def _found(client: ScimClient, wanted: tuple[str, str] | None) -> QuerySet[Member]:
    members = Member.objects.select_related("user")
    if wanted is None:
        return members
    kind, value = wanted
    if kind == "account":
        return members.filter(user_id=int(value))
    if kind == "user_name":
        kind = client.user_name
    if kind == "id":
        is_id = value.isascii() and value.isdecimal() and len(value) <= LONGEST_ID
        return members.filter(pk=int(value)) if is_id else members.none()
    if kind == "external_id":
        named = ScimPerson.objects.filter(client=client, external_id=value)
        return members.filter(user_id__in=named.values("user_id"))
    if kind == "number":
        return members.filter(_entry(code__iexact=value))
    # The address of the entry, as the campus writes it; that of the account without one.
    entered = Q(user_id__in=_users(Student)) | Q(user_id__in=_users(Faculty))
    return members.filter(_entry(email__iexact=value) | (Q(email=value.lower()) & ~entered))


def _users(kind: type[Person], **wanted: Any) -> QuerySet[Any, Any]:
    rows = kind._default_manager.filter(user__isnull=False, **wanted)
    return rows.values("user_id")


def _entry(**wanted: Any) -> Q:
    return Q(user_id__in=_users(Student, **wanted)) | Q(user_id__in=_users(Faculty, **wanted))


def _with_facts(client: ScimClient, members: Sequence[Member]) -> list[ScimUser]:
    ids = [member.user_id for member in members]
    if not ids:
        return []
    # A lecturer who studies as well goes by the entry as faculty.
    entries: dict[int | None, Person] = {}
    for kind in (Student, Faculty):
        entries |= {row.user_id: row for row in kind._default_manager.filter(user_id__in=ids)}
    active = set(
        Membership.objects.filter(user_id__in=ids, is_active=True).values_list("user_id", flat=True)
    )
    named = ScimPerson.objects.filter(client=client, user_id__in=ids)
    external = dict(named.values_list("user_id", "external_id"))
    return [
        ScimUser(
            member=member,
            entry=entries.get(member.user_id),
            active=member.user_id in active,
            external_id=external.get(member.user_id, ""),
        )
        for member in members
    ]


def written(client: ScimClient, user: ScimUser, *, base: str) -> dict[str, Any]:
    """As RFC 7643 writes a user; the campus's own data, none of the account's."""
    member, entry = user.member, user.entry
    by_number = client.user_name == ScimClient.UserName.NUMBER and user.number
    body: dict[str, Any] = {
        "schemas": [USER],
        "id": str(member.pk),
        "userName": user.number if by_number else user.email,
        "displayName": str(entry) if entry is not None else str(member),
        "active": user.active,
        "emails": [{"value": user.email, "type": "work", "primary": True}],
        "meta": {
            "resourceType": "User",
            "created": _moment(member.created_at),
            "lastModified": _moment(member.updated_at),
            "location": f"{base}/Users/{member.pk}",
        },
    }
    if entry is not None:
        body["name"] = {"givenName": entry.first_name, "familyName": entry.last_name}
        body["schemas"].append(ENTERPRISE)
        body[ENTERPRISE] = {"employeeNumber": user.number}
    if user.external_id:
        body["externalId"] = user.external_id
    return body


def listed(resources: Iterable[dict[str, Any]], *, total: int, start: int) -> dict[str, Any]:
    rows = list(resources)
    return {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": total,
        "startIndex": start,
        "itemsPerPage": len(rows),
        "Resources": rows,
    }


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
