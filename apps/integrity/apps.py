from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class IntegrityConfig(AppConfig):
    name = "apps.integrity"
    verbose_name = _("integrity")

    def ready(self) -> None:
        from apps.attendance import registry
        from apps.integrity.personal_data import register
        from apps.integrity.services.findings import FIND_TASK

        registry.add_check(FIND_TASK)
        register()
