from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ApiKeysConfig(AppConfig):
    name = "apps.api_keys"
    verbose_name = _("API keys")

    def ready(self) -> None:
        from apps.api_keys.personal_data import register

        register()
