from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PrivacyConfig(AppConfig):
    name = "apps.privacy"
    verbose_name = _("privacy")

    def ready(self) -> None:
        from apps.jobs.registry import add_job
        from apps.privacy.personal_data import register
        from apps.privacy.services.requests import ERASE, erasure_run

        register()
        add_job(ERASE, erasure_run)
