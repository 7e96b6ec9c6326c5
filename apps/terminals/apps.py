from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TerminalsConfig(AppConfig):
    name = "apps.terminals"
    verbose_name = _("cards and terminals")

    def ready(self) -> None:
        from apps.tenants.sealed_columns import SealedColumns, add_sealed_columns
        from apps.terminals.models import CardKey
        from apps.terminals.personal_data import register
        from apps.terminals.selectors import CARD_SEAL

        sealed = SealedColumns(model=CardKey, columns=("sealed_key",), purpose=CARD_SEAL)
        add_sealed_columns("card keys", sealed)
        register()
