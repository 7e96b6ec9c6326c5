"""A page that is saved undoes nothing of what somebody else did since it read the row."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin import ModelAdmin
from django.db import connection, models
from django.test import Client
from django.utils import timezone

from apps.accounts.models import Student, User
from apps.accounts.services import password_set, profile_deactivate
from apps.attendance.services.register import register_close
from apps.audit.services import SYSTEM
from apps.sessions.models import ClassSession
from apps.tenants.scope import campus_scope
from tests.admin.support import client_of, fields_of, url
from tests.attendance.support import open_session
from tests.factories import Cast, make_user

NEW = "another horse, another staple"

pytestmark = pytest.mark.django_db(transaction=True)


def saved_while(
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
    row: models.Model,
    change: dict[str, str],
    act: Callable[[], object],
) -> None:
    """The page of the row is sent; between its reading and its saving somebody acts."""

    def acted() -> None:
        act()
        connection.close()

    acting = threading.Thread(target=acted)
    saved = ModelAdmin.save_form

    def save_form(*args: Any, **options: Any) -> Any:
        acting.start()
        acting.join(timeout=0.5)  # unless it waits for the page
        return saved(*args, **options)

    page = url(type(row), "change", row.pk)
    form = {**fields_of(client.get(page)), **change}
    monkeypatch.setattr(ModelAdmin, "save_form", save_form)
    assert client.post(page, form).status_code == 302
    acting.join()


def test_a_student_who_is_closed_meanwhile(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    student = cast.student

    def close() -> None:
        with campus_scope(cast.campus):
            person = Student.objects.get(pk=student.pk)
            profile_deactivate(person=person, now=timezone.now(), actor=SYSTEM)

    office = client_of(cast, cast.admin)
    saved_while(office, monkeypatch, student, {"program": "Physics"}, close)
    with campus_scope(cast.campus):
        student.refresh_from_db()
    assert (student.program, student.is_active) == ("Physics", False)


def test_a_register_that_is_closed_meanwhile(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    session = open_session(cast)

    def close() -> None:
        with campus_scope(cast.campus):
            register_close(session=session, now=timezone.now(), actor=SYSTEM)

    saved_while(client_of(cast, cast.admin), monkeypatch, session, {}, close)
    with campus_scope(cast.campus):
        session.refresh_from_db()
    assert session.status == ClassSession.Status.COMPLETED


def test_an_account_that_gets_another_password_meanwhile(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old one is over; the page of the platform's administrators shows none."""
    user = User.objects.get(pk=cast.admin.pk)

    def set_password() -> None:
        owner = User.objects.get(pk=user.pk)
        password_set(user=owner, password=NEW, now=timezone.now(), actor=SYSTEM, notify=False)

    platform = Client()
    platform.force_login(make_user("root@platform.example", is_superuser=True))
    saved_while(platform, monkeypatch, user, {"name": "Renamed"}, set_password)
    user.refresh_from_db()
    assert (user.name, user.check_password(NEW)) == ("Renamed", True)
