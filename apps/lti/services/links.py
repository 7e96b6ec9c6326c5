"""Connecting: a platform's course with one of ours, a person there with a student here."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from apps.accounts.models import Student
from apps.audit.services import SYSTEM, Actor, log_event
from apps.enrollments.models import Course
from apps.lti.models import LtiLink, LtiPerson, LtiPlatform, LtiScore
from apps.lti.problems import LaunchProblem
from apps.lti.services.keys import key_ensure


@transaction.atomic
def platform_add(platform: LtiPlatform, *, now: datetime, actor: Actor) -> None:
    """Save a new one, and make the campus's key where it has none."""
    platform.save()
    key_ensure(now=now, actor=actor)


@transaction.atomic
def link_make(
    *,
    platform_id: Any,
    context_id: str,
    context_title: str,
    addresses: Mapping[str, str],
    course: Course,
    now: datetime,
    actor: Actor,
) -> LtiLink:
    """Connect a platform's course with one of ours; a second time nothing changes.

    `addresses`: `line_items_url` and `memberships_url`, as far as the launch named them.
    """
    link, is_new = LtiLink.objects.get_or_create(
        platform_id=UUID(str(platform_id)),
        context_id=context_id,
        defaults={"context_title": context_title, "course": course, **addresses},
    )
    if is_new:
        data = {"course": course.pk}
        log_event(actor=actor, action="lti.link.made", now=now, target=link, data=data)
    return link


@transaction.atomic
def link_refresh(
    *,
    platform_id: Any,
    context_id: str,
    line_items_url: str,
    memberships_url: str,
    now: datetime,
) -> None:
    """Take over addresses that the platform has changed. A new place for columns has none of ours.

    Without an address in the launch the known one stays.
    """
    link = LtiLink.objects.get(platform=platform_id, context_id=context_id)
    changed: dict[str, str] = {}
    if line_items_url and line_items_url != link.line_items_url:
        changed |= {"line_items_url": line_items_url, "line_item_url": ""}
    if memberships_url and memberships_url != link.memberships_url:
        changed |= {"memberships_url": memberships_url}
    if changed:
        LtiLink.objects.filter(pk=link.pk).update(**changed, updated_at=now)
        log_event(actor=SYSTEM, action="lti.link.moved", now=now, target=link, data=changed)


@transaction.atomic
def link_scores_set(*, link: LtiLink, now: datetime, actor: Actor, **rule: Any) -> None:
    """Set what is sent: `scores`, `points`, `threshold`, `drop_lowest`. Sent within minutes."""
    LtiLink.objects.filter(pk=link.pk).update(**rule, updated_at=now)
    _due_now(LtiLink.objects.filter(pk=link.pk), now=now)
    data = {name: str(value) for name, value in rule.items()}
    log_event(actor=actor, action="lti.link.changed", now=now, target=link, data=data)


@transaction.atomic
def links_send_again(*, links: QuerySet[LtiLink], now: datetime, actor: Actor) -> int:
    """Try at once, also what the platform refused; returns how many courses."""
    chosen = list(links.exclude(scores=LtiLink.Scores.NONE))
    keys = [link.pk for link in chosen]
    LtiScore.objects.filter(link__in=keys).exclude(refused="").update(refused="", error="")
    _due_now(LtiLink.objects.filter(pk__in=keys), now=now)
    for link in chosen:
        log_event(actor=actor, action="lti.link.sent_again", now=now, target=link)
    return len(chosen)


def _due_now(links: QuerySet[LtiLink], *, now: datetime) -> None:
    links.update(next_run_at=now, failures=0, failing_since=None, error="")


@transaction.atomic
def person_connect(
    *, platform_id: Any, subject: str, student: Student, now: datetime, actor: Actor
) -> LtiPerson:
    """Connect somebody on a platform with a student, in the place of whom the student was before.

    Raises `Refused` (lti_other_person) where that somebody is another student already.
    """
    others = LtiPerson.objects.exclude(student=student)
    if others.filter(platform=platform_id, subject=subject).exists():
        raise LaunchProblem.OTHER_PERSON.error()
    person, is_new = LtiPerson.objects.get_or_create(
        platform_id=UUID(str(platform_id)),
        student=student,
        defaults={"subject": subject, "connected_at": now},
    )
    if not is_new and person.subject != subject:
        LtiPerson.objects.filter(pk=person.pk).update(subject=subject, connected_at=now)
        is_new = True
    if is_new:
        data = {"student": student.pk}
        log_event(actor=actor, action="lti.person.connected", now=now, target=person, data=data)
    return person
