from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ImportsConfig(AppConfig):
    name = "apps.imports"
    verbose_name = _("imports")

    def ready(self) -> None:
        from apps.imports.models import CHECK, COMMIT
        from apps.imports.notices import import_ended
        from apps.imports.panels import add_panels
        from apps.imports.personal_data import register
        from apps.imports.services import jobs
        from apps.imports.services.files import import_files
        from apps.jobs.registry import add_job
        from apps.tenants.rotation import add_sealed_files

        add_sealed_files("uploads", import_files)
        add_job(CHECK, jobs.check, ended=import_ended)
        add_job(COMMIT, jobs.commit, ended=import_ended)
        register()
        add_panels()
