"""A platform's members beside our roster (LTI Names and Role Provisioning Services 2.0)."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.db.models.functions import Lower

from apps.accounts.models import Student
from apps.attendance.selectors.register import enrolled_students
from apps.audit.services import Actor
from apps.common.texts import CONTROL
from apps.lti.models import NAME_LENGTH, LtiLink, LtiPerson
from apps.lti.problems import LaunchProblem
from apps.lti.services.asking import MOST_PAGES, PlatformProblem, ask, next_page, token_of
from apps.lti.services.links import person_connect

SCOPES: Final = ("https://purl.imsglobal.org/spec/lti-nrps/scope/contextmembership.readonly",)
MEMBERS: Final = "application/vnd.ims.lti-nrps.v2.membershipcontainer+json"
LEARNER: Final = "Learner"
MOST: Final = 20_000
MOST_SECONDS: Final = 18  # before the last page: a request of ours may idle for 30 s


@dataclass(frozen=True, kw_only=True)
class PlatformMember:
    """A learner there, as the platform describes them; "" where it says nothing."""

    subject: str
    name: str
    number: str
    email: str


@dataclass(kw_only=True)
class MemberMatch:
    """Somebody there who is a student here. `how`: connected, number or email."""

    member: PlatformMember
    student: Student
    how: str


@dataclass(kw_only=True)
class RosterComparison:
    connected: list[MemberMatch] = field(default_factory=list)
    matching: list[MemberMatch] = field(default_factory=list)  # to be confirmed
    only_there: list[tuple[PlatformMember, Student | None]] = field(default_factory=list)
    only_here: list[Student] = field(default_factory=list)


def members_read(*, link: LtiLink, now: datetime) -> list[PlatformMember]:
    """The learners who are active there, from all pages. Raises `Refused`."""
    if not link.memberships_url:
        raise LaunchProblem.NO_MEMBERS.error()
    found: dict[str, PlatformMember] = {}
    url, pages, until = link.memberships_url, 0, time.monotonic() + MOST_SECONDS
    try:
        token = token_of(link.platform, scopes=SCOPES, now=now)
        while url:
            if pages == MOST_PAGES or len(found) > MOST or time.monotonic() > until:
                raise PlatformProblem(text="The list of members does not end.")
            answer = ask("GET", url, token=token, headers={"Accept": MEMBERS})
            for member in filter(None, map(_member, _listed(answer.object()))):
                found[member.subject] = member
            url, pages = next_page(answer, of=link.memberships_url), pages + 1
    except PlatformProblem as problem:
        raise LaunchProblem.AWAY.error() from problem
    return sorted(found.values(), key=lambda member: (member.name, member.subject))


def roster_compare(*, link: LtiLink, members: Iterable[PlatformMember]) -> RosterComparison:
    """Who is on either side. Changes nothing.

    A member is the student they are connected with; else, only a suggestion, the one whose number
    (`lis_person_sourcedid`) or e-mail address they have.
    """
    members = list(members)
    people = LtiPerson.objects.filter(platform=link.platform_id).select_related("student")
    by_subject = {person.subject: person.student for person in people}
    taken = {student.pk for student in by_subject.values()}
    roster = {row.student_id: row.student for row in enrolled_students(course_id=link.course_id)}
    numbers, emails = _students_of(members)
    result, seen = RosterComparison(), set()
    for member in members:
        student, how = by_subject.get(member.subject), "connected"
        if student is None:
            student, how = numbers.get(member.number.lower()), "number"
        if student is None:
            student, how = emails.get(member.email.lower()), "email"
        if student is None or student.pk not in roster or student.pk in seen:
            result.only_there.append((member, student))
            continue
        if how != "connected" and student.pk in taken:  # as somebody else there
            result.only_there.append((member, student))
            continue
        seen.add(student.pk)
        pair = MemberMatch(member=member, student=student, how=how)
        (result.connected if how == "connected" else result.matching).append(pair)
    result.only_here = [student for key, student in roster.items() if key not in seen]
    return result


@transaction.atomic
def people_connect(
    *,
    link: LtiLink,
    subjects: Iterable[str],
    members: Iterable[PlatformMember],
    now: datetime,
    actor: Actor,
) -> int:
    """Connect those of the suggestions that a person ticked; returns how many. Enrols nobody."""
    ticked = set(subjects)
    pairs = roster_compare(link=link, members=members).matching
    chosen = [pair for pair in pairs if pair.member.subject in ticked]
    for pair in chosen:
        person_connect(
            platform_id=link.platform_id,
            subject=pair.member.subject,
            student=pair.student,
            now=now,
            actor=actor,
        )
    return len(chosen)


def _listed(document: dict[str, Any]) -> list[Any]:
    members = document.get("members")
    return members if isinstance(members, list) else []


def _member(told: Any) -> PlatformMember | None:
    """None for whoever is no active learner, or has no id that can be kept."""
    if not isinstance(told, dict) or told.get("status", "Active") != "Active":
        return None
    roles = told.get("roles")
    names = [str(role) for role in roles] if isinstance(roles, list) else []
    if not any(role.rpartition("#")[2] == LEARNER for role in names):
        return None
    subject = _text(told, "user_id")
    if not subject:
        return None
    given = " ".join(filter(None, (_text(told, "given_name"), _text(told, "family_name"))))
    return PlatformMember(
        subject=subject,
        name=_text(told, "name") or given,
        number=_text(told, "lis_person_sourcedid"),
        email=_text(told, "email"),
    )


def _text(told: dict[str, Any], name: str) -> str:
    found = told.get(name)
    fits = isinstance(found, str) and len(found) <= NAME_LENGTH and not CONTROL.search(found)
    return str(found).strip() if fits and str(found).isprintable() else ""


def _students_of(members: list[PlatformMember]) -> tuple[dict[str, Student], dict[str, Student]]:
    """Active students by number and by address, in lower case, as far as members name them."""
    numbers = {member.number.lower() for member in members if member.number}
    emails = {member.email.lower() for member in members if member.email}
    active = Student.objects.filter(is_active=True)
    by_number = active.annotate(lower=Lower("code")).filter(lower__in=numbers)
    by_email = active.annotate(lower=Lower("email")).filter(lower__in=emails)
    return (
        {student.code.lower(): student for student in by_number},
        {student.email.lower(): student for student in by_email},
    )
