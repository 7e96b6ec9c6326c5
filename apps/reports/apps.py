from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ReportsConfig(AppConfig):
    name = "apps.reports"
    verbose_name = _("reports")

    def ready(self) -> None:
        from apps.jobs.registry import register
        from apps.reports import services

        register(services.EXPORT, services.export_run)
