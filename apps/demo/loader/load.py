"""Loading the demo campus: safe to repeat, all or nothing."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import transaction
from django.utils.translation import gettext as _

from apps.audit.services import Actor, log_event, log_platform_event
from apps.common.errors import Forbidden
from apps.demo.allowed import demo_allowed
from apps.demo.loader.calendar import Calendar
from apps.demo.loader.data import DemoData
from apps.demo.loader.people import PeopleLoader, SignIn, sign_ins
from apps.demo.loader.places import campus_ensure, check_is_demo, rooms_ensure
from apps.demo.loader.study import courses_ensure, groups_ensure, sections_ensure, term_ensure
from apps.demo.loader.weeks import weeks_ensure
from apps.tenants.models import Campus
from apps.tenants.scope import campus_scope

ACTOR: Final = Actor(label="load_demo")


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """What was made (kinds of rows with their numbers) and the passwords to print once."""

    campus: Campus
    made: dict[str, int]
    sign_ins: list[SignIn]


def load_demo(
    *, slug: str, now: datetime, reset_passwords: bool = False, hosts: Sequence[str] = ()
) -> Loaded:
    """Make what the demo campus lacks; a second run soon after the first changes nothing.

    `hosts`: names besides the local ones that lead to it.

    Raises `Forbidden` (demo_not_allowed) under settings that do not allow it and `Refused`
    (not_a_demo) where another campus has this short name.
    """
    _check_allowed()
    return _load(slug=slug, now=now, reset_passwords=reset_passwords, hosts=hosts)


def _check_allowed() -> None:
    if not demo_allowed():
        raise Forbidden(
            "demo_not_allowed", _("These settings do not allow made-up people (DEMO_ALLOWED).")
        )


def demo_campus(*, slug: str) -> Campus | None:
    """The demo campus of this short name, if it is there. Raises as `load_demo` does."""
    _check_allowed()
    campus = Campus.objects.filter(slug=slug).first()
    if campus is not None:
        check_is_demo(campus, facts=DemoData().campus)
    return campus


@transaction.atomic
def _load(*, slug: str, now: datetime, reset_passwords: bool, hosts: Sequence[str]) -> Loaded:
    data, made = DemoData(), Counter[str]()
    campus = campus_ensure(slug=slug, facts=data.campus, made=made, hosts=hosts)
    with campus_scope(campus):
        loader = PeopleLoader(data=data, slug=slug, now=now, actor=ACTOR, made=made)
        accounts = _fill(loader, reset=reset_passwords)
        changes = {kind: number for kind, number in made.items() if number}
        if changes:
            log_event(
                actor=ACTOR, action="demo.campus.loaded", now=now, target=campus, data=changes
            )
            if made["campuses"] or made["domains"]:
                log_platform_event(
                    actor=ACTOR, action="demo.campus.loaded", now=now, target=campus, data=changes
                )
    return Loaded(campus=campus, made=changes, sign_ins=accounts)


def _fill(loader: PeopleLoader, *, reset: bool) -> list[SignIn]:
    facts, made = loader.data.campus, loader.made
    staff, faculty, students = loader.staff(), loader.faculty(), loader.students()
    term = term_ensure(on=loader.now.date(), made=made)
    sections = sections_ensure(facts=facts, made=made)
    courses = courses_ensure(
        facts=facts,
        term=term,
        faculty={code: person for code, (person, _new) in faculty.items()},
        sections=sections,
        rooms=rooms_ensure(facts=facts, made=made),
        made=made,
    )
    groups_ensure(
        data=loader.data,
        students={code: person for code, (person, _new) in students.items()},
        sections=sections,
        courses=courses,
        term=term,
        made=made,
    )
    for row in facts["courses"]:
        Calendar(
            course=courses[row["code"]],
            row=row,
            past_days=facts["past_days"],
            ahead_days=facts["ahead_days"],
            now=loader.now,
            actor=loader.actor,
            made=made,
        ).fill()
    weeks_ensure(facts=facts, courses=courses, now=loader.now, actor=loader.actor, made=made)
    return sign_ins(loader, staff=staff, faculty=faculty, students=students, reset=reset)
