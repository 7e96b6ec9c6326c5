from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ReportsConfig(AppConfig):
    name = "apps.reports"
    verbose_name = _("reports")

    def ready(self) -> None:
        from apps.attendance.registry import set_preview
        from apps.jobs.registry import add_job
        from apps.reports import services
        from apps.reports.panels import add_panels
        from apps.reports.personal_data import register
        from apps.reports.selectors.typical import typical_check_ins
        from apps.tenants.rotation import add_sealed_files

        add_job(services.EXPORT, services.export_run)
        add_job(services.ARCHIVE, services.archive_run)
        add_sealed_files("reports", services.export_files)
        set_preview(typical_check_ins)
        register()
        add_panels()
