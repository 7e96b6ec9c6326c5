"""What a new campus still needs, read from its data: each step ticks itself off."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy

from apps.accounts.models import Faculty, Role, Student, User
from apps.accounts.requests import has_role
from apps.attendance.models import Policy
from apps.audit.services import Actor, log_event
from apps.classrooms.models import Classroom
from apps.enrollments.models import Course, Term
from apps.notifications.channels import configured
from apps.notifications.models import Channel, Delivery, Status
from apps.notifications.services import notify
from apps.sessions.models import ClassSession
from apps.tenants.models import Campus, Domain
from apps.tenants.scope import current_campus_id, entered_campus_id
from apps.timetable.models import WeeklySlot

BEGUN: Final = (ClassSession.Status.OPEN, ClassSession.Status.COMPLETED)
TEST_MAIL: Final = "mail"


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step: what it is, one sentence about it, where to do it, whether it was done."""

    name: str
    title: Any
    text: Any
    page: str  # of the administration, as `reverse` knows it
    is_done: bool


def _domains() -> QuerySet[Domain]:
    return Domain.objects.filter(campus_id=current_campus_id())


def _mails() -> QuerySet[Delivery]:
    return Delivery.objects.filter(channel=Channel.EMAIL, status=Status.SENT)


def _people() -> bool:
    return Student.objects.exists() and Faculty.objects.exists()


# Name, title, sentence, page, and what says that it was done.
_STEPS: Final[tuple[tuple[str, Any, Any, str, Callable[[], bool]], ...]] = (
    (
        "domain",
        gettext_lazy("Domain"),
        gettext_lazy("The host name at which browsers reach this campus."),
        "tenants_domain_changelist",
        lambda: _domains().exists(),
    ),
    (
        TEST_MAIL,
        gettext_lazy("E-mail"),
        gettext_lazy("Done once an e-mail was sent: invitations and links go out by it."),
        "notifications_delivery_changelist",
        lambda: _mails().exists(),
    ),
    (
        "terms",
        gettext_lazy("Terms"),
        gettext_lazy("The days between which classes take place."),
        "enrollments_term_changelist",
        lambda: Term.objects.exists(),
    ),
    (
        "rooms",
        gettext_lazy("Rooms"),
        gettext_lazy("Classrooms with their buildings, from a sheet or by hand."),
        "classrooms_classroom_changelist",
        lambda: Classroom.objects.exists(),
    ),
    (
        "people",
        gettext_lazy("People"),
        gettext_lazy("Faculty and students: import the registrar's sheets."),
        "imports_importrun_changelist",
        _people,
    ),
    (
        "courses",
        gettext_lazy("Courses"),
        gettext_lazy("Which subject is taught to which section by whom in the term."),
        "enrollments_course_changelist",
        lambda: Course.objects.exists(),
    ),
    (
        "timetable",
        gettext_lazy("Timetable"),
        gettext_lazy("Weekly slots, of which the sessions of each day are made."),
        "timetable_weeklyslot_changelist",
        lambda: WeeklySlot.objects.exists(),
    ),
    (
        "policy",
        gettext_lazy("Policy"),
        gettext_lazy("What a check-in has to prove, and when it is late."),
        "attendance_policy_changelist",
        lambda: Policy.objects.exists(),
    ),
    (
        "session",
        gettext_lazy("First session"),
        gettext_lazy("A lecturer opens a register, and the hall checks in."),
        "class_sessions_classsession_changelist",
        lambda: ClassSession.objects.filter(status__in=BEGUN).exists(),
    ),
)


def first_steps() -> list[Step]:
    """The entered campus's steps, in the order in which they make sense. Ten small queries."""
    return [
        Step(name=name, title=title, text=text, page=reverse(f"admin:{page}"), is_done=is_done())
        for name, title, text, page, is_done in _STEPS
    ]


def may_see_first_steps(request: HttpRequest) -> bool:
    """Administrators of the entered campus and of the platform."""
    return entered_campus_id() is not None and has_role(request, Role.ADMIN)


def test_mail_send(*, user: User, now: datetime, actor: Actor) -> bool:
    """Send the text `test` to this person; whether there is a way to send e-mails to them."""
    key = f"test:{user.pk}:{now.isoformat()}"
    heard = notify(kind="test", user_ids=[user.pk], now=now, key=key)
    log_event(actor=actor, action="ops.test_mail.asked", now=now, target=user)
    return bool(heard) and Channel.EMAIL.value in configured()


@transaction.atomic
def first_steps_show(*, shown: bool, now: datetime, actor: Actor) -> None:
    """Show the list on the start page of the entered campus's administrators, or hide it."""
    campus = Campus.objects.select_for_update(no_key=True).get(pk=current_campus_id())
    if campus.shows_first_steps != shown:
        Campus.objects.filter(pk=campus.pk).update(shows_first_steps=shown, updated_at=now)
        action = "ops.first_steps.shown" if shown else "ops.first_steps.hidden"
        log_event(actor=actor, action=action, now=now, target=campus)
