"""Cards, terminals and the queue in the administration."""

from datetime import datetime

import pytest
from django.utils import timezone

from apps.attendance.models import AttendanceRecord
from apps.tenants.scope import campus_scope
from apps.terminals.models import Card, CardTerminal, Punch
from tests.admin.support import client_of, url
from tests.factories import Cast
from tests.terminals.support import allow_cards, make_terminal, open_lesson, punch

pytestmark = pytest.mark.django_db


@pytest.fixture
def moment() -> datetime:
    return timezone.now().replace(microsecond=0)


def test_a_token_is_shown_once_and_replaced(cast: Cast) -> None:
    client = client_of(cast, cast.admin)
    form = {"name": "Door", "kind": "rest", "classroom": cast.classroom.pk, "is_active": "on"}
    page = client.post(url(CardTerminal, "add"), form)
    assert page.status_code == 200
    assert "no-store" in page["Cache-Control"]
    assert "terminal_" in page.content.decode()
    with campus_scope(cast.campus):
        before = CardTerminal.objects.get()
    asked = {"action": "replace_token", "_selected_action": [str(before.pk)]}
    assert "terminal_" in client.post(url(CardTerminal, "changelist"), asked).content.decode()
    with campus_scope(cast.campus):
        assert CardTerminal.objects.get().lookup != before.lookup


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"kind": "adms"}, "known by their serial number"),
        ({"kind": "rest", "network": "everywhere"}, "Write an address or a network"),
        ({"kind": "kiosk"}, "not one of the available choices"),
    ],
)
def test_terminals_that_cannot_be_are_refused(
    cast: Cast, fields: dict[str, str], problem: str
) -> None:
    form = {"name": "Door", "classroom": cast.classroom.pk, "is_active": "on", **fields}
    page = client_of(cast, cast.admin).post(url(CardTerminal, "add"), form)
    assert problem in page.content.decode()


def test_a_card_is_added_by_the_office_and_its_number_shown_nowhere(cast: Cast) -> None:
    client = client_of(cast, cast.operator)
    form = {"student": cast.student.pk, "kind": "card", "number": "04:A2:1F:77"}
    assert client.post(url(Card, "add"), form).status_code == 302
    with campus_scope(cast.campus):
        card = Card.objects.get()
    for page in (url(Card, "changelist"), url(Card, "change", card.pk)):
        assert "A21F" not in client.get(page).content.decode().upper().replace(":", "")
    client.post(url(Card, "changelist"), {"action": "revoke", "_selected_action": [str(card.pk)]})
    with campus_scope(cast.campus):
        assert Card.objects.get().revoked_at is not None


def test_a_queued_punch_is_counted_where_the_office_says(cast: Cast, moment: datetime) -> None:
    with campus_scope(cast.campus):
        allow_cards(moment)
        terminal, _token = make_terminal(cast.classroom, now=moment)
        lesson = open_lesson(cast, now=moment, starts_at=moment)
        row = punch(terminal, "777777", moment)
        other = punch(terminal, "888888", moment)
    client = client_of(cast, cast.operator)
    page = client.post(url(Punch, "change", row.pk), {"session": lesson.pk}, follow=True)
    assert "Add it to its student first" in page.content.decode()
    card = {"student": cast.student.pk, "kind": "card", "number": "777777"}
    client.post(url(Card, "add"), card)
    client.post(url(Punch, "change", row.pk), {"session": lesson.pk})
    chosen = {"action": "put_aside", "_selected_action": [str(other.pk)]}
    client.post(url(Punch, "changelist"), chosen)
    again = {"action": "try_again", "_selected_action": [str(other.pk), str(row.pk)]}
    assert client.post(url(Punch, "changelist"), again).status_code == 302
    with campus_scope(cast.campus):
        found = {p.pk: (p.status, p.decided_by) for p in Punch.objects.all()}
        assert found[row.pk] == ("counted", "Operator")
        assert found[other.pk] == ("aside", "Operator")
        assert AttendanceRecord.objects.get().student_id == cast.student.pk
