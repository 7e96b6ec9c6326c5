"""A row of the log that was copied: by SQL as the application's role, which may add entries."""

from datetime import datetime

import pytest
from django.db import connection

from apps.audit.models import Entry
from apps.audit.services import SYSTEM, log_event, seal_pending, verify
from tests.factories import Cast

pytestmark = pytest.mark.django_db

COPY = """
    INSERT INTO audit_entry (campus_id, at, actor_id, actor_label, address, user_agent, action,
        target_type, target_id, data, mac)
    SELECT campus_id, at, actor_id, actor_label, address, user_agent, action,
        target_type, target_id, data, mac
    FROM audit_entry WHERE id = %s
"""


def test_an_act_that_happened_once_is_not_sealed_twice(in_campus: Cast, now: datetime) -> None:
    entry = log_event(actor=SYSTEM, action="test.once", now=now)
    with connection.cursor() as cursor:
        cursor.execute(COPY, [entry.pk])
    seal_pending(now=now)
    (copy,) = Entry.objects.filter(action="test.once").exclude(pk=entry.pk)
    outcome = verify()
    assert outcome.set_aside == [f"entry {copy.pk} (test.once)"]
    assert outcome.holds
