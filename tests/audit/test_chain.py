"""The tamper-evident log: whatever is done to it by hand, the verifier names the place."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from io import StringIO
from typing import Any
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import ProgrammingError, connection, connections, transaction
from django.utils import timezone

from apps.audit.models import BadEntry, Entry, Seal
from apps.audit.services import SYSTEM, Actor, log_event, root_make, seal_pending, verify
from apps.audit.tasks import seal_entries
from apps.tenants.master_key import accepting_the_old_key
from apps.tenants.models import Campus
from apps.tenants.scope import campus_scope
from apps.tenants.signed import signed_act, signing_keys
from tests.factories import make_campus

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])


@pytest.fixture
def campus(now: datetime) -> Campus:
    """A campus with five sealed entries."""
    campus = make_campus("north")
    with campus_scope(campus):
        for number in range(5):
            log_event(actor=SYSTEM, action=f"test.{number}", now=now, data={"n": number, "é": "ü"})
        assert seal_pending(now=now) == 5
    return campus


@contextmanager
def by_hand(campus: Campus) -> Iterator[Any]:
    """A database administrator with the owner's rights, past the application."""
    with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
        cursor.execute("SELECT set_config('campus.id', %s, true)", [str(campus.pk)])
        yield cursor


def broken(campus: Campus, **options: Any) -> str:
    with campus_scope(campus):
        return verify(**options).broken


def ids(campus: Campus) -> list[int]:
    with campus_scope(campus):
        return list(Entry.objects.order_by("pk").values_list("pk", flat=True))


def test_an_untouched_chain_holds(campus: Campus) -> None:
    with campus_scope(campus):
        outcome = verify()
    assert (outcome.holds, outcome.sealed, outcome.unsealed) == (True, 5, 0)


@pytest.mark.parametrize(
    "change",
    [
        "action = 'test.x'",
        "actor_label = 'somebody else'",
        "at = at + interval '1 second'",
        """data = '{"n": 99}'""",
        "target_id = '7'",
        "address = '10.0.0.1'",
    ],
)
def test_an_edited_entry_is_named(campus: Campus, change: str) -> None:
    third = ids(campus)[2]
    with by_hand(campus) as cursor:
        cursor.execute(f"UPDATE audit_entry SET {change} WHERE id = %s", [third])
    assert broken(campus) == f"position 3: entry {third} was changed"


def test_a_removed_entry_is_named(campus: Campus) -> None:
    second = ids(campus)[1]
    with by_hand(campus) as cursor:
        cursor.execute("DELETE FROM audit_seal WHERE entry_id = %s", [second])
        cursor.execute("DELETE FROM audit_entry WHERE id = %s", [second])
    assert broken(campus) == "position 2 is missing"


def test_closing_the_gap_does_not_help(campus: Campus) -> None:
    second = ids(campus)[1]
    with by_hand(campus) as cursor:
        cursor.execute("DELETE FROM audit_seal WHERE entry_id = %s", [second])
        cursor.execute("DELETE FROM audit_entry WHERE id = %s", [second])
        for position in (3, 4, 5):
            cursor.execute(
                "UPDATE audit_seal SET position = %s WHERE position = %s", [position - 1, position]
            )
    assert broken(campus) == "position 2: the link does not follow from the one before"


def test_reordered_entries_are_named(campus: Campus) -> None:
    first, second = ids(campus)[:2]
    with by_hand(campus) as cursor:
        cursor.execute("UPDATE audit_seal SET position = 99 WHERE entry_id = %s", [first])
        cursor.execute("UPDATE audit_seal SET position = 1 WHERE entry_id = %s", [second])
        cursor.execute("UPDATE audit_seal SET position = 2 WHERE entry_id = %s", [first])
    assert broken(campus).startswith("position 1")


def test_entries_cut_off_at_the_end_show_against_a_length_noted_elsewhere(
    campus: Campus,
) -> None:
    last = ids(campus)[-1]
    with by_hand(campus) as cursor:
        cursor.execute("DELETE FROM audit_seal WHERE entry_id = %s", [last])
        cursor.execute("DELETE FROM audit_entry WHERE id = %s", [last])
    assert broken(campus) == ""
    assert broken(campus, expected_length=5) == "1 entries are missing at the end"


def test_an_entry_is_protected_before_it_is_sealed(campus: Campus, now: datetime) -> None:
    with campus_scope(campus):
        entry = log_event(actor=SYSTEM, action="test.new", now=now)
    with by_hand(campus) as cursor:
        cursor.execute("UPDATE audit_entry SET action = 'x' WHERE id = %s", [entry.pk])
    assert broken(campus) == f"entry {entry.pk} (not sealed yet) was changed"


def test_the_application_itself_cannot_change_or_remove_entries(campus: Campus) -> None:
    with campus_scope(campus):
        with (
            pytest.raises(ProgrammingError, match="not signed for"),
            transaction.atomic(),
        ):
            Entry.objects.update(action="x")
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            Seal.objects.filter(position=5).delete()


def test_another_campus_chain_is_under_another_key(campus: Campus, now: datetime) -> None:
    south = make_campus("south")
    with campus_scope(south):
        log_event(actor=SYSTEM, action="test.0", now=now, data={"n": 0, "é": "ü"})
        seal_pending(now=now)
        link = bytes(Seal.objects.get().link)
    with campus_scope(campus):
        assert bytes(Seal.objects.get(position=1).link) != link


def test_what_is_wrong_with_one_log_keeps_no_other_from_being_sealed(
    campus: Campus, now: datetime
) -> None:
    south = make_campus("south")
    with campus_scope(south):
        log_event(actor=SYSTEM, action="test.south", now=now)
    with campus_scope(campus):
        log_event(actor=SYSTEM, action="test.north", now=now)
    with by_hand(campus) as cursor:
        cursor.execute("UPDATE audit_seal SET position = 9223372036854775807 WHERE position = 5")
    assert seal_entries() == 1
    with campus_scope(south):
        assert verify().sealed == 1


def test_an_undone_change_leaves_no_entry(campus: Campus, now: datetime) -> None:
    with campus_scope(campus):
        with suppress(RuntimeError), transaction.atomic():
            log_event(actor=SYSTEM, action="test.undone", now=now)
            raise RuntimeError
        assert Entry.objects.count() == 5


def test_address_and_agent_are_kept_for_both_families(campus: Campus, now: datetime) -> None:
    with campus_scope(campus):
        for address in ("192.0.2.7", "2001:db8::7"):
            log_event(
                actor=Actor(id="user:1", label="Ada", address=address, user_agent="x" * 500),
                action="test.seen",
                now=now,
            )
        assert seal_pending(now=now) == 2
        assert verify().holds
        assert set(Entry.objects.filter(action="test.seen").values_list("address", flat=True)) == {
            "192.0.2.7",
            "2001:db8::7",
        }


@pytest.mark.parametrize("odd", [UUID(int=0), UUID(int=2**128 - 1)])
def test_a_row_before_or_after_all_others_does_not_stop_the_sealer(
    campus: Campus, now: datetime, odd: UUID
) -> None:
    """The application's role may add rows, with ids of its own, and with a MAC that it has read."""
    columns = ", ".join(
        field.column for field in Entry._meta.concrete_fields if not field.primary_key
    )
    with campus_scope(campus), connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO audit_entry (id, {columns}) "
            f"SELECT %s, {columns} FROM audit_entry LIMIT 1",
            [odd],
        )
        log_event(actor=SYSTEM, action="test.after", now=now)
        assert seal_pending(now=now) + seal_pending(now=now, late=True) == 2
        log_event(actor=SYSTEM, action="test.later", now=now)
        assert seal_pending(now=now) == 2  # and the entry that says that the copy was put aside
        outcome = verify()
    assert (outcome.holds, outcome.unsealed, len(outcome.set_aside)) == (True, 0, 1)


@pytest.mark.parametrize("by", ["root", "command"])
def test_an_entry_that_was_committed_long_after_others_gets_its_place(
    campus: Campus, by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unsealed, it could be taken away without a trace."""
    now = timezone.now()  # ids are of the real clock
    begun = time.time_ns() - 2 * 3600 * 10**9
    with campus_scope(campus):
        for _n in range(5):  # committed, and sealed, before it
            log_event(actor=SYSTEM, action="test.newer", now=now)
        with monkeypatch.context() as patch:
            patch.setattr("apps.common.ids.time.time_ns", lambda: begun)
            log_event(actor=SYSTEM, action="test.late", now=now)
        assert seal_pending(now=now) == 5
        assert seal_pending(now=now) == 0
        assert verify().unsealed == 1
    if by == "root":
        root_make(campus=campus, now=now)
    else:
        call_command("verify_audit", "--campus", campus.slug, stdout=StringIO())
    with campus_scope(campus):
        outcome = verify()
    assert (outcome.holds, outcome.unsealed) == (True, 0)


@pytest.mark.parametrize("address", ["::102:304", "::5", "64:ff9b::102:304", "2001:db8::1:0:0:1"])
def test_an_address_that_postgresql_spells_otherwise_is_the_same(
    campus: Campus, now: datetime, address: str
) -> None:
    """Else anyone who has such an address would have acts that are put aside as forged."""
    with campus_scope(campus):
        log_event(actor=Actor(label="A", address=address), action="test.address", now=now)
        assert seal_pending(now=now) == 1
        assert verify().holds
        assert not BadEntry.objects.exists()


def test_the_periodic_task_seals_every_campus(campus: Campus, now: datetime) -> None:
    with campus_scope(make_campus("south")):
        log_event(actor=SYSTEM, action="test.s", now=now)
    assert seal_entries() == 1
    assert seal_entries() == 0


def test_the_command_says_that_the_chain_holds_or_fails_loudly(campus: Campus) -> None:
    out = StringIO()
    call_command("verify_audit", campus="north", expect=5, stdout=out)
    assert "north: 5 entries, chain holds" in out.getvalue()
    with by_hand(campus) as cursor:
        cursor.execute("UPDATE audit_entry SET action = 'x' WHERE id = %s", [ids(campus)[0]])
    with pytest.raises(CommandError, match="1 of 2 chains do not hold"):
        call_command("verify_audit", stdout=StringIO())


# --- Several things broken, and wrong starts ---------------------------------------------------


def problems(campus: Campus) -> list[str]:
    with campus_scope(campus):
        return verify().problems


def test_everything_broken_is_listed(campus: Campus) -> None:
    first, second, _third, fourth, _fifth = ids(campus)
    with by_hand(campus) as cursor:
        cursor.execute("UPDATE audit_entry SET action = 'x' WHERE id IN (%s, %s)", [first, fourth])
        cursor.execute("DELETE FROM audit_seal WHERE entry_id = %s", [second])
        cursor.execute("DELETE FROM audit_entry WHERE id = %s", [second])
    assert problems(campus) == [
        f"position 1: entry {first} was changed",
        "position 2 is missing",
        f"position 4: entry {fourth} was changed",
    ]


def test_a_gap_of_several_is_one_problem(campus: Campus) -> None:
    with by_hand(campus) as cursor:
        cursor.execute("DELETE FROM audit_seal WHERE position IN (2, 3, 4)")
    assert problems(campus) == ["positions 2 to 4 are missing"]


@contextmanager
def wrong_master_key(settings: Any) -> Iterator[None]:
    """As a process works that never compares its key with the database's."""
    right, settings.CAMPUS_MASTER_KEY = settings.CAMPUS_MASTER_KEY, bytes(range(100, 132))
    with accepting_the_old_key():
        yield
    settings.CAMPUS_MASTER_KEY = right


def wrong_start(campus: Campus, now: datetime, settings: Any, number: int) -> list[UUID]:
    """What a process under another master key writes; ids."""
    with wrong_master_key(settings), campus_scope(campus):
        entries = [log_event(actor=SYSTEM, action="test.wrong", now=now) for _ in range(number)]
    return [entry.pk for entry in entries]


def test_the_sealer_puts_bad_entries_aside_and_the_chain_goes_on(
    campus: Campus, now: datetime, settings: Any
) -> None:
    """403 entries of a start under a wrong key: they are named, and everything else holds."""
    bad = wrong_start(campus, now, settings, 403)
    with campus_scope(campus):
        good = log_event(actor=SYSTEM, action="test.after", now=now)
        while seal_pending(now=now):
            pass
        outcome = verify()
        assert outcome.problems == []
        assert outcome.set_aside == [f"entry {pk} (test.wrong)" for pk in bad]
        assert list(BadEntry.objects.order_by("pk").values_list("entry_id", flat=True)) == bad
        # Five, the one that came after, and the one that says what was put aside.
        assert (outcome.sealed, outcome.unsealed) == (7, 0)
        assert Seal.objects.get(position=6).entry_id == good.pk
        said = Entry.objects.get(action="audit.entries.set_aside")
        assert said.data == {"entries": [str(pk) for pk in bad]}
        assert Seal.objects.filter(entry=said).exists()


def test_an_entry_that_was_changed_before_it_was_sealed_is_put_aside(
    campus: Campus, now: datetime
) -> None:
    with campus_scope(campus):
        entry = log_event(actor=SYSTEM, action="test.new", now=now)
    with by_hand(campus) as cursor:
        cursor.execute("UPDATE audit_entry SET action = 'x' WHERE id = %s", [entry.pk])
    with campus_scope(campus):
        assert seal_pending(now=now) == 1
        assert not Seal.objects.filter(entry=entry).exists()
        assert BadEntry.objects.get().entry_id == entry.pk


def test_the_command_counts_what_was_put_aside(
    campus: Campus, now: datetime, settings: Any
) -> None:
    bad = wrong_start(campus, now, settings, 2)
    with campus_scope(campus):
        seal_pending(now=now)
    out = StringIO()
    with pytest.raises(CommandError):
        call_command("verify_audit", campus="north", stdout=out)
    assert f"put aside, entry {bad[0]} (test.wrong)" in out.getvalue()
    call_command("verify_audit", campus="north", set_aside=2, stdout=StringIO())
    with pytest.raises(CommandError):
        call_command("verify_audit", campus="north", set_aside=1, stdout=StringIO())


def test_the_command_that_finds_a_bad_entry_first_fails(
    campus: Campus, now: datetime, settings: Any
) -> None:
    """Even where its number was noted: it is news."""
    wrong_start(campus, now, settings, 1)
    with pytest.raises(CommandError):
        call_command("verify_audit", campus="north", set_aside=1, stdout=StringIO())


def test_a_chain_that_was_sealed_under_a_wrong_key_can_go_on(
    campus: Campus, now: datetime, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As happened before the key was compared: entries and links of the wrong start are sealed.

    By now the database would refuse the seals, which are signed for under the wrong key.
    """
    keys = signing_keys()
    monkeypatch.setattr("apps.tenants.signed.signing_keys", lambda: keys)
    with wrong_master_key(settings), campus_scope(campus):
        for _ in range(3):
            log_event(actor=SYSTEM, action="test.wrong", now=now)
        seal_pending(now=now)
    with campus_scope(campus):
        log_event(actor=SYSTEM, action="test.after", now=now)
        seal_pending(now=now)
        assert len(verify().problems) == 3
        assert verify().sealed == 6
    with pytest.raises(CommandError):
        call_command("verify_audit", campus="north", put_aside=True, stdout=StringIO())
    call_command("verify_audit", campus="north", set_aside=3, stdout=StringIO())


@pytest.mark.parametrize(
    "data",
    [
        {"a": 1e22, "b": -0.0, "c": 1e-9, "d": [1.5, {"e": 1e300}], "f": 0.1, "g": 5e-324},
        {"z": "\u2028 é", "a": None, "b": True, "n": 2**70},
    ],
)
def test_what_is_written_is_what_is_read(campus: Campus, now: datetime, data: Any) -> None:
    """The database spells numbers in its own way: an honest entry must not look changed."""
    with campus_scope(campus):
        log_event(actor=SYSTEM, action="test.numbers", now=now, data=data)
        seal_pending(now=now)
        assert (verify().problems, verify().set_aside) == ([], [])


def test_closed_campuses_are_sealed_and_verified_too(campus: Campus, now: datetime) -> None:
    with campus_scope(campus):
        log_event(actor=SYSTEM, action="test.last", now=now)
    with signed_act("tenants_campus"):
        Campus.objects.update(is_active=False)
    assert seal_entries() == 1
    out = StringIO()
    call_command("verify_audit", campus="north", expect=6, stdout=out)
    assert "north: 6 entries, chain holds" in out.getvalue()


def test_nothing_is_seen_of_the_log_without_a_campus(campus: Campus) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM audit_entry")
        assert cursor.fetchone() == (0,)
