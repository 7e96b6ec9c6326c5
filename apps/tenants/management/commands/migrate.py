"""`migrate` as the owner role, with the application role's rights kept exact."""

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.core.management.commands import migrate
from django.db import DEFAULT_DB_ALIAS, connections

from apps.tenants.master_key import record_master_key
from apps.tenants.models import MasterKey
from apps.tenants.roles import grant_application_rights

OWNER = "owner"


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
        with connections[OWNER].cursor() as cursor:
            grant_application_rights(cursor, role=application)
        if MasterKey._meta.db_table in connections[OWNER].introspection.table_names():
            record_master_key(owner=OWNER, role=application)
