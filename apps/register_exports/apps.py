from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class RegisterExportsConfig(AppConfig):
    name = "apps.register_exports"
    verbose_name = _("exports of registers")

    def ready(self) -> None:
        from apps.jobs.registry import add_job
        from apps.register_exports.models import EXPORT_REGISTERS, WarehouseSetting
        from apps.register_exports.panels import add_panels
        from apps.register_exports.personal_data import register
        from apps.register_exports.selectors import EXPORT_SEAL
        from apps.register_exports.services import export_ended, export_run
        from apps.tenants.sealed_columns import SealedColumns, add_sealed_columns

        add_job(EXPORT_REGISTERS, export_run, ended=export_ended)
        sealed = SealedColumns(model=WarehouseSetting, columns=("sealed_key",), purpose=EXPORT_SEAL)
        add_sealed_columns("keys of pseudonyms", sealed)
        register()
        add_panels()
