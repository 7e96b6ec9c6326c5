"""Transactions in few messages, and what they do when something ends them."""

import os
import socket

import pytest
from django.db import IntegrityError, connection
from django.utils import timezone

from apps.checkin.models import CheckInAttempt
from apps.enrollments.models import Department
from apps.lane.api.transactions import LeftToTheView, in_few_messages
from apps.qr_otp.models import Scan
from apps.tenants.scope import campus_scope
from tests.attendance.support import HEARD, HERE, open_session
from tests.factories import Cast, make_cast
from tests.phone import Phone, code_of

pytestmark = pytest.mark.django_db(transaction=True)


def waiting() -> int:
    """How many statements were not yet handed to the driver's library."""
    pipeline = connection.connection._pipeline
    return len(pipeline.command_queue) if pipeline else 0


def department(name: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO enrollments_department (campus_id, name, code, created_at, updated_at)"
            " VALUES (nullif(current_setting('campus.id'), '')::bigint, %s, %s, now(), now())",
            [name, name],
        )


def departments(cast: Cast, *names: str, then: type[Exception] | None = None) -> None:
    with in_few_messages(cast.campus.pk):
        for name in names:
            department(name)
        if then:
            raise then


def test_statements_wait_for_the_first_answer_and_for_the_commit() -> None:
    cast = make_cast("north")
    with in_few_messages(cast.campus.pk):
        department("D1")
        assert waiting() == 3  # BEGIN, the campus's announcement, the row
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM enrollments_department WHERE name = 'D1'")
            assert cursor.fetchone() == (1,)
        assert waiting() == 0
        department("D2")
        assert waiting() == 1
    assert connection.connection._pipeline is None
    with campus_scope(cast.campus):
        assert Department.objects.filter(name__in=("D1", "D2")).count() == 2
    with connection.cursor() as cursor:  # outside every campus nothing is seen
        cursor.execute("SELECT count(*) FROM enrollments_department")
        assert cursor.fetchone() == (0,)


def test_an_error_that_nobody_read_comes_with_the_commit_and_saves_nothing() -> None:
    cast = make_cast("north")
    with pytest.raises(IntegrityError):
        departments(cast, "D1", "D1")
    assert connection.connection._pipeline is None
    with campus_scope(cast.campus):
        assert not Department.objects.filter(name="D1").exists()


def test_what_is_left_to_the_view_saves_nothing() -> None:
    cast = make_cast("north")
    with pytest.raises(LeftToTheView):
        departments(cast, "D1", then=LeftToTheView)
    with campus_scope(cast.campus):
        assert not Department.objects.filter(name="D1").exists()


def end_connection() -> None:
    """As the server, or whatever stands between, ends it."""
    assert connection.connection is not None
    with socket.socket(fileno=os.dup(connection.connection.fileno())) as line:
        line.shutdown(socket.SHUT_RDWR)


def test_a_connection_that_died_between_requests_costs_no_check_in() -> None:
    cast = make_cast("north")
    session = open_session(cast)
    phone = Phone(cast, cast.student)
    token = code_of(cast, session.pk, timezone.now()).token
    end_connection()
    ticket = phone.ticket(token)
    end_connection()
    assert phone.check_in(ticket, location=HERE, beacons=HEARD).json()["outcome"] == "accepted"
    with campus_scope(cast.campus):
        assert Scan.objects.count() == CheckInAttempt.objects.count() == 1
