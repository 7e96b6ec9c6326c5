"""A number that its column cannot hold is an error, never the lower bytes of it."""

import pytest
from django.db import DataError, transaction

from apps.classrooms.models import Classroom
from apps.terminals.models import CardTerminal
from tests.factories import Cast
from tests.terminals.support import make_terminal

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("number", [2**31, 2**32 + 5, -(2**31) - 1, 2**63, 2**70])
def test_what_a_column_cannot_hold_is_refused(in_campus: Cast, now: object, number: int) -> None:
    """Sent in binary form, psycopg cuts it: 2³² + 5 was kept as 5."""
    door = make_terminal(in_campus.classroom, now=now)[0]  # type: ignore[arg-type]
    rows = CardTerminal.objects.filter(pk=door.pk)
    with pytest.raises(DataError), transaction.atomic():
        rows.update(drift_seconds=number)
    rows.update(drift_seconds=2**31 - 1)
    assert rows.get().drift_seconds == 2**31 - 1


def test_nothing_is_found_by_a_number_that_its_column_cannot_hold(in_campus: Cast) -> None:
    capacity = in_campus.classroom.capacity
    assert Classroom.objects.filter(capacity__in=[capacity]).exists()
    assert not Classroom.objects.filter(capacity=capacity + 2**32).exists()
    with pytest.raises(DataError), transaction.atomic():
        Classroom.objects.filter(capacity__in=[capacity + 2**32]).exists()
