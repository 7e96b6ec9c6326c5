"""The isolation in the database, read from pg_catalog: every tenant table has every part of it."""

import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection, models

from apps.attendance.models import AttendanceRecord, RecordChange
from apps.checkin.models import CheckInAttempt
from apps.leave.models import Appeal, LeaveRequest
from apps.tenants.models import CampusModel
from apps.tenants.operations import PLATFORM_POLICY, POLICY, campus_fk_name, primary_key_name
from apps.tenants.rights import ADD, TABLES, WRITE

# Rows that belong to the platform, not to one campus. Nothing else may be without a campus.
PLATFORM_MODELS = {
    *("tenants.Campus", "tenants.CampusRemoval", "tenants.Domain", "tenants.MasterKey"),
    *("accounts.User", "biometrics.FaceModel"),
    *(
        "audit.PlatformEntry",
        "audit.PlatformSeal",
        "audit.PlatformBadEntry",
        "audit.PlatformRedaction",
    ),
    *("audit.Root", "audit.RootCopy"),
}
# Of these, what only work outside every campus may see.
OUTSIDE_EVERY_CAMPUS = [
    *("audit_platform_entry", "audit_platform_seal", "audit_platform_bad_entry"),
    *("audit_root", "audit_root_copy"),
]

# Beside the campus, anyone who owns the address reads an invitation.
OTHER_READERS = {"accounts_invitation": [("invited_person", "SELECT")]}

OURS = [model for model in apps.get_models() if model.__module__.startswith("apps.")]
TENANT_MODELS = [model for model in OURS if issubclass(model, CampusModel)]

# Bare ids of rows of an app above: the column, and the model that it names.
BARE_IDS: dict[type[models.Model], dict[str, type[models.Model]]] = {
    AttendanceRecord: {"attempt_id": CheckInAttempt},
    RecordChange: {"leave_id": LeaveRequest},
}
NO_ROWS_OF_A_CAMPUS = {
    ("checkin.OnlineMinute", "user_id"),
    ("checkin.CheckInAttempt", "passkey_id"),  # of the sign-in library, which knows no campus
    ("privacy.ErasureRequest", "account_id"),
    ("terminals.Punch", "attempt_id"),  # says that it counted, also when the attempt is forgotten
}
# Columns that the database empties by itself when the other row is deleted.
EMPTIED = {(Appeal, "record_id")}


def tables() -> list[str]:
    return [model._meta.db_table for model in TENANT_MODELS]


def test_every_model_belongs_to_a_campus_or_is_named_as_the_platforms() -> None:
    without = {model._meta.label for model in OURS if not issubclass(model, CampusModel)}
    assert without == PLATFORM_MODELS


def test_every_tenant_model_is_reached_through_the_scoped_manager_only() -> None:
    for model in TENANT_MODELS:
        assert model._base_manager.__class__.__name__ == "CampusManager", model
        assert model._default_manager.__class__.__name__ == "CampusManager", model


def test_no_tenant_model_uses_a_hidden_join_table() -> None:
    for model in TENANT_MODELS:
        assert not model._meta.local_many_to_many, model


def test_uniqueness_is_per_campus() -> None:
    for model in TENANT_MODELS:
        unique = [f.name for f in model._meta.local_fields if f.unique and not f.primary_key]
        assert set(unique) <= {"uuid"}, (model, unique)
        for constraint in model._meta.constraints:
            if isinstance(constraint, models.UniqueConstraint):
                names = {
                    *constraint.fields,
                    *(str(e.name) for e in constraint.expressions if isinstance(e, models.F)),
                }
                assert "campus" in names, (model, constraint.name)


@pytest.mark.django_db
@pytest.mark.parametrize("table", tables())
def test_row_security_is_forced_with_one_policy_for_reading_and_writing(table: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE relname = %s", [table]
        )
        assert cursor.fetchone() == (True, True)
        cursor.execute(
            "SELECT policyname, cmd, qual, with_check FROM pg_policies WHERE tablename = %s",
            [table],
        )
        policies = cursor.fetchall()
    more = OTHER_READERS.get(table, [])
    named = {(name, command): (using, check) for name, command, using, check in policies}
    assert sorted(named) == sorted([(POLICY, "ALL"), *more])
    using, check = named[POLICY, "ALL"]
    assert using == check
    assert "current_setting('campus.id'" in using


@pytest.mark.django_db
@pytest.mark.parametrize("table", OUTSIDE_EVERY_CAMPUS)
def test_tables_of_the_platform_are_closed_inside_a_campus(table: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE relname = %s", [table]
        )
        assert cursor.fetchone() == (True, True)
        cursor.execute(
            "SELECT policyname, cmd, qual = with_check FROM pg_policies WHERE tablename = %s",
            [table],
        )
        assert cursor.fetchall() == [(PLATFORM_POLICY, "ALL", True)]


@pytest.mark.django_db
def test_the_application_reads_which_master_key_is_meant_and_no_more() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT privilege, has_table_privilege('tenants_masterkey', privilege) "
            "FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS privilege"
        )
        assert [name for name, granted in cursor.fetchall() if granted] == ["SELECT"]


@pytest.mark.django_db
@pytest.mark.parametrize("model", TENANT_MODELS, ids=lambda m: m._meta.label)
def test_foreign_keys_inside_a_campus_are_composite(model: type[models.Model]) -> None:
    table = model._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint "
            "WHERE conrelid = %s::regclass",
            [table],
        )
        constraints = dict(cursor.fetchall())
    assert constraints[primary_key_name(table)] == "PRIMARY KEY (campus_id, id)"
    keys = {
        field.column: field.related_model
        for field in model._meta.local_fields
        if isinstance(field, models.ForeignKey)
        and field.name != "campus"
        and issubclass(field.related_model, CampusModel)
    }
    for column, target in {**keys, **BARE_IDS.get(model, {})}.items():
        expected = (
            f"FOREIGN KEY (campus_id, {column}) REFERENCES {target._meta.db_table}(campus_id, id)"
        )
        if (model, column) in EMPTIED:
            expected += f" ON DELETE SET NULL ({column})"
        assert constraints[campus_fk_name(table, column)] == expected


def test_a_column_that_looks_like_a_key_is_one() -> None:
    """A number or UUID called `..._id` names a row: as a foreign key, or as a bare id in the list.

    Accounts and what the audit log and the jobs name belong to no table of a campus.
    """
    looks = {
        (model, field.column)
        for model in TENANT_MODELS
        for field in model._meta.local_fields
        if isinstance(field, models.UUIDField | models.IntegerField)
        and not field.primary_key
        and field.column.endswith("_id")
    }
    listed = {(model, column) for model, columns in BARE_IDS.items() for column in columns}
    others = {(model._meta.label, column) for model, column in looks - listed}
    assert others == NO_ROWS_OF_A_CAMPUS
    assert listed <= looks


@pytest.mark.django_db
def test_every_row_is_of_a_campus_that_exists() -> None:
    """By a foreign key to the campus, or by a required one to a row of which this is true."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT key.conrelid::regclass::text, key.confrelid::regclass::text
            FROM pg_constraint key
            JOIN pg_attribute campus
                ON campus.attrelid = key.conrelid AND campus.attname = 'campus_id'
                AND campus.attnotnull AND campus.attnum = ANY (key.conkey)
            WHERE key.contype = 'f' AND key.convalidated AND NOT EXISTS (
                SELECT FROM pg_attribute named
                WHERE named.attrelid = key.conrelid AND named.attnum = ANY (key.conkey)
                    AND NOT named.attnotnull
            )
            """
        )
        keys = cursor.fetchall()
    proven = {"tenants_campus"}
    while found := {table for table, target in keys if target in proven} - proven:
        proven |= found
    assert set(tables()) - proven == set()


@pytest.mark.django_db
def test_the_application_role_is_powerless() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT rolsuper, rolbypassrls, rolcreatedb, rolcreaterole "
            "FROM pg_roles WHERE rolname = current_user"
        )
        assert cursor.fetchone() == (False, False, False, False)
        cursor.execute(
            "SELECT relname FROM pg_class WHERE pg_get_userbyid(relowner) = current_user"
        )
        assert cursor.fetchall() == []
        cursor.execute("SELECT count(*) FROM pg_auth_members WHERE member = current_user::regrole")
        assert cursor.fetchone() == (0,)


@pytest.mark.django_db
def test_the_audit_log_can_only_be_added_to() -> None:
    log = {table: verbs for table, verbs in TABLES.items() if table.startswith("audit_")}
    assert len(log) == 10
    # Entries are changed by redacting alone, which is signed for (tests/tenants/test_rights.py).
    changed = {table for table, verbs in log.items() if verbs == WRITE}
    assert changed == {"audit_entry", "audit_platform_entry"}
    assert {verbs for table, verbs in log.items() if table not in changed} == {ADD}


@pytest.mark.django_db
def test_a_raw_cursor_without_a_campus_sees_no_row_of_any_tenant_table(
    cast: object, other_cast: object
) -> None:
    """Written in SQL, past every Python guard, as the application role."""
    counts = {}
    with connection.cursor() as cursor:
        for table in tables():
            cursor.execute(f'SELECT count(*) FROM "{table}"')
            counts[table] = cursor.fetchone()[0]
    assert {table: n for table, n in counts.items() if n} == {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM tenants_campus")
        assert cursor.fetchone() == (2,)


def test_settings_hand_the_application_another_role_than_the_owner() -> None:
    assert settings.DATABASES["default"]["USER"] != settings.DATABASES["owner"]["USER"]
