from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AuditConfig(AppConfig):
    name = "apps.audit"
    verbose_name = _("audit")

    def ready(self) -> None:
        from apps.audit.services import key_proof
        from apps.audit.services.moving import MOVED_ENTRIES
        from apps.tenants.master_key import add_proof
        from apps.tenants.moving import add_moved_rows

        add_proof(key_proof)
        add_moved_rows("audit log", MOVED_ENTRIES)
