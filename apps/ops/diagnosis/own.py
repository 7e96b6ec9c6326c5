"""The checks of this app, in the order in which they are shown."""

from typing import Final

from django.utils.translation import gettext_lazy as _

from apps.ops.diagnosis import HealthCheck, add_check, database, keys, readers, services, work

OWN: Final = (
    HealthCheck(name="database", label=_("Database"), run=database.look_at_database),
    HealthCheck(name="replica", label=_("Replica"), run=database.look_at_replica),
    HealthCheck(name="clock", label=_("Clock"), run=database.look_at_clock),
    HealthCheck(name="migrations", label=_("Migrations"), run=database.look_at_migrations),
    HealthCheck(name="schema", label=_("Schema"), run=database.look_at_schema),
    HealthCheck(name="roles", label=_("Role and grants"), run=database.look_at_roles),
    HealthCheck(name="extensions", label=_("Extensions"), run=database.look_at_extensions),
    HealthCheck(name="keys", label=_("Keys"), run=keys.look_at_keys),
    HealthCheck(name="sealed", label=_("What is sealed"), run=keys.look_at_sealed, quick=False),
    HealthCheck(name="valkey", label=_("Valkey"), run=services.look_at_valkey),
    HealthCheck(name="storage", label=_("Image store"), run=services.look_at_storage, quick=False),
    HealthCheck(name="disk", label=_("Disk"), run=services.look_at_disk),
    HealthCheck(name="workers", label=_("Workers"), run=work.look_at_workers),
    HealthCheck(name="beat", label=_("Beat"), run=work.look_at_beat),
    HealthCheck(name="queues", label=_("Queues"), run=work.look_at_queues),
    HealthCheck(name="providers", label=_("Providers"), run=services.look_at_providers),
    HealthCheck(name="terminals", label=_("Terminals"), run=readers.look_at_terminals),
    HealthCheck(name="mail", label=_("Mail server"), run=services.look_at_mail, quick=False),
    HealthCheck(
        name="certificates",
        label=_("Certificates"),
        run=services.look_at_certificates,
        quick=False,
    ),
)


def add_own_checks() -> None:
    for check in OWN:
        add_check(check)
