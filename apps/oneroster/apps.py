from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class OneRosterConfig(AppConfig):
    name = "apps.oneroster"
    verbose_name = _("OneRoster services")

    def ready(self) -> None:
        from apps.jobs.registry import add_job
        from apps.oneroster.models import SYNC, OneRosterConnection
        from apps.oneroster.panels import add_panels
        from apps.oneroster.personal_data import register
        from apps.oneroster.selectors import ONEROSTER_SEAL
        from apps.oneroster.services.jobs import sync, sync_ended
        from apps.tenants.sealed_columns import SealedColumns, add_sealed_columns

        add_job(SYNC, sync, ended=sync_ended, waits_for_others=True)
        sealed = SealedColumns(
            model=OneRosterConnection,
            columns=("sealed_secret",),
            purpose=ONEROSTER_SEAL,
            bound_to="id",
        )
        add_sealed_columns("oneroster connections", sealed)
        register()
        add_panels()
