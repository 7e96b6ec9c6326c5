from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class BackupConfig(AppConfig):
    name = "apps.backup"
    verbose_name = _("backups")

    def ready(self) -> None:
        from apps.backup import checks
        from apps.ops.diagnosis import HealthCheck, add_check

        add_check(
            HealthCheck(
                name="backups",
                label=_("Backups"),
                run=checks.look_at_backups,
                run_quick=checks.read_the_note,
            )
        )
