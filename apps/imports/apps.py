from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ImportsConfig(AppConfig):
    name = "apps.imports"
    verbose_name = _("imports")

    def ready(self) -> None:
        from apps.imports.notices import import_ended
        from apps.imports.services import jobs
        from apps.jobs.registry import add_job

        add_job(jobs.CHECK, jobs.check, ended=import_ended)
        add_job(jobs.COMMIT, jobs.commit, ended=import_ended)
