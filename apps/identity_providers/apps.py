from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class IdentityProvidersConfig(AppConfig):
    name = "apps.identity_providers"
    verbose_name = _("identity providers")

    def ready(self) -> None:
        from apps.identity_providers.personal_data import register
        from apps.identity_providers.sealing import MOVED_PROVIDERS, providers_reseal
        from apps.identity_providers.selectors import only_by_provider
        from apps.signin.registry import add_entry_rule
        from apps.tenants.moving import add_moved_rows
        from apps.tenants.rotation import add_sealed_rows

        add_sealed_rows("identity providers", providers_reseal)
        add_moved_rows("identity providers", MOVED_PROVIDERS)
        add_entry_rule("identity providers", only_by_provider)
        register()
