from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class IdentityProvidersConfig(AppConfig):
    name = "apps.identity_providers"
    verbose_name = _("identity providers")

    def ready(self) -> None:
        from apps.identity_providers.models import IdentityProvider, SamlKey
        from apps.identity_providers.personal_data import register
        from apps.identity_providers.sealing import PROVIDER_SEAL
        from apps.identity_providers.selectors import only_by_provider
        from apps.signin.registry import add_entry_rule
        from apps.tenants.sealed_columns import SealedColumns, add_sealed_columns

        sealed = SealedColumns(
            model=IdentityProvider, columns=("sealed_secret",), purpose=PROVIDER_SEAL, bound_to="id"
        )
        add_sealed_columns("identity providers", sealed)
        keys = SealedColumns(
            model=SamlKey, columns=("sealed_key",), purpose=SamlKey.SEAL, bound_to="id"
        )
        add_sealed_columns("saml keys", keys)
        add_entry_rule("identity providers", only_by_provider)
        register()
