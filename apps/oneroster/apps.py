from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class OneRosterConfig(AppConfig):
    name = "apps.oneroster"
    verbose_name = _("OneRoster services")

    def ready(self) -> None:
        from apps.jobs.registry import add_job
        from apps.oneroster.models import SYNC
        from apps.oneroster.panels import add_panels
        from apps.oneroster.personal_data import register
        from apps.oneroster.resealing import MOVED_CONNECTIONS, connections_reseal
        from apps.oneroster.services.jobs import sync, sync_ended
        from apps.tenants.moving import add_moved_rows
        from apps.tenants.rotation import add_sealed_rows

        add_job(SYNC, sync, ended=sync_ended)
        add_sealed_rows("oneroster connections", connections_reseal)
        add_moved_rows("oneroster connections", MOVED_CONNECTIONS)
        register()
        add_panels()
