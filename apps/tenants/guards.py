"""What migrations write so that the application's role can do little by itself.

`MakeSigning` and `Guard` refuse acts that were not signed for (see `signed.py`). `MakeStage` makes
the temporary table of imports for a role that may not make temporary tables. The functions belong
to the owner and name their search path: nobody can put other objects in the place of theirs.
"""

from typing import Any, Final

from django.db.migrations.operations.base import Operation

from apps.common.ids import UUID7_FUNCTION

# An update that says itself when it happened, as the ORM's `save()` does, is left alone.
STAMP_FUNCTION: Final = """
CREATE FUNCTION stamp_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := clock_timestamp();
    RETURN NEW;
END $$
"""
KEYS: Final = """
CREATE TABLE campus_signing_key (
    id smallint PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    inner_key bytea NOT NULL,
    outer_key bytea NOT NULL
)
"""
SIGNED: Final = """
CREATE FUNCTION campus_signed(guarded text) RETURNS boolean
    LANGUAGE plpgsql STABLE STRICT SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    given text[] := string_to_array(coalesce(current_setting('campus.signed', true), ''), ':');
    keys campus_signing_key;
    message text;
BEGIN
    IF cardinality(given) <> 3 OR given[1] <> guarded OR given[2] !~ '^[0-9]{1,12}$'
        OR given[2]::bigint < extract(epoch FROM clock_timestamp())
    THEN
        RETURN false;
    END IF;
    SELECT * INTO keys FROM campus_signing_key;
    message := given[1] || ':' || given[2];
    RETURN given[3] = encode(sha256(keys.outer_key
        || sha256(keys.inner_key || convert_to(message, 'UTF8'))), 'hex');
END
$$
"""
# The owner's own sessions (migrations, commands with --database owner) pass without a signature.
GUARD: Final = """
CREATE FUNCTION campus_guard() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
    IF NOT pg_has_role(session_user, current_user, 'MEMBER')
        AND campus_signed(TG_TABLE_NAME) IS NOT TRUE
    THEN
        RAISE insufficient_privilege USING
            MESSAGE = format('%s of %I was not signed for', TG_OP, TG_TABLE_NAME);
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END
$$
"""
STAGE: Final = r"""
CREATE FUNCTION campus_stage(names text[], kinds text[]) RETURNS void
    LANGUAGE plpgsql STRICT SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    fields text := (
        SELECT string_agg(format(', %I %s', name, kind), '' ORDER BY place)
        FROM unnest(names, kinds) WITH ORDINALITY AS given (name, kind, place)
    );
BEGIN
    IF EXISTS (
        SELECT FROM unnest(kinds) AS kind WHERE kind !~
            '^(bigint|integer|smallint|text|boolean|date|time|uuid|numeric\(\d+,\d+\))$'
    ) THEN
        RAISE invalid_parameter_value USING MESSAGE = 'no type for a stage';
    END IF;
    PERFORM public.campus_stage_drop();
    EXECUTE format(
        'CREATE TEMP TABLE import_stage (n integer%s) ON COMMIT DROP', coalesce(fields, '')
    );
    EXECUTE format(
        'GRANT SELECT, INSERT, UPDATE, DELETE ON pg_temp.import_stage TO %I', session_user
    );
END
$$
"""
STAGE_FILLED: Final = """
CREATE FUNCTION campus_stage_filled() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$ BEGIN ANALYZE pg_temp.import_stage; END $$
"""
STAGE_DROP: Final = """
CREATE FUNCTION campus_stage_drop() RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF to_regclass('pg_temp.import_stage') IS NOT NULL THEN
        DROP TABLE pg_temp.import_stage;
    END IF;
END
$$
"""
UNDO_SIGNING: Final = """
DROP FUNCTION campus_guard(); DROP FUNCTION campus_signed(text); DROP TABLE campus_signing_key
"""
UNDO_STAGE: Final = """
DROP FUNCTION campus_stage(text[], text[]);
DROP FUNCTION campus_stage_filled();
DROP FUNCTION campus_stage_drop()
"""


class DatabaseOnly(Operation):
    """An operation that leaves the models' state alone."""

    reduces_to_sql = True
    reversible = True
    forwards: tuple[str, ...] = ()
    backwards = ""

    def state_forwards(self, app_label: str, state: Any) -> None:
        """Nothing: Django does not know these tables and triggers."""

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        for statement in self.forwards:
            schema_editor.execute(statement, params=None)

    def database_backwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        schema_editor.execute(self.backwards, params=None)


class MakeSigning(DatabaseOnly):
    """The keys, which `migrate` fills in, and the check of a signature."""

    forwards = (KEYS, SIGNED, GUARD)
    backwards = UNDO_SIGNING

    def describe(self) -> str:
        return "Make the check of signed acts"


class MakeStamps(DatabaseOnly):
    """The function behind the triggers that keep `updated_at` (`operations.StampUpdates`)."""

    forwards = (STAMP_FUNCTION,)
    backwards = "DROP FUNCTION stamp_updated_at()"

    def describe(self) -> str:
        return "Make the stamp of updates"


class MakeIds(DatabaseOnly):
    """The function behind `apps.common.ids.TimeOrderedKey`, for rows that statements make."""

    forwards = (UUID7_FUNCTION,)
    backwards = "DROP FUNCTION campus_uuid7()"

    def describe(self) -> str:
        return "Make ids that are ordered by time"


class MakeStage(DatabaseOnly):
    """The functions behind `apps.tenants.bulk.staged`."""

    forwards = (STAGE_DROP, STAGE, STAGE_FILLED)
    backwards = UNDO_STAGE

    def describe(self) -> str:
        return "Make the stage of imports"


class Guard(DatabaseOnly):
    """Statements of the application's role on this table have to be signed for.

    `events` as in CREATE TRIGGER; `when`: an SQL condition over OLD and NEW. Names the table
    itself: most guarded tables belong to libraries.
    """

    def __init__(self, table: str, events: str, when: str = "true") -> None:
        self.table = table
        self.events = events
        self.when = when

    def deconstruct(self) -> Any:
        return (self.__class__.__name__, [self.table, self.events, self.when], {})

    @property
    def trigger(self) -> str:
        """Before those that Django or we would name later: triggers fire in alphabetical order."""
        return f"campus_guard_{self.events.split()[0].lower()}"

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        schema_editor.execute(
            f'CREATE TRIGGER {self.trigger} BEFORE {self.events} ON "{self.table}" '
            f"FOR EACH ROW WHEN ({self.when}) EXECUTE FUNCTION campus_guard()",
            params=None,
        )

    def database_backwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        schema_editor.execute(f'DROP TRIGGER {self.trigger} ON "{self.table}"', params=None)

    def describe(self) -> str:
        return f"Guard {self.events} of {self.table}"
