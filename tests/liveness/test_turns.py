"""Which turns a ticket asks for."""

from collections import Counter
from itertools import pairwise

import pytest

from apps.liveness.turns import SEQUENCES, SIDEWAYS, turns_of, turns_read, turns_text
from apps.tenants.scope import campus_scope
from tests.factories import Cast

pytestmark = pytest.mark.django_db


def test_a_ticket_always_asks_for_the_same_turns(in_campus: Cast) -> None:
    asked = turns_of("a-ticket")
    assert turns_of("a-ticket") == asked
    assert turns_read(turns_text(asked)) == asked


def test_sequences_have_two_or_three_turns_none_twice_in_a_row_one_of_them_sideways() -> None:
    assert len(set(SEQUENCES)) == 44
    for sequence in SEQUENCES:
        assert 2 <= len(sequence) <= 3
        assert all(one != then for one, then in pairwise(sequence))
        assert SIDEWAYS & set(sequence)


def test_tickets_ask_for_every_sequence_about_as_often(in_campus: Cast) -> None:
    found = Counter(turns_of(f"ticket-{number}") for number in range(4400))
    assert set(found) == set(SEQUENCES)
    assert max(found.values()) < 160  # 100 each


def test_another_campus_or_master_key_asks_for_others(
    cast: Cast, other_cast: Cast, settings: object
) -> None:
    tickets = [f"ticket-{number}" for number in range(20)]
    with campus_scope(cast.campus):
        here = [turns_of(ticket) for ticket in tickets]
    with campus_scope(other_cast.campus):
        assert [turns_of(ticket) for ticket in tickets] != here
    settings.CAMPUS_MASTER_KEY = b"\x07" * 32  # type: ignore[attr-defined]
    with campus_scope(cast.campus):
        assert [turns_of(ticket) for ticket in tickets] != here
