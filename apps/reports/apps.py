from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ReportsConfig(AppConfig):
    name = "apps.reports"
    verbose_name = _("reports")

    def ready(self) -> None:
        from apps.jobs.registry import add_job
        from apps.reports import services

        add_job(services.EXPORT, services.export_run)
