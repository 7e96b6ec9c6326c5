"""The isolation of campuses in the database, written by migrations."""

from collections.abc import Sequence
from typing import Any, Final

from django.db import models
from django.db.migrations.operations.base import Operation

from apps.tenants.scope import CAMPUS_SETTING

PREDICATE: Final = f"campus_id = nullif(current_setting('{CAMPUS_SETTING}', true), '')::bigint"
POLICY: Final = "campus_isolation"
STAMP: Final = "stamp_updated_at"
OUTSIDE: Final = f"coalesce(current_setting('{CAMPUS_SETTING}', true), '') = ''"
PLATFORM_POLICY: Final = "outside_every_campus"


def primary_key_name(table: str) -> str:
    """Name of the primary key (campus_id, id), which composite foreign keys point at."""
    return f"{table}_pkey"


def campus_fk_name(table: str, column: str) -> str:
    """Name of the composite foreign key on (campus_id, column)."""
    return f"{table}_{column}_campus"[:63]


def is_tenant(model: type[models.Model]) -> bool:
    return any(field.name == "campus" for field in model._meta.local_fields) and (
        model._meta.app_label != "tenants"
    )


def implies_campus(field: models.ForeignKey) -> bool:
    """Whether a row's campus exists because the row that this key must lead to does."""
    return not field.null and field.related_model != field.model


def stamp_updates(schema_editor: Any, table: str, ignoring: Sequence[str] = ()) -> None:
    """Have `updated_at` move with every update of this table that does not set it itself."""
    same = " AND ".join(
        f'OLD."{column}" IS NOT DISTINCT FROM NEW."{column}"'
        for column in ("updated_at", *ignoring)
    )
    schema_editor.execute(
        f'CREATE OR REPLACE TRIGGER {STAMP} BEFORE UPDATE ON "{table}" FOR EACH ROW '
        f"WHEN ({same}) EXECUTE FUNCTION {STAMP}()"
    )


def add_campus_fk(schema_editor: Any, table: str, column: str, key: str) -> None:
    name = campus_fk_name(table, column)
    schema_editor.execute(f'ALTER TABLE "{table}" DROP CONSTRAINT IF EXISTS "{name}"')
    schema_editor.execute(f'ALTER TABLE "{table}" ADD CONSTRAINT "{name}" FOREIGN KEY {key}')


def key_by_campus(schema_editor: Any, table: str) -> None:
    """Make (campus_id, id) the primary key of this table, unless it is."""
    name = primary_key_name(table)
    schema_editor.execute(
        f"""
        DO $$ BEGIN
        IF (SELECT cardinality(conkey) FROM pg_constraint WHERE conname = '{name}') = 1 THEN
            ALTER TABLE "{table}" DROP CONSTRAINT "{name}",
                ADD CONSTRAINT "{name}" PRIMARY KEY (campus_id, id);
        END IF;
        END $$
        """  # noqa: S608  (names of our models)
    )


class StampUpdates(Operation):
    """Keep `updated_at` true by a trigger: `QuerySet.update()` and plain SQL forget it.

    An update that changes one of the `ignoring` columns is none of the row's content. For models
    that belong to a campus `IsolateByCampus` does the same. See docs/decisions/0022.
    """

    reduces_to_sql = True
    reversible = True

    def __init__(self, model_name: str, ignoring: Sequence[str] = ()) -> None:
        self.model_name = model_name
        self.ignoring = list(ignoring)

    def deconstruct(self) -> Any:
        return (self.__class__.__name__, [self.model_name, self.ignoring], {})

    def state_forwards(self, app_label: str, state: Any) -> None:
        """The models' state does not change: the trigger lives in the database only."""

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        model = to_state.apps.get_model(app_label, self.model_name)
        stamp_updates(schema_editor, model._meta.db_table, self.ignoring)

    def database_backwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        table = from_state.apps.get_model(app_label, self.model_name)._meta.db_table
        schema_editor.execute(f'DROP TRIGGER IF EXISTS {STAMP} ON "{table}"')

    def describe(self) -> str:
        return f"Stamp updates of {self.model_name}"


class IsolateByCampus(Operation):
    """Primary key, row level security and composite foreign keys for one tenant-owned model.

    Writes: the primary key (campus_id, id) in place of Django's (id); FORCE ROW LEVEL SECURITY with
    one policy whose USING and WITH CHECK compare with the entered campus; for each foreign key to a
    tenant-owned model (campus_id, x_id) → (campus_id, id). A row that must have one of these is of
    an existing campus because the other row is; all others get a foreign key to the campus itself.
    Where the rows remember when they changed, a trigger keeps that true. Idempotent: name the model
    again after a later migration added foreign keys. See docs/decisions/0031.

    Of the foreign keys in `set_null` the database itself empties the column when the other row is
    deleted: an app below may delete rows without knowing who points at them.
    """

    reduces_to_sql = True
    reversible = True

    def __init__(self, model_name: str, set_null: Sequence[str] = ()) -> None:
        self.model_name = model_name
        self.set_null = list(set_null)

    def deconstruct(self) -> Any:
        kwargs = {"set_null": self.set_null} if self.set_null else {}
        return (self.__class__.__name__, [self.model_name], kwargs)

    def state_forwards(self, app_label: str, state: Any) -> None:
        """The models' state does not change: the isolation lives in the database only."""

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        model = to_state.apps.get_model(app_label, self.model_name)
        if not self.allow_migrate_model(schema_editor.connection.alias, model):
            return
        table = model._meta.db_table
        key_by_campus(schema_editor, table)
        for statement in (
            f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY',
            f'ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY',
            f'DROP POLICY IF EXISTS {POLICY} ON "{table}"',
            f'CREATE POLICY {POLICY} ON "{table}" USING ({PREDICATE}) WITH CHECK ({PREDICATE})',
        ):
            schema_editor.execute(statement)
        for field in self._tenant_keys(model):
            target = field.related_model._meta.db_table
            key_by_campus(schema_editor, target)
            key = f'(campus_id, "{field.column}") REFERENCES "{target}" (campus_id, id)'
            if field.name in self.set_null:
                key += f' ON DELETE SET NULL ("{field.column}")'
            add_campus_fk(schema_editor, table, field.column, key)
        if not any(implies_campus(field) for field in self._tenant_keys(model)):
            campus = '(campus_id) REFERENCES "tenants_campus" (id)'
            add_campus_fk(schema_editor, table, "campus_id", campus)
        if any(field.name == "updated_at" for field in model._meta.local_fields):
            stamp_updates(schema_editor, table)

    def database_backwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        model = from_state.apps.get_model(app_label, self.model_name)
        table = model._meta.db_table
        for column in ("campus_id", *(field.column for field in self._tenant_keys(model))):
            name = campus_fk_name(table, column)
            schema_editor.execute(f'ALTER TABLE "{table}" DROP CONSTRAINT IF EXISTS "{name}"')
        schema_editor.execute(f'DROP TRIGGER IF EXISTS {STAMP} ON "{table}"')
        schema_editor.execute(f'DROP POLICY IF EXISTS {POLICY} ON "{table}"')
        schema_editor.execute(f'ALTER TABLE "{table}" NO FORCE ROW LEVEL SECURITY')
        schema_editor.execute(f'ALTER TABLE "{table}" DISABLE ROW LEVEL SECURITY')
        schema_editor.execute(
            f'ALTER TABLE "{table}" DROP CONSTRAINT "{primary_key_name(table)}", '
            f'ADD CONSTRAINT "{primary_key_name(table)}" PRIMARY KEY (id)'
        )

    def describe(self) -> str:
        return f"Isolate {self.model_name} by campus"

    @staticmethod
    def _tenant_keys(model: type[models.Model]) -> list[models.ForeignKey]:
        """The foreign keys to tenant-owned models."""
        return [
            field
            for field in model._meta.local_fields
            if isinstance(field, models.ForeignKey)
            and field.name != "campus"
            and is_tenant(field.related_model)
        ]


class ReferenceFromBelow(Operation):
    """The foreign key of a bare id: a table of an app below names a row of this model.

    The app below keeps the id without knowing the model; the database holds both together, inside
    one campus.
    """

    reduces_to_sql = True
    reversible = True

    def __init__(self, model_name: str, table: str, column: str) -> None:
        self.model_name = model_name
        self.table = table
        self.column = column

    def deconstruct(self) -> Any:
        return (self.__class__.__name__, [self.model_name, self.table, self.column], {})

    def state_forwards(self, app_label: str, state: Any) -> None:
        """The models' state does not change: the key lives in the database only."""

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        target = to_state.apps.get_model(app_label, self.model_name)._meta.db_table
        key_by_campus(schema_editor, target)
        key = f'(campus_id, "{self.column}") REFERENCES "{target}" (campus_id, id)'
        add_campus_fk(schema_editor, self.table, self.column, key)

    def database_backwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        name = campus_fk_name(self.table, self.column)
        schema_editor.execute(f'ALTER TABLE "{self.table}" DROP CONSTRAINT IF EXISTS "{name}"')

    def describe(self) -> str:
        return f"Let {self.table}.{self.column} name rows of {self.model_name}"


class KeepForThePlatform(Operation):
    """Row level security for a table that belongs to no campus: closed inside a campus.

    `platform_scope` is the way in.
    """

    reduces_to_sql = True
    reversible = True

    def __init__(self, model_name: str) -> None:
        self.model_name = model_name

    def deconstruct(self) -> Any:
        return (self.__class__.__name__, [self.model_name], {})

    def state_forwards(self, app_label: str, state: Any) -> None:
        """The models' state does not change: the isolation lives in the database only."""

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        table = to_state.apps.get_model(app_label, self.model_name)._meta.db_table
        for statement in (
            f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY',
            f'ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY',
            f'CREATE POLICY {PLATFORM_POLICY} ON "{table}" '
            f"USING ({OUTSIDE}) WITH CHECK ({OUTSIDE})",
        ):
            schema_editor.execute(statement)

    def database_backwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        table = from_state.apps.get_model(app_label, self.model_name)._meta.db_table
        schema_editor.execute(f'DROP POLICY IF EXISTS {PLATFORM_POLICY} ON "{table}"')
        schema_editor.execute(f'ALTER TABLE "{table}" NO FORCE ROW LEVEL SECURITY')
        schema_editor.execute(f'ALTER TABLE "{table}" DISABLE ROW LEVEL SECURITY')

    def describe(self) -> str:
        return f"Keep {self.model_name} for the platform"
