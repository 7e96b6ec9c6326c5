from django.apps import AppConfig
from django.db.backends.signals import connection_created
from django.utils.translation import gettext_lazy as _


class TenantsConfig(AppConfig):
    name = "apps.tenants"
    verbose_name = _("campuses")

    def ready(self) -> None:
        from apps.common.crypto import set_older_keys
        from apps.tenants import checks  # noqa: F401  (registers itself)
        from apps.tenants.master_key import confirm_new_connection
        from apps.tenants.rotation import older_master_keys

        connection_created.connect(confirm_new_connection, dispatch_uid="master-key")
        set_older_keys(older_master_keys)
