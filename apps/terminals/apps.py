from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TerminalsConfig(AppConfig):
    name = "apps.terminals"
    verbose_name = _("cards and terminals")

    def ready(self) -> None:
        from apps.tenants.moving import add_moved_rows
        from apps.tenants.rotation import add_sealed_rows
        from apps.terminals.personal_data import register
        from apps.terminals.resealing import MOVED_CARD_KEYS, card_keys_reseal

        add_sealed_rows("card keys", card_keys_reseal)
        add_moved_rows("card keys", MOVED_CARD_KEYS)
        register()
