"""Cards from a spreadsheet."""

import pytest

from apps.audit.models import Entry
from apps.tenants.scope import campus_scope
from apps.terminals.models import Card
from tests.factories import Cast
from tests.imports.support import NOW, do_import
from tests.terminals.support import give_card

pytestmark = pytest.mark.django_db


def test_a_sheet_of_cards_is_hashed_and_taken_once(cast: Cast) -> None:
    with campus_scope(cast.campus):
        give_card(cast.classmate, "0004A2FF", now=NOW)
    rows = [
        ["Student number", "Card number"],
        ["stud", "04:A2:1F:77"],
        ["MATE", "4A2FF"],
        ["STRA", "0004a2ff"],
        ["NOBODY", "11112222"],
        ["REPR", ": :"],
    ]
    for dry, new, taken in ((True, 1, 0), (False, 1, 1), (False, 0, 1)):
        report = do_import(cast, "cards", rows, dry=dry)
        assert (report.result.new, report.result.unchanged) == (new, 2 - new)
        with campus_scope(cast.campus):
            assert Card.objects.filter(student=cast.student).count() == taken
    wrong = {(one.row, one.column, one.value) for one in report.problems}
    assert wrong == {
        (4, "Card number", ""),
        (5, "Student number", "NOBODY"),
        (6, "Card number", ""),
    }
    with campus_scope(cast.campus):
        assert Entry.objects.filter(action="terminals.card.imported").count() == 1
