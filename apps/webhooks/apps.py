from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class WebhooksConfig(AppConfig):
    name = "apps.webhooks"
    verbose_name = _("webhooks")

    def ready(self) -> None:
        from apps.tenants.moving import add_moved_rows
        from apps.tenants.rotation import add_sealed_rows
        from apps.webhooks.personal_data import register
        from apps.webhooks.resealing import MOVED_ENDPOINTS, endpoints_reseal

        add_sealed_rows("webhooks", endpoints_reseal)
        add_moved_rows("webhooks", MOVED_ENDPOINTS)
        register()
