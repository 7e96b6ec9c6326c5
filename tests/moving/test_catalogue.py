"""No table and nothing that is sealed can be forgotten when a campus moves or goes."""

import pytest
from django.db import connection, transaction

from apps.backup.errors import Damaged
from apps.moving.catalogue import ACTORS, KEYS, STAYS, campus_tables, moving_tables
from apps.moving.ids import Ids
from apps.moving.loading import Loader
from apps.moving.owner import as_owner
from apps.tenants.moving import moved_rows
from apps.tenants.rotation import sealed_rows

# Of the installation: a campus's own are written anew where it comes to.
OF_THE_PLATFORM = {"tenants_domain", "tenants_campusremoval", "audit_root"}


@pytest.mark.django_db
def test_every_table_with_a_campus_moves_or_says_why_not() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid "
            "WHERE a.attname = 'campus_id' AND c.relkind IN ('r', 'p') "
            "AND c.relnamespace = 'public'::regnamespace"
        )
        found = {name for (name,) in cursor.fetchall()}
    assert found == set(campus_tables()) | OF_THE_PLATFORM
    assert set(STAYS) <= set(campus_tables())
    assert all(STAYS.values())


@pytest.mark.django_db
def test_tables_come_after_those_that_they_refer_to() -> None:
    places = {name: place for place, name in enumerate(campus_tables())}
    for table in campus_tables().values():
        assert all(places[name] < places[table.name] for name in table.after)
    assert places["attendance_attendancerecord"] < places["attendance_attendancesummary"]


@pytest.mark.django_db
def test_numbers_of_accounts_are_found_in_every_table() -> None:
    """A bare number of an account would mean somebody else at the new place."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a "
            "ON a.attrelid = c.oid WHERE c.relnamespace = 'public'::regnamespace "
            "AND c.relkind = 'r' AND a.attname ~ '(user|account)_id$' AND NOT a.attisdropped"
        )
        columns = set(cursor.fetchall())
    moving = moving_tables()
    known = {
        (table.name, column)
        for table in moving.values()
        for column, target in table.refers.items()
        if target == "accounts_user"
    }
    assert {(name, column) for name, column in columns if name in moving} <= known


@pytest.mark.django_db
def test_columns_that_name_who_acted_are_known() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid "
            "WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' "
            "AND a.atttypid = 'varchar'::regtype AND a.attname ~ '_id$' AND NOT a.attisdropped "
            "AND c.relname = ANY (%s)",
            [list(moving_tables())],
        )
        found = {name for (name,) in cursor.fetchall()}
    # Of targets, only accounts have other numbers; other systems have their own ids.
    others = {"provider_id", "client_id", "context_id", "external_id", "sourced_id"}
    assert found == {*ACTORS, "target_id", *others}


def test_everything_that_a_new_master_key_seals_anew_moves_too() -> None:
    assert set(moved_rows()) == {*sealed_rows(), "audit log"}


@pytest.mark.django_db
def test_a_row_comes_back_as_it_was() -> None:
    ids = Ids(campus=(3, 8), mark="abcd")
    ids.replace("accounts_user", 5, 50)
    table = moving_tables()["audit_entry"]
    for actor, here in (
        ("user:5", "user:50"),
        ("user:6", "user:6@abcd"),
        ("command-line", "command-line"),
        ("", ""),
    ):
        row = {"id": "x", "actor_id": actor, "target_type": "accounts.user", "target_id": "5"}
        moved = ids.here(table, row)
        assert moved["actor_id"] == here
        assert moved["target_id"] == "50"
        assert ids.there(table, moved) == row
    image = moving_tables()["leave_attachment"]
    row = dict.fromkeys(image.columns) | {"key": "attachments/3/3.bin"}
    assert ids.here(image, row)["key"] == "attachments/8/3.bin"
    assert ids.there(image, ids.here(image, row)) == row


# --- What somebody else may have written into an archive ------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("name", sorted(KEYS))
def test_no_row_names_a_file_in_the_folder_of_another_campus(name: str) -> None:
    """It would be deleted with the row."""
    table, ids = moving_tables()[name], Ids(campus=(7, 9), mark="m")
    row = dict.fromkeys([*table.refers, "id"])
    if name in {"biometrics_storedimage"}:
        ids.replace(name, None, "new")
    assert ids.here(table, {**row, "key": "a/2026/7/x.bin"})["key"] == "a/2026/9/x.bin"
    for key in ("a/2026/8/x.bin", "x.bin", "7", "a/7/b/x.bin", "a/2026/9/x.bin"):
        with pytest.raises(ValueError, match="folder of another campus"):
            ids.here(table, {**row, "key": key})


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_no_row_uses_up_the_numbers_of_the_installation() -> None:
    """The next student of any campus would have no number left."""
    tables = moving_tables()
    with as_owner(), transaction.atomic():
        loader = Loader(tables)
        with pytest.raises(Damaged, match="which no installation gives"):
            loader.load(tables["accounts_student"], [{"id": 2**63 - 1}])
        transaction.set_rollback(True)
