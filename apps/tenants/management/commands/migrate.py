"""`migrate` as the owner role, with the rights and limits of both roles kept exact."""

from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.core.management.commands import migrate
from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.migrations.executor import MigrationExecutor

from apps.tenants.master_key import record_master_key
from apps.tenants.migration_states import GrowingExecutor
from apps.tenants.models import MasterKey
from apps.tenants.roles import (
    OWNER_LIMITS,
    SEARCH_PATH,
    grant_application_rights,
    keep_defaults,
    keep_signing_keys,
)
from apps.tenants.schema import confirm_schema

OWNER = "owner"

migrate.MigrationExecutor = GrowingExecutor  # type: ignore[attr-defined]


class Command(migrate.Command):
    help = "Apply migrations as the owner role and grant the application role its rights."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.set_defaults(database=OWNER)

    def handle(self, *args: Any, **options: Any) -> None:
        application = connections[DEFAULT_DB_ALIAS].settings_dict["USER"]
        owner = connections[OWNER].settings_dict["USER"]
        if application == owner:
            message = (
                f"DATABASE_URL and DATABASE_OWNER_URL both sign in as “{owner}”. The application "
                "must use a role of its own that owns no table: see .env.example."
            )
            raise CommandError(message)
        options["database"] = OWNER
        super().handle(*args, **options)
        # At once: the application may be running, and must not miss a right for a moment.
        with transaction.atomic(using=OWNER), connections[OWNER].cursor() as cursor:
            tables = connections[OWNER].introspection.table_names(cursor)
            grant_application_rights(cursor, role=application)
        if MasterKey._meta.db_table in tables:
            record_master_key(owner=OWNER)  # as the application sees the log, with its rights
        with connections[OWNER].cursor() as cursor:
            if "campus_signing_key" in tables:
                keep_signing_keys(cursor)
            keep_defaults(cursor, {"search_path": SEARCH_PATH, **OWNER_LIMITS})
        limits = {name: f"{seconds}s" for name, seconds in settings.DATABASE_LIMITS.items()}
        with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
            keep_defaults(cursor, {"search_path": SEARCH_PATH, **limits})
        connections[DEFAULT_DB_ALIAS].close()  # the next one begins with them
        if is_up_to_date():
            confirm_schema(OWNER)


def is_up_to_date() -> bool:
    """Whether every migration is applied; not so after a step down or with --plan."""
    executor = MigrationExecutor(connections[OWNER])
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())
