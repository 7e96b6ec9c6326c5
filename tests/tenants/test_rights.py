"""What the application's role may do, read from pg_catalog and tried as an injection would."""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import connection, connections
from psycopg import errors

from apps.audit.services import SYSTEM, log_event
from apps.tenants import roles
from apps.tenants.rights import CLOSED, FUNCTIONS, TABLES
from apps.tenants.scope import campus_scope
from tests.factories import PASSWORD, Cast, make_user

pytestmark = pytest.mark.django_db


def ask(statement: str, *values: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())


# --- The catalogue ---------------------------------------------------------------------------


def granted() -> dict[str, set[str]]:
    """Rights of the role on every table, those on single columns included."""
    rows = ask(
        """
        SELECT c.relname, a.privilege_type
        FROM pg_class c, aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) a
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')
            AND a.grantee IN (0, current_user::regrole)
        UNION
        SELECT c.relname, a.privilege_type || ' (' || t.attname || ')'
        FROM pg_attribute t JOIN pg_class c ON c.oid = t.attrelid, aclexplode(t.attacl) a
        WHERE c.relnamespace = 'public'::regnamespace
            AND a.grantee IN (0, current_user::regrole)
        """
    )
    found: dict[str, set[str]] = {}
    for table, verb in rows:
        found.setdefault(table, set()).add(verb)
    return found


def test_the_rights_on_every_table_are_those_of_the_reviewed_list() -> None:
    found = granted()
    tables = {
        name
        for (name,) in ask(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace "
            "AND relkind IN ('r', 'p', 'v', 'm')"
        )
    }
    assert {t: found.get(t, set()) for t in tables} == {
        **{table: set(verbs) for table, verbs in TABLES.items()},
        **{table: set() for table in CLOSED},
    }


def test_sequences_are_only_drawn_from() -> None:
    rows = ask(
        """
        SELECT DISTINCT a.privilege_type
        FROM pg_class c, aclexplode(coalesce(c.relacl, acldefault('S', c.relowner))) a
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'S'
            AND a.grantee IN (0, current_user::regrole)
        """
    )
    assert rows == [("USAGE",)]


def test_only_the_named_functions_can_be_called_and_all_have_a_fixed_search_path() -> None:
    rows = ask(
        """
        SELECT p.oid::regprocedure::text, has_function_privilege(p.oid, 'EXECUTE'),
            p.prosqlbody IS NOT NULL OR coalesce(p.proconfig::text LIKE '%%search_path=%%', false)
        FROM pg_proc p JOIN pg_roles r ON r.oid = p.proowner
        WHERE p.pronamespace = 'public'::regnamespace AND r.rolname = %s
        """,
        settings.DATABASES["owner"]["USER"],
    )
    assert {name for name, callable_, _fixed in rows if callable_} == FUNCTIONS
    assert [name for name, _callable, fixed in rows if not fixed] == []


def test_the_role_makes_nothing() -> None:
    assert ask(
        "SELECT has_database_privilege(current_database(), 'TEMP'), "
        "has_database_privilege(current_database(), 'CREATE'), "
        "has_schema_privilege('public', 'CREATE')"
    ) == [(False, False, False)]


def test_every_model_has_a_line() -> None:
    models = {model._meta.db_table for model in apps.get_models(include_auto_created=True)}
    assert models <= set(TABLES)


def test_a_session_of_the_role_begins_with_its_limits(fresh: psycopg.Connection[Any]) -> None:
    def shown(name: str) -> str:
        row = fresh.execute(f"SHOW {name}").fetchone()
        assert row is not None
        return str(row[0])

    assert {name: shown(name) for name in settings.DATABASE_LIMITS} == {
        "statement_timeout": "15s",
        "lock_timeout": "5s",
        "idle_in_transaction_session_timeout": "30s",
    }
    assert shown("search_path") == "public, pg_temp"


@pytest.mark.django_db(databases=["default", "owner"], transaction=True)
def test_rights_are_exchanged_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """`migrate` runs beside the application, which must not miss a right for a moment."""

    def fails(*_args: object) -> None:
        raise ZeroDivisionError

    before = granted()
    monkeypatch.setattr(roles, "_grant_functions", fails)
    with pytest.raises(ZeroDivisionError):
        call_command("migrate", verbosity=0)
    assert granted() == before


# --- As an injection -------------------------------------------------------------------------


@pytest.fixture
def fresh() -> Iterator[psycopg.Connection[Any]]:
    """A connection of the role that the application did not make."""
    params = connections["default"].get_connection_params()
    names = ("dbname", "user", "password", "host", "port")
    given = {name: params[name] for name in names if name in params}
    with psycopg.connect(**given, autocommit=True) as raw:
        yield raw


@pytest.fixture
def people(cast: Cast) -> Cast:
    make_user("root@platform.example", is_superuser=True)
    return cast


Refuses = Callable[..., None]


@pytest.fixture
def refuses() -> Refuses:
    """Raw SQL in the tests' own transaction, where the rows are."""

    def check(statement: str, *values: Any) -> None:
        with connection.connection.cursor() as cursor:
            cursor.execute("SAVEPOINT tried")
            try:
                with pytest.raises(errors.InsufficientPrivilege):
                    cursor.execute(statement, values)
            finally:
                cursor.execute("ROLLBACK TO SAVEPOINT tried")

    return check


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE accounts_user SET is_superuser = true",
        "UPDATE accounts_user SET password = 'x' WHERE is_superuser",
        "UPDATE accounts_user SET password = 'x' WHERE NOT is_superuser",
        "UPDATE accounts_user SET email = 'me@evil.example' WHERE is_superuser",
        "UPDATE accounts_user SET email = 'x' || email WHERE NOT is_superuser",
        "UPDATE accounts_user SET is_active = false WHERE is_superuser",
        "UPDATE accounts_user SET is_active = false WHERE NOT is_superuser",
        "UPDATE accounts_user SET id = id + 1000000",
        "INSERT INTO accounts_user (email, name, password, language, is_active, is_superuser, "
        "must_change_password, created_at, updated_at) "
        "VALUES ('me@evil.example', '', 'x', '', true, true, false, now(), now())",
        "DELETE FROM accounts_user",
        "DELETE FROM tenants_domain",
        "UPDATE tenants_domain SET host = 'evil.example'",
        "DELETE FROM tenants_campus",
        "UPDATE tenants_campus SET is_active = false",
        "DELETE FROM audit_entry",
        "INSERT INTO auth_group (name) VALUES ('x')",
        # A root of a day to come would be the last one; a copy that was never made hides its lack;
        # after the last position there is no next one.
        "INSERT INTO audit_root (chain, day, position, head, set_aside, previous, made_at, "
        "public_key, signature) VALUES ('@platform', '2999-01-01', 1, '', 0, '', now(), '', '')",
        "INSERT INTO audit_root_copy (root_id, place, written_at) VALUES (1, 'folder', now())",
        "INSERT INTO audit_platform_seal (position, entry_id, link) "
        "VALUES (9223372036854775807, gen_random_uuid(), '')",
        "INSERT INTO audit_platform_bad_entry (entry_id, found_at) "
        "VALUES (gen_random_uuid(), now())",
        "SELECT * FROM campus_signing_key",
        "INSERT INTO campus_signing_key VALUES (1, '', '')",
        "SELECT campus_signed('accounts_user')",
        "CREATE TEMP TABLE accounts_user (id int)",
        "CREATE TABLE mine (id int)",
        "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE FUNCTION pg_temp.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE SCHEMA mine",
        "CREATE VIEW mine AS SELECT 1",
        "ALTER TABLE accounts_user DISABLE TRIGGER ALL",
        "SET LOCAL session_replication_role = replica",
        "SET LOCAL ROLE campus_owner",
    ],
)
def test_raw_sql_is_refused(people: Cast, refuses: Refuses, statement: str) -> None:
    refuses(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM accounts_membership",
        "DELETE FROM accounts_member",
        "UPDATE audit_entry SET actor_label = 'x'",
        "INSERT INTO audit_redaction (id, campus_id, entry_id, at, content_sha256, mac) "
        "SELECT gen_random_uuid(), campus_id, id, now(), '', '' FROM audit_entry",
    ],
)
def test_what_an_erasure_may_do_raw_sql_of_the_campus_may_not(
    people: Cast, refuses: Refuses, statement: str
) -> None:
    with campus_scope(people.campus):
        log_event(actor=SYSTEM, action="test", now=people.campus.created_at)
        refuses(statement)


@pytest.mark.parametrize(
    "signed",
    [
        "accounts_user:9999999999:" + "0" * 64,
        "accounts_user:9999999999:",
        "accounts_user:x:" + "0" * 64,
        "tenants_domain:9999999999:" + "0" * 64,
        "::",
        ":",
    ],
)
def test_a_made_up_signature_is_none(people: Cast, refuses: Refuses, signed: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('campus.signed', %s, true)", [signed])
    refuses("UPDATE accounts_user SET is_superuser = true")
    refuses("DELETE FROM tenants_domain")


def test_a_temporary_table_of_imports_shadows_nothing(people: Cast, refuses: Refuses) -> None:
    """The one that the role can have made for it has its own name, and comes last in the path."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT campus_stage(ARRAY['id'], ARRAY['bigint'])")
        cursor.execute("SELECT count(*) FROM accounts_user")
        assert cursor.fetchone()[0] > 1
    refuses("ALTER TABLE import_stage RENAME TO accounts_user")
    refuses("CREATE INDEX mine ON import_stage (id)")


def test_a_stage_takes_no_other_types_than_those_of_sheets() -> None:
    with connection.connection.cursor() as cursor:
        for kind in ("int); DROP TABLE x; --", "text DEFAULT now()", "vector", ""):
            cursor.execute("SAVEPOINT tried")
            with pytest.raises(errors.InvalidParameterValue):
                cursor.execute("SELECT campus_stage(ARRAY['a'], ARRAY[%s])", [kind])
            cursor.execute("ROLLBACK TO SAVEPOINT tried")
        cursor.execute("SELECT campus_stage(ARRAY['a\" int); --'], ARRAY['text'])")
        cursor.execute(
            "SELECT attname FROM pg_attribute "
            "WHERE attrelid = 'import_stage'::regclass AND attnum > 0 ORDER BY attnum"
        )
        assert [name for (name,) in cursor.fetchall()] == ["n", 'a" int); --']


def test_the_password_of_the_role_is_no_way_in(
    transactional_db: None, fresh: psycopg.Connection[Any]
) -> None:
    """From outside every transaction of the application."""
    root = make_user("root@platform.example", is_superuser=True)
    for statement in (
        "UPDATE accounts_user SET is_superuser = NOT is_superuser",
        "DELETE FROM accounts_user",
    ):
        with pytest.raises(errors.InsufficientPrivilege):
            fresh.execute(statement)
    root.refresh_from_db()
    assert root.is_superuser
    assert root.check_password(PASSWORD)
