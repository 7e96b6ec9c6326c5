"""What the tests of the administration share."""

from typing import Any

from django.db import models
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.accounts.models import User
from apps.attendance.models import Status
from apps.attendance.services.marking import record_mark
from apps.attendance.services.register import register_open
from apps.audit.services import SYSTEM
from apps.checkin.models import RapidCodeChallenge
from apps.integrity.models import Finding
from apps.tenants.scope import campus_scope
from tests.factories import Cast, make_session


def url(model: type[models.Model], page: str, *args: object) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def client_of(cast: Cast, user: User) -> Client:
    client = Client(headers={"host": cast.host})
    client.force_login(user)
    return client


def fill(cast: Cast) -> None:
    """Make this a campus on which something happened."""
    with campus_scope(cast.campus):
        session = make_session(cast.course, starts_at=timezone.now())
        register_open(session=session, topic="T", now=timezone.now(), actor=SYSTEM)
        session.refresh_from_db()
        noticed = {"session": session, "student": cast.student, "at": timezone.now()}
        Finding.objects.create(kind="slow_redeem", score="0.5", **noticed)
        RapidCodeChallenge.objects.create(
            session=session, first_window=1, started_at=timezone.now()
        )
        for status, reason in ((Status.ABSENT, ""), (Status.PRESENT, "seen")):
            record_mark(
                session=session,
                student_id=cast.student.pk,
                status=status,
                reason=reason,
                now=timezone.now(),
                actor=SYSTEM,
            )


def fields_of(page: Any) -> dict[str, Any]:
    """What the browser would send back if the form of this page were saved as it is."""
    forms = [page.context["adminform"].form]
    for inline in page.context["inline_admin_formsets"]:
        forms += [inline.formset.management_form, *inline.formset.forms]
    sent: dict[str, Any] = {}
    for form in forms:
        for bound in form:
            value = bound.value()
            if value is not None and value is not False:
                sent[bound.html_name] = "on" if value is True else value
    return sent
