"""The database's wall between campuses, written by migrations."""

from typing import Any, Final

from django.db import models
from django.db.migrations.operations.base import Operation

from apps.tenants.scope import CAMPUS_SETTING

PREDICATE: Final = f"campus_id = nullif(current_setting('{CAMPUS_SETTING}', true), '')::bigint"
POLICY: Final = "campus_isolation"


def campus_key_name(table: str) -> str:
    """Name of the unique constraint (id, campus_id) that composite foreign keys point at."""
    return f"{table}_id_campus"


def campus_fk_name(table: str, column: str) -> str:
    """Name of the composite foreign key on (column, campus_id)."""
    return f"{table}_{column}_campus"[:63]


def is_tenant(model: type[models.Model]) -> bool:
    return any(field.name == "campus" for field in model._meta.local_fields) and (
        model._meta.app_label != "tenants"
    )


class IsolateByCampus(Operation):
    """Row level security and composite foreign keys for one tenant-owned model.

    Writes: UNIQUE (id, campus_id); FORCE ROW LEVEL SECURITY with one policy whose USING and
    WITH CHECK compare with the entered campus; for each foreign key to a tenant-owned model
    (x_id, campus_id) → (id, campus_id). Idempotent: name the model again after a later migration
    added foreign keys to it.
    """

    reduces_to_sql = True
    reversible = True

    def __init__(self, model_name: str) -> None:
        self.model_name = model_name

    def deconstruct(self) -> Any:
        return (self.__class__.__name__, [self.model_name], {})

    def state_forwards(self, app_label: str, state: Any) -> None:
        """The models' state does not change: the wall lives in the database only."""

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        model = to_state.apps.get_model(app_label, self.model_name)
        if not self.allow_migrate_model(schema_editor.connection.alias, model):
            return
        table = model._meta.db_table
        self._add_key(schema_editor, table)
        for statement in (
            f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY',
            f'ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY',
            f'DROP POLICY IF EXISTS {POLICY} ON "{table}"',
            f'CREATE POLICY {POLICY} ON "{table}" USING ({PREDICATE}) WITH CHECK ({PREDICATE})',
        ):
            schema_editor.execute(statement)
        for column, target in self._tenant_keys(model):
            self._add_key(schema_editor, target)
            name = campus_fk_name(table, column)
            schema_editor.execute(f'ALTER TABLE "{table}" DROP CONSTRAINT IF EXISTS "{name}"')
            schema_editor.execute(
                f'ALTER TABLE "{table}" ADD CONSTRAINT "{name}" '
                f'FOREIGN KEY ("{column}", campus_id) REFERENCES "{target}" (id, campus_id)'
            )

    def database_backwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        model = from_state.apps.get_model(app_label, self.model_name)
        table = model._meta.db_table
        for column, _target in self._tenant_keys(model):
            name = campus_fk_name(table, column)
            schema_editor.execute(f'ALTER TABLE "{table}" DROP CONSTRAINT IF EXISTS "{name}"')
        schema_editor.execute(f'DROP POLICY IF EXISTS {POLICY} ON "{table}"')
        schema_editor.execute(f'ALTER TABLE "{table}" NO FORCE ROW LEVEL SECURITY')
        schema_editor.execute(f'ALTER TABLE "{table}" DISABLE ROW LEVEL SECURITY')
        schema_editor.execute(
            f'ALTER TABLE "{table}" DROP CONSTRAINT IF EXISTS "{campus_key_name(table)}" CASCADE'
        )

    def describe(self) -> str:
        return f"Isolate {self.model_name} by campus"

    @staticmethod
    def _tenant_keys(model: type[models.Model]) -> list[tuple[str, str]]:
        """(column, target table) of each foreign key to a tenant-owned model."""
        return [
            (field.column, field.related_model._meta.db_table)
            for field in model._meta.local_fields
            if isinstance(field, models.ForeignKey)
            and field.name != "campus"
            and is_tenant(field.related_model)
        ]

    @staticmethod
    def _add_key(schema_editor: Any, table: str) -> None:
        name = campus_key_name(table)
        schema_editor.execute(
            "DO $$ BEGIN "
            f"IF NOT EXISTS (SELECT FROM pg_constraint WHERE conname = '{name}') THEN "
            f'ALTER TABLE "{table}" ADD CONSTRAINT "{name}" UNIQUE (id, campus_id); '
            "END IF; END $$"
        )
