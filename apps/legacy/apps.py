from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

MOVE_TASK = "apps.legacy.tasks.run_legacy_move"


class LegacyConfig(AppConfig):
    name = "apps.legacy"
    verbose_name = _("moving in")

    def ready(self) -> None:
        from apps.jobs.registry import add_job
        from apps.legacy.models import CHECK, COMMIT
        from apps.legacy.personal_data import register
        from apps.legacy.services import jobs
        from apps.legacy.services.files import legacy_files
        from apps.legacy.services.moves import move_ended
        from apps.tenants.rotation import add_sealed_files

        add_sealed_files("legacy-uploads", legacy_files)
        add_job(CHECK, jobs.check, ended=move_ended, task=MOVE_TASK)
        add_job(COMMIT, jobs.commit, ended=move_ended, task=MOVE_TASK)
        register()
