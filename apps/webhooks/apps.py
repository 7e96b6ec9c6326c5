from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class WebhooksConfig(AppConfig):
    name = "apps.webhooks"
    verbose_name = _("webhooks")

    def ready(self) -> None:
        from apps.tenants.sealed_columns import SealedColumns, add_sealed_columns
        from apps.webhooks.models import WebhookEndpoint
        from apps.webhooks.personal_data import register
        from apps.webhooks.selectors import WEBHOOK_SEAL

        sealed = SealedColumns(
            model=WebhookEndpoint,
            columns=(
                "sealed_secret",
                "previous_secret",
            ),
            purpose=WEBHOOK_SEAL,
            bound_to="id",
        )
        add_sealed_columns("webhooks", sealed)
        register()
